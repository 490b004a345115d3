"""The bridge of a network, and a container's link to it (veth(4), "bridge" in ip-link(8)).

        host                                  container
    cuddy0 172.17.0.1 ── veth4f66ad9f0c0 ════ eth0 172.17.0.2, default route via 172.17.0.1

Killed in between, a monitor leaves nothing to repair: the links die with the container's network
namespace, and a bridge half made is completed by whoever comes next.
"""

from __future__ import annotations

import _socket
import errno
import os
import time

from cuddy import files
from cuddy.errors import Conflict, SystemFailure
from cuddy.kernel import control_file, netlink, nftables, rtnetlink
from cuddy.network import chains, container_side
from cuddy.network import network as networks
from cuddy.network.endpoint import Endpoint
from cuddy.network.network import Network
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.network.bridge_options import BridgeOptions
IP_FORWARD = "/proc/sys/net/ipv4/ip_forward"
IP6_FORWARD = "/proc/sys/net/ipv6/conf/all/forwarding"
BRIDGE_NF_CALL = "/proc/sys/net/bridge/bridge-nf-call-{}"
ATTEMPTS = 32
RUNNING_ATTEMPTS = 100
HOST_MAC = 0xFE


class SubnetTaken(Conflict):
    """Somebody else on this host uses the subnet."""


def ensure_default(
    networks_dir: str, run_dir: str, link: str, *, avoid: Iterable[str] = ()
) -> Network:
    """The network `bridge`, ready for containers; made or completed where that is needed.

    `avoid`: addresses that a subnet chosen now must not hold. Raises SystemFailure, Conflict.
    """
    network_id = networks.predefined_id(networks_dir, networks.DEFAULT)
    record = networks.read(networks_dir, network_id)
    if record and record.bridge == link and is_ready(record):
        return record
    try:
        return _make_default(networks_dir, run_dir, link, avoid)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot make the bridge {link}", error) from error


def _make_default(networks_dir: str, run_dir: str, link: str, avoid: Iterable[str]) -> Network:
    # Imported here: the bridge is mostly there.
    from cuddy.network import subnets

    for directory in (networks_dir, run_dir):
        files.make_directory(directory)
    with networks.lock(run_dir):
        for _ in range(ATTEMPTS):
            with netlink.open() as kernel:
                record = subnets.default(kernel, networks_dir, link, avoid=avoid)
            try:
                ensure(record, owner=networks_dir)
                return record
            except SubnetTaken:
                continue  # the next choice sees who took it
    raise SystemFailure(f"every subnet chosen for {link} was taken by others at once")


def check(network: Network) -> None:
    """Refuse options that make no sense, in Docker's words. Raises InvalidArgument."""
    read_options(network)


def read_options(network: Network) -> BridgeOptions:
    """What its options say. Raises InvalidArgument."""
    from cuddy.network import bridge_options  # most networks have none

    return bridge_options.parse(network.options, internal=network.internal)


def ensure(network: Network, *, owner: str = "") -> None:
    """Have the network's link, its address, rules and forwarding. Raises SystemFailure, Conflict.

    `owner`: the directory of the network's record, by which a sweep knows whose link it is. The
    address comes last: a bridge that has it has all the rest.
    """
    if is_ready(network):
        return
    try:
        with netlink.open() as kernel:
            from cuddy.network import forwarding, nat  # the bridge is mostly there

            link = make_link(kernel, network, owner)
            claim(kernel, network, link)
            nat.apply(network)
            # After the rules: they are what keeps others out of the bridge.
            forwarding.turn_on(kernel, switches(network))
            settle(kernel, network, link)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot make the bridge {network.bridge}", error) from error


def is_ready(network: Network) -> bool:
    """Whether nothing of `ensure` is missing. Asks by netlink only: no program is run."""
    wanted = {address for address, _ in own_addresses(network)}
    try:
        with netlink.open() as kernel:
            link = rtnetlink.find_link(kernel, network.bridge)
            if not link or not link.is_up or not has_addresses(kernel, link, wanted):
                return False
        with nftables.open() as firewall:
            has_rules = chains.is_ready(firewall, network.bridge, layers(network))
    except OSError:
        return False  # to make it will tell what is wrong
    return has_rules and all(control_file.read(path) == "1" for path in switches(network))


def layers(network: Network) -> tuple[str, ...]:
    """The families of addresses that it has, as the firewall calls them."""
    found = (("ip", network.subnet), ("ip6", network.subnet6))
    return tuple(layer for layer, subnet in found if subnet)


