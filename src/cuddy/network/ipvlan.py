"""ipvlan: containers with addresses of their own behind the MAC address of one of the host's links.

Where a switch or a cloud allows a link one MAC address only, macvlan cannot be. In the modes l3 and
l3s the parent is a router rather than a switch: whatever there is is reached by the link itself,
nothing is broadcast, and the world outside needs a route to the network.
"""

from __future__ import annotations

import _socket

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import netlink, sublinks
from cuddy.network import bridge_options, container_side, macvlan, parent_link
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.network.endpoint import Endpoint
    from cuddy.network.network import Network

MODE, FLAG = "ipvlan_mode", "ipvlan_flag"
KNOWN = frozenset({MODE, FLAG, parent_link.OPTION, bridge_options.MTU})
DEFAULT_MODE, DEFAULT_FLAG = "l2", "bridge"

ensure = parent_link.ensure
is_ready = parent_link.is_ready
remove = parent_link.remove
detach = macvlan.detach


def check(network: Network) -> None:
    """Refuse options that make no sense, in Docker's words. Raises InvalidArgument."""
    parent_link.check(network.options, network.driver)
    bridge_options.parse_mtu(network.options)
    mode_of(network)


def mode_of(network: Network) -> tuple[str, str]:
    """Mode and flag. Raises InvalidArgument."""
    mode = network.options.get(MODE) or DEFAULT_MODE
    flag = network.options.get(FLAG) or DEFAULT_FLAG
    for kind, word, known, usual in (
        ("mode", mode, sublinks.IPVLAN_MODES, DEFAULT_MODE),
        ("flag", flag, sublinks.IPVLAN_FLAGS, DEFAULT_FLAG),
    ):
        if word not in known:
            raise InvalidArgument(
                f"requested ipvlan {kind} '{word}' is not valid, "
                f"'{usual}' {kind} is the ipvlan driver default",
                hint=f"one of {', '.join(known)}",
            )
    return mode, flag


def attach(network: Network, endpoint: Endpoint, netns_fd: int) -> None:
    """Give a namespace its link and addresses. Raises SystemFailure, InvalidArgument."""
    (mode, flag), mtu = mode_of(network), bridge_options.parse_mtu(network.options)
    try:
        with Undo() as undo, netlink.open() as kernel:
            parent = _socket.if_nametoindex(parent_link.name_of(network))
            kernel.ask(
                sublinks.add_ipvlan(endpoint.link, parent, mode, flag, netns_fd=netns_fd, mtu=mtu)
            )
            undo.add(detach, network, endpoint, netns_fd)
            container_side.configure(endpoint, netns_fd, default_by_link=mode != "l2")
    except OSError as error:
        what = f"cannot connect the container to network {network.name}"
        hint = parent_link.hint_of(error, "ipvlan")
        raise SystemFailure.from_os(what, error, hint=hint) from error
