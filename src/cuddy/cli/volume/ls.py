"""`cuddy volume ls`: list volumes."""

from __future__ import annotations

import sys

from cuddy.cli import table, values
from cuddy.cli.flags import BOOL, FILTER, STRING, Args, Command, Flag
from cuddy.engine import volume_filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.engine.volumes import Volume

LISTING = table.Listing(
    headers={
        "Name": "VOLUME NAME", "Driver": "DRIVER", "Scope": "SCOPE", "Mountpoint": "MOUNTPOINT",
        "Labels": "LABELS", "Links": "LINKS", "Size": "SIZE", "Status": "STATUS",
        "Availability": "AVAILABILITY", "Group": "GROUP",
    },
    columns=("Driver", "Name"),
    identity="Name",
)  # fmt: skip
NOT_KNOWN = "N/A"


def ls(home: Home, args: Args) -> int:
    found = volume_filters.select(home, values.filters(args.filter))
    rows = [row(each) for each in sorted(found, key=lambda each: natural(each["Name"]))]
    form = "" if args.quiet else args.format
    sys.stdout.write(table.render(LISTING, rows, form=form, quiet=args.quiet))
    return 0


def row(volume: Volume) -> dict[str, Any]:
    """The fields of one volume."""
    labels = volume.get("Labels") or {}
    return {
        "Name": volume["Name"],
        "Driver": volume["Driver"],
        "Scope": volume["Scope"],
        "Mountpoint": volume["Mountpoint"],
        "Labels": ",".join(f"{key}={labels[key]}" for key in sorted(labels)),
        "Label": lambda name: labels.get(name, ""),
        **dict.fromkeys(("Links", "Size", "Status", "Availability", "Group"), NOT_KNOWN),
    }


def natural(name: str) -> list[tuple[int, int, str]]:
    """What to sort a name by so that v2 comes before v10."""
    parts: list[str] = []
    for character in name:
        if parts and parts[-1][-1].isdigit() == character.isdigit():
            parts[-1] += character
        else:
            parts.append(character)
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts]


COMMAND = Command(
    summary="List volumes",
    flags=(
        Flag("filter", "f", FILTER, 'Provide filter values (e.g. "dangling=true")'),
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("quiet", "q", BOOL, "Only display volume names"),
    ),
    most=0,
    action=ls,
)
