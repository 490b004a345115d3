"""`cuddy builder history ls`: the builds whose logs are kept, the latest first."""

from __future__ import annotations

import os
import sys
import time

from cuddy import files
from cuddy.builder import journal
from cuddy.cli import table, values
from cuddy.cli.flags import BOOL, FILTER, STRING, Args, Command, Flag
from cuddy.cli.width import cut
from cuddy.engine import status
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.builder.journal import Kept
    from cuddy.engine.home import Home

LISTING = table.Listing(
    headers={
        "ID": "BUILD ID", "Name": "NAME", "Status": "STATUS", "CreatedAt": "CREATED AT",
        "Duration": "DURATION", "Steps": "STEPS", "Image": "IMAGE", "Ref": "REF",
    },
    columns=("ID", "Name", "Status", "CreatedAt", "Duration"),
    elastic=(table.Elastic("Name", 12),),
)  # fmt: skip
_STATUSES = {"success": journal.COMPLETED, "error": journal.FAILED}
_LONGEST = 40


def ls(home: Home, args: Args) -> int:
    wanted = values.filters(args.filter)
    for name, _ in wanted:
        if name.removesuffix("!") not in ("ref", "status"):
            raise InvalidArgument(f"unsupported filter {name!r}", hint="ref=, status=, and with !=")
    now_ns = time.time_ns()
    kept = [each for each in journal.builds(home) if all(_suits(each, *one) for one in wanted)]
    rows = [_row(each, now_ns, args) for each in kept]
    sys.stdout.write(table.render(LISTING, rows, form=args.format, quiet=args.quiet))
    return 0


def _suits(kept: Kept, name: str, value: str) -> bool:
    """Whether a build is one that a filter lets pass."""
    if name.startswith("ref"):
        fits = kept.record["Id"].startswith(value)
    else:
        fits = kept.status.lower() == _STATUSES.get(value, value).lower()
    return fits != name.endswith("!")


def name_of(kept: Kept) -> str:
    """What people would call a build: the image, else the directory, and the stage."""
    record = kept.record
    context = record["Context"].rstrip("/")
    where = os.path.basename(context) or context
    name = record["Names"][0] if record["Names"] else where
    return f"{name} ({record['Target']})" if record["Target"] else name


def duration_of(kept: Kept, now_ns: int) -> str:
    """How long it took, or takes until now."""
    try:
        began = files.parse_time(kept.record["Started"])
        ended = files.parse_time(kept.record["Completed"]) if kept.record["Completed"] else 0
    except (ValueError, IndexError):
        return ""
    if not ended and kept.status != journal.RUNNING:
        return ""
    seconds = ((ended or now_ns) - began) / 10**9
    return f"{seconds:.1f}s" if seconds < 60 else f"{int(seconds // 60)}m {seconds % 60:.0f}s"


def _row(kept: Kept, now_ns: int, args: Args) -> dict[str, Any]:
    record = kept.record
    name = name_of(kept)
    return {
        "ID": record["Id"],
        "Ref": record["Id"],
        "Name": name if args.no_trunc else cut(name, _LONGEST),
        "Status": kept.status,
        "CreatedAt": status.ago(record["Started"], now_ns),
        "Duration": duration_of(kept, now_ns),
        "Steps": f"{record['CachedSteps']}/{record['Steps']} cached",
        "Image": record["Image"],
    }


COMMAND = Command(
    summary="List build records",
    flags=(
        Flag("filter", "", FILTER,
             'Provide filter values (e.g., "status=error")'),
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("no-trunc", "", BOOL, "Don't truncate output"),
        Flag("quiet", "q", BOOL, "Only show build IDs"),
    ),
    most=0,
    action=ls,
)  # fmt: skip
