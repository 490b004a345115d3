"""`cuddy image prune`: remove images that nothing uses, and what interrupted pulls have left."""

from __future__ import annotations

import sys
import time

from cuddy.cli import boundary, moments
from cuddy.cli.flags import BOOL, FILTER, Args, Command, Flag
from cuddy.cli.sizes import human_size
from cuddy.engine import prune
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

DANGLING = "WARNING! This will remove all dangling images."
UNUSED = "WARNING! This will remove all images without at least one container associated to them."
QUESTION = "Are you sure you want to continue? [y/N] "


def prune_(home: Home, args: Args) -> int:
    pairs = [(name, value) for name, _, value in (f.partition("=") for f in args.filter)]
    filters = prune.parse_filters(pairs, _until_ns(pairs), unused=args.all)
    if not args.force and not _is_sure(UNUSED if args.all else DANGLING):
        return 0
    pruned = prune.prune_images(home, filters)
    if pruned.records:
        print("Deleted Images:")
        for what, which in pruned.records:
            print(f"{what.lower()}: {which}")
        print()
    print(f"Total reclaimed space: {human_size(pruned.freed_bytes, 4)}")
    if pruned.why_kept:
        boundary.warn([f"what has no name was left alone: {pruned.why_kept}"])
    return 0


def _until_ns(pairs: list[tuple[str, str]]) -> int | None:
    words = [value for name, value in pairs if name == "until"]
    if len(words) > 1:
        raise InvalidArgument("more than one until filter specified")
    return moments.moment(words[0], time.time_ns()) if words else None


def _is_sure(warning: str) -> bool:
    """Ask, as docker does: everything but a yes is a no."""
    sys.stdout.write(f"{warning}\n{QUESTION}")
    sys.stdout.flush()
    return sys.stdin is not None and sys.stdin.readline().strip().lower() == "y"


COMMAND = Command(
    summary="Remove unused images",
    flags=(
        Flag("all", "a", BOOL, "Remove all unused images, not just dangling ones"),
        Flag("filter", "", FILTER, 'Provide filter values (e.g. "until=<timestamp>")'),
        Flag("force", "f", BOOL, "Do not prompt for confirmation"),
    ),
    most=0,
    action=prune_,
)
