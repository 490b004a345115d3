"""The host's link that containers of a macvlan or ipvlan network ride on: its parent.

A parent `eth0.50` that is not there is made: the part of eth0 with the VLAN tag 50. Without any
parent the containers have a wire to themselves: a dummy link, or, where the kernel has none, one
end of a veth pair whose other end nobody holds. What was made so goes with the network.
"""

from __future__ import annotations

import errno

from cuddy.errors import Conflict, InvalidArgument, NotFound, SystemFailure
from cuddy.kernel import netlink, rtnetlink, sublinks
from cuddy.network import network as networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.network.network import Network

OPTION = "parent"
MAX_TAG = 4094
UNKNOWN = (errno.EOPNOTSUPP, errno.ENODEV)
"""What the kernel answers to a kind of link that it does not have."""


def name_of(network: Network) -> str:
    """The name of the parent: the one asked for, or one of our own."""
    return network.options.get(OPTION) or network.bridge or f"dm-{network.id[:12]}"


def check(options: Mapping[str, str], driver: str) -> None:
    """Refuse a parent that cannot be one. Raises InvalidArgument."""
    parent = options.get(OPTION, "")
    if parent == "lo":
        raise InvalidArgument(f"loopback interface is not a valid {driver} parent link")


def split(name: str) -> tuple[str, int]:
    """The link and the VLAN tag of "eth0.50". Raises InvalidArgument, in Docker's words."""
    below, _, tag = name.rpartition(".")
    if not (below and tag.isascii() and tag.isdecimal() and len(tag) <= 5):
        raise InvalidArgument(
            f"invalid subinterface vlan name {name}, example formatting is eth0.10",
            hint="'ip link' lists the links of this host",
        )
    if not 1 <= int(tag) <= MAX_TAG:
        raise InvalidArgument(f"vlan id must be between 1-{MAX_TAG}, received: {int(tag)}")
    return below, int(tag)


def is_ready(network: Network) -> bool:
    """Whether the parent is there and up."""
    with netlink.open() as kernel:
        link = rtnetlink.find_link(kernel, name_of(network))
    return bool(link and link.is_up)


def ensure(network: Network, *, owner: str = "") -> None:
    """Have the network's parent. Raises SystemFailure, InvalidArgument, NotFound, Conflict."""
    try:
        with netlink.open() as kernel:
            link = rtnetlink.find_link(kernel, name_of(network))
            if link is None:
                link = make(kernel, network)
                alias = networks.link_alias(owner)
                kernel.ask(rtnetlink.set_up(link.ifindex, alias=alias))
            elif is_ours(link) and not link.is_up:
                kernel.ask(rtnetlink.set_up(link.ifindex))
            elif not link.is_up:
                hint = f"ip link set {link.name} up"
                raise Conflict(f"the parent link {link.name} is down", hint=hint)
    except OSError as error:
        what = f"cannot make the parent link {name_of(network)}"
        raise SystemFailure.from_os(what, error, hint=hint_of(error, "VLAN")) from error


def make(kernel: netlink.Socket, network: Network) -> rtnetlink.Link:
    """A parent that is not there. Raises OSError, InvalidArgument, NotFound."""
    name = name_of(network)
    if network.options.get(OPTION):
        lower, tag = split(name)
        below = rtnetlink.find_link(kernel, lower)
        if below is None:
            hint = "'ip link' lists the links of this host"
            raise NotFound(f"the parent link {lower} does not exist", hint=hint)
        kernel.ask(sublinks.add_vlan(name, below.ifindex, tag))
    else:
        make_wire(kernel, name)
    found = rtnetlink.find_link(kernel, name)
    if found is None:
        raise OSError(errno.ENODEV, "it is gone again", name)
    return found


def make_wire(kernel: netlink.Socket, name: str) -> None:
    """A link with nobody else on it. Raises OSError."""
    try:
        kernel.ask(sublinks.add_dummy(name))
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise
        kernel.ask(sublinks.add_pair(name, far_end(name)))
        kernel.ask(rtnetlink.set_up(far_end(name)))


def far_end(name: str) -> str:
    """The other end of a veth pair that stands for a dummy."""
    return f"{name[:14]}_"


def is_ours(link: rtnetlink.Link) -> bool:
    """Whether we made it: by its name, where a killed process did not come to say so.

    What else of ours a user may have named as the parent, a bridge or a container's link, has such
    an alias too, but is none of the kinds that are made for parents.
    """
    if link.name.startswith("dm-"):
        return link.kind in ("dummy", "veth")
    return link.kind == "vlan" and networks.is_marked(link.alias)


def remove(network: Network) -> None:
    """Delete the parent if we made it. Raises SystemFailure."""
    try:
        with netlink.open() as kernel:
            link = rtnetlink.find_link(kernel, name_of(network))
            if link and is_ours(link):
                kernel.ask(rtnetlink.delete_link(link.ifindex))
    except OSError as error:
        if error.errno != errno.ENODEV:
            what = f"cannot remove the link {name_of(network)}"
            raise SystemFailure.from_os(what, error) from error


def hint_of(error: OSError, kind: str) -> str:
    """What to do about a kernel's refusal."""
    if error.errno in UNKNOWN:
        return f"this kernel has no {kind} links"
    return ""
