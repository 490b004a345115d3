"""A container's connections: a place on each of its networks, and the host's ports that lead there.

What was asked of each network stands in the record (`endpoint.py`); what became of it is written
into `NetworkSettings` (`network_facts.py`). Everything here belongs to the container's network
namespace or carries its id, so `release` needs to know no more than that.
"""

from __future__ import annotations

import _socket
import os

from cuddy import files
from cuddy.engine import dns_names, endpoint, etc_files, events, ready_network, sharing
from cuddy.errors import CorruptContent, NoSuchNetwork
from cuddy.kernel import namespaces, netlink, rtnetlink
from cuddy.network import bridge, drivers, ipam
from cuddy.network import endpoint as endpoints
from cuddy.network import network as networks
from cuddy.network.endpoint import Endpoint
from cuddy.network.network import Network
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.endpoint import EndpointConfig
    from cuddy.engine.home import Home
    from cuddy.network.publish import Published


class Place(NamedTuple):
    """A container on one of its networks."""

    network: Network
    endpoint: Endpoint
    asked: EndpointConfig
    id: str  # of the endpoint
    names: tuple[str, ...] = ()  # by which others on the network know it


class Connection(NamedTuple):
    """Where a container is reachable; nowhere without a network of its own."""

    places: tuple[Place, ...] = ()
    published: tuple[Published, ...] = ()
    holders: tuple[int, ...] = ()  # descriptors that keep the published ports from others


def connect(home: Home, record: Container, pid: int, *, is_told: bool = True) -> Connection:
    """Give a newborn container its networks. Raises SystemFailure, Conflict, NoSuchNetwork.

    `is_told`: it is an event.
    """
    if not endpoint.asked(record) or not endpoint.has_own(record):
        if is_confined(record) and not sharing.peer_of(record["HostConfig"]["NetworkMode"]):
            # Imported here: few containers are. Its rules are there before its first network is.
            from cuddy.engine import egress

            egress.confine(record, pid)
        return Connection()
    made = make(home, record, pid)
    tell_connected(home, record, made.places if is_told else ())
    return made


def make(home: Home, record: Container, pid: int) -> Connection:
    """Places on its networks, and the ports. Raises as `connect`."""
    netns_fd = namespaces.open_namespace(pid, "network")
    try:
        with Undo() as undo:
            undo.add(release, home, record["Id"])
            places = join_all(home, record, netns_fd)
            published, holders = reserve_ports(home, record, places)
            for fd in holders:
                undo.add(os.close, fd)
            publish_ports(home, record["Id"], places, published)
            serve_names(home, record, places, netns_fd, pid)
    finally:
        os.close(netns_fd)
    return Connection(places, tuple(published), tuple(holders))


def join_all(home: Home, record: Container, netns_fd: int) -> tuple[Place, ...]:
    """Give a newborn container a place on each of its networks. Raises as `connect`."""
    asked = endpoint.asked(record)
    found = [ready_network.prepare(home, name) for name in asked]
    places = tuple(
        join(home, record, network, asked[name], netns_fd, slot, alone=len(found) == 1)
        for slot, (name, network) in enumerate(zip(asked, found, strict=True))
    )
    lead_out(places, netns_fd)
    return places


def tell_connected(home: Home, record: Container, places: Sequence[Place]) -> None:
    """Note that a container is on these."""
    for place in places:
        events.emit_network(home, "connect", place.network, record["Id"])


def join(
    home: Home, record: Container, network: Network, asked: EndpointConfig, netns_fd: int,
    slot: int, *, alone: bool,
) -> Place:  # fmt: skip
    """Give a network namespace its place on a network: the lease first, then the links.

    `alone`: it is the only one, so its driver sets the default route at once. Raises as `connect`.
    """
    run_dir, container_id = home.networks_run_dir, record["Id"]
    network = as_spoken(record, network, asked)
    own_names = tuple(dns_names.names_of(record, asked.get("Aliases") or ()))
    place = endpoints.lease(
        run_dir, network, container_id,
        slot=slot,
        wanted=endpoint.wanted(asked),
        names=own_names,
        links=endpoint.links(asked),
        mac=asked.get("MacAddress") or ("" if slot else record["Config"].get("MacAddress") or ""),
        link_local=(asked.get("IPAMConfig") or {}).get("LinkLocalIPs") or (),
    )  # fmt: skip
    # Whoever removes a network looks for leases first, so one that is here still stays.
    if not network.is_default and networks.read(home.networks_dir, network.id) is None:
        ipam.release(networks.leases_path(run_dir, network.id), container_id)
        networks.forget_leases(run_dir, network.id)
        raise NoSuchNetwork(network.name)
    place = place._replace(has_default_route=alone and not network.internal)
    place = with_options(record, asked, place, slot)
    drivers.of(network).attach(network, place, netns_fd)
    return Place(network, place, asked, os.urandom(32).hex(), own_names)


