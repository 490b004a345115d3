"""`cuddy images`: list images."""

from __future__ import annotations

import sys
import time

from cuddy import files
from cuddy.cli import table
from cuddy.cli.flags import BOOL, FILTER, STRING, Args, Command, Flag
from cuddy.cli.sizes import human_size
from cuddy.engine import images, status
from cuddy.image import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.image.store import Image

LISTING = table.Listing(
    headers={
        "Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", "ID": "IMAGE ID",
        "CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "Size": "SIZE",
        "Containers": "CONTAINERS", "VirtualSize": "SIZE", "SharedSize": "SHARED SIZE",
        "UniqueSize": "UNIQUE SIZE",
    },
    columns=("Repository", "Tag", "ID", "CreatedSince", "Size"),
)  # fmt: skip
NONE = "<none>"
NOT_KNOWN = "N/A"
EARLIEST_NS, LATEST_NS = -(1 << 61), 1 << 63  # the years 1896 and 2262
_SHORT_ID = 12


def images_(home: Home, args: Args) -> int:
    filters = [(name, value) for name, _, value in (f.partition("=") for f in args.filter)]
    filters += [("reference", name) for name in args.names]
    listing = LISTING
    if args.digests:
        listing = listing._replace(columns=("Repository", "Tag", "Digest", *LISTING.columns[2:]))
    now_ns = time.time_ns()
    rows = [
        _row(image, name, now_ns, full=args.no_trunc)
        for image, names in images.select(home, filters)
        for name in names or [""]
    ]
    form = "" if args.quiet else args.format
    sys.stdout.write(table.render(listing, rows, form=form, quiet=args.quiet))
    return 0


def _row(image: Image, name: str, now_ns: int, *, full: bool) -> dict[str, Any]:
    """One name of an image; the empty name stands for an image that has none."""
    wanted = reference.parse(name) if name else None
    digests = [each for each in image.repo_digests if wanted and each.startswith(f"{wanted.name}@")]
    created = _created(image)
    size = human_size(image.size_bytes)
    return {
        "ID": image.id if full else image.id.partition(":")[2][:_SHORT_ID],
        "Repository": wanted.familiar_name if wanted else NONE,
        "Tag": (wanted and wanted.tag) or NONE,
        "Digest": digests[0].partition("@")[2] if digests else NONE,
        "CreatedSince": status.ago(created, now_ns) if created else NOT_KNOWN,
        "CreatedAt": _local(created) if created else NOT_KNOWN,
        "Size": size,
        "VirtualSize": size,
        "Containers": NOT_KNOWN,
        "SharedSize": NOT_KNOWN,
        "UniqueSize": NOT_KNOWN,
    }


def _created(image: Image) -> str:
    """When an image was made, as far as what it says is a time at all."""
    stamp = image.config.get("created") or ""
    try:
        return stamp if EARLIEST_NS < files.parse_time(stamp) < LATEST_NS else ""
    except (ValueError, IndexError):
        return ""


def _local(stamp: str) -> str:
    local = time.localtime(files.parse_time(stamp) // 10**9)
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", local)


COMMAND = Command(
    summary="List images",
    arguments="[REPOSITORY[:TAG]]",
    flags=(
        Flag("all", "a", BOOL, "Show all images (default hides intermediate images)"),
        Flag("digests", "", BOOL, "Show digests"),
        Flag("filter", "f", FILTER, "Filter output based on conditions provided"),
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("no-trunc", "", BOOL, "Don't truncate output"),
        Flag("quiet", "q", BOOL, "Only show image IDs"),
    ),
    most=1,
    action=images_,
)
