"""One client's connection: the bytes of HTTP/1.1, by h11, on one socket.

A client that is slow, endless or gone is dealt with here: nobody above waits for it for ever, and a
client that has gone raises ClientLeft wherever it is met.
"""

from __future__ import annotations

import select
import socket
import time
from http import HTTPStatus

import h11

from cuddy import files
from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_HEAD_BYTES = 256 << 10
"""X-Registry-Config holds the credentials of every registry that a user has."""
MAX_HEADERS = 100
HEAD_S = 30
"""From the first byte of a head to its last."""
IDLE_S = 300
"""Between requests: clients keep connections for later."""
BODY_S = 300
"""From one piece of a body to the next."""
ANSWER_S = 300
"""Until a client takes a piece of an answer that is not a stream."""
READ_BYTES = 1 << 16
MAX_DRAIN_BYTES = 1 << 20
"""Of a body that nobody wanted; beyond, a new connection is cheaper."""


class ClientLeft(BaseException):
    """The client is gone, and what was done for it unwinds as it does for Ctrl-C."""


class HeadTooLarge(InvalidArgument):
    http_status = 431


class TooSlow(InvalidArgument):
    http_status = 408


class Peer(NamedTuple):
    """Who is at the other end, for limits and the log: a user of this machine, or an address."""

    uid: int = -1
    pid: int = 0
    address: str = ""  # by TCP
    server_name: str = ""  # whom the client has made sure to talk to
    subject: str = ""  # who the client is, by its certificate

    def __str__(self) -> str:
        if self.address:
            return f"{self.address} {self.subject!r}"
        return f"uid {self.uid} pid {self.pid}"


class Connection:
    """HTTP on a socket, from the side of the server."""

    def __init__(self, sock: socket.socket, peer: Peer) -> None:
        self.socket = sock
        self.peer = peer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._body_awaits_leave = False  # the client sends it when it is told to, if at all

    def next_request(self) -> h11.Request | None:
        """The head of the next request; None when the client has no more.

        Raises HeadTooLarge, TooSlow, InvalidArgument.
        """
        begun_s: float | None = None
        while True:
            event = self._parse()
            if isinstance(event, h11.Request):
                if len(event.headers) > MAX_HEADERS:
                    raise HeadTooLarge(f"more than {MAX_HEADERS} headers")
                self._body_awaits_leave = self._http.they_are_waiting_for_100_continue
                return event
            if event is not h11.NEED_DATA:
                return None
            now_s = time.monotonic()
            if begun_s is None and self._http.trailing_data[0]:
                begun_s = now_s
            left_s = IDLE_S if begun_s is None else begun_s + HEAD_S - now_s
            if not self._receive(max(0.0, left_s)):
                if begun_s is None:
                    return None
                raise TooSlow("the head of the request did not come in time")

    def body(self) -> Iterator[bytes]:
        """The rest of the request's body, as it comes. Raises TooSlow, InvalidArgument."""
        while self._http.their_state is h11.SEND_BODY:
            event = self._parse()
            if isinstance(event, h11.Data):
                self._body_awaits_leave = False
                yield bytes(event.data)
            elif event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    self._body_awaits_leave = False
                    self.send(h11.InformationalResponse(status_code=100, headers=[]))
                if not self._receive(BODY_S):
                    raise TooSlow("the body of the request did not come in time")
            else:
                return

    def _parse(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            problem = HeadTooLarge if error.error_status_hint == 431 else InvalidArgument
            raise problem(f"malformed request: {error}") from None

    def _receive(self, timeout_s: float) -> bool:
        """Have more bytes to parse; False when none came in time. Raises ClientLeft."""
        try:
            self.socket.settimeout(timeout_s)
            data = self.socket.recv(READ_BYTES)
        except (TimeoutError, BlockingIOError):
            return False
        except OSError:
            raise ClientLeft from None
        self._http.receive_data(data)
        return True

    def send(self, *events: h11.Event, patience_s: float | None = None) -> None:
        """Send parts of an answer, as one write. Raises ClientLeft."""
        parts = [self._http.send(event) for event in events]
        self.send_raw(b"".join(part for part in parts if part), patience_s=patience_s)

    def send_raw(self, data: bytes, *, patience_s: float | None = None) -> None:
        """Send bytes that are none of HTTP's. Raises ClientLeft."""
        try:
            self.socket.settimeout(patience_s)
            self.socket.sendall(data)
        except OSError:
            raise ClientLeft from None

    def take_over(self) -> bytes:
        """HTTP ends here; what the client has sent already beyond its request."""
        self.socket.settimeout(None)
        return self._http.trailing_data[0]

    def refuse(self, status: int, message: str) -> None:
        """The last answer, to what could not be read as a request. Raises ClientLeft."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.send_raw(refusal(status, message), patience_s=ANSWER_S)

    def finish(self) -> bool:
        """Make ready for another request after a complete answer; False if there can be none."""
        if self._http.our_state is not h11.DONE or self._body_awaits_leave:
            return False
        drained = 0
        try:
            for piece in self.body():
                drained += len(piece)
                if drained > MAX_DRAIN_BYTES:
                    return False
            self._http.start_next_cycle()
        except (InvalidArgument, h11.LocalProtocolError):
            return False
        return True

    def close(self) -> None:
        """End it in order: a client that still sends reads the answer first, not a reset."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
            deadline_s = time.monotonic() + 1
            while (left_s := deadline_s - time.monotonic()) > 0:
                self.socket.settimeout(left_s)
                if not self.socket.recv(READ_BYTES):
                    break
        except OSError:
            pass
        self.socket.close()


def refusal(status: int, message: str) -> bytes:
    """A whole answer that needs no request."""
    body = f"{files.format_json({'message': message})}\n"
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join([*head, "", body]).encode()


def has_left(sock: socket.socket) -> bool:
    """Whether the other end has closed the connection, or its half of it."""
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return bool(poll.poll(0))
