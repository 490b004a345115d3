"""Prune of networks: remove those that no running container is on."""

from __future__ import annotations

from cuddy import files
from cuddy.engine import events, networks
from cuddy.errors import InUse, NoSuchNetwork, NotPermitted
from cuddy.network import network as records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.prune_filters import Filters
    from cuddy.network.network import Network


def prune_networks(home: Home, filters: Filters) -> list[str]:
    """Remove the networks that the filters let go; their names.

    Those that only lend others their configuration stay, as with docker.
    """
    names = []
    for network in networks.list_networks(home):
        if network.name in records.PREDEFINED or network.config_only:
            continue
        if not filters.let_go(network.labels, created_ns(network)):
            continue
        try:
            names.append(networks.remove(home, network.id))
        except (InUse, NoSuchNetwork, NotPermitted):
            continue  # somebody is on it, or was faster
    events.emit_prune(home, "network", 0)
    return names


def created_ns(network: Network) -> int:
    """When a network was made; the epoch where its record does not say."""
    try:
        return files.parse_time(network.created)
    except (ValueError, IndexError):
        return 0
