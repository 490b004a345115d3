"""Netlink: how to talk with the kernel's network stack (netlink(7)): sockets, messages, attributes.

What to say is in `rtnetlink.py` (links, addresses, routes) and `nftables.py` (firewall rules).
Requests are values: pure functions build them, `Socket.ask` gives them their headers, sends them
and turns the kernel's refusals into OSError with what was being done.
"""

from __future__ import annotations

import _socket
import errno
import os
import struct

from cuddy.kernel import namespaces
from cuddy.shapes import NamedTuple
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# linux/netlink.h
NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11

NLM_F_REQUEST = 0x001
NLM_F_ACK = 0x004
NLM_F_DUMP_INTR = 0x010
NLM_F_DUMP = 0x300
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_APPEND = 0x800
NLM_F_NONREC = 0x100  # of a delete request: refuse when there is something inside
NLM_F_ACK_TLVS = 0x200  # of an answer: attributes follow

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLMSGERR_ATTR_MSG = 1
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF

HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
RECEIVE_BYTES = 1 << 16  # the kernel never fills more than 32 KiB at once
MAX_DUMPS = 16


class Request(NamedTuple):
    """A message to the kernel without its header, and in words what it asks for."""

    type: int
    flags: int
    body: bytes
    about: str
    is_answered: bool = True


class Message(NamedTuple):
    """A message from the kernel."""

    type: int
    flags: int
    sequence: int
    body: bytes


class Socket(Closing):
    """A netlink socket; it belongs for ever to the network namespace in which it was made."""

    def __init__(self, protocol: int = NETLINK_ROUTE) -> None:
        self._socket = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, protocol)
        self._sequence = 0
        # Refusals come with the kernel's own words, and without a copy of what was sent.
        self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)

    def ask(self, *requests: Request) -> list[Message]:
        """Send all requests in one go; the answers to all of them.

        The kernel takes them in order and goes on after one that it refuses. Raises OSError of the
        first one refused, after all have been answered.
        """
        answers, failure = self._converse([_acknowledged(request) for request in requests])
        if failure:
            raise failure
        return answers

    def dump(self, request: Request) -> list[Message]:
        """All objects that a request asks for. Raises OSError."""
        request = request._replace(flags=request.flags | NLM_F_DUMP)
        for _ in range(MAX_DUMPS):
            answers, failure = self._converse([request])
            if failure:
                raise failure
            # Marked when the objects changed while the kernel was listing them.
            if not any(answer.flags & NLM_F_DUMP_INTR for answer in answers):
                return answers
        raise OSError(errno.EINTR, os.strerror(errno.EINTR), f"{request.about}: never stands still")

    def _converse(self, requests: list[Request]) -> tuple[list[Message], OSError | None]:
        sent: dict[int, Request] = {}
        for request in requests:
            self._sequence += 1
            sent[self._sequence] = request
        waiting = {sequence for sequence in sent if sent[sequence].is_answered}
        self._socket.send(b"".join(encode(sent[sequence], sequence) for sequence in sent))
        answers: list[Message] = []
        failure: OSError | None = None
        while waiting:
            for message in self._receive():
                if message.sequence not in sent:
                    continue
                if message.type not in (NLMSG_ERROR, NLMSG_DONE):
                    answers.append(message)
                    continue
                request = sent[message.sequence]
                failure = failure or parse_refusal(message, request.about)
                waiting.discard(message.sequence)
                if failure and not request.is_answered:
                    waiting.clear()  # the whole batch was refused at its begin
        return answers, failure

    def _receive(self) -> Iterator[Message]:
        # The kernel has answered before send(2) returns: to wait would be to wait for ever.
        data, (port, _) = self._socket.recvfrom(RECEIVE_BYTES, _socket.MSG_DONTWAIT)
        return split(data) if port == 0 else iter(())  # port 0 is the kernel: netlink(7)

    def detach(self) -> int:
        """The descriptor, for whoever goes on with it."""
        return self._socket.detach()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


def open(netns_fd: int | None = None) -> Socket:
    """A socket for links, addresses and routes, of our own or another network namespace.

    The process visits the other namespace just for making the socket, so it must have one thread.
    Raises OSError.
    """
    if netns_fd is None:
        return Socket()
    with namespaces.Joined(netns_fd, "network"):
        return Socket()


def _acknowledged(request: Request) -> Request:
    return request._replace(flags=request.flags | NLM_F_ACK) if request.is_answered else request


def encode(request: Request, sequence: int) -> bytes:
    """The request as it travels: header, body, padding."""
    length = HEADER.size + len(request.body)
    flags = request.flags | NLM_F_REQUEST
    header = HEADER.pack(length, request.type, flags, sequence, 0)
    return header + request.body + bytes(-length % 4)


def split(data: bytes) -> Iterator[Message]:
    """The messages of one datagram."""
    offset = 0
    while offset + HEADER.size <= len(data):
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, offset)
        if length < HEADER.size:
            return
        yield Message(kind, flags, sequence, data[offset + HEADER.size : offset + length])
        offset += length + 3 & ~3


def parse_refusal(message: Message, about: str) -> OSError | None:
    """What an acknowledgement or the end of a dump says: None when all went well."""
    code = -struct.unpack_from("=i", message.body)[0]
    if code == 0:
        return None
    if message.type == NLMSG_ERROR and message.flags & NLM_F_ACK_TLVS:
        # struct nlmsgerr: error number, header of the request
        said = attributes(message.body[4 + HEADER.size :]).get(NLMSGERR_ATTR_MSG, b"")
        if said:
            about = f"{about} ({text(said)})"
    return OSError(code, os.strerror(code), about)


def attribute(kind: int, value: bytes | str) -> bytes:
    """One attribute: length, type, value, padding; strings end with NUL."""
    data = value.encode() + b"\0" if isinstance(value, str) else value
    return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def u32(kind: int, value: int) -> bytes:
    """An attribute holding a 32-bit number."""
    return struct.pack("=HHI", 8, kind, value)


def nest(kind: int, *inner: bytes) -> bytes:
    """An attribute holding attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(inner))


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by type."""
    found = {}
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            break
        found[kind & NLA_TYPE_MASK] = data[offset + 4 : offset + length]
        offset += length + 3 & ~3
    return found


def text(value: bytes) -> str:
    """A string attribute without its NUL."""
    return value.partition(b"\0")[0].decode(errors="replace")
