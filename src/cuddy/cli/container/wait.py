"""`cuddy wait`: until the containers have ended."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.flags import Args, Command
from cuddy.engine import wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def wait_(home: Home, args: Args) -> int:
    return boundary.each(args.names, lambda name: print(wait.wait(home, name), flush=True))


COMMAND = Command(
    summary="Block until one or more containers stop, then print their exit codes",
    arguments="CONTAINER [CONTAINER...]",
    least=1,
    action=wait_,
)
