"""Carrying by hand what the kernel cannot lead to a container: what comes to a published port at
::1, and at any IPv6 address of the host's where the container has IPv4 only.

IPv6 has no route_localnet: answers to ::1 are taken from `lo` alone, so no rule of the firewall can
lead such a packet elsewhere. A process accepts the connections on the sockets that keep the
container's ports from others anyway. Where a port leads is asked for each connection, as containers
change networks while they run; they see them come from their bridge.
"""

from __future__ import annotations

import _socket
import errno
import select
import time

from cuddy.kernel import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Target = tuple[str, int]
    """An address and a port of a container."""
    Find = Callable[[_socket.socket], Target | None]
    """Where what comes to a socket goes on to; None: nowhere."""

CHUNK = 1 << 16
MOST_BUFFERED = 1 << 18
MOST_FLOWS = 500
DATAGRAM_BYTES = 1 << 16
IDLE_S = 60  # of a UDP client; docker's proxy forgets it after 90
LATER = (errno.EAGAIN, errno.EINTR, errno.EINPROGRESS)


class Half:
    """One of the two connections of a flow: what is still to be sent to it, and its state."""

    def __init__(self, socket: _socket.socket, *, is_open: bool) -> None:
        socket.setblocking(False)
        self.socket = socket
        self.is_open = is_open  # connected already
        self.waiting = bytearray()
        self.is_read = False  # it will say no more
        self.is_shut = False  # nor do we to it

    def wanted(self, other: Half) -> int:
        """For which events to wait."""
        events = 0
        if not self.is_open or self.waiting:
            events |= select.POLLOUT
        if self.is_open and not self.is_read and len(other.waiting) < MOST_BUFFERED:
            events |= select.POLLIN
        return events


class Client:
    """Somebody who sends datagrams; the answers go back by the socket that he sent them to."""

    def __init__(
        self, source: _socket.socket, place: tuple[object, ...], target: Target,
        upstream: _socket.socket,
    ) -> None:  # fmt: skip
        self.source, self.place, self.target, self.upstream = source, place, target, upstream
        self.last = time.monotonic()


