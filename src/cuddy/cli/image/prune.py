"""`cuddy image prune`: remove images that nothing uses, and what interrupted pulls have left."""

from __future__ import annotations

from cuddy.cli import boundary, pruning
from cuddy.cli.flags import BOOL, FILTER, Args, Command, Flag
from cuddy.engine import prune
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.image.rmi import Records

DANGLING = "WARNING! This will remove all dangling images."
UNUSED = "WARNING! This will remove all images without at least one container associated to them."


def prune_(home: Home, args: Args) -> int:
    filters = prune.parse_filters(*pruning.filters(args.filter), unused=args.all)
    if not args.force and not pruning.is_sure(UNUSED if args.all else DANGLING):
        return 0
    pruned = prune.prune_images(home, filters)
    show(pruned.records)
    print(f"Total reclaimed space: {human_size(pruned.freed_bytes, 4)}")
    if pruned.why_kept:
        boundary.warn([f"what has no name was left alone: {pruned.why_kept}"])
    return 0


def show(records: Records) -> None:
    """What was removed, if anything was."""
    if records:
        print("Deleted Images:")
        for what, which in records:
            print(f"{what.lower()}: {which}")
        print()


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
