"""`cuddy network ls`: list networks."""

from __future__ import annotations

import sys

from cuddy.cli import table, times, values
from cuddy.cli.flags import BOOL, FILTER, STRING, Args, Command, Flag
from cuddy.cli.volume.ls import natural
from cuddy.engine import network_filters
from cuddy.engine.inspect_network import NEVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.network.network import Network

LISTING = table.Listing(
    headers={
        "ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE", "IPv4": "IPV4",
        "IPv6": "IPV6", "Internal": "INTERNAL", "Labels": "LABELS", "CreatedAt": "CREATED AT",
        "Label": lambda name: name.rpartition(".")[2].replace("-", " ").replace("_", " "),
    },
    columns=("ID", "Name", "Driver", "Scope"),
)  # fmt: skip
RAW = """\
network_id: {{.ID}}
name: {{.Name}}
driver: {{.Driver}}
scope: {{.Scope}}
"""
_SHORT_ID = 12


def ls(home: Home, args: Args) -> int:
    found = network_filters.select(home, values.filters(args.filter))
    rows = [
        row(each, full=args.no_trunc) for each in sorted(found, key=lambda each: natural(each.name))
    ]
    form = args.format
    if form == "raw":
        form = "network_id: {{.ID}}" if args.quiet else RAW
    quiet = args.quiet and form in ("", "table")
    sys.stdout.write(table.render(LISTING, rows, form=form, quiet=quiet))
    return 0


def row(network: Network, *, full: bool) -> dict[str, Any]:
    """The fields of one network."""
    labels = network.labels
    return {
        "ID": network.id if full else network.id[:_SHORT_ID],
        "Name": network.name,
        "Driver": network.driver,
        "Scope": "local",
        "IPv4": _truth(network.ipv4),
        "IPv6": _truth(network.ipv6),
        "Internal": _truth(network.internal),
        "Labels": ",".join(f"{key}={labels[key]}" for key in sorted(labels)),
        "Label": lambda name: labels.get(name, ""),
        "CreatedAt": times.utc_text(network.created or NEVER),
    }


def _truth(value: bool) -> str:
    return "true" if value else "false"


COMMAND = Command(
    summary="List networks",
    flags=(
        Flag("filter", "f", FILTER, 'Provide filter values (e.g. "driver=bridge")'),
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("no-trunc", "", BOOL, "Do not truncate the output"),
        Flag("quiet", "q", BOOL, "Only display network IDs"),
    ),
    most=0,
    action=ls,
)