class Proxy:
    """The sockets of a container's ports, and what goes on from them.

    `leash`: a descriptor that becomes readable when it is to end.
    """

    def __init__(self, sources: Iterable[_socket.socket], find: Find, leash: int) -> None:
        self._poll = select.poll()
        self._acts: dict[int, Callable[[int], None]] = {}
        self._flows: dict[int, tuple[Half, Half]] = {}
        self._clients: dict[tuple[int, object], Client] = {}
        self._find = find
        self._leash = leash
        self._poll.register(leash, select.POLLIN)
        for source in sources:
            source.setblocking(False)
            self._watch(source, select.POLLIN, self._source_act(source))

    def _watch(self, socket: _socket.socket, events: int, act: Callable[[int], None]) -> None:
        self._acts[socket.fileno()] = act
        self._poll.register(socket.fileno(), events)

    def _forget(self, socket: _socket.socket) -> None:
        if self._acts.pop(socket.fileno(), None):
            self._poll.unregister(socket.fileno())
        socket.close()

    def run(self, idle_s: float = IDLE_S) -> None:
        """Carry until the leash says no, or nobody has come for a while."""
        while True:
            ready = self._poll.poll(idle_s * 1000)
            for fd, events in ready:
                if fd == self._leash:
                    return
                if act := self._acts.get(fd):
                    act(events)
            self._drop_idle()
            if not (ready or self._flows or self._clients):
                return

    def _source_act(self, source: _socket.socket) -> Callable[[int], None]:
        is_stream = source.type & 0xF == _socket.SOCK_STREAM
        return lambda _: self._accept(source) if is_stream else self._take(source)

    def _accept(self, source: _socket.socket) -> None:
        try:
            near = sockets.accept(source)
        except OSError:
            return
        if len(self._flows) >= 2 * MOST_FLOWS:
            near.close()
            return
        far = dial(self._find(source), _socket.SOCK_STREAM)
        if far is None:
            near.close()
            return
        halves = (Half(near, is_open=True), Half(far, is_open=False))
        for half, other in (halves, halves[::-1]):
            self._flows[half.socket.fileno()] = (half, other)
            self._watch(half.socket, half.wanted(other), self._flow_act(half, other))

    def _flow_act(self, half: Half, other: Half) -> Callable[[int], None]:
        return lambda events: self._carry(half, other, events)

    def _carry(self, half: Half, other: Half, events: int) -> None:
        try:
            if not half.is_open and events & (select.POLLOUT | select.POLLERR | select.POLLHUP):
                half.is_open = not half.socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
                if not half.is_open:
                    raise OSError(errno.ECONNREFUSED, "refused")
            if half.is_open and events & (select.POLLIN | select.POLLHUP | select.POLLERR):
                read(half, other)
            for each in (half, other):
                write(each, half if each is other else other)
        except OSError:
            self._end(half, other)
            return
        if half.is_shut and other.is_shut:
            self._end(half, other)
            return
        for each, its_other in ((half, other), (other, half)):
            self._poll.modify(each.socket.fileno(), each.wanted(its_other))

    def _end(self, half: Half, other: Half) -> None:
        for each in (half, other):
            self._flows.pop(each.socket.fileno(), None)
            self._forget(each.socket)

    def _take(self, source: _socket.socket) -> None:
        """A datagram from a client, known or new."""
        try:
            data, place = source.recvfrom(DATAGRAM_BYTES)
        except OSError:
            return
        client = self._client(source, place)
        if client is None:
            return
        client.last = time.monotonic()
        try:
            client.upstream.send(data)
        except OSError:
            pass  # as when it is lost on the way

    def _client(self, source: _socket.socket, place: tuple[object, ...]) -> Client | None:
        """Whoever sends from that place, on his way to where the port leads now."""
        key, target = (source.fileno(), place), self._find(source)
        client = self._clients.get(key)
        if client and client.target == target:
            return client
        if client:
            self._forget(self._clients.pop(key).upstream)
        upstream = dial(target, _socket.SOCK_DGRAM)
        if target is None or upstream is None or len(self._clients) >= MOST_FLOWS:
            return None
        made = self._clients[key] = Client(source, place, target, upstream)
        self._watch(upstream, select.POLLIN, lambda _: self._answer(made))
        return made

    def _answer(self, client: Client) -> None:
        try:
            data = client.upstream.recv(DATAGRAM_BYTES)
            client.source.sendto(data, client.place)
        except OSError:
            return
        client.last = time.monotonic()

    def _drop_idle(self) -> None:
        now = time.monotonic()
        for key in [key for key, each in self._clients.items() if now - each.last > IDLE_S]:
            self._forget(self._clients.pop(key).upstream)


def dial(target: Target | None, kind: int) -> _socket.socket | None:
    """A socket on its way to the container; None if there is none to be had."""
    if target is None:
        return None
    family = _socket.AF_INET6 if ":" in target[0] else _socket.AF_INET
    try:
        made = _socket.socket(family, kind | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
    except OSError:
        return None
    code = made.connect_ex(target)
    if code and code not in LATER:
        made.close()
        return None
    return made


def read(half: Half, other: Half) -> None:
    """Take what one side says. Raises OSError when it has broken off."""
    if half.is_read or len(other.waiting) >= MOST_BUFFERED:
        return
    try:
        data = half.socket.recv(CHUNK)
    except BlockingIOError:
        return
    other.waiting += data
    half.is_read = not data


def write(half: Half, other: Half) -> None:
    """Say what was said by the other; and when that was all, say so. Raises OSError."""
    if not half.is_open or half.is_shut:
        return
    if half.waiting:
        try:
            sent = half.socket.send(half.waiting)
        except BlockingIOError:
            return
        del half.waiting[:sent]
    if other.is_read and not half.waiting:
        half.socket.shutdown(_socket.SHUT_WR)
        half.is_shut = True