def as_spoken(record: Container, network: Network, asked: EndpointConfig) -> Network:
    """A network as a container sees it, for whom a `--sysctl` may have turned IPv6 off."""
    sysctls = record["HostConfig"].get("Sysctls")
    if not (sysctls or asked.get("DriverOpts")):
        return network
    # Imported here, as below: few ask for any.
    from cuddy.engine import link_options

    ipv4 = tuple(pool for pool in network.pools if ":" not in pool.subnet)
    if ipv4 and link_options.is_ipv6_off(sysctls or {}, asked):
        return network._replace(pools=ipv4)
    return network


def with_options(record: Container, asked: EndpointConfig, place: Endpoint, slot: int) -> Endpoint:
    """The endpoint with the name and the kernel settings that were asked for its link."""
    others = endpoint.asked(record)
    if not any(each.get("DriverOpts") for each in (asked, *others.values())):
        return place
    from cuddy.engine import link_options

    name = link_options.name_of(asked) or link_options.free_name(place.link, slot, others)
    return place._replace(link=name, sysctls=link_options.sysctls_of(asked))


def write_files(
    record: Container, connection: Connection, linked: Sequence[tuple[str, str]] = ()
) -> None:
    """Tell the container where it is, and where the host is."""
    found = [place.endpoint for place in connection.places]
    host, forwarder = host_address(connection.places), ""
    own = asks_resolver(record, connection.places)
    if not namespaces.is_initial("user"):
        from cuddy.engine import way_out

        # The bridge is not the host's.
        host, forwarder = "", way_out.forwarder(connection.places)
    etc_files.write(
        record, found, host=host, linked=linked, asks_resolver=own, forwarder=forwarder
    )  # fmt: skip


def host_address(places: Sequence[Place]) -> str:
    """Where a container reaches the host: at its bridge; "" if it cannot."""
    bridges = [place for place in places if place.network.driver == "bridge"]
    return next((place.endpoint.gateway for place in bridges if place.endpoint.gateway), "")


def asks_resolver(record: Container, places: Sequence[Place]) -> bool:
    """Whether a container's names are answered by our own resolver: on any network but `bridge`,
    and wherever what it may ask is limited."""
    limited = bool(places) and is_confined(record)
    return limited or any(not place.network.is_default for place in places)


def is_confined(record: Container) -> bool:
    """Whether it is under egress control."""
    text = record["HostConfig"].get("Egress", "")
    if not text:
        return False
    # Imported here: few containers are.
    from cuddy.network import egress

    return egress.is_confined(text)


def serve_names(
    home: Home, record: Container, places: Sequence[Place], netns_fd: int, pid: int
) -> None:
    """Have the resolver answer the container from now on, if it is to. Raises SystemFailure."""
    if is_confined(record):
        # Imported here: few containers are.
        from cuddy.engine import egress

        found = [place.endpoint for place in places]
        hosts = etc_files.hosts_text(record, found, host=host_address(places))
        egress.begin(home, record, netns_fd, pid, hosts)
    elif asks_resolver(record, places):
        # Imported here: those on `bridge` ask the host's servers.
        from cuddy.engine import resolver

        resolver.begin(home, record, netns_fd, pid)


def lead_out(places: Sequence[Place], netns_fd: int) -> None:
    """Set the default routes of a container that has a choice."""
    if len(places) > 1:
        # Imported here: most containers have one way out.
        from cuddy.network import routing

        routing.set_default(netns_fd, [chosen(places, family) for family in routing.FAMILIES])


def chosen(places: Sequence[Place], family: int = _socket.AF_INET) -> Endpoint | None:
    """The endpoint by which a container reaches the world, and by which it is reached."""
    if len(places) == 1 and family == _socket.AF_INET:
        network, only = places[0].network, places[0].endpoint
        return only if only.gateway and not network.internal else None
    from cuddy.network import routing

    pairs = [(place.network, place.endpoint) for place in places]
    priorities = [place.asked.get("GwPriority") or 0 for place in places]
    return routing.choose(pairs, priorities, family)


