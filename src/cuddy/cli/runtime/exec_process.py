"""The process that `exec` runs: of a file, or of the container's own and flags."""

from __future__ import annotations

from cuddy.cli.flags import STRING, Flag
from cuddy.errors import InvalidArgument
from cuddy.runtime import bundle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.flags import Args
    from cuddy.runtime.spec import Process

FLAGS = (
    Flag("process", "p", STRING, "File with the process as JSON"),
    Flag("cwd", "", STRING, "Working directory"),
)


def choose(args: Args, own: Process) -> Process:
    """The process to run. Raises InvalidArgument."""
    if args.process:
        return bundle.load_process(args.process)
    if len(args.names) < 2:
        raise InvalidArgument("exec needs a command, or --process")
    changed: Process = {**own, "args": args.names[1:], "terminal": False}
    if args.cwd:
        changed["cwd"] = args.cwd
    return changed
