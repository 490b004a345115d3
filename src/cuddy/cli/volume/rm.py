"""`cuddy volume rm`: remove volumes."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.flags import BOOL, Args, Command, Flag
from cuddy.engine import volumes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def rm(home: Home, args: Args) -> int:
    def remove(name: str) -> None:
        volumes.remove(home, name, force=args.force)
        print(name, flush=True)

    return boundary.each(args.names, remove)


COMMAND = Command(
    summary="Remove one or more volumes",
    arguments="VOLUME [VOLUME...]",
    flags=(Flag("force", "f", BOOL, "Force the removal of one or more volumes"),),
    least=1,
    action=rm,
)
