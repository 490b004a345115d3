"""What is set inside a container's network namespace once its link is there: addresses and routes.

Without an IPv6 address a link speaks no IPv6 at all, and with one it believes no router but ours:
a neighbour could pose as one (CVE-2020-13401).
"""

from __future__ import annotations

import _socket
import time

from cuddy.kernel import control_file, namespaces, netlink, rtnetlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from cuddy.kernel.netlink import Request
    from cuddy.network.endpoint import Endpoint

GROUPS = "/proc/self/net/igmp6"  # of the network namespace of whoever reads it
SOLICITED = "ff0200000000000000000001ff"
ATTEMPTS = 100
LINK_LOCAL_PREFIX = {False: 16, True: 64}


def configure(endpoint: Endpoint, netns_fd: int, *, default_by_link: bool = False) -> None:
    """Set the links up and give them all that the endpoint says. Raises OSError.

    `default_by_link`: whatever there is is on the link itself, no router is needed.
    """
    with namespaces.Joined(netns_fd, "network"):
        kernel = netlink.Socket()
        index = _socket.if_nametoindex(endpoint.link)
        if has_ipv6(endpoint):
            protect_ipv6(endpoint.link)
        else:
            turn_ipv6_off(endpoint.link)
        set_own(endpoint)
        with kernel:
            kernel.ask(
                rtnetlink.set_up(rtnetlink.LOOPBACK_INDEX),
                rtnetlink.set_up(index),
                *addresses(endpoint, index),
                *default_routes(endpoint, index, by_link=default_by_link),
            )
        if endpoint.address6:
            wait_until_heard(endpoint.address6)


def set_own(endpoint: Endpoint) -> None:
    """Kernel settings of the link that were asked for. Raises OSError with the path."""
    for path, value in endpoint.sysctls:
        control_file.write(f"/proc/sys/{path.format(endpoint.link)}", value)


def delete_links_with(netns_fd: int, gone: Collection[str]) -> None:
    """Delete the links of a namespace that have one of these addresses. Raises OSError."""
    with netlink.open(netns_fd) as kernel:
        found = [
            address
            for family in (_socket.AF_INET, _socket.AF_INET6)
            for address in rtnetlink.list_addresses(kernel, family)
        ]
        for link in {each.link for each in found if each.address in gone}:
            kernel.ask(rtnetlink.delete_link(link))


def wait_until_heard(address: str) -> None:
    """Wait until the kernel listens to those who ask where an IPv6 address is (RFC 4861, 7.2.1).

    It begins to in its own time; what neighbours ask before is lost, and asked again after a
    second.
    """
    digits = _socket.inet_pton(_socket.AF_INET6, address)[-3:].hex()
    for _ in range(ATTEMPTS):
        groups = control_file.read(GROUPS)
        if groups is None or f"{SOLICITED}{digits}" in groups:
            return
        time.sleep(0.001)


def has_ipv6(endpoint: Endpoint) -> bool:
    """Whether the endpoint has anything to say in IPv6."""
    return bool(endpoint.address6) or any(":" in address for address in endpoint.link_local)


def addresses(endpoint: Endpoint, index: int) -> list[Request]:
    """The endpoint's addresses, for a link."""
    found = []
    if endpoint.address:
        found.append(rtnetlink.add_address(index, endpoint.address, endpoint.prefix_length))
    if endpoint.address6:
        found.append(rtnetlink.add_address(index, endpoint.address6, endpoint.prefix_length6))
    for address in endpoint.link_local:
        found.append(rtnetlink.add_address(index, address, LINK_LOCAL_PREFIX[":" in address]))
    return found


def default_routes(endpoint: Endpoint, index: int, *, by_link: bool) -> list[Request]:
    """The ways out, if this endpoint is the one that leads out."""
    if not endpoint.has_default_route:
        return []
    found = []
    for address, gateway, family in (
        (endpoint.address, endpoint.gateway, _socket.AF_INET),
        (endpoint.address6, endpoint.gateway6, _socket.AF_INET6),
    ):
        if address and by_link:
            found.append(rtnetlink.add_route("", 0, link=index, family=family))
        elif address and gateway:
            found.append(rtnetlink.add_route("", 0, gateway=gateway, link=index))
    return found


def protect_ipv6(link: str) -> None:
    """IPv6 on a link of our own network namespace, as we say and nobody else. Raises OSError."""
    write_ipv6(link, "disable_ipv6", "0")
    write_ipv6(link, "accept_ra", "0")
    # An address is ours alone; to wait a second until nobody objects would only cost that second.
    write_ipv6(link, "accept_dad", "0")


def turn_ipv6_off(link: str) -> None:
    """No IPv6 on a link of our own network namespace. Raises OSError."""
    write_ipv6(link, "disable_ipv6", "1")


def write_ipv6(link: str, name: str, value: str) -> None:
    """A setting of a link; nothing happens on a kernel without IPv6. Raises OSError."""
    try:
        control_file.write(f"/proc/sys/net/ipv6/conf/{link}/{name}", value)
    except FileNotFoundError:
        pass
