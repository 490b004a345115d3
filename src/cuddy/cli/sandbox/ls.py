"""`cuddy sandbox ls`: the sandboxes that are there."""

from __future__ import annotations

import sys

from cuddy.cli import table
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import sandboxes, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

LISTING = table.Listing(
    headers={
        "ID": "SANDBOX ID", "Name": "NAME", "Image": "IMAGE", "Status": "STATUS", "Owner": "OWNER",
        "Left": "TIME LEFT", "Snapshots": "SNAPSHOTS", "Parent": "FORK OF", "Created": "CREATED",
    },
    columns=("ID", "Name", "Image", "Status", "Owner", "Left", "Snapshots", "Parent"),
)  # fmt: skip
SHORT_ID = 12


def ls_(home: Home, args: Args) -> int:
    length = 64 if args.no_trunc else SHORT_ID
    rows = [row(record, length) for record in sandboxes.list_all(home)]
    sys.stdout.write(table.render(LISTING, rows, form=args.format, quiet=args.quiet))
    return 0


def row(record: Container, length: int) -> dict[str, str]:
    """One sandbox."""
    own = record["Sandbox"]
    ends = own.get("Ends", 0.0)
    owner = own.get("Owner") or []
    return {
        "ID": record["Id"][:length],
        "Name": record["Name"].removeprefix("/"),
        "Image": record["Config"]["Image"],
        "Status": record["State"]["Status"],
        "Owner": str(owner[0]) if owner else "",
        "Left": status.duration_text(max(ends - sandboxes.clock(), 0)) if ends else "",
        "Snapshots": str(len(own["Snapshots"]) - 1),
        "Parent": own.get("Parent", "")[:length],
        "Created": record["Created"],
    }


COMMAND = Command(
    summary="List sandboxes",
    flags=(
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("no-trunc", "", BOOL, "Don't truncate output"),
        Flag("quiet", "q", BOOL, "Only display sandbox IDs"),
    ),
    most=0,
    action=ls_,
)
