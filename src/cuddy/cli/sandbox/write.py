"""`cuddy sandbox write`: what is on standard input becomes a file of a sandbox."""

from __future__ import annotations

from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def write(home: Home, args: Args) -> int:
    from cuddy.engine import sandbox_file

    sandbox_file.write(home, *args.names, source_fd=0)
    return 0


COMMAND = Command(
    summary="Make what is on standard input a file of a sandbox",
    arguments="SANDBOX PATH",
    least=2,
    most=2,
    action=write,
)
