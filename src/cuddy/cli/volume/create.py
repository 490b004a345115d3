"""`cuddy volume create`: make a volume."""

from __future__ import annotations

from cuddy.cli import values
from cuddy.cli.flags import STRING, Args, Command, Flag, Kind
from cuddy.engine import volumes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.volumes import Wish


def create(home: Home, args: Args) -> int:
    wish: Wish = {
        "name": args.names[0] if args.names else "",
        "driver": args.driver,
        "labels": _pairs(args.label),
        "options": _pairs(args.opt),
    }
    print(volumes.create(home, wish)["Name"])
    return 0


def _pairs(words: tuple[str, ...]) -> dict[str, str]:
    return {key: value for key, _, value in (word.partition("=") for word in words)}


COMMAND = Command(
    summary="Create a volume",
    arguments="[VOLUME]",
    flags=(
        Flag("driver", "d", STRING, "Specify volume driver name", "local"),
        Flag("label", "", Kind("list", values.label, (), many=True), "Set metadata for a volume"),
        Flag("opt", "o", Kind("map", str, (), many=True), "Set driver specific options"),
    ),
    most=1,
    action=create,
)
