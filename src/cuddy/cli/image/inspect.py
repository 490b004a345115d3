"""`cuddy image inspect`: everything known of images."""

from __future__ import annotations

from cuddy.cli import inspection
from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.engine import inspect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def inspect_(home: Home, args: Args) -> int:
    return inspection.show(args.names, lambda name: inspect.inspect_image(home, name), args.format)


COMMAND = Command(
    summary="Display detailed information on one or more images",
    arguments="IMAGE [IMAGE...]",
    flags=(Flag("format", "f", STRING, JSON_FORMAT_HELP),),
    least=1,
    action=inspect_,
)
