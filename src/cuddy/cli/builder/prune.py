"""`cuddy builder prune`: make the build cache smaller."""

from __future__ import annotations

import sys

from cuddy.builder import prune
from cuddy.cli import boundary, pruning
from cuddy.cli.builder import du
from cuddy.cli.flags import BOOL, BYTES, FILTER, Args, Command, Flag
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

DANGLING = "WARNING! This will remove all dangling build cache."
ALL = "WARNING! This will remove all build cache."


def prune_(home: Home, args: Args) -> int:
    filters = du.read_filters(args.filter)
    limits = prune.Limits(
        args.keep_storage or 0, args.max_used_space or 0, args.min_free_space or 0
    )
    if not args.force and not pruning.is_sure(ALL if args.all else DANGLING):
        return 0
    pruned = prune.prune(home, filters, limits, all=args.all)
    if args.verbose:
        sys.stdout.write(du.verbose(pruned.pieces))
    elif pruned.pieces:
        sys.stdout.write(du.listed(pruned.pieces))
    print(f"Total:\t{human_size(pruned.freed_bytes, 4)}")
    if pruned.why_kept:
        boundary.warn([f"not all of it is free yet: {pruned.why_kept}"])
    return 0


COMMAND = Command(
    summary="Remove build cache",
    flags=(
        Flag("all", "a", BOOL, "Remove all unused build cache, not just dangling ones"),
        Flag("filter", "", FILTER, 'Provide filter values (e.g. "until=24h")'),
        Flag("force", "f", BOOL, "Do not prompt for confirmation"),
        Flag("max-used-space", "", BYTES, "Maximum amount of disk space allowed to keep for cache"),
        Flag("min-free-space", "", BYTES, "Target amount of free disk space after pruning"),
        Flag("keep-storage", "", BYTES, "Amount of disk space to keep for cache",
             aliases=("reserved-space",)),
        Flag("verbose", "", BOOL, "Provide a more verbose output"),
    ),
    most=0,
    action=prune_,
)  # fmt: skip
