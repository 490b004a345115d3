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
from cuddy.kernel import control_file, namespaces, netlink, nftables, rtnetlink
from cuddy.network import nat
from cuddy.network import network as networks
from cuddy.network.endpoint import Endpoint
from cuddy.network.network import Network
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

IP_FORWARD = "/proc/sys/net/ipv4/ip_forward"
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
                ensure(record)
                return record
            except SubnetTaken:
                continue  # the next choice sees who took it
    raise SystemFailure(f"every subnet chosen for {link} was taken by others at once")


def ensure(network: Network) -> None:
    """Have the network's link, its address, rules and forwarding. Raises SystemFailure, Conflict.

    The address comes last: a bridge that has it has all the rest.
    """
    if is_ready(network):
        return
    try:
        with netlink.open() as kernel:
            link = make_link(kernel, network)
            claim(kernel, network, link)
            nat.apply(network)
            # After the rules: they are what keeps others out of the bridge.
            if control_file.read(IP_FORWARD) != "1":
                control_file.write(IP_FORWARD, "1")
            settle(kernel, network, link)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot make the bridge {network.bridge}", error) from error


def is_ready(network: Network) -> bool:
    """Whether nothing of `ensure` is missing. Asks by netlink only: no program is run."""
    try:
        with netlink.open() as kernel:
            link = rtnetlink.find_link(kernel, network.bridge)
            if not link or not link.is_up or not has_address(kernel, link, network.gateway):
                return False
        with nftables.open() as firewall:
            has_rules = nat.is_ready(firewall, network.bridge)
    except OSError:
        return False  # to make it will tell what is wrong
    return has_rules and control_file.read(IP_FORWARD) == "1"


def has_address(kernel: netlink.Socket, link: rtnetlink.Link, address: str) -> bool:
    """Whether a link has an address."""
    return any(
        found.link == link.ifindex and found.address == address
        for found in rtnetlink.list_addresses(kernel)
    )


def make_link(kernel: netlink.Socket, network: Network) -> int:
    """The index of the network's bridge, made if it is missing, and up. Raises Conflict."""
    name = network.bridge
    attempt(kernel, rtnetlink.add_bridge(name, networks.mac_of(network.gateway)))
    link = rtnetlink.find_link(kernel, name)
    if link is None or link.kind != "bridge":
        raise Conflict(f"the link {name} exists and is not a bridge", hint="rename or delete it")
    # Nor may the host believe what containers say about routers (CVE-2020-13401).
    turn_ipv6_off(name)
    # For ports published on 127.0.0.1; the rules guard what else that would open.
    control_file.write(f"/proc/sys/net/ipv4/conf/{name}/route_localnet", "1")
    kernel.ask(rtnetlink.set_up(link.ifindex, mtu=network.mtu))
    return link.ifindex


def claim(kernel: netlink.Socket, network: Network, link: int) -> None:
    """Take the subnet by a route that the kernel accepts only once on this host.

    Of several Homes (or other engines) that choose the same subnet at the same time, one gets it.
    Raises SubnetTaken.
    """
    subnet, length = network.subnet.split("/")
    try:
        kernel.ask(rtnetlink.add_route(subnet, int(length), link=link))
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
        others = [
            route
            for route in rtnetlink.list_routes(kernel)
            if (route.destination, route.prefix_length) == (subnet, int(length))
            and route.link != link
        ]
        if others:
            raise SubnetTaken(f"the subnet {network.subnet} is in use on this host") from None


def settle(kernel: netlink.Socket, network: Network, link: int) -> None:
    """Give the bridge its address; the route that comes with it makes that of `claim` needless."""
    subnet, length = network.subnet.split("/")
    attempt(kernel, rtnetlink.add_address(link, network.gateway, int(length)))
    attempt(kernel, rtnetlink.delete_route(subnet, int(length), link=link))


def attempt(kernel: netlink.Socket, request: netlink.Request) -> None:
    """Ask for a change that somebody may have made already."""
    try:
        kernel.ask(request)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ESRCH, errno.ENODEV):
            raise


def attach(network: Network, endpoint: Endpoint, netns_fd: int) -> None:
    """Give a namespace its link and addresses. Raises SystemFailure, Conflict."""
    try:
        with Undo() as undo:
            undo.add(delete_link, endpoint.host_link)
            with netlink.open() as kernel:
                make_pair(kernel, network, endpoint, netns_fd)
                configure(endpoint, netns_fd)
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
        mac=networks.mac_of(endpoint.address, HOST_MAC),
        peer_mac=endpoint.mac,
        mtu=network.mtu,
        master=_socket.if_nametoindex(network.bridge),
    )
    up = rtnetlink.set_up(endpoint.host_link, without_ipv6=has_ipv6())
    try:
        kernel.ask(pair)
    except FileExistsError:
        # The container's own link of before a restart, which the kernel is still taking down.
        attempt(kernel, rtnetlink.delete_link(endpoint.host_link))
        kernel.ask(pair)
    kernel.ask(up)


def configure(endpoint: Endpoint, netns_fd: int) -> None:
    """What is to be set inside the container: its links up, its address, its default route."""
    with namespaces.Joined(netns_fd, "network"):
        kernel = netlink.Socket()
        index = _socket.if_nametoindex(endpoint.link)
        # A network without IPv6: neighbours could pose as its router (CVE-2020-13401).
        turn_ipv6_off(endpoint.link)
    with kernel:
        requests = [
            rtnetlink.set_up(rtnetlink.LOOPBACK_INDEX),
            rtnetlink.set_up(index),
            rtnetlink.add_address(index, endpoint.address, endpoint.prefix_length),
        ]
        if endpoint.has_default_route and endpoint.gateway:
            requests.append(rtnetlink.add_route("", 0, gateway=endpoint.gateway))
        kernel.ask(*requests)


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
    """Delete a network's bridge and rules; no container may be on it. Raises SystemFailure."""
    try:
        delete_link(network.bridge)
        nat.remove(network.bridge)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot remove the bridge {network.bridge}", error) from error


def has_ipv6() -> bool:
    """Whether this kernel speaks IPv6 at all."""
    return os.path.exists("/proc/sys/net/ipv6/conf/all")


def turn_ipv6_off(link: str) -> None:
    """No IPv6 on a link of our own network namespace. Raises OSError."""
    try:
        control_file.write(f"/proc/sys/net/ipv6/conf/{link}/disable_ipv6", "1")
    except FileNotFoundError:
        pass  # this kernel has none
