"""`cuddy images`: list images."""

from __future__ import annotations

import sys
import time

from cuddy.cli import table, times
from cuddy.cli.flags import BOOL, FILTER, STRING, Args, Command, Flag
from cuddy.engine import images, moments, status
from cuddy.image import reference
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.engine.images import Listed
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
RAW = """\
repository: {{.Repository}}
tag: {{.Tag}}
image_id: {{.ID}}
created_at: {{.CreatedAt}}
virtual_size: {{.Size}}
"""
"""What docker has called the format `raw` from its first days on."""
_SHORT_ID = 12


def images_(home: Home, args: Args) -> int:
    now_ns = time.time_ns()
    pairs = [(n.strip().lower(), v.strip()) for n, _, v in (f.partition("=") for f in args.filter)]
    pairs += [("reference", name) for name in args.names]
    filters = images.parse_filters(home, pairs, lambda word: moments.moment(word, now_ns))
    form, is_quiet = _form(args)
    is_default = form in ("", "table")
    rows = [
        row
        for listed in images.select(home, filters)
        for row in _rows(listed, now_ns, args, is_default=is_default)
    ]
    listing = LISTING
    if args.digests:
        listing = listing._replace(columns=("Repository", "Tag", "Digest", *LISTING.columns[2:]))
    sys.stdout.write(table.render(listing, rows, form=form, quiet=is_quiet))
    return 0


def _form(args: Args) -> tuple[str, bool]:
    """The template to use, and whether to show ids alone."""
    form = args.format
    if form == "raw":
        if args.quiet:
            return "image_id: {{.ID}}", False
        return (
            RAW.replace("image_id", "digest: {{.Digest}}\nimage_id") if args.digests else RAW
        ), False
    if args.digests and form.startswith("table ") and "{{.Digest}}" not in form:
        form += r"\t{{.Digest}}"
    return form, args.quiet and form in ("", "table")


def _rows(listed: Listed, now_ns: int, args: Args, *, is_default: bool) -> list[dict[str, Any]]:
    """A row for each name of an image."""
    shared = _fields(listed.image, now_ns, full=args.no_trunc)
    if is_default and not shared["CreatedSince"]:
        shared["CreatedSince"] = NOT_KNOWN
    return [
        shared | {"Repository": name, "Tag": tag, "Digest": digest}
        for name, tag, digest in _names(listed, args)
    ]


def _names(listed: Listed, args: Args) -> list[tuple[str, str, str]]:
    """Repository, tag and digest of each row: digests beside tags, or alone where there are none.

    Digests are looked for only where the user asks for them; docker does so too.
    """
    digests: dict[str, list[str]] = {}
    for name, digest in map(reference.spelled, listed.digests):
        digests.setdefault(name, []).append(digest.removeprefix("@"))
    is_asked = args.digests or "{{.Digest}}" in args.format
    found, tagged = [], set()
    for name, tag in map(reference.spelled, listed.tags):
        tagged.add(name)
        shown = digests.get(name) if is_asked else None
        found += [(name, tag.removeprefix(":") or NONE, digest) for digest in shown or [NONE]]
    for name in digests.keys() - tagged:
        found += [(name, NONE, digest) for digest in (digests[name] if args.digests else [""])]
    return found or [(NONE, NONE, NONE)]


def _fields(image: Image, now_ns: int, *, full: bool) -> dict[str, Any]:
    """What is the same in all rows of an image."""
    created_s = moments.seconds(image.config.get("created") or "")
    is_known = created_s != moments.ZERO_S
    return {
        "ID": image.id if full else image.id.partition(":")[2][:_SHORT_ID],
        "CreatedSince": status.ago_ns(created_s * 10**9, now_ns) if is_known else "",
        "CreatedAt": times.local_text(created_s),
        "Size": human_size(image.size_bytes),
        "VirtualSize": human_size(image.size_bytes, 4),
        "Containers": NOT_KNOWN,
        "SharedSize": NOT_KNOWN,
        "UniqueSize": NOT_KNOWN,
    }


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
