"""`cuddy volume export`: all that is in a volume, as a tar."""

from __future__ import annotations

from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.cli.meter import QUIET, Meter, is_quiet
from cuddy.cli.output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def export_(home: Home, args: Args) -> int:
    from cuddy.engine import volume_export

    [name] = args.names
    meter = Meter("Exporting - ", quiet=is_quiet(args) or not args.output)
    with Output(args.output) as fd:
        total = volume_export.export(home, name, fd, meter.hear)
    meter.finish("Successfully exported", total, f"to {args.output}")
    return 0


COMMAND = Command(
    summary="Export the contents of a volume as a tar archive",
    arguments="VOLUME",
    flags=(Flag("output", "o", STRING, "Write to a file, instead of STDOUT"), QUIET),
    least=1,
    most=1,
    action=export_,
)
