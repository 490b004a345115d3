"""By which of its networks a container reaches the rest of the world."""

from __future__ import annotations

import _socket

from cuddy.kernel import namespaces, netlink, rtnetlink
from cuddy.network.network import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.network.endpoint import Endpoint

FAMILIES = (_socket.AF_INET, _socket.AF_INET6)
MOST_DEFAULTS = 100
"""Default routes that are taken away: a program with CAP_NET_ADMIN could make them without end."""


def choose(
    places: Sequence[tuple[Network, Endpoint]], priorities: Sequence[int], family: int
) -> Endpoint | None:
    """The endpoint with the default route: of the highest priority, then the first by name.

    Docker's rule (libnetwork, sandbox.go). An internal network leads nowhere.
    """
    able = [
        (-priority, network.name, endpoint)
        for (network, endpoint), priority in zip(places, priorities, strict=True)
        if gateway_of(endpoint, family) and not network.internal
    ]
    return min(able)[2] if able else None


def gateway_of(endpoint: Endpoint, family: int) -> str:
    """The router of an endpoint in a family of addresses; "" without one."""
    return endpoint.gateway if family == _socket.AF_INET else endpoint.gateway6


def set_default(netns_fd: int, chosen: Sequence[Endpoint | None]) -> None:
    """Have the default routes of a namespace lead by the endpoints chosen for each of FAMILIES.

    Raises OSError.
    """
    with namespaces.Joined(netns_fd, "network"):
        kernel = netlink.Socket()
    with kernel:
        links = {link.name: link.ifindex for link in rtnetlink.list_links(kernel)}
        for family, endpoint in zip(FAMILIES, chosen, strict=True):
            for _ in range(MOST_DEFAULTS):
                if not has_default(kernel, family):
                    break
                kernel.ask(rtnetlink.delete_default(family))
            if endpoint:
                gateway = gateway_of(endpoint, family)
                kernel.ask(rtnetlink.add_route("", 0, gateway=gateway, link=links[endpoint.link]))


def has_default(kernel: netlink.Socket, family: int) -> bool:
    """Whether there is any default route."""
    return any(
        not route.prefix_length and route.table == rtnetlink.RT_TABLE_MAIN
        for route in rtnetlink.list_routes(kernel, family)
    )
