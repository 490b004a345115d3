"""`cuddy container prune`: remove containers that do not run."""

from __future__ import annotations

from cuddy.cli import boundary, pruning
from cuddy.cli.flags import BOOL, FILTER, Args, Command, Flag
from cuddy.engine import prune_containers, prune_filters
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.engine.home import Home

WARNING = "WARNING! This will remove all stopped containers."


def prune_(home: Home, args: Args) -> int:
    filters = prune_filters.parse(*pruning.filters(args.filter))
    if not args.force and not pruning.is_sure(WARNING):
        return 0
    pruned = prune_containers.prune_containers(home, filters)
    show(pruned.ids)
    print(f"Total reclaimed space: {human_size(pruned.freed_bytes, 4)}", flush=True)
    boundary.warn(pruned.warnings)
    return 0


def show(ids: Sequence[str]) -> None:
    """What was removed, if anything was."""
    if ids:
        print("Deleted Containers:", *ids, "", sep="\n")


COMMAND = Command(
    summary="Remove all stopped containers",
    flags=(
        Flag("filter", "", FILTER, 'Provide filter values (e.g. "until=<timestamp>")'),
        Flag("force", "f", BOOL, "Do not prompt for confirmation"),
    ),
    most=0,
    action=prune_,
)