def switches(network: Network) -> list[str]:
    """What makes the host pass packets on that a network needs; an internal one leads nowhere."""
    if network.internal:
        return []
    found = ((IP_FORWARD, network.subnet), (IP6_FORWARD, network.subnet6))
    return [path for path, subnet in found if subnet]


def own_addresses(network: Network) -> list[tuple[str, int]]:
    """The addresses that the bridge itself has, with the lengths of their prefixes."""
    modes, without_ipv4 = ("nat", "nat"), False
    if network.options:
        options = read_options(network)
        modes, without_ipv4 = options.gateway_mode, options.inhibit_ipv4
    found = []
    for pool in network.pools:
        is_ipv6 = ":" in pool.subnet
        is_without = modes[is_ipv6] == "isolated" or without_ipv4 and not is_ipv6
        if pool.gateway and not is_without:
            found.append((pool.gateway, int(pool.subnet.partition("/")[2])))
    return found


def has_addresses(kernel: netlink.Socket, link: rtnetlink.Link, wanted: set[str]) -> bool:
    """Whether a link has all these addresses."""
    found = set()
    for family, mark in ((_socket.AF_INET, "."), (_socket.AF_INET6, ":")):
        if any(mark in address for address in wanted):
            addresses = rtnetlink.list_addresses(kernel, family)
            found |= {each.address for each in addresses if each.link == link.ifindex}
    return wanted <= found


def make_link(kernel: netlink.Socket, network: Network, owner: str) -> int:
    """The index of the network's bridge, made if it is missing, and up. Raises Conflict.

    One that the user made, and named in an option, keeps what is set on it.
    """
    name = network.bridge
    is_made = attempt(kernel, rtnetlink.add_bridge(name, mac_of(network)))
    link = rtnetlink.find_link(kernel, name)
    if link is None or link.kind != "bridge":
        raise Conflict(f"the link {name} exists and is not a bridge", hint="rename or delete it")
    if any(":" in pool.subnet for pool in network.pools):
        # Nor may the host believe what containers say about routers (CVE-2020-13401).
        container_side.protect_ipv6(name)
    else:
        container_side.turn_ipv6_off(name)
    # For ports published on 127.0.0.1; the rules guard what else that would open.
    control_file.write(f"/proc/sys/net/ipv4/conf/{name}/route_localnet", "1")
    if is_made or is_ours(link):
        alias = networks.link_alias(owner)
        kernel.ask(rtnetlink.set_up(link.ifindex, mtu=network.mtu, alias=alias))
    else:
        kernel.ask(rtnetlink.set_up(link.ifindex))
    return link.ifindex


def mac_of(network: Network) -> str:
    """The bridge's own MAC address."""
    gateway = network.gateway or network.gateway6
    return networks.mac_of(gateway or network.pools[0].subnet.partition("/")[0])


def is_ours(link: rtnetlink.Link) -> bool:
    """Whether we made a bridge: by its name, where a killed process did not come to say so."""
    return networks.is_marked(link.alias) or link.name.startswith(networks.OWN_LINKS)


def claim(kernel: netlink.Socket, network: Network, link: int) -> None:
    """Take the subnet by a route that the kernel accepts only once on this host.

    Of several Homes (or other engines) that choose the same subnet at the same time, one gets it.
    Raises SubnetTaken. IPv6 subnets are as good as random, or the user's choice.
    """
    for subnet, length in subnets4(network):
        try:
            kernel.ask(rtnetlink.add_route(subnet, length, link=link))
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
            others = [
                route
                for route in rtnetlink.list_routes(kernel)
                if (route.destination, route.prefix_length) == (subnet, length)
                and route.link != link
            ]
            if others:
                text = f"the subnet {subnet}/{length} is in use on this host"
                raise SubnetTaken(text) from None


def settle(kernel: netlink.Socket, network: Network, link: int) -> None:
    """Give the bridge its addresses; the routes that come with them replace those of `claim`."""
    addresses = own_addresses(network)
    for address, length in reversed(addresses):
        attempt(kernel, rtnetlink.add_address(link, address, length))
    if any("." in address for address, _ in addresses):
        for subnet, length in subnets4(network):
            attempt(kernel, rtnetlink.delete_route(subnet, length, link=link))


def subnets4(network: Network) -> list[tuple[str, int]]:
    """First address and prefix of the network's IPv4 subnets."""
    found = [pool.subnet.split("/") for pool in network.pools if "." in pool.subnet]
    return [(subnet, int(length)) for subnet, length in found]


