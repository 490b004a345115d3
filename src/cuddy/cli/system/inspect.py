"""`cuddy inspect`: a container, an image, a network or a volume, whichever has the name."""

from __future__ import annotations

from cuddy.cli import boundary, inspection
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.engine import inspect
from cuddy.errors import InvalidReference, NotFound, WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cuddy.engine.home import Home

    Find = Callable[[str], Any]

SWARMS = ("config", "node", "plugin", "secret", "service", "task")
"""Types that docker knows and cuddy has none of."""


def inspect_(home: Home, args: Args) -> int:
    finders = finders_of(home, with_size=args.size)
    if args.type and args.type not in (*finders, *SWARMS):
        known = ", ".join(f'"{name}"' for name in sorted((*finders, *SWARMS)))
        raise WrongArguments(f'unknown type: "{args.type}": must be one of {known}')
    if args.size and args.type not in ("", "container"):
        boundary.warn([f"--size ignored for {args.type}"])

    def find(name: str) -> Any:
        if not name:
            raise WrongArguments("invalid container name or ID: value is empty")
        for kind, look in finders.items():
            if args.type in ("", kind):
                try:
                    return look(name)
                except (NotFound, InvalidReference):
                    if args.type:
                        raise
        what = args.type or "object"
        raise NotFound(f"No such {what}: {name}", hint="'cuddy ps -a' and 'cuddy images' list them")

    return inspection.show(args.names, find, args.format)


def finders_of(home: Home, *, with_size: bool) -> dict[str, Find]:
    """How things are found, in the order in which a bare name is looked for."""

    def image(name: str) -> Any:
        from cuddy.engine import inspect_image

        return inspect_image.inspect_image(home, name)

    def network(name: str) -> Any:
        from cuddy.cli.network import inspect as inspect_network

        return inspect_network.find(home, name)

    def container(name: str) -> Any:
        return inspect.inspect_container(home, name, size=with_size)

    def volume(name: str) -> Any:
        from cuddy.engine import volumes

        return volumes.inspect(home, name)

    return {"container": container, "image": image, "network": network, "volume": volume}


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
