"""`cuddy ps`: list containers."""

from __future__ import annotations

import sys
import time

from cuddy import files
from cuddy.cli import table
from cuddy.cli.escape import quote
from cuddy.cli.flags import BOOL, FILTER, INT, STRING, Args, Command, Flag
from cuddy.engine import containers, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

LISTING = table.Listing(
    headers={
        "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "RunningFor": "CREATED",
        "Status": "STATUS", "Ports": "PORTS", "Names": "NAMES", "CreatedAt": "CREATED AT",
        "State": "STATE", "Size": "SIZE", "Labels": "LABELS", "Mounts": "MOUNTS",
        "LocalVolumes": "LOCAL VOLUMES", "Networks": "NETWORKS",
    },
    columns=("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"),
)  # fmt: skip
_SHORT_ID = 12
_SHORT_COMMAND = 20
_SHORT_MOUNT = 15


def ps(home: Home, args: Args) -> int:
    limit = 1 if args.latest else args.last
    chosen = _choose(home, args, limit)
    form = "" if args.quiet else args.format
    listing = LISTING
    if args.size:
        listing = listing._replace(columns=(*listing.columns, "Size"))
    rows = _rows(home, chosen, args, whole=form not in ("", "table"))
    sys.stdout.write(table.render(listing, rows, form=form, quiet=args.quiet))
    return 0


def _choose(home: Home, args: Args, limit: int) -> list[Container]:
    wanted = [(name, value) for name, _, value in (f.partition("=") for f in args.filter)]
    if not wanted:
        found = containers.list_containers(home, all=args.all or limit > 0)
    else:
        from cuddy.engine import filters

        stopped = args.all or limit > 0 or filters.asks_for_stopped(wanted)
        found = filters.select(home, containers.list_containers(home, all=stopped), wanted)
    return found[:limit] if limit > 0 else found


def _rows(home: Home, chosen: list[Container], args: Args, *, whole: bool) -> list[dict[str, Any]]:
    now_ns = time.time_ns()
    rows = []
    for container in chosen:
        row = _row(container, now_ns, full=args.no_trunc)
        if whole:
            row |= _further_fields(container, full=args.no_trunc)
        if args.size or ".Size" in args.format:
            row["Size"] = _size(home, container)
        rows.append(row)
    return rows


def describe(container: Container, now_ns: int, *, full: bool) -> dict[str, Any]:
    return _row(container, now_ns, full=full) | _further_fields(container, full=full)


def _row(container: Container, now_ns: int, *, full: bool) -> dict[str, Any]:
    command = " ".join([container["Path"], *map(_argument, container["Args"])])
    return {
        "ID": container["Id"] if full else container["Id"][:_SHORT_ID],
        "Image": _image(container, full=full),
        "Command": quote(command if full else _shorten(command, _SHORT_COMMAND)),
        "RunningFor": status.ago(container["Created"], now_ns),
        "Status": status.status_text(container["State"], now_ns),
        "Ports": "",
        "Names": container["Name"].removeprefix("/"),
    }


def _further_fields(container: Container, *, full: bool) -> dict[str, Any]:
    """What only templates show."""
    labels = container["Config"].get("Labels") or {}
    mounts = [mount.get("Name") or mount["Source"] for mount in container.get("Mounts") or ()]
    created = time.localtime(files.parse_time(container["Created"]) // 10**9)
    return {
        "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S %z %Z", created),
        "State": container["State"]["Status"],
        "Size": "0B",
        "Labels": ",".join(f"{key}={labels[key]}" for key in sorted(labels)),
        "Label": lambda name: labels.get(name, ""),
        "Mounts": ",".join(mounts if full else (_shorten(m, _SHORT_MOUNT) for m in mounts)),
        "LocalVolumes": str(sum(m["Type"] == "volume" for m in container.get("Mounts") or ())),
        "Networks": container["HostConfig"]["NetworkMode"],
    }


def _argument(word: str) -> str:
    return f"'{word}'" if " " in word else word


def _image(container: Container, *, full: bool) -> str:
    name: str = container["Config"].get("Image") or "<no image>"
    digest = container["Image"].removeprefix("sha256:")
    if full:
        return name
    if len(name) >= _SHORT_ID and digest.startswith(name.removeprefix("sha256:")):
        return digest[:_SHORT_ID]
    return name.partition("@")[0]


def _shorten(text: str, most: int) -> str:
    """docker's ellipsis: at most so many columns."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _size(home: Home, container: Container) -> str:
    from cuddy.cli.sizes import human_size
    from cuddy.engine import inspect

    details = inspect.inspect_container(home, container["Id"], size=True)
    return f"{human_size(details['SizeRw'])} (virtual {human_size(details['SizeRootFs'])})"


COMMAND = Command(
    summary="List containers",
    flags=(
        Flag("all", "a", BOOL, "Show all containers (default shows just running)"),
        Flag("filter", "f", FILTER, "Filter output based on conditions provided"),
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("last", "n", INT, "Show n last created containers (includes all states)", -1),
        Flag("latest", "l", BOOL, "Show the latest created container (includes all states)"),
        Flag("no-trunc", "", BOOL, "Don't truncate output"),
        Flag("quiet", "q", BOOL, "Only display container IDs"),
        Flag("size", "s", BOOL, "Display total file sizes"),
    ),
    most=0,
    action=ps,
)
