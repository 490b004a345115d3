"""`cuddy ps`: list containers."""

from __future__ import annotations

import os
import sys
import time

from cuddy import files
from cuddy.cli import boundary, configuration, table
from cuddy.cli.flags import BOOL, FILTER, INT, STRING, Args, Command, Flag
from cuddy.cli.width import cut
from cuddy.engine import ps, status
from cuddy.escape import quote

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
        "ExitReport": "EXIT REPORT", "LocalVolumes": "LOCAL VOLUMES", "Networks": "NETWORKS",
        "Platform": "PLATFORM",
        "Label": lambda name: name.rpartition(".")[2].replace("-", " ").replace("_", " "),
    },
    columns=("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"),
    elastic=(
        table.Elastic("Command", 8, "quoted"),
        table.Elastic("Ports", 12),
        table.Elastic("Image", 12, "start"),
        table.Elastic("RunningFor", 14),
    ),
)  # fmt: skip
RAW = """\
container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
"""
"""What docker has called the format `raw` from its first days on."""
_SHORT_ID = 12
_SHORT_COMMAND = 20
_SHORT_MOUNT = 15


def ps_(home: Home, args: Args) -> int:
    form = _form(args)
    limit = 1 if args.latest and args.last == -1 else args.last
    wanted = [(n.strip().lower(), v.strip()) for n, _, v in (f.partition("=") for f in args.filter)]
    found = ps.ps(home, all=args.all, limit=limit, wanted=wanted)
    boundary.warn([str(error) for error in found.unreadable])
    listing = LISTING._replace(elastic=None) if args.no_trunc else LISTING
    if args.size:
        listing = listing._replace(columns=(*listing.columns, "Size"))
    if args.report:
        listing = listing._replace(columns=("ID", "Names", "Status", "ExitReport"))
    rows = _rows(home, found, args, form)
    quiet = args.quiet and form == ""
    sys.stdout.write(table.render(listing, rows, form=form, quiet=quiet))
    return 0


def _form(args: Args) -> str:
    """The template to use; "" for the usual table, or ids alone."""
    form: str = args.format or configuration.list_format(os.environ, "psFormat")
    if args.quiet and args.format:
        boundary.warn(["the format is ignored, because --quiet is given"])
    if form == "raw":
        return "container_id: {{.ID}}" if args.quiet else RAW + "size: {{.Size}}\n" * args.size
    return "" if args.quiet or form == "table" else form


def _rows(home: Home, found: ps.Found, args: Args, form: str) -> list[dict[str, Any]]:
    now_ns = time.time_ns()
    stale = set() if args.quiet else ps.stale_names(home, found.containers)
    measure = args.size or (".Size" in form and "size" not in args.given)
    rows = []
    for container in found.containers:
        is_stale = (container["Config"].get("Image"), container["Image"]) in stale
        try:
            row = _row(container, now_ns, full=args.no_trunc, is_stale=is_stale)
            if form:
                row |= _further_fields(container, full=args.no_trunc)
        except (ValueError, IndexError) as error:  # a time that is none
            boundary.warn([f"container {container['Id'][:_SHORT_ID]}: {error}"])
            continue
        if args.no_trunc:
            names = ps.names(container, found.aliases)
            row["Names"] = ",".join(each.removeprefix("/") for each in names)
        if args.report or ".ExitReport" in form:
            row["ExitReport"] = _report(container)
        if measure:
            row["Size"] = _size(home, container)
        rows.append(row)
    return rows


def describe(container: Container, now_ns: int, *, full: bool) -> dict[str, Any]:
    return _row(container, now_ns, full=full) | _further_fields(container, full=full)


def _row(
    container: Container, now_ns: int, *, full: bool, is_stale: bool = False
) -> dict[str, Any]:
    command = " ".join([container["Path"], *map(_argument, container["Args"])])
    created_s = files.parse_time(container["Created"]) // 10**9
    return {
        "ID": container["Id"] if full else container["Id"][:_SHORT_ID],
        "Image": _image(container, full=full, is_stale=is_stale),
        "Command": quote(command if full else cut(command, _SHORT_COMMAND)),
        "RunningFor": status.ago_ns(created_s * 10**9, now_ns),
        "Status": status.status_text(container["State"], now_ns),
        "Ports": _ports(container),
        "Names": container["Name"].removeprefix("/"),
    }


def _further_fields(container: Container, *, full: bool) -> dict[str, Any]:
    """What only templates show."""
    from cuddy.engine import filters

    labels = container["Config"].get("Labels") or {}
    mounts = container.get("Mounts") or ()
    names = [mount.get("Name") or mount["Source"] for mount in mounts]
    created = time.localtime(files.parse_time(container["Created"]) // 10**9)
    return {
        "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S %z %Z", created),
        "State": container["State"]["Status"],
        "Size": "0B",
        "Labels": ",".join(f"{key}={labels[key]}" for key in sorted(labels)),
        "Label": lambda name: labels.get(name, ""),
        "Mounts": ",".join(names if full else (cut(name, _SHORT_MOUNT) for name in names)),
        "LocalVolumes": str(sum(mount.get("Driver") == "local" for mount in mounts)),
        "Networks": ",".join(sorted(filters.networks_of(container))),
        "Platform": None,  # known to docker where containerd has its images
    }


def _argument(word: str) -> str:
    return f"'{word}'" if " " in word else word


def _image(container: Container, *, full: bool, is_stale: bool) -> str:
    name: str = container["Config"].get("Image") or "<no image>"
    if is_stale:
        name = container["Image"]
    if full:
        return name
    digest = container["Image"].removeprefix("sha256:")
    if len(name) >= _SHORT_ID and digest.startswith(name.removeprefix("sha256:")):
        return digest[:_SHORT_ID]
    return name.partition("@")[0]


def _ports(container: Container) -> str:
    known = container.get("NetworkSettings", {}).get("Ports")
    if not known:
        return ""
    from cuddy.cli import ports
    from cuddy.engine.ports import summarize

    return ports.ports_text(summarize(known))


def _report(container: Container) -> str:
    """How it ended, or ended before it comes again; nothing while it runs."""
    state = container["State"]
    is_up = state["Running"] and not state.get("Restarting")
    if is_up or "ExitReport" not in container:
        return ""
    from cuddy.engine import exit_report

    return exit_report.line(container["ExitReport"])


def _size(home: Home, container: Container) -> str:
    from cuddy.engine import inspect
    from cuddy.sizes import human_size

    own = inspect.written_bytes(f"{home.container_dir(container['Id'])}/upper")
    whole = inspect.image_bytes(home, container["Image"]) + own
    return human_size(own) + (f" (virtual {human_size(whole)})" if whole else "")


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
        Flag("report", "", BOOL, "Show how containers ended and what they had used"),
        Flag("size", "s", BOOL, "Display total file sizes"),
    ),
    most=0,
    action=ps_,
)
