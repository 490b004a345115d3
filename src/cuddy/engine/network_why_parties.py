"""Who is meant: containers, this machine or others, and what is recorded of them."""

from __future__ import annotations

from cuddy.engine import container, containers, endpoint, sharing
from cuddy.engine.network_why_facts import Party, Place, Publication, is_loopback
from cuddy.errors import CorruptContent, InvalidArgument, NoSuchContainer
from cuddy.kernel import netlink, rtnetlink
from cuddy.network import bridge, drivers, ipam
from cuddy.network import network as networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.vantage import Vantage


def find(home: Home, name: str) -> Container | None:
    """The container of that name or id; None if there is none."""
    try:
        return containers.find(home, name)
    except (NoSuchContainer, InvalidArgument):
        return None


def describe(home: Home, record: Container, vantage: Vantage | None) -> Party:
    """A container as one end."""
    state = record["State"]
    network = owner_of_network(home, record)
    status = state["Status"]
    if status == "running" and vantage is None:
        status = "exited"  # just now
    return Party(
        "container",
        container.display_name(record),
        record["Id"],
        "paused" if state["Paused"] else status,
        vantage.pid if vantage else 0,
        (state.get("Health") or {}).get("Status") or "",
        network["HostConfig"]["NetworkMode"],
        tuple(places(home, network)),
        network["HostConfig"]["Egress"],
        vantage.netns if vantage else 0,
    )


def owner_of_network(home: Home, record: Container) -> Container:
    """The container whose network it is: another's with --network container:X."""
    peer = sharing.peer_of(record["HostConfig"]["NetworkMode"])
    return (find(home, peer) if peer else None) or record


def places(home: Home, record: Container) -> Iterator[Place]:
    """A running container's endpoints, the one with its default route first."""
    found = endpoint.facts(record)
    first = record["NetworkSettings"].get("Gateway") or ""
    known = [name for name in found if found[name].get("IPAddress") or _address6(found[name])]
    for name in sorted(known, key=lambda each: (found[each].get("Gateway") or "") != first):
        address, address6 = found[name].get("IPAddress") or "", _address6(found[name])
        place = Place(name, address, address6, has_names=name != networks.DEFAULT)
        yield _with_network(home, place)


def _address6(facts: dict[str, Any]) -> str:
    return facts.get("GlobalIPv6Address") or ""


def _with_network(home: Home, place: Place) -> Place:
    """With what the network's record adds; one that cannot be read adds nothing."""
    try:
        network = networks.find(home.networks_dir, place.network)
    except (CorruptContent, InvalidArgument):
        network = None
    if network is None:
        return place
    return place._replace(
        driver=network.driver,
        bridge=network.bridge,
        host_address=network.gateway or network.gateway6 if network.driver == "bridge" else "",
        is_ready=network.driver != "bridge" or drivers.of(network).is_ready(network),
        is_internal=network.internal,
        is_isolated=network.driver == "bridge" and not bridge.read_options(network).icc,
    )


def holder_of(home: Home, address: str) -> Container | None:
    """The running container that has an address."""
    for record in containers.list_containers(home):
        for place in endpoint.facts(record).values():
            if address in (place.get("IPAddress"), place.get("GlobalIPv6Address")):
                return record
    return None


def is_own(address: str) -> bool:
    """Whether an address is one of this machine's links'."""
    number, bits = ipam.parse_address(address)
    family = rtnetlink.pack_address(address)[0]
    with netlink.open() as kernel:
        found = [each.address for each in rtnetlink.list_addresses(kernel, family)]
    return address in found or (bits == 32 and number >> 24 == 127)


def own_address() -> str:
    """An address by which others may reach this machine; "" without any."""
    with netlink.open() as kernel:
        bridges = {link.ifindex for link in rtnetlink.list_links(kernel) if link.kind == "bridge"}
        found = rtnetlink.list_addresses(kernel)
    usable = [a.address for a in found if a.link not in bridges and not is_loopback(a.address)]
    return next(iter(usable), "")


def openings(records: Iterable[Container]) -> Iterator[Publication]:
    """The ports of this machine that lead to containers."""
    for record in records:
        settings = record["NetworkSettings"]
        for key, bindings in (settings.get("Ports") or {}).items():
            number, _, protocol = key.partition("/")
            for place in bindings or ():
                host_ip = place.get("HostIp") or "0.0.0.0"
                yield Publication(
                    protocol or "tcp", host_ip, int(place.get("HostPort") or 0),
                    _inner_address(settings, host_ip), int(number),
                    container.display_name(record),
                )  # fmt: skip


def _inner_address(settings: dict[str, Any], host_ip: str) -> str:
    """Where it leads: the address of the network that has the default route."""
    field = "GlobalIPv6Address" if ":" in host_ip else "IPAddress"
    if found := settings.get(field):
        return str(found)
    known = [each.get(field) or "" for each in (settings.get("Networks") or {}).values()]
    return next(filter(None, known), "")


def opening_at(
    found: Iterable[Publication], address: str, port: int, protocol: str
) -> Publication | None:
    """The one by which packets to an address of this machine go on."""
    anywhere = "::" if ":" in address else "0.0.0.0"
    fitting = [
        each for each in found
        if (each.protocol, each.host_port) == (protocol, port)
        and each.host_ip in (address, anywhere)
    ]  # fmt: skip
    return min(fitting, key=lambda each: each.host_ip == anywhere, default=None)


def opening_for(found: Iterable[Publication], port: int, protocol: str) -> Publication | None:
    """The one that somebody outside means by a port, the host's or else the container's; 0: any.

    One that is open to others before one that is not.
    """
    fitting = [
        each for each in found
        if (each.protocol == protocol or not port) and port in (0, each.host_port, each.port)
    ]  # fmt: skip
    return min(
        fitting,
        key=lambda each: (each.host_port != port, is_loopback(each.host_ip)),
        default=None,
    )
