"""`cuddy network prune`: remove networks that no container is on."""

from __future__ import annotations

from cuddy.cli import pruning
from cuddy.cli.flags import BOOL, FILTER, Args, Command, Flag
from cuddy.engine import prune_filters, prune_networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.engine.home import Home

WARNING = "WARNING! This will remove all custom networks not used by at least one container."


def prune(home: Home, args: Args) -> int:
    filters = prune_filters.parse(*pruning.filters(args.filter))
    if args.force or pruning.is_sure(WARNING):
        show(prune_networks.prune_networks(home, filters))
    return 0


def show(names: Sequence[str]) -> None:
    """What was removed, if anything was."""
    if names:
        print("Deleted Networks:", *names, "", sep="\n")


COMMAND = Command(
    summary="Remove all unused networks",
    flags=(
        Flag("filter", "", FILTER, 'Provide filter values (e.g. "until=<timestamp>")'),
        Flag("force", "f", BOOL, "Do not prompt for confirmation"),
    ),
    most=0,
    action=prune,
)
