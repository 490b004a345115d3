"""Links, addresses and routes: the requests of rtnetlink(7) and what their answers say.

Links that ride on another one (VLAN, macvlan, ipvlan) are in `sublinks.py`. Functions named after a
change return a `Request` for `netlink.Socket.ask`, which takes several at once; those named after a
thing ask a socket themselves. Addresses are text, as people write them.
"""

from __future__ import annotations

import _socket
import errno
import struct

from cuddy.kernel import netlink
from cuddy.kernel.netlink import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    Request,
    attribute,
    nest,
    text,
    u32,
)
from cuddy.shapes import NamedTuple

# linux/rtnetlink.h
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR = 20, 21
RTM_GETADDR = 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26

RTN_UNICAST = 1
RTPROT_STATIC = 4
RT_SCOPE_UNIVERSE = 0
RT_SCOPE_LINK = 253
RT_SCOPE_NOWHERE = 255
RT_TABLE_MAIN = 254
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC = 1, 4, 5, 6, 7
RTA_MULTIPATH, RTA_TABLE = 9, 15

# linux/if_link.h, if_addr.h, veth.h
IFF_UP = 1
IF_OPER_UP = 6
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_LINKINFO = 1, 3, 4, 10, 18
IFLA_LINK, IFLA_OPERSTATE, IFLA_IFALIAS, IFLA_AF_SPEC = 5, 16, 20, 26
IFLA_NET_NS_FD, IFLA_EXT_MASK = 28, 29
IFLA_NUM_TX_QUEUES, IFLA_NUM_RX_QUEUES = 31, 32
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_BR_FORWARD_DELAY, IFLA_BR_STP_STATE, IFLA_BR_MCAST_SNOOPING = 1, 5, 23
IFLA_INET6_ADDR_GEN_MODE = 8
IN6_ADDR_GEN_MODE_NONE = 1
RTEXT_FILTER_SKIP_STATS = 8
VETH_INFO_PEER = 1
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_FLAGS = 1, 2, 4, 8
IFA_F_NODAD = 2

LOOPBACK_INDEX = 1  # in every network namespace
NEW = NLM_F_CREATE | NLM_F_EXCL
ALIAS_CHARACTERS = 255


class Link(NamedTuple):
    """A network link, as `ip link` shows it."""

    ifindex: int
    name: str
    kind: str  # "bridge", "veth" ...; "" for hardware
    is_up: bool
    mtu: int
    mac: str
    master: int
    is_running: bool  # up, and the kernel acts on it: it sends, a bridge forwards to it
    alias: str = ""  # whose it is: ours say it on all that they make
    parent: int = 0  # what a VLAN or macvlan rides on; the other end of a veth


class Address(NamedTuple):
    """An address on a link."""

    link: int
    address: str
    prefix_length: int


class Route(NamedTuple):
    """A route; destination "" is everywhere."""

    destination: str
    prefix_length: int
    gateway: str
    link: int
    table: int
    source: str = ""  # the address that packets get which have none yet
    metric: int = 0  # of two to the same place the lower one counts


def add_bridge(name: str, mac: str) -> Request:
    """A bridge that forwards as soon as it has a port: no spanning tree, no snooping of multicast.

    With a MAC address of its own it keeps it when ports come and go; neighbours remember it.
    """
    settings = nest(
        IFLA_INFO_DATA,
        u32(IFLA_BR_FORWARD_DELAY, 0),
        u32(IFLA_BR_STP_STATE, 0),
        attribute(IFLA_BR_MCAST_SNOOPING, b"\0"),
    )
    info = nest(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, "bridge"), settings)
    body = (
        link_header() + attribute(IFLA_IFNAME, name) + attribute(IFLA_ADDRESS, pack_mac(mac)) + info
    )
    return Request(RTM_NEWLINK, NEW, body, f"add bridge {name}")


def add_veth(
    name: str, peer: str, *, peer_netns_fd: int, mac: str, peer_mac: str, mtu: int, master: int
) -> Request:
    """A pair of links, the near end a port of `master`, the far end born in another namespace.

    Moving a link between namespaces afterwards would wait for every CPU twice.
    """
    # Otherwise the kernel makes, on both ends, a queue with a sysfs directory for each CPU.
    queues = u32(IFLA_NUM_TX_QUEUES, 1) + u32(IFLA_NUM_RX_QUEUES, 1)
    far = (
        link_header()
        + attribute(IFLA_IFNAME, peer)
        + attribute(IFLA_ADDRESS, pack_mac(peer_mac))
        + u32(IFLA_MTU, mtu)
        + u32(IFLA_NET_NS_FD, peer_netns_fd)
        + queues
    )
    data = nest(IFLA_INFO_DATA, attribute(VETH_INFO_PEER | netlink.NLA_F_NESTED, far))
    body = (
        link_header()
        + attribute(IFLA_IFNAME, name)
        + attribute(IFLA_ADDRESS, pack_mac(mac))
        + u32(IFLA_MTU, mtu)
        + u32(IFLA_MASTER, master)
        + queues
        + nest(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, "veth"), data)
    )
    return Request(RTM_NEWLINK, NEW, body, f"add veth {name} with peer {peer}")


