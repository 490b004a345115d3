"""`cuddy volume inspect`: everything known of volumes."""

from __future__ import annotations

from cuddy.cli import inspection
from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.engine import volumes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def inspect(home: Home, args: Args) -> int:
    return inspection.show(args.names, lambda name: volumes.inspect(home, name), args.format)


COMMAND = Command(
    summary="Display detailed information on one or more volumes",
    arguments="VOLUME [VOLUME...]",
    flags=(Flag("format", "f", STRING, JSON_FORMAT_HELP),),
    least=1,
    action=inspect,
)
