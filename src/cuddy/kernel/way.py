"""Which way a packet would take: what the kernel's routes say of one address (RTM_GETROUTE,
rtnetlink(7); what `ip route get` shows). Nothing is sent.
"""

from __future__ import annotations

import errno
import struct

from cuddy.kernel import netlink, rtnetlink
from cuddy.kernel.netlink import Request, attribute
from cuddy.shapes import NamedTuple

# linux/rtnetlink.h
RTN_UNICAST, RTN_LOCAL = 1, 2
RTA_PREFSRC = 7
NOWHERE = {
    errno.ENETUNREACH: "no route",
    errno.EHOSTUNREACH: "unreachable",
    errno.EACCES: "prohibited",
    errno.EINVAL: "blackhole",
}
"""What the kernel answers when there is none, and what such a route is called."""


class Way(NamedTuple):
    """Out by `link`, from the address `source`; `gateway` "": to the neighbour itself.

    `refusal`: why there is no way; then all else is empty.
    """

    link: str = ""
    source: str = ""
    gateway: str = ""
    is_local: bool = False  # the address is this namespace's own
    refusal: str = ""


def find(socket: netlink.Socket, address: str) -> Way:
    """The way to an address from the socket's namespace. Raises OSError."""
    family, packed = rtnetlink.pack_address(address)
    body = struct.pack("=BBBBBBBBI", family, len(packed) * 8, 0, 0, 0, 0, 0, 0, 0)
    body += attribute(rtnetlink.RTA_DST, packed)
    try:
        answers = socket.ask(Request(rtnetlink.RTM_GETROUTE, 0, body, f"get route to {address}"))
    except OSError as error:
        if error.errno in NOWHERE:
            return Way(refusal=NOWHERE[error.errno])
        raise
    return parse(
        answers[0].body, {each.ifindex: each.name for each in rtnetlink.list_links(socket)}
    )


def parse(body: bytes, names: dict[int, str]) -> Way:
    """A struct rtmsg with its attributes; `names`: of links by index."""
    found = netlink.attributes(body[12:])
    link = rtnetlink.number(found.get(rtnetlink.RTA_OIF))
    return Way(
        names.get(link, f"link {link}"),
        _address(found.get(RTA_PREFSRC)),
        _address(found.get(rtnetlink.RTA_GATEWAY)),
        body[7] == RTN_LOCAL,
    )


def _address(packed: bytes | None) -> str:
    return rtnetlink.unpack_address(packed) if packed else ""
