"""`cuddy history`: how an image came to be, newest step first."""

from __future__ import annotations

import sys
import time

from cuddy.cli import table, times
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.cli.width import cut
from cuddy.engine import images, moments, status
from cuddy.image import history
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.image.history import Step

LISTING = table.Listing(
    headers={
        "ID": "IMAGE", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT",
        "CreatedBy": "CREATED BY", "Size": "SIZE", "Comment": "COMMENT",
    },
    columns=("ID", "CreatedSince", "CreatedBy", "Size", "Comment"),
)  # fmt: skip
MISSING = "<missing>"
NOT_KNOWN = "N/A"
EARLIEST_S = 946684800
"""Nobody made images before 2000: docker shows no age of such steps."""
_SHORT_ID = 12
_SHORT_COMMAND = 45


def history_(home: Home, args: Args) -> int:
    image = images.find(home, args.names[0], suits=args.platform)
    sizes = history.layer_sizes(home.storage, image)
    now_ns = time.time_ns()
    rows = [
        _row(step, sizes[step.layer] if step.layer >= 0 else 0, now_ns, args)
        for step in reversed(history.steps(image.config))
    ]
    if rows:
        rows[0]["ID"] = image.id if args.no_trunc else image.id.partition(":")[2][:_SHORT_ID]
    listing = LISTING
    if not args.human:
        listing = listing._replace(columns=("ID", "CreatedAt", *LISTING.columns[2:]))
    is_quiet = args.quiet and args.format in ("", "table")
    sys.stdout.write(table.render(listing, rows, form=args.format, quiet=is_quiet))
    return 0


def _row(step: Step, size: int, now_ns: int, args: Args) -> dict[str, Any]:
    seconds = moments.seconds(step.created)
    at = times.local_rfc3339(seconds)
    since = NOT_KNOWN
    if not args.human:
        since = at
    elif seconds > EARLIEST_S:
        since = status.ago_ns(seconds * 10**9, now_ns)
    command = step.created_by.replace("\t", " ")
    return {
        "ID": MISSING,
        "CreatedSince": since,
        "CreatedAt": at,
        "CreatedBy": command if args.no_trunc else cut(command, _SHORT_COMMAND),
        "Size": human_size(size) if args.human else str(size),
        "Comment": step.comment,
    }


COMMAND = Command(
    summary="Show the history of an image",
    arguments="IMAGE",
    flags=(
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("human", "H", BOOL, "Print sizes and dates in human readable format", True),
        Flag("no-trunc", "", BOOL, "Don't truncate output"),
        Flag("platform", "", STRING, "Show history for the given platform: os[/arch[/variant]]"),
        Flag("quiet", "q", BOOL, "Only show image IDs"),
    ),
    least=1,
    most=1,
    action=history_,
)
