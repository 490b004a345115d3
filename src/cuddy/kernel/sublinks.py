"""Links that ride on another link: VLAN, macvlan and ipvlan (ip-link(8), linux/if_link.h).

A macvlan has a MAC address of its own on its parent's wire, an ipvlan shares its parent's, and a
VLAN sends its parent's frames with a tag. Born in a container's network namespace they vanish with
it. A dummy link is a wire with nobody on it: a parent for those that need none.
"""

from __future__ import annotations

import struct

from cuddy.kernel.netlink import NLA_F_NESTED, Request, attribute, nest, u32
from cuddy.kernel.rtnetlink import (
    IFLA_ADDRESS,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINK,
    IFLA_LINKINFO,
    IFLA_MTU,
    IFLA_NET_NS_FD,
    NEW,
    RTM_NEWLINK,
    VETH_INFO_PEER,
    link_header,
    pack_mac,
)

IFLA_VLAN_ID = 1
IFLA_MACVLAN_MODE = 1
IFLA_IPVLAN_MODE, IFLA_IPVLAN_FLAGS = 1, 2

MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
IPVLAN_FLAGS = {"bridge": 0, "private": 1, "vepa": 2}


def add_vlan(name: str, parent: int, tag: int) -> Request:
    """The part of a link's traffic that carries a VLAN's tag."""
    data = attribute(IFLA_VLAN_ID, struct.pack("=H", tag))
    return _add("vlan", name, u32(IFLA_LINK, parent), data)


def add_macvlan(
    name: str, parent: int, mode: str, *, netns_fd: int, mac: str, mtu: int = 0
) -> Request:
    """A link with its own MAC address, born in another network namespace."""
    place = u32(IFLA_LINK, parent) + u32(IFLA_NET_NS_FD, netns_fd)
    place += attribute(IFLA_ADDRESS, pack_mac(mac))
    if mtu:
        place += u32(IFLA_MTU, mtu)
    return _add("macvlan", name, place, u32(IFLA_MACVLAN_MODE, MACVLAN_MODES[mode]))


def add_ipvlan(
    name: str, parent: int, mode: str, flag: str = "bridge", *, netns_fd: int, mtu: int = 0
) -> Request:
    """A link with its parent's MAC address, born in another network namespace."""
    place = u32(IFLA_LINK, parent) + u32(IFLA_NET_NS_FD, netns_fd)
    if mtu:
        place += u32(IFLA_MTU, mtu)
    data = attribute(IFLA_IPVLAN_MODE, struct.pack("=H", IPVLAN_MODES[mode]))
    data += attribute(IFLA_IPVLAN_FLAGS, struct.pack("=H", IPVLAN_FLAGS[flag]))
    return _add("ipvlan", name, place, data)


def add_pair(name: str, peer: str) -> Request:
    """A veth with both ends here: where there are no dummy links, it is a wire as well."""
    far = link_header() + attribute(IFLA_IFNAME, peer)
    return _add("veth", name, data=attribute(VETH_INFO_PEER | NLA_F_NESTED, far))


def add_dummy(name: str) -> Request:
    """A link whose packets go nowhere."""
    return _add("dummy", name)


def _add(kind: str, name: str, place: bytes = b"", data: bytes = b"") -> Request:
    info = attribute(IFLA_INFO_KIND, kind) + (nest(IFLA_INFO_DATA, data) if data else b"")
    body = link_header() + attribute(IFLA_IFNAME, name) + place + nest(IFLA_LINKINFO, info)
    return Request(RTM_NEWLINK, NEW, body, f"add {kind} {name}")
