"""What the kernel remembers of connections (conntrack): found, and forgotten, by netlink.

Where a first packet was led all others go, whatever the rules say by then. For datagrams, which
have no end, that can be for ever: who goes on sending keeps the entry alive.
"""

from __future__ import annotations

import _socket
import errno
import struct

from cuddy.kernel import netlink
from cuddy.kernel.netlink import Request, attribute, attributes, nest, u32
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_conntrack.h
NFNL_SUBSYS_CTNETLINK = 1
IPCTNL_MSG_CT_GET, IPCTNL_MSG_CT_DELETE = 1, 2
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_ID, CTA_ZONE, CTA_FILTER = 1, 2, 12, 18, 25
CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2
CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST = 1, 2, 3, 4
CTA_PROTO_NUM, CTA_PROTO_DST_PORT = 1, 3
CTA_FILTER_ORIG_FLAGS, CTA_FILTER_REPLY_FLAGS = 1, 2
BY_SOURCE, BY_PROTOCOL, BY_PORT = 1, 1 << 3, 1 << 5  # Linux 5.8; before, all entries are told
NAMES = {CTA_TUPLE_ORIG, CTA_ID, CTA_ZONE}
"""What says which entry is meant."""


class Flow(NamedTuple):
    """An entry: where its first packet was sent to, and who answers it."""

    family: int
    protocol: int
    address: str
    port: int
    answers: str
    name: bytes  # the attributes that name it


def forget_answers_of(address: str) -> None:
    """Lead nothing more to an address of what was led there so far. Raises OSError."""
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    kind = CTA_IP_V6_SRC if ":" in address else CTA_IP_V4_SRC
    source = nest(CTA_TUPLE_IP, attribute(kind, _socket.inet_pton(family, address)))
    wanted = nest(CTA_TUPLE_REPLY, source) + _filter(0, BY_SOURCE)
    _forget(family, wanted, lambda flow: flow.answers == address)


def forget_sent_to(family: int, protocol: int, port: int, is_meant: Callable[[str], bool]) -> None:
    """Judge anew what is sent to a port of the addresses meant, and led nowhere. Raises OSError."""
    place = attribute(CTA_PROTO_NUM, bytes((protocol,)))
    place += attribute(CTA_PROTO_DST_PORT, port.to_bytes(2))
    wanted = nest(CTA_TUPLE_ORIG, nest(CTA_TUPLE_PROTO, place))
    wanted += _filter(BY_PROTOCOL | BY_PORT, 0)

    def matches(flow: Flow) -> bool:
        is_there = (flow.protocol, flow.port) == (protocol, port) and flow.address == flow.answers
        return is_there and is_meant(flow.address)

    _forget(family, wanted, matches)


def _forget(family: int, wanted: bytes, matches: Callable[[Flow], bool]) -> None:
    with netlink.Socket(netlink.NETLINK_NETFILTER) as kernel:
        answers = kernel.dump(_request(IPCTNL_MSG_CT_GET, family, wanted))
        flows = [flow for answer in answers if (flow := parse(answer.body)) and matches(flow)]
        for flow in flows:
            try:
                kernel.ask(_request(IPCTNL_MSG_CT_DELETE, family, flow.name))
            except OSError as error:
                if error.errno != errno.ENOENT:  # it has just ended
                    raise


def _filter(original: int, reply: int) -> bytes:
    return nest(
        CTA_FILTER, u32(CTA_FILTER_ORIG_FLAGS, original), u32(CTA_FILTER_REPLY_FLAGS, reply)
    )


def _request(kind: int, family: int, body: bytes) -> Request:
    head = struct.pack("=BBH", family, 0, 0)
    return Request(NFNL_SUBSYS_CTNETLINK << 8 | kind, 0, head + body, "known connections")


def parse(body: bytes) -> Flow | None:
    """A struct nfgenmsg with an entry's attributes."""
    if len(body) < 4 or body[0] not in (_socket.AF_INET, _socket.AF_INET6):
        return None
    found = attributes(body[4:])
    there = _tuple(found.get(CTA_TUPLE_ORIG, b""))
    back = _tuple(found.get(CTA_TUPLE_REPLY, b""))
    if not there or not back:
        return None
    name = b"".join(
        attribute(kind | netlink.NLA_F_NESTED * (kind == CTA_TUPLE_ORIG), found[kind])
        for kind in sorted(NAMES & found.keys())
    )
    return Flow(body[0], there[2], there[1], there[3], back[0], name)


def _tuple(data: bytes) -> tuple[str, str, int, int] | None:
    """Source, destination, protocol, and the port that is meant."""
    parts = attributes(data)
    ip = attributes(parts.get(CTA_TUPLE_IP, b""))
    place = attributes(parts.get(CTA_TUPLE_PROTO, b""))
    for family, source, destination in (
        (_socket.AF_INET, CTA_IP_V4_SRC, CTA_IP_V4_DST),
        (_socket.AF_INET6, CTA_IP_V6_SRC, CTA_IP_V6_DST),
    ):
        if source in ip and destination in ip:
            return (
                _socket.inet_ntop(family, ip[source]),
                _socket.inet_ntop(family, ip[destination]),
                int.from_bytes(place.get(CTA_PROTO_NUM, b"")),
                int.from_bytes(place.get(CTA_PROTO_DST_PORT, b"")),
            )
    return None
