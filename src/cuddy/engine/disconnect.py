"""Disconnect: a container is no longer on a network, running or not."""

from __future__ import annotations

import os

from cuddy.engine import (
    container,
    containers,
    endpoint,
    etc_files,
    events,
    live_netns,
    live_network,
    live_ports,
    network_wishes,
    stray_links,
)
from cuddy.errors import Conflict, NoSuchContainer, SystemFailure
from cuddy.kernel import namespaces
from cuddy.network import drivers, ipam
from cuddy.network import network as networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.network.network import Network


def disconnect(home: Home, network_ref: str, container_ref: str, *, force: bool = False) -> None:
    """Take a container from a network. `force`: also one whose record is gone.

    Raises NoSuchNetwork, NoSuchContainer, Conflict, SystemFailure.
    """
    network = network_wishes.find(home, network_ref)
    try:
        container_id = containers.find_id(home, container_ref)
    except NoSuchContainer:
        if force and release_stray(home, network, container_ref):
            return
        raise
    with container.lock(home, container_id, container_ref):
        record = containers.read(home, container_id, locked=True)
        check(record, network)
        if live_network.is_up(record):
            try:
                detach_there(home, record, network)
            except OSError as error:
                what = f"cannot disconnect {container_ref} from network {network.name}"
                raise SystemFailure.from_os(what, error) from error
            events.emit_network(home, "disconnect", network, container_id)
        asked = endpoint.asked(record).items()
        wishes = {name: config for name, config in asked if name != network.name}
        live_network.keep(home, container_id, wishes)


def check(record: Container, network: Network) -> None:
    """Whether the container is on the network, in Docker's words. Raises Conflict."""
    if record["HostConfig"]["NetworkMode"] == network.name == "host":
        message = "container cannot be disconnected from host network or connected to host network"
        raise Conflict(message)
    known = endpoint.facts(record) if record["State"]["Running"] else {}
    if network.name not in (*endpoint.asked(record), *known):
        name = container.display_name(record)
        raise Conflict(f"container {name} is not connected to network {network.name}")


def detach_there(home: Home, record: Container, network: Network) -> None:
    """Detach where the links are."""
    if namespaces.is_initial("user"):
        detach(home, record, network)
        return
    # Imported here: root's are on the host.
    from cuddy.engine import rootless_network

    rootless_network.change(home, record, lambda: detach(home, record, network))


def detach(home: Home, record: Container, network: Network) -> None:
    """Take a running container's link away, and lead everything where it belongs then."""
    before = live_network.places(home, record)
    after = tuple(place for place in before if place.network.id != network.id)
    gone = [place for place in before if place.network.id == network.id]
    netns_fd = live_netns.open_of(home, record)
    try:
        stray_links.sweep(home, record, netns_fd)
        # First the ports: nothing may lead to an address that is given back.
        published = live_ports.follow(home, record, before, after)
        live_network.lead(record, before, after, netns_fd)
        for place in gone:
            drivers.of(network).detach(network, place.endpoint, netns_fd)
        if network.name not in endpoint.WITHOUT_OWN:
            live_network.release(home, record["Id"], network)
        live_network.note(home, record, after, published)
    finally:
        os.close(netns_fd)
    for place in gone:
        etc_files.remove_endpoint(record, etc_files.addresses(place.endpoint))


def release_stray(home: Home, network: Network, ref: str) -> bool:
    """Release the lease of a container that is not there any more; whether there was one."""
    path = networks.leases_path(home.networks_run_dir, network.id)
    found = [key for key, held in ipam.read_leases(path).items() if ref in (key, *held.names)]
    for container_id in found:
        ipam.release(path, container_id)
    return bool(found)
