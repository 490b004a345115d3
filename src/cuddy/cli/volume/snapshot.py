"""`cuddy volume snapshot`: a copy of a volume as it is now."""

from __future__ import annotations

from cuddy.cli import values
from cuddy.cli.flags import BOOL, Args, Command, Flag, Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def snapshot(home: Home, args: Args) -> int:
    from cuddy.engine import volume_snapshot

    name, *new = args.names
    labels = dict(each.partition("=")[::2] for each in args.label)
    made = volume_snapshot.snapshot(
        home, name, new[0] if new else "", labels=labels, pause=args.pause
    )
    print(made["Name"])
    return 0


COMMAND = Command(
    summary="Copy a volume as it is at this moment into a new one",
    arguments="VOLUME [NAME]",
    flags=(
        Flag("label", "", Kind("list", values.label, (), many=True), "Set metadata for the copy"),
        Flag("pause", "p", BOOL, "Pause containers that use the volume while it is copied", True),
    ),
    least=1,
    most=2,
    action=snapshot,
)
