"""NFLOG: packets that firewall rules log to a group, as the kernel hands them to us (netlink).

The group belongs to the network namespace of the socket, where only CAP_NET_ADMIN can ask for it.
From each packet we take what it was meant to reach; its content stays where it is.
"""

from __future__ import annotations

import _socket
import errno
import struct

from cuddy.kernel import netlink
from cuddy.kernel.netlink import Request, attribute, attributes, text
from cuddy.shapes import NamedTuple

# linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_log.h
NFNL_SUBSYS_ULOG = 4
NFULNL_MSG_PACKET, NFULNL_MSG_CONFIG = 0, 1
NFULNL_CFG_CMD_BIND = 1
NFULNL_COPY_PACKET = 2
NFULNL_CFG_F_SEQ = 1
NFULA_CFG_CMD, NFULA_CFG_MODE, NFULA_CFG_QTHRESH, NFULA_CFG_FLAGS = 1, 2, 5, 6
NFULA_PACKET_HDR, NFULA_PAYLOAD, NFULA_PREFIX, NFULA_SEQ = 1, 9, 10, 12

ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 33: "dccp", 58: "icmp", 132: "sctp"}
WITH_PORTS = (6, 17, 33, 132, 136)
EXTENSIONS = (0, 43, 60)  # hop-by-hop options, routing, destination options: RFC 8200
FRAGMENT = 44
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
BUFFER_BYTES = 1 << 20  # for a thousand packets and more
COPIED_BYTES = 192
RECEIVE_BYTES = 1 << 16
MOST_AT_ONCE = 256
SEQUENCE_MASK = 0xFFFFFFFF


class Packet(NamedTuple):
    """A logged packet: by which rule, and where it was going. No port: 0."""

    prefix: str
    address: str
    protocol: str  # tcp, udp, ... or a number
    port: int
    sequence: int  # of the packets of the group


class Log:
    """A socket to which the packets of a group come; it can be handed to another process."""

    def __init__(self, fd: int) -> None:
        """`fd`: from `bind`, and from now on ours."""
        self._socket = _socket.socket(fileno=fd)
        self._socket.setsockopt(_socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        self._next = 0
        self._lost = 0

    def fileno(self) -> int:
        """For poll(2)."""
        return self._socket.fileno()

    def read(self) -> list[Packet]:
        """What has come since; nothing if nothing has."""
        found: list[Packet] = []
        for _ in range(MOST_AT_ONCE):
            try:
                data, (port, _) = self._socket.recvfrom(RECEIVE_BYTES, _socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                continue  # packets came faster than they were read
            if port == 0:  # the kernel: netlink(7)
                found += parse(data)
        for packet in found:
            self._lost += packet.sequence - self._next & SEQUENCE_MASK
            self._next = packet.sequence + 1
        return found

    def take_lost(self) -> int:
        """How many packets came and were lost, since the last time somebody asked."""
        lost, self._lost = self._lost, 0
        return lost

    def close(self) -> None:
        """Let the group go."""
        self._socket.close()


def bind(group: int) -> int:
    """A descriptor for `Log`: the group of the network namespace we are in. Raises OSError.

    Somebody else's group is EPERM or EBUSY.
    """
    with netlink.Socket(netlink.NETLINK_NETFILTER) as socket:
        bound = attribute(NFULA_CFG_CMD, bytes((NFULNL_CFG_CMD_BIND,)))
        mode = attribute(NFULA_CFG_MODE, struct.pack("!IBB", COPIED_BYTES, NFULNL_COPY_PACKET, 0))
        at_once = attribute(NFULA_CFG_QTHRESH, struct.pack("!I", 1))
        numbered = attribute(NFULA_CFG_FLAGS, struct.pack("!H", NFULNL_CFG_F_SEQ))
        socket.ask(*(_configure(group, each) for each in (bound, mode + at_once + numbered)))
        return socket.detach()


def _configure(group: int, body: bytes) -> Request:
    head = struct.pack("=BB", _socket.AF_UNSPEC, 0) + struct.pack("!H", group)
    kind = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG
    return Request(kind, 0, head + body, f"log group {group}")


def parse(data: bytes) -> list[Packet]:
    """The packets of one datagram."""
    return [
        packet
        for message in netlink.split(data)
        if message.type == NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET
        and (packet := parse_message(message.body))
    ]


def parse_message(body: bytes) -> Packet | None:
    """A struct nfgenmsg with a packet's attributes."""
    found = attributes(body[4:])
    header = found.get(NFULA_PACKET_HDR, b"")
    if len(header) < 2:
        return None
    prefix = text(found.get(NFULA_PREFIX, b""))
    where = destination(int.from_bytes(header[:2]), found.get(NFULA_PAYLOAD, b""))
    sequence = int.from_bytes(found.get(NFULA_SEQ, b"")[:4])
    return Packet(prefix, *where, sequence) if where else None


def destination(kind: int, packet: bytes) -> tuple[str, str, int] | None:
    """Address, protocol and port of an IP packet, of which the end may be missing."""
    if kind == ETH_P_IP and len(packet) >= 20:
        start = (packet[0] & 15) * 4
        is_first = not int.from_bytes(packet[6:8]) & 0x1FFF
        address = _socket.inet_ntop(_socket.AF_INET, packet[16:20])
        return address, *_transport(packet[9], packet[start:] if is_first else b"")
    if kind == ETH_P_IPV6 and len(packet) >= 40:
        address = _socket.inet_ntop(_socket.AF_INET6, packet[24:40])
        return address, *_transport(*_skip_extensions(packet[6], packet[40:]))
    return None


def _skip_extensions(protocol: int, rest: bytes) -> tuple[int, bytes]:
    """Past the headers between IPv6 and what it carries; each takes some bytes, so this ends."""
    while len(rest) >= 8:
        if protocol in EXTENSIONS:
            protocol, rest = rest[0], rest[(rest[1] + 1) * 8 :]
        elif protocol == FRAGMENT:
            is_first = not int.from_bytes(rest[2:4]) & 0xFFF8
            protocol, rest = rest[0], rest[8:] if is_first else b""
        else:
            break
    return protocol, rest


def _transport(number: int, segment: bytes) -> tuple[str, int]:
    """Protocol and port of what an IP packet carries."""
    has_port = number in WITH_PORTS and len(segment) >= 4
    port = int.from_bytes(segment[2:4]) if has_port else 0
    return PROTOCOLS.get(number, str(number)), port