def set_up(
    link: int | str, *, mtu: int = 0, without_ipv6: bool = False, alias: str = ""
) -> Request:
    """Bring a link up. `without_ipv6`: it gets no link-local address by itself.

    The alias stands here because the kernel does not take it from those who make a link.
    """
    extra = u32(IFLA_MTU, mtu) if mtu else b""
    if without_ipv6:
        mode = attribute(IFLA_INET6_ADDR_GEN_MODE, bytes([IN6_ADDR_GEN_MODE_NONE]))
        extra += nest(IFLA_AF_SPEC, nest(_socket.AF_INET6, mode))
    if alias:
        extra += attribute(IFLA_IFALIAS, alias[:ALIAS_CHARACTERS])
    return Request(RTM_SETLINK, 0, link_header(link, up=True) + extra, f"set link {link} up")


def move_link(ifindex: int, name: str, netns_fd: int) -> Request:
    """Put a link into another network namespace, under a name; it is down there."""
    extra = u32(IFLA_NET_NS_FD, netns_fd) + attribute(IFLA_IFNAME, name)
    return Request(RTM_SETLINK, 0, link_header(ifindex) + extra, f"move link {ifindex} as {name}")


def delete_link(link: int | str) -> Request:
    """Delete a link; a veth's other end goes with it."""
    return Request(RTM_DELLINK, 0, link_header(link), f"delete link {link}")


def add_address(link: int, address: str, prefix_length: int) -> Request:
    """Give a link an address, in use at once: nobody is asked whether they have it already."""
    family, packed = pack_address(address)
    body = struct.pack("=BBBBI", family, prefix_length, 0, RT_SCOPE_UNIVERSE, link)
    body += attribute(IFA_LOCAL, packed) + attribute(IFA_ADDRESS, packed)
    if family == _socket.AF_INET:
        hosts = (1 << 32 - prefix_length) - 1
        broadcast = int.from_bytes(packed) | hosts
        body += attribute(IFA_BROADCAST, broadcast.to_bytes(4))
    else:
        body += u32(IFA_FLAGS, IFA_F_NODAD)
    return Request(RTM_NEWADDR, NEW, body, f"add address {address}/{prefix_length}")


def delete_address(link: int, address: str, prefix_length: int) -> Request:
    """Take an address from a link."""
    family, packed = pack_address(address)
    body = struct.pack("=BBBBI", family, prefix_length, 0, 0, link) + attribute(IFA_LOCAL, packed)
    return Request(RTM_DELADDR, 0, body, f"delete address {address}/{prefix_length}")


def add_route(
    destination: str,
    prefix_length: int,
    *,
    gateway: str = "",
    link: int = 0,
    family: int = 0,
    metric: int = 0,
) -> Request:
    """A route through a gateway, or to what is on a link itself.

    `family` has to be said where neither destination nor gateway shows it. Refused with EEXIST when
    the same destination is routed already, whichever way.
    """
    body = _route(destination, prefix_length, gateway, link, family, metric)
    return Request(RTM_NEWROUTE, NEW, body, f"add {_about(destination, prefix_length, gateway)}")


def delete_default(family: int) -> Request:
    """Take the default route of a family away, wherever it leads; ESRCH if there is none."""
    body = _route("", 0, "", 0, family, scope=RT_SCOPE_NOWHERE)
    return Request(RTM_DELROUTE, 0, body, "delete default route")


def delete_route(destination: str, prefix_length: int, *, link: int, metric: int = 0) -> Request:
    """Take back what `add_route` with a link added."""
    body = _route(destination, prefix_length, "", link, 0, metric)
    return Request(RTM_DELROUTE, 0, body, f"delete {_about(destination, prefix_length)}")


def find_link(socket: netlink.Socket, name: str) -> Link | None:
    """The link of that name, or None."""
    body = link_header(name) + u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
    try:
        answers = socket.ask(Request(RTM_GETLINK, 0, body, f"get link {name}"))
    except OSError as error:
        if error.errno == errno.ENODEV:
            return None
        raise
    return parse_link(answers[0].body)


def list_links(socket: netlink.Socket) -> list[Link]:
    """Every link of the socket's namespace."""
    body = link_header() + u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
    answers = socket.dump(Request(RTM_GETLINK, 0, body, "list links"))
    return [parse_link(answer.body) for answer in answers]


def list_addresses(socket: netlink.Socket, family: int = _socket.AF_INET) -> list[Address]:
    """Every address of one family on every link."""
    body = struct.pack("=BBBBI", family, 0, 0, 0, 0)
    answers = socket.dump(Request(RTM_GETADDR, 0, body, "list addresses"))
    return [parse_address(answer.body) for answer in answers]


