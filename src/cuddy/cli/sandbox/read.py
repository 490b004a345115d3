"""`cuddy sandbox read`: what a file of a sandbox holds, on standard output."""

from __future__ import annotations

from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def read(home: Home, args: Args) -> int:
    from cuddy.engine import sandbox_file

    sandbox_file.read(home, *args.names, target_fd=1)
    return 0


COMMAND = Command(
    summary="Write what a file of a sandbox holds to standard output",
    arguments="SANDBOX PATH",
    least=2,
    most=2,
    action=read,
)
