"""A running container's networks: which they are, and what changes when there is one more or less.

Nobody has to be told: what was done stands in the container's status, and its monitor gives back
what is leased to the container's id when it ends.
"""

from __future__ import annotations

from cuddy.engine import connection, container, endpoint, etc_files, network_facts
from cuddy.kernel import netlink, rtnetlink
from cuddy.network import endpoint as endpoints
from cuddy.network import ipam, routing
from cuddy.network import network as networks
from cuddy.network.endpoint import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from cuddy.engine.connection import Place
    from cuddy.engine.container import Container, Status
    from cuddy.engine.endpoint import EndpointConfig
    from cuddy.engine.home import Home
    from cuddy.network.network import Network
    from cuddy.network.publish import Published


def is_up(record: Container) -> bool:
    """Whether a container has a network namespace."""
    return bool(record["State"]["Running"] and record["State"]["Pid"])


def places(home: Home, record: Container) -> tuple[Place, ...]:
    """Where a running container is, as its status tells."""
    asked = endpoint.asked(record)
    found = []
    for name, known in endpoint.facts(record).items():
        network = networks.read(home.networks_dir, known.get("NetworkID") or "-")
        if network:
            config, names = asked.get(name) or {}, tuple(known.get("DNSNames") or ())
            place = endpoint_of(network, known)
            found.append(connection.Place(network, place, config, known["EndpointID"], names))
    return tuple(found)


def endpoint_of(network: Network, facts: Mapping[str, Any]) -> Endpoint:
    """An endpoint from its entry in `Networks`, which tells no gateway that leads nowhere."""
    return Endpoint(
        network.name, facts["IPAddress"], facts["IPPrefixLen"], network.gateway,
        facts["MacAddress"], facts["HostLink"], facts["Link"], network.id,
        facts.get("GlobalIPv6Address") or "", facts.get("GlobalIPv6PrefixLen") or 0,
        network.gateway6 if facts.get("GlobalIPv6Address") else "",
    )  # fmt: skip


def asked_names(record: Container) -> list[str]:
    """The names that links of a container are to have."""
    options = [config.get("DriverOpts") for config in endpoint.asked(record).values()]
    if not any(options):
        return []
    from cuddy.engine import link_options

    return [
        name for each in endpoint.asked(record).values() if (name := link_options.name_of(each))
    ]


def free_slot(container_id: str, netns_fd: int, asked: Collection[str] = ()) -> int:
    """The lowest number that none of a container's links has, here and inside, nor is to have."""
    with netlink.open() as kernel:
        outside = {link.name for link in rtnetlink.list_links(kernel)}
    with netlink.open(netns_fd) as kernel:
        inside = {link.name for link in rtnetlink.list_links(kernel)}.union(asked)
    slot = 0
    numbers = {name[len(name.rstrip("0123456789")) :] for name in inside}
    while str(slot) in numbers or endpoints.host_link(container_id, slot) in outside:
        slot += 1
    return slot


def lead(record: Container, before: Sequence[Place], after: Sequence[Place], netns_fd: int) -> None:
    """Have default routes follow the networks. Raises OSError."""
    ways = [connection.chosen(after, family) for family in routing.FAMILIES]
    if ways != [connection.chosen(before, family) for family in routing.FAMILIES]:
        routing.set_default(netns_fd, ways)
    etc_files.lead_to_host(record, connection.host_address(before), connection.host_address(after))


def published_ports(record: Container) -> list[Published]:
    """The host's ports that lead to a running container."""
    document = record["NetworkSettings"].get("Ports") or {}
    if not any(document.values()):
        return []
    # Imported here: most containers publish nothing.
    from cuddy.engine import publishing

    return publishing.read_published(document)


def keep(home: Home, container_id: str, asked: dict[str, EndpointConfig]) -> None:
    """Write down what is asked of each network, for this life of a container and the next ones."""
    container.change_record(home, container_id, lambda own: own.update({"Networks": asked}))


def note(
    home: Home, record: Container, after: Sequence[Place], published: Sequence[Published]
) -> None:
    """Write down where the container is now, if it still runs."""
    found = connection.Connection(tuple(after), tuple(published))
    ports = network_facts.ports_document(record, found) if after else {}

    def change(status: Status) -> None:
        if status.get("State", {}).get("Running"):
            status["NetworkSettings"] |= {"Ports": ports, **network_facts.document(after)}

    container.change_status(home, record["Id"], change, durable=False)


def release(home: Home, container_id: str, network: Network) -> None:
    """Give a container's addresses on a network back."""
    ipam.release(networks.leases_path(home.networks_run_dir, network.id), container_id)
