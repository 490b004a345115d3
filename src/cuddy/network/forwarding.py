"""Whether this host passes packets on between its links: ip_forward, and the same of IPv6."""

from __future__ import annotations

import _socket

from cuddy.kernel import control_file, rtnetlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.kernel.netlink import Socket

ACCEPT_RA = "/proc/sys/net/ipv6/conf/{}/accept_ra"


def turn_on(kernel: Socket, switches: Iterable[str]) -> None:
    """Have the host pass packets on: `switches` are files below /proc/sys. Raises OSError."""
    for path in switches:
        if control_file.read(path) == "1":
            continue
        if "ipv6" in path:
            keep_routers(kernel)
        control_file.write(path, "1")


def keep_routers(kernel: Socket) -> None:
    """Let the host's uplinks go on to learn routes from the routers there.

    Who forwards is a router itself, and the kernel stops listening to others unless told not to:
    "accept_ra" in Documentation/networking/ip-sysctl.
    """
    uplinks = {
        route.link
        for route in rtnetlink.list_routes(kernel, _socket.AF_INET6)
        if not route.prefix_length and route.table == rtnetlink.RT_TABLE_MAIN
    }
    for link in rtnetlink.list_links(kernel):
        path = ACCEPT_RA.format(link.name)
        if link.ifindex in uplinks and control_file.read(path) == "1":
            control_file.write(path, "2")
