"""`cuddy export`: a container's root file system as a tar."""

from __future__ import annotations

from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.cli.output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def export_(home: Home, args: Args) -> int:
    from cuddy.engine import export

    [name] = args.names
    with Output(args.output) as fd:
        export.export(home, name, fd)
    return 0


COMMAND = Command(
    summary="Export a container's filesystem as a tar archive",
    arguments="CONTAINER",
    flags=(Flag("output", "o", STRING, "Write to a file, instead of STDOUT"),),
    least=1,
    most=1,
    action=export_,
)
