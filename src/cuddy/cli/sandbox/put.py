"""`cuddy sandbox put`: copy a file or directory into a sandbox."""

from __future__ import annotations

from cuddy.cli.container.cp import absolute
from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def put(home: Home, args: Args) -> int:
    from cuddy.engine import cp, sandboxes

    name, source, target = args.names
    sandboxes.find(home, name)
    cp.cp_in(home, absolute(source), name, target, cp.Options())
    return 0


COMMAND = Command(
    summary="Copy a file or directory, or a tar from standard input (-), into a sandbox",
    arguments="SANDBOX SOURCE|- TARGET",
    least=3,
    most=3,
    action=put,
)
