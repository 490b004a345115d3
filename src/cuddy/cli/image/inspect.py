"""`cuddy image inspect`: everything known of images."""

from __future__ import annotations

from cuddy.cli import inspection
from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.engine import inspect_image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home


def inspect_(home: Home, args: Args) -> int:
    def find(name: str) -> Any:
        return inspect_image.inspect_image(home, name, suits=args.platform)

    return inspection.show(args.names, find, args.format)


COMMAND = Command(
    summary="Display detailed information on one or more images",
    arguments="IMAGE [IMAGE...]",
    flags=(
        Flag("format", "f", STRING, JSON_FORMAT_HELP),
        Flag("platform", "", STRING, "Inspect only an image for this os[/arch[/variant]]"),
    ),
    least=1,
    action=inspect_,
)
