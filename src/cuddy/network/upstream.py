"""Asking other name servers (RFC 1035, section 4.2): one question, several servers, one answer.

An `Exchange` asks its servers one after another until one answers what was asked. Each attempt has
a socket of its own, so a port that nobody can guess, and an id; a UDP socket is connected, so the
kernel passes over what comes from elsewhere. Whatever else a server sends, or does not, costs its
turn and nothing more: an answer that does not fit is not there, one message is read and no more.
"""

from __future__ import annotations

import _socket
import errno
import os

from cuddy.network import dns_messages
from cuddy.network.dns_messages import NOERROR, NXDOMAIN, Answer, Malformed, Query
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cuddy.kernel.poll import Poll, Timer

    MakeSocket = Callable[[int, int], _socket.socket]
    """A non-blocking socket of a family and kind, in the namespace from which is asked."""
    Done = Callable[["Reply | None"], None]

PORT = 53
MAX_SERVERS = 3  # as Docker, and as the C library
ROUNDS = 2
PATIENCE_S = 2.0  # for one attempt: a client gives up after five seconds
REPEAT_S = 0.5  # and about as much again, so that not all who were lost at once repeat at once
PATIENCE_TCP_S = 4.0
MAX_DATAGRAM = 65535
SULKING_S = 10.0  # how long a server that said nothing is asked last


class Reply(NamedTuple):
    """An answer that was found."""

    data: bytes
    answer: Answer


class Servers:
    """Which of several servers have not answered lately."""

    def __init__(self) -> None:
        self._silent: dict[str, float] = {}

    def order(self, servers: Sequence[str], now: float) -> list[str]:
        """The servers, those last that have just kept somebody waiting."""
        return sorted(servers[:MAX_SERVERS], key=lambda each: self._silent.get(each, 0) > now)

    def note(self, server: str, now: float) -> None:
        """A server has not answered."""
        if len(self._silent) > 1000:
            self._silent.clear()
        self._silent[server] = now + SULKING_S

    def forgive(self, server: str) -> None:
        """It has."""
        self._silent.pop(server, None)


class Exchange:
    """A question under way. `done` is called once, with None if no server knows an answer."""

    def __init__(
        self, poll: Poll, query: Query, message: bytes, servers: Sequence[str], done: Done,
        *, make_socket: MakeSocket, is_udp: bool, note: Callable[[str, bool], None],
    ) -> None:  # fmt: skip
        self._poll = poll
        self._query = query
        self._message = message
        self._attempts = list(servers) * ROUNDS
        self._done: Done | None = done
        self._make_socket = make_socket
        self._note = note
        self._is_udp = is_udp
        self._socket: _socket.socket | None = None
        self._timer: Timer | None = None
        self._server = ""
        self._sent = b""  # what is still to be sent, of TCP
        self._received = b""
        self._identity = 0

    def begin(self) -> None:
        """Ask the next server; when there is none any more, it is done."""
        self._hang_up()
        while self._attempts:
            self._server = self._attempts.pop(0)
            try:
                self._ask()
                return
            except OSError as error:
                self._hang_up()
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    break
        self._end(None)

    def nudge(self) -> None:
        """The asker asks again: so may we, in case the question was lost on its way."""
        if self._is_udp and self._socket:
            try:
                self._socket.send(dns_messages.with_id(self._message, self._identity))
            except OSError:
                pass

    def close(self) -> None:
        """Nobody waits for the answer any more."""
        self._done = None
        self._hang_up()

    def give_up(self) -> None:
        """It is done, without an answer."""
        self._hang_up()
        self._end(None)

    def _ask(self) -> None:
        family = _socket.AF_INET6 if ":" in self._server else _socket.AF_INET
        kind = _socket.SOCK_DGRAM if self._is_udp else _socket.SOCK_STREAM
        made = self._socket = self._make_socket(family, kind)
        self._identity = int.from_bytes(os.urandom(2))
        message = dns_messages.with_id(self._message, self._identity)
        self._received = b""
        if self._is_udp:
            repeat_s = REPEAT_S * (1 + self._identity / 65536)
            self._timer = self._poll.after(repeat_s, self._repeat)
            made.connect((self._server, PORT))
            made.send(message)
            self._poll.watch(made.fileno(), self._read_datagram)
            return
        self._timer = self._poll.after(PATIENCE_TCP_S, self._lose_patience)
        self._sent = len(message).to_bytes(2) + message
        if made.connect_ex((self._server, PORT)) not in (0, errno.EINPROGRESS):
            raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        self._poll.watch(made.fileno(), self._write, writing=True)

    def _repeat(self) -> None:
        """Datagrams get lost."""
        self.nudge()
        self._timer = self._poll.after(PATIENCE_S - 1.5 * REPEAT_S, self._lose_patience)

    def _lose_patience(self) -> None:
        self._note(self._server, False)
        self.begin()

    def _read_datagram(self) -> None:
        assert self._socket
        try:
            data = self._socket.recv(MAX_DATAGRAM)
        except BlockingIOError:
            return
        except OSError:  # nobody listens there, or no route leads there
            self.begin()
            return
        try:
            self._judge(data)
        except Malformed:
            pass  # somebody guesses: what was asked for may still come

    def _write(self) -> None:
        assert self._socket
        try:
            sent = self._socket.send(self._sent)
        except BlockingIOError:
            return
        except OSError:
            self.begin()
            return
        self._sent = self._sent[sent:]
        if not self._sent:
            self._poll.watch(self._socket.fileno(), self._read_stream)

    def _read_stream(self) -> None:
        assert self._socket
        room = 2 + (int.from_bytes(self._received[:2]) if len(self._received) > 1 else 0)
        try:
            data = self._socket.recv(room - len(self._received))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.begin()
            return
        self._received += data
        if len(self._received) < 2 or len(self._received) < 2 + int.from_bytes(self._received[:2]):
            return
        try:
            self._judge(self._received[2:])
        except Malformed:
            self.begin()

    def _judge(self, data: bytes) -> None:
        """Done, if it is an answer. Raises Malformed."""
        reply = Reply(data, dns_messages.read_answer(self._query, self._identity, data))
        self._note(self._server, True)
        if reply.answer.code in (NOERROR, NXDOMAIN):
            self._hang_up()
            self._end(reply)
            return
        # One that refuses does so again: it is not asked a second time.
        self._attempts = [each for each in self._attempts if each != self._server]
        self.begin()

    def _end(self, reply: Reply | None) -> None:
        done, self._done = self._done, None
        if done:
            done(reply)

    def _hang_up(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._socket:
            self._poll.forget(self._socket.fileno())
            self._socket.close()
        self._timer = self._socket = None
