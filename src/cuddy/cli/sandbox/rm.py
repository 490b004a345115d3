"""`cuddy sandbox rm`: end sandboxes."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.flags import Args, Command
from cuddy.engine import rm, sandboxes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def rm_(home: Home, args: Args) -> int:
    def end(name: str) -> None:
        rm.rm(home, sandboxes.find(home, name)["Id"], force=True, volumes=True)
        print(name, flush=True)

    return boundary.each(args.names, end)


COMMAND = Command(
    summary="End sandboxes, with all that runs in them",
    arguments="SANDBOX [SANDBOX...]",
    least=1,
    action=rm_,
)
