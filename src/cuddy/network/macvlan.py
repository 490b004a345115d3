"""macvlan: containers as machines of their own on the wire of one of the host's links.

        host                          container
    eth0 192.0.2.5 ═══ the wire ═══ eth0 192.0.2.64, default route via the wire's own router

The container's link has its own MAC address on the parent's wire; nothing of it is seen on the
host, which cannot reach it either (the kernel keeps a macvlan and its parent apart). It is born in
the container's network namespace and dies with it.
"""

from __future__ import annotations

import _socket
import errno

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import namespaces, netlink, rtnetlink, sublinks
from cuddy.network import bridge_options, container_side, parent_link
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.network.endpoint import Endpoint
    from cuddy.network.network import Network

MODE = "macvlan_mode"
DEFAULT_MODE = "bridge"
KNOWN = frozenset({MODE, parent_link.OPTION, bridge_options.MTU})

ensure = parent_link.ensure
is_ready = parent_link.is_ready
remove = parent_link.remove


def check(network: Network) -> None:
    """Refuse options that make no sense, in Docker's words. Raises InvalidArgument."""
    parent_link.check(network.options, network.driver)
    bridge_options.parse_mtu(network.options)
    mode_of(network)


def mode_of(network: Network) -> str:
    """How its containers see each other. Raises InvalidArgument."""
    mode = network.options.get(MODE) or DEFAULT_MODE
    if mode not in sublinks.MACVLAN_MODES:
        raise InvalidArgument(
            f"requested macvlan mode '{mode}' is not valid, "
            f"'{DEFAULT_MODE}' mode is the macvlan driver default",
            hint=f"one of {', '.join(sublinks.MACVLAN_MODES)}",
        )
    return mode


def attach(network: Network, endpoint: Endpoint, netns_fd: int) -> None:
    """Give a namespace its link and addresses. Raises SystemFailure, InvalidArgument."""
    mode, mtu = mode_of(network), bridge_options.parse_mtu(network.options)
    try:
        with Undo() as undo, netlink.open() as kernel:
            parent = _socket.if_nametoindex(parent_link.name_of(network))
            kernel.ask(
                sublinks.add_macvlan(
                    endpoint.link, parent, mode, netns_fd=netns_fd, mac=endpoint.mac, mtu=mtu
                )
            )
            undo.add(detach, network, endpoint, netns_fd)
            container_side.configure(endpoint, netns_fd)
    except OSError as error:
        what = f"cannot connect the container to network {network.name}"
        raise SystemFailure.from_os(what, error, hint=hint_of(error, mode)) from error


def hint_of(error: OSError, mode: str) -> str:
    """What to do about a kernel's refusal."""
    if error.errno in (errno.EINVAL, errno.EBUSY) and mode == "passthru":
        return "in the mode passthru a parent carries a single container"
    return parent_link.hint_of(error, "macvlan")


def detach(network: Network, endpoint: Endpoint, netns_fd: int) -> None:
    """Take the link from a namespace that goes on without. Raises SystemFailure."""
    try:
        with namespaces.Joined(netns_fd, "network"), netlink.open() as kernel:
            kernel.ask(rtnetlink.delete_link(endpoint.link))
    except OSError as error:
        if error.errno != errno.ENODEV:
            what = f"cannot disconnect the container from {network.name}"
            raise SystemFailure.from_os(what, error) from error
