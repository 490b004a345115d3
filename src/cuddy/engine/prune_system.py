"""Prune of everything: containers first, since what they leave may go then; docker's order.

The build cache, which goes last, is the builder's.
"""

from __future__ import annotations

from cuddy.engine import prune, prune_containers, prune_networks, prune_volumes
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.prune_filters import Filters


class Pruned(NamedTuple):
    """What went. `volumes` is nothing if they were to stay."""

    containers: prune_containers.Pruned
    networks: list[str]
    volumes: prune_volumes.Pruned
    images: prune.Pruned

    @property
    def freed_bytes(self) -> int:
        """All together."""
        return sum(each.freed_bytes for each in (self.containers, self.volumes, self.images))


def prune_system(home: Home, filters: Filters, *, all: bool, with_volumes: bool) -> Pruned:
    """Remove what nothing uses; `all`: images with a name as well. Raises CorruptContent."""
    containers = prune_containers.prune_containers(home, filters)
    networks = prune_networks.prune_networks(home, filters)
    volumes = (
        prune_volumes.prune_volumes(home, filters) if with_volumes else prune_volumes.Pruned([], 0)
    )
    images = prune.prune_images(home, prune.Filters(all, filters))
    return Pruned(containers, networks, volumes, images)