def attempt(kernel: netlink.Socket, request: netlink.Request) -> bool:
    """Ask for a change that somebody may have made already; whether it is ours."""
    try:
        kernel.ask(request)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ESRCH, errno.ENODEV):
            raise
        return False
    return True


def attach(network: Network, endpoint: Endpoint, netns_fd: int) -> None:
    """Give a namespace its link and addresses. Raises SystemFailure, Conflict."""
    try:
        with Undo() as undo:
            undo.add(delete_link, endpoint.host_link)
            with netlink.open() as kernel:
                make_pair(kernel, network, endpoint, netns_fd)
                container_side.configure(endpoint, netns_fd)
                # The bridge itself is idle until it has a first port.
                wait_until_running(kernel, endpoint.host_link)
                wait_until_running(kernel, network.bridge)
    except OSError as error:
        what = f"cannot connect the container to network {network.name}"
        hint = "a bridge has room for 1,023 containers" if error.errno == errno.EXFULL else ""
        raise SystemFailure.from_os(what, error, hint=hint) from error


def make_pair(kernel: netlink.Socket, network: Network, endpoint: Endpoint, netns_fd: int) -> None:
    """Make the pair of links, one end on the bridge, the other in the container."""
    pair = rtnetlink.add_veth(
        endpoint.host_link,
        endpoint.link,
        peer_netns_fd=netns_fd,
        mac=networks.mac_of(endpoint.address or endpoint.address6, HOST_MAC),
        peer_mac=endpoint.mac,
        mtu=network.mtu,
        master=_socket.if_nametoindex(network.bridge),
    )
    alias = networks.link_alias(endpoint.container_id)
    settings = [rtnetlink.set_up(endpoint.host_link, without_ipv6=has_ipv6(), alias=alias)]
    if network.options and not read_options(network).icc and not is_filtered(network):
        from cuddy.kernel import bridge_port

        settings.insert(0, bridge_port.set_isolated(endpoint.host_link))
    try:
        kernel.ask(pair)
    except FileExistsError:
        # The container's own link of before a restart, which the kernel is still taking down.
        attempt(kernel, rtnetlink.delete_link(endpoint.host_link))
        kernel.ask(pair)
    kernel.ask(*settings)


def is_filtered(network: Network) -> bool:
    """Whether frames within a bridge pass the rules of the firewall too, by br_netfilter.

    Then it keeps the containers apart that are not to reach each other; ports that are isolated
    would not even let those frames through that lead to a published port.
    """
    layers = (("iptables", network.subnet), ("ip6tables", network.subnet6))
    return all(
        control_file.read(BRIDGE_NF_CALL.format(name)) == "1" for name, subnet in layers if subnet
    )


def wait_until_running(kernel: netlink.Socket, name: str) -> None:
    """Wait until the kernel sends by a link whose other end has just come up.

    It sees to that in its own time, and while it takes other namespaces down that can be late: the
    container's first packet, or the answer to it, would be lost, and sent again only after a
    second. Since Linux 6.8 to ask is enough to have it done.
    """
    for _ in range(RUNNING_ATTEMPTS):
        link = rtnetlink.find_link(kernel, name)
        if link is None or link.is_running:
            return
        time.sleep(0.001)


def detach(network: Network, endpoint: Endpoint, netns_fd: int) -> None:
    """Take the link from a namespace that goes on without. Raises SystemFailure.

    The link of a container that has ended is being deleted by the kernel already; to ask for it
    would only make us wait, some twenty milliseconds.
    """
    try:
        delete_link(endpoint.host_link)
    except OSError as error:
        raise SystemFailure.from_os("cannot disconnect the container", error) from error


def delete_link(name: str) -> None:
    """Delete a link if it is there. Raises OSError."""
    with netlink.open() as kernel:
        attempt(kernel, rtnetlink.delete_link(name))


def remove(network: Network) -> None:
    """Delete a network's bridge and rules; no container may be on it. Raises SystemFailure.

    A bridge that the user made only loses its address.
    """
    try:
        with netlink.open() as kernel:
            link = rtnetlink.find_link(kernel, network.bridge)
            if link and is_ours(link):
                attempt(kernel, rtnetlink.delete_link(link.ifindex))
            elif link:
                for address, length in own_addresses(network):
                    attempt(kernel, rtnetlink.delete_address(link.ifindex, address, length))
        from cuddy.network import nat

        nat.remove(network.bridge)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot remove the bridge {network.bridge}", error) from error


def has_ipv6() -> bool:
    """Whether this kernel speaks IPv6 at all."""
    return os.path.exists("/proc/sys/net/ipv6/conf/all")
