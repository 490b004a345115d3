"""One process for all clients that listen to events from now on: it reads each event once for all.

    worker ── a connection, and what to send ──▶ inbox ──▶ fan-out ──▶ clients

The server holds the inbox as well: what comes while nobody reads it waits there, and lets another
process begin, as inetd did. Clients of one that was killed see their streams break off.
"""

from __future__ import annotations

import select
import socket

from cuddy import files
from cuddy.api import post
from cuddy.api.board import Count
from cuddy.api.connection import refusal
from cuddy.engine import event_filters, event_log
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import process
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.event_filters import Filters
    from cuddy.engine.home import Home

    Newcomer = tuple["Order", socket.socket]

MAX_ORDER_BYTES = 1 << 16
MAX_UNSENT_BYTES = 1 << 20
"""What a client may leave unread before it is given up."""
NAME = "cuddy api events"
LEFT = select.POLLRDHUP | select.POLLHUP | select.POLLERR
IDLE, WAITING = select.POLLRDHUP, select.POLLRDHUP | select.POLLOUT
"""What a client is polled for that has read all, and one that has not."""


class Order(NamedTuple):
    """What a client is to be sent. `head`: of the answer, before all else."""

    owner: int  # whose connection it is, as the board has it
    head: str
    is_chunked: bool
    filters: Filters


def send(outbox: socket.socket, order: Order, client: socket.socket) -> None:
    """Hand a client over. Raises InvalidArgument, OSError."""
    data = files.format_json(order).encode()
    if len(data) > MAX_ORDER_BYTES:
        raise InvalidArgument("the filters are too long")
    socket.send_fds(outbox, [data], [client.fileno()])


def receive(inbox: socket.socket) -> Iterator[Newcomer]:
    """The clients that wait to be taken. `inbox`: one that does not block."""
    while True:
        try:
            data, fds, _, _ = socket.recv_fds(inbox, MAX_ORDER_BYTES, 1)
        except BlockingIOError:
            return
        if not data:
            return
        owner, head, is_chunked, filters = files.parse_json(data)
        known = {name: tuple(values) for name, values in filters.items()}
        for fd in fds:
            yield Order(owner, head, is_chunked, known), socket.socket(fileno=fd)


def serve(home: Home, inbox: socket.socket) -> None:
    """Be the fan-out process, as long as anybody listens."""
    process.set_title(NAME)
    try:
        log = event_log.Reader(home, from_start=False)
    except SystemFailure as error:
        for _, client in receive(inbox):
            post.turn_away(client, refusal(500, str(error)))
        return
    with log:
        Fanout(inbox, log).run()


class Client:
    """One who listens."""

    def __init__(self, order: Order, sock: socket.socket) -> None:
        self.order = order
        self._socket = sock
        self._unsent = b""

    def send(self, data: bytes) -> bool:
        """Send without waiting, now or when there is room; False: give the client up."""
        unsent = self._unsent + data
        try:
            sent = self._socket.send(unsent, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            sent = 0
        except OSError:
            return False
        self._unsent = unsent[sent:]
        return len(self._unsent) <= MAX_UNSENT_BYTES

    @property
    def interests(self) -> int:
        """What to poll it for."""
        return WAITING if self._unsent else IDLE

    def close(self) -> None:
        """Have done with it."""
        self._socket.close()


class Fanout:
    """Who listens, and what they have not read yet."""

    def __init__(self, inbox: socket.socket, log: event_log.Reader) -> None:
        self._inbox = inbox
        self._log = log
        self._clients: dict[int, Client] = {}  # by descriptor
        self._poll = select.poll()
        for each in (inbox, log):
            self._poll.register(each, select.POLLIN)

    def run(self) -> None:
        """Until nobody is left. Whoever comes just then waits in the inbox for the next process."""
        self._welcome()
        while self._clients:
            ready = self._poll.poll()
            self._deliver()  # before others come, who have not asked for these
            for fd, events in ready:
                if client := self._clients.get(fd):
                    self._keep(fd, client, is_kept=not events & LEFT and client.send(b""))
                elif fd == self._inbox.fileno() and events & LEFT:
                    # The server is gone, and its workers: its end would wake us for ever.
                    self._poll.unregister(fd)
            self._welcome()

    def _welcome(self) -> None:
        """Take on those who wait; from the head of the answer on a client misses nothing."""
        for order, sock in receive(self._inbox):
            owners = [each.order.owner for each in self._clients.values()]
            count = Count(0, len(owners) + 1, [*owners, order.owner])
            if not post.is_welcome(count, order.owner):
                post.turn_away(sock)
                continue
            client, fd = Client(order, sock), sock.fileno()
            self._clients[fd] = client
            self._poll.register(fd, client.interests)
            self._keep(fd, client, is_kept=client.send(order.head.encode("latin-1")))

    def _deliver(self) -> None:
        """Send what has happened to everybody who wants to know."""
        for event in self._log.read():
            line = event_log.line(event)
            chunk = b"%x\r\n%b\r\n" % (len(line), line)
            for fd, client in [*self._clients.items()]:
                if event_filters.matches(event, client.order.filters):
                    before = client.interests
                    sent = client.send(chunk if client.order.is_chunked else line)
                    if not sent or client.interests != before:
                        self._keep(fd, client, is_kept=sent)

    def _keep(self, fd: int, client: Client, *, is_kept: bool) -> None:
        """Go on with a client, or not."""
        if is_kept:
            self._poll.modify(fd, client.interests)
            return
        self._poll.unregister(fd)
        del self._clients[fd]
        client.close()
