"""`cuddy sandbox get`: copy a file or directory out of a sandbox."""

from __future__ import annotations

from cuddy.cli.container.cp import absolute, check_stream
from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def get(home: Home, args: Args) -> int:
    from cuddy.engine import cp, sandboxes

    name, source, target = args.names
    sandboxes.find(home, name)
    where = absolute(target)
    check_stream(where)
    cp.cp_out(home, name, source, where, cp.Options())
    return 0


COMMAND = Command(
    summary="Copy a file or directory out of a sandbox, or as a tar to standard output (-)",
    arguments="SANDBOX SOURCE TARGET|-",
    least=3,
    most=3,
    action=get,
)
