"""`cuddy buildx ls`: the builders there are, of which there is one."""

from __future__ import annotations

import sys

from cuddy.builder import instance
from cuddy.cli import table
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

LISTING = table.Listing(
    headers={
        "Name": "NAME/NODE", "DriverEndpoint": "DRIVER/ENDPOINT", "Status": "STATUS",
        "Buildkit": "BUILDKIT", "Platforms": "PLATFORMS",
    },
    columns=("Name", "DriverEndpoint", "Status", "Buildkit", "Platforms"),
)  # fmt: skip


def builders(home: Home, args: Args) -> int:
    found = instance.describe()
    marks = {"Name": f"{found['Name']}*", "DriverEndpoint": found["Driver"]}
    nothing = dict.fromkeys(LISTING.columns, "")
    rows = [nothing | marks]
    for node in found["Nodes"]:
        rows.append({
            "Name": f" \\_ {node['Name']}", "DriverEndpoint": f" \\_ {node['Endpoint']}",
            "Status": node["Status"], "Buildkit": node["Version"],
            "Platforms": ", ".join(node["Platforms"]),
        })  # fmt: skip
    if args.format == "json":
        rows = [found]
    sys.stdout.write(table.render(LISTING, rows, form=args.format))
    return 0


COMMAND = Command(
    summary="List builder instances",
    flags=(
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("no-trunc", "", BOOL, "Don't truncate output"),
    ),
    most=0,
    action=builders,
)
