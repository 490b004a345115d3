"""`cuddy unpause`: let paused containers go on."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.flags import Args, Command
from cuddy.engine import unpause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def unpause_(home: Home, args: Args) -> int:
    def unpause_one(name: str) -> None:
        unpause.unpause(home, name)
        print(name, flush=True)

    return boundary.each(args.names, unpause_one)


COMMAND = Command(
    summary="Unpause all processes within one or more containers",
    arguments="CONTAINER [CONTAINER...]",
    least=1,
    action=unpause_,
)
