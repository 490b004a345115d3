"""Check of networks: what killed commands and handmade changes left of them.

Links, rules and entries of another Home are not touched, nor are those that cuddy did not make
(`network/strays.py`). What is being made just now is under a lock that is taken first: that of the
networks for links and rules, that of a network's leases for entries of ports, that of a container
for its places.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import (
    container,
    containers,
    dns_names,
    endpoint,
    live_netns,
    live_network,
    liveness,
    stray_links,
)
from cuddy.errors import CorruptContent, NoSuchContainer
from cuddy.image.finding import Finding, move_to_lost
from cuddy.kernel import namespaces
from cuddy.network import endpoint as endpoints
from cuddy.network import ipam, nat, publish, strays
from cuddy.network import network as networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.network.network import Network
    from cuddy.network.strays import ContainerLink


def examine_records(home: Home, *, repairing: bool) -> Iterator[Finding]:
    """Records of networks that can be read."""
    for name in sorted(files.list_directory(home.networks_dir)):
        if not name.endswith(".json"):
            continue
        try:
            networks.read(home.networks_dir, name.removesuffix(".json"))
        except CorruptContent:
            yield Finding(f"networks/{name}", "it is not a network", "make it anew when needed")
            if repairing:
                move_to_lost(home.root, f"{home.networks_dir}/{name}")


def examine_leases(home: Home, *, repairing: bool) -> Iterator[Finding]:
    """Who is on which network can be read: without it, no container of the network can end."""
    for path in endpoints.lease_files(home.networks_run_dir):
        try:
            ipam.read_leases(path)
        except CorruptContent:
            what = f"who is on network {networks.id_of(path)[:12]}"
            yield Finding(what, "it cannot be read", "write it anew, by the containers that run")
            if repairing:
                restore(home, path)


def examine(home: Home, *, repairing: bool) -> Iterator[Finding]:
    """All that is beside the records; after the remains of dead containers are cleared."""
    run_dir = home.networks_run_dir
    if not os.path.isdir(run_dir) or not namespaces.is_initial("user"):
        return  # no container ever had a network, or it is not here: rootless_network.py
    with networks.lock(run_dir):
        yield from _links(home, repairing)
        yield from _rules(repairing)
        yield from _files(home, repairing)
    for network in networks.read_all(home.networks_dir):
        yield from _ports(home, network, repairing)
    for container_id in sorted(containers.ids(home)):
        yield from _places(home, container_id, repairing)


def restore(home: Home, path: str) -> None:
    """Write the leases of a network anew, as its running containers have them."""
    with files.Lock(f"{path}.lock"):
        found = {}
        for container_id in containers.ids(home):
            try:
                record = container.read(home, container_id)
            except (NoSuchContainer, CorruptContent):
                continue
            if is_alive(home, record):
                for name, facts in endpoint.facts(record).items():
                    if facts.get("NetworkID") == networks.id_of(path):
                        found[container_id] = lease_of(record, name)
        ipam.restore(path, found)


def lease_of(record: Container, name: str) -> ipam.Lease:
    """What a running container has on a network."""
    facts, asked = endpoint.facts(record)[name], endpoint.asked(record).get(name) or {}
    names = dns_names.names_of(record, asked.get("Aliases") or ())
    return ipam.Lease(
        facts.get("IPAddress") or "",
        facts.get("GlobalIPv6Address") or "",
        tuple(names),
        dict(endpoint.links(asked)),
    )


def is_alive(home: Home, record: Container) -> bool:
    """Whether a container has its networks now."""
    return live_network.is_up(record) and liveness.monitor_lives(home.run_dir(record["Id"]))


def _links(home: Home, repairing: bool) -> Iterator[Finding]:
    """Links of networks that are no more, and of containers that are no more."""
    links = strays.list_links()
    known = {network.bridge for network in networks.read_all(home.networks_dir)}
    known.add(home.bridge_link)
    known.update(map(networks.bridge_name, networks.list_ids(home.networks_dir)))
    made = strays.network_links(links, home.networks_dir)
    ids = {*containers.ids(home), *files.list_directory(home.run_root)}
    ports = strays.container_links(links, known | made)
    own = made | {home.bridge_link}
    dead = [link for link in ports if _is_stray(home, link, ids, own)]
    # Whoever lost a network's record has not lost those who are on it.
    used = {link.network_link for link in ports if link not in dead}
    gone = made - known - used
    for name in sorted(gone):
        yield Finding(f"link {name}", "its network is gone", "delete it")
        if repairing:
            strays.delete_link(name)
            nat.remove(name)
    for link in dead:
        if link.network_link not in gone:
            yield Finding(f"link {link.name}", "its container is gone", "delete it")
            if repairing:
                strays.delete_link(link.name)


def _is_stray(home: Home, link: ContainerLink, ids: set[str], bridges: set[str]) -> bool:
    """Whether no living container of ours has the link.

    Containers that we do not know are another Home's, but for those on a bridge that we made.
    """
    meant = [each for each in ids if each.startswith(link.id_prefix)]
    if not meant and link.network_link not in bridges:
        return False
    return not any(liveness.monitor_lives(home.run_dir(each)) for each in meant)


def _rules(repairing: bool) -> Iterator[Finding]:
    """Rules about a bridge that is not there."""
    for bridge in strays.rules_without_link(strays.list_links()):
        yield Finding(f"rules of {bridge}", "there is no such link", "delete them")
        if repairing:
            nat.remove(bridge)


def _files(home: Home, repairing: bool) -> Iterator[Finding]:
    """Files of the run root: leases of networks that are no more, what dead writers left."""
    run_dir = home.networks_run_dir
    known = {*networks.list_ids(home.networks_dir)}
    known.add(networks.predefined_id(home.networks_dir, networks.DEFAULT))
    for path in endpoints.lease_files(run_dir):
        network_id = networks.id_of(path)
        if network_id in known or any(_living(home, path)):
            continue
        yield Finding(
            f"who is on network {network_id[:12]}", "the network is gone", "remove it",
            is_broken=False,
        )  # fmt: skip
        if repairing:
            networks.forget_leases(run_dir, network_id)
    for name in sorted(filter(files.is_abandoned, files.list_directory(run_dir))):
        yield Finding(f"networks/{name}", "its owner died over it", "remove it", is_broken=False)
    if repairing:
        files.sweep_temporary(run_dir)


def _living(home: Home, path: str) -> Iterator[bool]:
    """Of each that holds a lease, whether it lives."""
    try:
        held = ipam.read_leases(path)
    except CorruptContent:
        return  # not repaired yet, and told
    for container_id in held:
        yield liveness.monitor_lives(home.run_dir(container_id))


def _ports(home: Home, network: Network, repairing: bool) -> Iterator[Finding]:
    """Ports of the host that lead to an address of the network which nobody has."""
    if network.driver != "bridge":
        return
    path = networks.leases_path(home.networks_run_dir, network.id)
    # Looked at before the leases: who comes meanwhile has its lease first, and then its ports.
    led = strays.openings_of((network.bridge,))
    try:
        with files.Lock(f"{path}.lock"):
            held = ipam.read_leases(path).values()
            addresses = {address for lease in held for address in (lease.address, lease.address6)}
            for each in led:
                if each.address in addresses:
                    continue
                what = f"port {each.host_port}/{each.protocol}"
                problem = f"it leads to {each.address}, which nobody on {network.name} has"
                yield Finding(what, problem, "close it")
            if repairing:
                for address in {each.address for each in led} - addresses:
                    publish.withdraw(network.bridge, address)
    except CorruptContent:
        return  # told already


def _places(home: Home, container_id: str, repairing: bool) -> Iterator[Finding]:
    """Leases and links of a running container that its status does not tell of: a `network
    connect` or `disconnect` was killed."""
    try:
        lock = container.lock(home, container_id)
        if not lock.attempt():
            return  # a command is at work with it
    except NoSuchContainer:
        return
    try:
        record = container.read(home, container_id)
        if is_alive(home, record) and endpoint.has_own(record):
            yield from _surplus(home, record, repairing)
    except (NoSuchContainer, CorruptContent):
        return
    finally:
        lock.close()


def _surplus(home: Home, record: Container, repairing: bool) -> Iterator[Finding]:
    what, container_id, is_found = f"container {record['Id'][:12]}", record["Id"], False
    places = endpoint.facts(record).values()
    known = {each.get("NetworkID") for each in places}
    for path in endpoints.lease_files(home.networks_run_dir):
        if container_id in ipam.read_leases(path) and networks.id_of(path) not in known:
            problem = f"it has an address on network {networks.id_of(path)[:12]}, and is not there"
            yield Finding(what, problem, "give it back")
            is_found = True
    prefix = endpoints.host_link_prefix(container_id)
    links = {each.get("HostLink") for each in places}
    for link in strays.list_links():
        if link.name.startswith(prefix) and link.name not in links:
            yield Finding(what, f"its link {link.name} leads to no network of it", "delete it")
            is_found = True
    if is_found and repairing:
        # Ports may lead there already, so it is not enough to give the address back.
        netns_fd = live_netns.open_of(home, record)
        try:
            stray_links.sweep(home, record, netns_fd)
        finally:
            os.close(netns_fd)
