"""`cuddy network rm`: remove networks."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.flags import BOOL, Args, Command, Flag
from cuddy.engine import networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def rm(home: Home, args: Args) -> int:
    def remove(name: str) -> None:
        if networks.remove(home, name, force=args.force):
            print(name, flush=True)

    return boundary.each(args.names, remove)


COMMAND = Command(
    summary="Remove one or more networks",
    arguments="NETWORK [NETWORK...]",
    flags=(Flag("force", "f", BOOL, "Do not error if the network does not exist"),),
    least=1,
    action=rm,
)
