"""`cuddy pause`: hold every process of containers where it is."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.flags import Args, Command
from cuddy.engine import pause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def pause_(home: Home, args: Args) -> int:
    def pause_one(name: str) -> None:
        pause.pause(home, name)
        print(name, flush=True)

    return boundary.each(args.names, pause_one)


COMMAND = Command(
    summary="Pause all processes within one or more containers",
    arguments="CONTAINER [CONTAINER...]",
    least=1,
    action=pause_,
)
