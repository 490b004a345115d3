"""`cuddy volume prune`: remove volumes that no container uses."""

from __future__ import annotations

from cuddy.cli import pruning, values
from cuddy.cli.flags import BOOL, FILTER, Args, Command, Flag
from cuddy.engine import prune_volumes
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.engine.home import Home

ANONYMOUS = "WARNING! This will remove anonymous local volumes not used by at least one container."
ALL = "WARNING! This will remove all local volumes not used by at least one container."


def prune(home: Home, args: Args) -> int:
    filters, is_all = prune_volumes.parse_filters(values.filters(args.filter))
    is_all |= args.all
    if not args.force and not pruning.is_sure(ALL if is_all else ANONYMOUS):
        return 0
    pruned = prune_volumes.prune_volumes(home, filters, all=is_all)
    show(pruned.names)
    print(f"Total reclaimed space: {human_size(pruned.freed_bytes, 4)}")
    return 0


def show(names: Sequence[str]) -> None:
    """What was removed, if anything was."""
    if names:
        print("Deleted Volumes:", *names, "", sep="\n")


COMMAND = Command(
    summary="Remove unused local volumes",
    flags=(
        Flag("all", "a", BOOL, "Remove all unused volumes, not just anonymous ones"),
        Flag("filter", "", FILTER, 'Provide filter values (e.g. "label=<label>")'),
        Flag("force", "f", BOOL, "Do not prompt for confirmation"),
    ),
    most=0,
    action=prune,
)
