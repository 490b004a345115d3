"""`cuddy inspect`: a container or an image, whichever has the name."""

from __future__ import annotations

from cuddy.cli import inspection
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.engine import inspect, inspect_image
from cuddy.errors import InvalidReference, NoSuchContainer, NoSuchImage, NotFound, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home

TYPES = ("container", "image")


def inspect_(home: Home, args: Args) -> int:
    if args.type and args.type not in TYPES:
        hint = f"one of {', '.join(TYPES)}"
        raise UsageError(f'"{args.type}" is not a valid value for --type', hint=hint)

    def find(name: str) -> Any:
        if args.type == "image":
            return inspect_image.inspect_image(home, name)
        try:
            return inspect.inspect_container(home, name, size=args.size)
        except NoSuchContainer:
            if args.type:
                raise
        try:
            return inspect_image.inspect_image(home, name)
        except (NoSuchImage, InvalidReference):
            hint = "'cuddy ps -a' and 'cuddy images' list what there is"
            raise NotFound(f"no such object: {name}", hint=hint) from None

    return inspection.show(args.names, find, args.format)


COMMAND = Command(
    summary="Return low-level information on cuddy's objects",
    arguments="NAME|ID [NAME|ID...]",
    flags=(
        Flag("format", "f", STRING, JSON_FORMAT_HELP),
        Flag("size", "s", BOOL, "Display total file sizes if the type is container"),
        Flag("type", "", STRING, "Only inspect objects of the given type"),
    ),
    least=1,
    action=inspect_,
)