def list_routes(socket: netlink.Socket, family: int = _socket.AF_INET) -> list[Route]:
    """Every unicast route of one family, of all tables."""
    body = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
    answers = socket.dump(Request(RTM_GETROUTE, 0, body, "list routes"))
    return [parse_route(answer.body) for answer in answers if answer.body[7] == RTN_UNICAST]


def loopback_up() -> None:
    """Bring `lo` of our own network namespace up; all that `--network none` needs."""
    with netlink.open() as socket:
        socket.ask(set_up(LOOPBACK_INDEX))


def parse_link(body: bytes) -> Link:
    """A struct ifinfomsg with its attributes."""
    _, _, index, flags, _ = struct.unpack_from("=BxHiII", body)
    found = netlink.attributes(body[16:])
    info = netlink.attributes(found.get(IFLA_LINKINFO, b""))
    return Link(
        index,
        text(found.get(IFLA_IFNAME, b"")),
        text(info.get(IFLA_INFO_KIND, b"")),
        bool(flags & IFF_UP),
        number(found.get(IFLA_MTU)),
        found.get(IFLA_ADDRESS, b"").hex(":"),
        number(found.get(IFLA_MASTER)),
        found.get(IFLA_OPERSTATE) == bytes([IF_OPER_UP]),
        text(found.get(IFLA_IFALIAS, b"")),
        number(found.get(IFLA_LINK)),
    )


def parse_address(body: bytes) -> Address:
    """A struct ifaddrmsg with its attributes."""
    _, prefix_length, _, _, link = struct.unpack_from("=BBBBI", body)
    found = netlink.attributes(body[8:])
    # On a point-to-point link IFA_ADDRESS is the other side.
    return Address(link, unpack_address(found.get(IFA_LOCAL) or found[IFA_ADDRESS]), prefix_length)


def parse_route(body: bytes) -> Route:
    """A struct rtmsg with its attributes; of several next hops the first."""
    prefix_length, table = body[1], body[4]
    found = netlink.attributes(body[12:])
    link = number(found.get(RTA_OIF))
    if RTA_MULTIPATH in found:
        link = struct.unpack_from("=HBBi", found[RTA_MULTIPATH])[3]
    destination, gateway = found.get(RTA_DST), found.get(RTA_GATEWAY)
    source = found.get(RTA_PREFSRC)
    return Route(
        unpack_address(destination) if destination else "",
        prefix_length,
        unpack_address(gateway) if gateway else "",
        link,
        number(found.get(RTA_TABLE)) or table,
        unpack_address(source) if source else "",
        number(found.get(RTA_PRIORITY)),
    )


def link_header(link: int | str = 0, *, up: bool = False) -> bytes:
    """struct ifinfomsg naming a link by index or, with its attribute, by name."""
    index = link if isinstance(link, int) else 0
    flags = IFF_UP if up else 0
    head = struct.pack("=BxHiII", _socket.AF_UNSPEC, 0, index, flags, flags)
    return head + attribute(IFLA_IFNAME, link) if isinstance(link, str) else head


def _route(
    destination: str,
    prefix_length: int,
    gateway: str,
    link: int,
    family: int = 0,
    metric: int = 0,
    scope: int = RT_SCOPE_LINK,
) -> bytes:
    """struct rtmsg of a unicast route in the main table, with its attributes."""
    family = family or pack_address(gateway or destination)[0]
    scope = RT_SCOPE_UNIVERSE if gateway else scope
    body = struct.pack(
        "=BBBBBBBBI", family, prefix_length, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope,
        RTN_UNICAST, 0,
    )  # fmt: skip
    if destination and prefix_length:
        body += attribute(RTA_DST, pack_address(destination)[1])
    if gateway:
        body += attribute(RTA_GATEWAY, pack_address(gateway)[1])
    if metric:
        body += u32(RTA_PRIORITY, metric)
    return body + u32(RTA_OIF, link) if link else body


def _about(destination: str, prefix_length: int, gateway: str = "") -> str:
    where = f"{destination}/{prefix_length}" if prefix_length else "default"
    return f"route {where}" + (f" via {gateway}" if gateway else "")


def number(value: bytes | None) -> int:
    """A 32-bit attribute; 0 when it is missing."""
    return int(struct.unpack_from("=I", value)[0]) if value else 0


def pack_address(address: str) -> tuple[int, bytes]:
    """Address family and bytes of an IPv4 or IPv6 address. Raises OSError."""
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    return family, _socket.inet_pton(family, address)


def unpack_address(packed: bytes) -> str:
    """The text of an IPv4 or IPv6 address."""
    return _socket.inet_ntop(_socket.AF_INET if len(packed) == 4 else _socket.AF_INET6, packed)


def pack_mac(mac: str) -> bytes:
    """The bytes of "02:42:ac:11:00:02"."""
    return bytes.fromhex(mac.replace(":", ""))
