"""`cuddy system prune`: remove everything that nothing uses."""

from __future__ import annotations

from cuddy.builder import prune as builder_prune
from cuddy.cli import boundary, pruning
from cuddy.cli.container.prune import show as show_containers
from cuddy.cli.flags import BOOL, FILTER, Args, Command, Flag
from cuddy.cli.image.prune import show as show_images
from cuddy.cli.network.prune import show as show_networks
from cuddy.cli.volume.prune import show as show_volumes
from cuddy.engine import prune_filters, prune_system
from cuddy.errors import WrongArguments
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.du import Piece
    from cuddy.builder.prune import Pruned
    from cuddy.engine.home import Home
    from cuddy.engine.prune_filters import Filters


def prune_(home: Home, args: Args) -> int:
    pairs, until_ns = pruning.filters(args.filter)
    if args.volumes and until_ns is not None:
        raise WrongArguments('the "until" filter is not supported with "--volumes"')
    filters = prune_filters.parse(pairs, until_ns)
    if not args.force and not pruning.is_sure(warning(args, pairs)):
        return 0
    pruned = prune_system.prune_system(home, filters, all=args.all, with_volumes=args.volumes)
    cache = prune_cache(home, filters, all=args.all)
    show_containers(pruned.containers.ids)
    show_networks(pruned.networks)
    show_volumes(pruned.volumes.names)
    show_images(pruned.images.records)
    show_cache(cache.pieces)
    freed_bytes = pruned.freed_bytes + cache.freed_bytes
    print(f"Total reclaimed space: {human_size(freed_bytes, 4)}", flush=True)
    boundary.warn(pruned.containers.warnings)
    if pruned.images.why_kept:
        boundary.warn([f"what has no name was left alone: {pruned.images.why_kept}"])
    return 0


def prune_cache(home: Home, filters: Filters, *, all: bool) -> Pruned:
    """Prune the build cache. Nothing of it has a label, so no label lets it go."""
    if not filters.let_go({}, -1 << 63):
        return builder_prune.Pruned([], 0, "")
    return builder_prune.prune(home, builder_prune.Filters((), filters.until_ns), all=all)


def show_cache(pieces: Sequence[Piece]) -> None:
    """What went of the build cache."""
    if pieces:
        print("Deleted build cache objects:", *(piece.id for piece in pieces), "", sep="\n")


def warning(args: Args, pairs: Sequence[tuple[str, str]]) -> str:
    """What will be removed, in docker's words. Pure."""
    unused = "not used by at least one container"
    doomed = ["all stopped containers", f"all networks {unused}"]
    doomed += [f"all anonymous volumes {unused}"] if args.volumes else []
    doomed += (
        ["all images without at least one container associated to them", "all build cache"]
        if args.all
        else ["all dangling images", "unused build cache"]
    )
    lines = ["WARNING! This will remove:", *(f"  - {each}" for each in doomed), ""]
    if pairs:
        shown = sorted(f"{name}={value}" for name, value in pairs)
        lines += ["  Items to be pruned will be filtered with:", *(f"  - {f}" for f in shown), ""]
    return "\n".join(lines)


COMMAND = Command(
    summary="Remove unused data",
    flags=(
        Flag("all", "a", BOOL, "Remove all unused images not just dangling ones"),
        Flag("filter", "", FILTER, 'Provide filter values (e.g. "label=<key>=<value>")'),
        Flag("force", "f", BOOL, "Do not prompt for confirmation"),
        Flag("volumes", "", BOOL, "Prune anonymous volumes"),
    ),
    most=0,
    action=prune_,
)
