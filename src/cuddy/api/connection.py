"""One client's connection: requests of HTTP/1.1, and bytes of answers, on one socket.

A client that is slow, endless or gone is dealt with here: nobody above waits for it for ever, and a
client that has gone raises ClientLeft wherever it is met.
"""

from __future__ import annotations

import math
import os
import socket
import time

import h11

from cuddy import files
from cuddy.api import heads
from cuddy.engine.departure import ClientLeft
from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.api.heads import Request

JSON = "application/json"
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
LINGER_S = 1
"""Until a client that still sends reads why nobody listens."""
READ_BYTES = 1 << 16
MAX_DRAIN_BYTES = 1 << 20
"""Of a body that nobody wanted; beyond, a new connection is cheaper."""


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

    def __init__(
        self, sock: socket.socket, peer: Peer, outbox: socket.socket | None = None
    ) -> None:
        self.socket = sock
        self.peer = peer
        self.outbox = outbox  # where connections of clients that only listen may go
        self.has_answered = False  # whether the request has a complete answer
        self._client_wrote_all = False
        self._is_new = True
        self._unread = b""  # of the next request
        self._http: h11.Connection | None = None  # what reads this one, unless it is a usual one
        self._body_awaits_leave = False  # the client sends it when it is told to, if at all
        self._keeps = True

    def next_request(self) -> Request | None:
        """The head of the next request; None when the client has no more.

        Raises HeadTooLarge, TooSlow, InvalidArgument.
        """
        data, self._unread = self._unread or self._receive_at_once() or self._receive(IDLE_S), b""
        if not data:
            return None
        self.has_answered, self._body_awaits_leave, self._http = False, False, None
        request = heads.read_usual(data) or self._read_by_h11(data)
        self._keeps = not request or request.keeps
        return request

    def _read_by_h11(self, data: bytes) -> Request | None:
        """A request that begins with these bytes, however it goes on."""
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._http.receive_data(data)
        deadline_s = time.monotonic() + HEAD_S
        while (event := self._parse(self._http)) is h11.NEED_DATA:
            more = self._receive(max(0.0, deadline_s - time.monotonic()))
            if more is None:
                raise TooSlow("the head of the request did not come in time")
            self._http.receive_data(more)
        if not isinstance(event, h11.Request):
            return None
        if len(event.headers) > MAX_HEADERS:
            raise HeadTooLarge(f"more than {MAX_HEADERS} headers")
        check_framing(event)
        self._body_awaits_leave = self._http.they_are_waiting_for_100_continue
        return heads.from_h11(event)

    def body(self, deadline_s: float = math.inf) -> Iterator[bytes]:
        """The rest of the request's body, as it comes, up to a moment of time.monotonic().

        Raises TooSlow, InvalidArgument.
        """
        while self._http and self._http.their_state is h11.SEND_BODY:
            event = self._parse(self._http)
            if isinstance(event, h11.Data):
                self._body_awaits_leave = False
                yield bytes(event.data)
            elif event is h11.NEED_DATA:
                self.invite_body()
                left_s = min(BODY_S, deadline_s - time.monotonic())
                data = self._receive(max(0.0, left_s))
                if data is None or left_s <= 0:
                    raise TooSlow("the body of the request did not come in time")
                self._http.receive_data(data)
            else:
                return

    def invite_body(self) -> None:
        """Tell a client that waits with the body to send it: before an answer begins, or never."""
        if self._body_awaits_leave:
            self._body_awaits_leave = False
            self.send(heads.CONTINUE)

    @staticmethod
    def _parse(http: h11.Connection) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return http.next_event()
        except h11.RemoteProtocolError as error:
            problem = HeadTooLarge if error.error_status_hint == 431 else InvalidArgument
            raise problem(f"malformed request: {error}") from None

    def _receive_at_once(self) -> bytes:
        """What the client has sent along: of a new one that is nearly always the request."""
        if not self._is_new:
            return b""
        self._is_new = False
        try:
            return self.socket.recv(READ_BYTES, socket.MSG_DONTWAIT)
        except OSError:
            return b""  # nothing yet, or nothing any more

    def _receive(self, timeout_s: float) -> bytes | None:
        """More bytes, none at the end; None if nothing came in time. Raises ClientLeft."""
        try:
            self._set_timeout(timeout_s)
            data = self.socket.recv(READ_BYTES)
        except (TimeoutError, BlockingIOError):
            return None
        except OSError:
            raise ClientLeft from None
        self._client_wrote_all = not data
        return data

    def send(self, data: bytes, *, patience_s: float | None = None) -> None:
        """Send bytes, as one write if the client takes them. Raises ClientLeft."""
        try:
            sent = self._send_at_once(data)
            if sent < len(data):
                self._set_timeout(patience_s)
                self.socket.sendall(data[sent:])
        except OSError:
            raise ClientLeft from None

    def _send_at_once(self, data: bytes) -> int:
        """How much of it the client takes just now. Raises OSError.

        A socket with a time limit asks first whether it may, where it nearly always may.
        """
        try:
            if self.socket.gettimeout() is None:
                return self.socket.send(data, socket.MSG_DONTWAIT)
            return os.write(self.socket.fileno(), data)
        except BlockingIOError:
            return 0

    def _set_timeout(self, timeout_s: float | None) -> None:
        if timeout_s != self.socket.gettimeout():
            self.socket.settimeout(timeout_s)

    def take_over(self) -> bytes:
        """HTTP ends here; what the client has sent already beyond its request."""
        self.socket.settimeout(None)
        return self._rest()

    def _rest(self) -> bytes:
        """What has come beyond this request."""
        return self._http.trailing_data[0] if self._http else b""

    def refuse(self, status: int, message: str) -> None:
        """The last answer, to what could not be read as a request. Raises ClientLeft."""
        self.send(refusal(status, message), patience_s=ANSWER_S)

    def finish(self) -> bool:
        """Make ready for another request after a complete answer; False if there can be none."""
        if not self.has_answered or not self._keeps or self._body_awaits_leave:
            return False
        if not self._http:
            return True
        drained = 0
        try:
            for piece in self.body():
                drained += len(piece)
                if drained > MAX_DRAIN_BYTES:
                    return False
        except InvalidArgument:
            return False
        self._unread = self._rest()
        return self._http.their_state is not h11.ERROR

    def close(self) -> None:
        """End it in order: a client that still sends reads the answer first, not a reset."""
        deadline_s = time.monotonic() + LINGER_S
        try:
            if not self._client_wrote_all:
                self.socket.shutdown(socket.SHUT_WR)
            while not self._client_wrote_all and (left_s := deadline_s - time.monotonic()) > 0:
                self.socket.settimeout(left_s)
                self._client_wrote_all = not self.socket.recv(READ_BYTES)
        except OSError:
            pass  # it is gone, or takes its time
        self.socket.close()


def check_framing(request: h11.Request) -> None:
    """Refuse a body whose end others may see elsewhere: what stands between us and the client, and
    lets only some requests pass, must not take the next one for a part of this (RFC 9112, 6.1).

    Raises InvalidArgument.
    """
    if not request.http_version.startswith(b"1."):
        raise InvalidArgument(f"malformed request: HTTP/{request.http_version.decode()}")
    names = [name for name, _ in request.headers]
    if b"transfer-encoding" not in names:
        return
    if b"content-length" in names:
        raise InvalidArgument("malformed request: a length, and a body in chunks")
    if request.http_version < b"1.1":
        raise InvalidArgument("malformed request: HTTP/1.0 has no body in chunks")


def refusal(status: int, message: str) -> bytes:
    """A whole answer that needs no request."""
    body = f"{files.format_json({'message': message})}\n".encode()
    lines = (f"Content-Type: {JSON}", f"Content-Length: {len(body)}", "Connection: close")
    return heads.answer(status, *lines) + body
