"""What a `network connect` that was killed has left: links and leases that no status knows of.

The container's next `connect` or `disconnect` takes them away, and so does the removal of the
network, which they would keep for as long as the container runs.
"""

from __future__ import annotations

import os

from cuddy.engine import (
    connection,
    container,
    containers,
    endpoint,
    live_netns,
    live_network,
    live_ports,
)
from cuddy.errors import Conflict, CorruptContent, NoSuchContainer
from cuddy.network import container_side, ipam
from cuddy.network import endpoint as endpoints
from cuddy.network import network as networks
from cuddy.network.endpoint import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.connection import Place
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.network.ipam import Lease
    from cuddy.network.network import Network


def sweep(home: Home, record: Container, netns_fd: int) -> None:
    """Take from a running container what its status does not know of. Under its lock.

    Raises OSError, SystemFailure, Conflict.
    """
    places = live_network.places(home, record)
    known = {place.network.id for place in places}
    connection.delete_links(record["Id"], {place.endpoint.host_link for place in places})
    for path in endpoints.lease_files(home.networks_run_dir):
        network_id = networks.id_of(path)
        held = ipam.read_leases(path).get(record["Id"])
        if held is None or network_id in known:
            continue
        container_side.delete_links_with(netns_fd, (held.address, held.address6))
        if network := networks.read(home.networks_dir, network_id):
            before = (*places, _place(record, network, held))
            published = live_ports.follow(home, record, before, places)
            live_network.lead(record, before, places, netns_fd)
            live_network.note(home, record, places, published)
        ipam.release(path, record["Id"])


def _place(record: Container, network: Network, held: Lease) -> Place:
    """Where the container would be, as far as its ways out depend on it."""
    found = Endpoint(
        network.name, held.address, 0, network.gateway, "", "", "", network.id, held.address6, 0,
        network.gateway6 if held.address6 else "",
    )  # fmt: skip
    asked = endpoint.asked(record).get(network.name) or {}
    return connection.Place(network, found, asked, "", held.names)


def free(home: Home, network: Network) -> None:
    """Sweep all containers that have a lease on a network and are not on it."""
    path = networks.leases_path(home.networks_run_dir, network.id)
    for container_id in ipam.read_leases(path):
        try:
            if not is_stray(container.read(home, container_id), network):
                continue
            with container.lock(home, container_id):  # whoever connects it now has this
                record = containers.read(home, container_id, locked=True)
                if is_stray(record, network):
                    netns_fd = live_netns.open_of(home, record)
                    try:
                        sweep(home, record, netns_fd)
                    finally:
                        os.close(netns_fd)
        except (NoSuchContainer, CorruptContent, Conflict, OSError):
            continue  # it is on its way out, or in use


def is_stray(record: Container, network: Network) -> bool:
    """Whether a container that has a lease runs, and knows nothing of the network."""
    return live_network.is_up(record) and network.name not in endpoint.facts(record)