def publisher(places: Sequence[Place]) -> Place | None:
    """The place to which the host's ports lead; None where nothing leads in.

    On somebody else's wire a container is reached by its own address.
    """
    found = chosen(places) or chosen(places, _socket.AF_INET6)
    place = next((each for each in places if each.endpoint == found), None)
    return place if place and place.network.driver == "bridge" else None


def is_publishing(record: Container) -> bool:
    """Whether ports of it are to be published."""
    return bool(record["HostConfig"]["PortBindings"] or record["HostConfig"]["PublishAllPorts"])


def reserve_ports(
    home: Home, record: Container, places: Sequence[Place]
) -> tuple[list[Published], list[int]]:
    """Take the host's ports that it publishes; the descriptors keep them. Raises Conflict."""
    if not is_publishing(record):
        return [], []
    place = publisher(places)
    if place is None:
        return [], []
    # Imported here: most containers publish nothing.
    from cuddy.engine import publishing

    return publishing.reserve(home, record, place.network)


def publish_ports(
    home: Home, container_id: str, places: Sequence[Place], published: Sequence[Published]
) -> None:
    """Lead the host's ports to the container, noted first so that `release` knows of it."""
    place = publisher(places)
    if not published or place is None:
        return
    if not namespaces.is_initial("user"):
        from cuddy.engine import carried_ports

        carried_ports.note(home, container_id, place.endpoint, published)
        return
    from cuddy.network import publish

    where: dict[str, Any] = {"address": place.endpoint.address6 or place.endpoint.address}
    where["ports"] = [
        [entry.port.protocol, entry.host_ip, entry.host_port, entry.port.number]
        for entry in published
    ]
    files.write_json(home.ports_path(container_id), where, durable=False)
    publish.publish(place.network, place.endpoint, published)


def withdraw_ports(home: Home, container_id: str) -> None:
    """Nothing leads to the container any more. Raises OSError."""
    try:
        os.truncate(home.ports_path(container_id), 0)
    except FileNotFoundError:
        return
    if not namespaces.is_initial("user"):
        return  # no rule of a firewall leads there
    from cuddy.network import publish

    for path in endpoints.lease_files(home.networks_run_dir):
        held = ipam.read_leases(path).get(container_id)
        if held and (link := link_of(home, networks.id_of(path))):
            addresses = [each for each in (held.address, held.address6) if each]
            publish.withdraw(link, *addresses)


def link_of(home: Home, network_id: str) -> str:
    """The bridge of a network that is there."""
    if network_id == networks.predefined_id(home.networks_dir, networks.DEFAULT):
        return home.bridge_link
    try:
        found = networks.read(home.networks_dir, network_id)
    except CorruptContent:
        return networks.bridge_name(network_id)
    return found.bridge if found and found.driver == "bridge" else ""


def release(home: Home, container_id: str) -> None:
    """Give ports and addresses back; the links went with the container's namespace."""
    if os.path.exists(f"{home.run_dir(container_id)}/{sharing.JOINED}"):
        # Somebody else is in the namespace, who must not keep an address that will be another's.
        from cuddy.engine import live_netns

        if namespaces.is_initial("user"):
            delete_links(container_id)
        else:
            from cuddy.engine import user_netns

            user_netns.within(home, lambda: delete_links(container_id))
        live_netns.take_from_joined(home, container_id)
    if not namespaces.is_initial("user"):
        from cuddy.engine import way_out

        way_out.end(home.run_dir(container_id))
    withdraw_ports(home, container_id)
    endpoints.release(home.networks_run_dir, container_id)


def delete_links(container_id: str, known: Collection[str] = ()) -> None:
    """Delete the host's ends of a container's links that are not `known`; the other ends go too."""
    prefix = endpoints.host_link_prefix(container_id)
    with netlink.open() as kernel:
        found = [link.name for link in rtnetlink.list_links(kernel)]
    for name in found:
        if name.startswith(prefix) and name not in known:
            bridge.delete_link(name)


def note_disconnection(home: Home, container_id: str, settings: dict[str, Any]) -> None:
    """Note that a container has left the networks that its `NetworkSettings` name."""
    for name, facts in (settings.get("Networks") or {}).items():
        if name in ("host", "none") or not facts.get("EndpointID"):
            continue
        found = Network(facts.get("NetworkID") or "", name, facts.get("Driver") or "bridge")
        events.emit_network(home, "disconnect", found, container_id)
