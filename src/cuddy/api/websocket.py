"""A WebSocket (RFC 6455) in place of a bare connection: for clients that can have no other.

The frames of a client's are taken apart here, and what goes to it is put into frames; a
conversation reads and writes as if nothing were between.
"""

from __future__ import annotations

import hashlib
import select
import socket
import struct
import time
from base64 import b64encode

from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.hijacked import Hijacked
    from cuddy.api.http import Call

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KINDS = (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)
MAX_FRAME_BYTES = 1 << 20
MAX_CONTROL_BYTES = 125
MAX_WAITING_BYTES = 1 << 20
"""Of frames that the client does not take; one that pings on without reading is cut off."""
LAST_S = 5
"""How long what is left is sent to a client after the end."""


class Reader:
    """Bytes of a client's in, its frames out."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = data

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames that are complete now: what they are, what is in them. Raises ValueError."""
        self._data += data
        found, position = [], 0
        while read := self._next(position):
            kind, content, position = read
            found.append((kind, content))
        self._data = self._data[position:]
        return found

    def _next(self, begin: int) -> tuple[int, bytes, int] | None:
        """The frame at a position: what it is, what is in it, where it ends; None if it is cut."""
        data, start = self._data, begin + 2
        if len(data) < start:
            return None
        kind, length = data[begin] & 0x0F, data[begin + 1] & 0x7F
        if data[begin] & 0x70 or not data[begin + 1] & 0x80 or kind not in KINDS:
            raise ValueError("a frame of another kind, with extensions, or without a mask")
        if length > MAX_CONTROL_BYTES:
            form = ">H" if length == 126 else ">Q"
            start += struct.calcsize(form)
            if len(data) < start:
                return None
            (length,) = struct.unpack(form, data[begin + 2 : start])
        if length > (MAX_CONTROL_BYTES if kind >= CLOSE else MAX_FRAME_BYTES):
            raise ValueError(f"a frame of {length} bytes")
        end = start + 4 + length
        if len(data) < end:
            return None
        return kind, unmask(data[start : start + 4], data[start + 4 : end]), end


def unmask(mask: bytes, data: bytes) -> bytes:
    """Every byte with the mask's over it, again and again."""
    key = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(key)).to_bytes(len(data))


def frame(kind: int, data: bytes) -> bytes:
    """A whole message of ours."""
    head = bytes([0x80 | kind])
    if len(data) <= MAX_CONTROL_BYTES:
        return head + bytes([len(data)]) + data
    if len(data) < 1 << 16:
        return head + struct.pack(">BH", 126, len(data)) + data
    return head + struct.pack(">BQ", 127, len(data)) + data


class WebSocket:
    """The part of a socket that a conversation needs."""

    always_reads = True
    """Pings and the client's end come between what it says, and where it has nothing to say."""

    def __init__(self, sock: Hijacked) -> None:
        self._socket = sock
        self._reader = Reader()
        self._waiting = b""  # frames on their way out
        self.unread = b""
        try:
            self.unread = self._take(sock.unread)
        except ConnectionResetError:
            sock.shutdown(socket.SHUT_RD)  # as it will be found

    def setblocking(self, flag: bool) -> None:
        """As a socket's."""
        self._socket.setblocking(flag)

    def await_reader(self) -> None:
        """Nobody reads the head of one without its frames."""

    def fileno(self) -> int:
        """As a socket's."""
        return self._socket.fileno()

    def recv(self, size: int) -> bytes:
        """What the client says. Raises BlockingIOError if it is nothing, OSError at its end."""
        data = self._socket.recv(size)
        if not data:
            raise ConnectionResetError
        said = self._take(data)
        self.flush()
        if len(self._waiting) > MAX_WAITING_BYTES:
            raise ConnectionResetError
        if not said:
            raise BlockingIOError
        return said

    def _take(self, data: bytes) -> bytes:
        """What is said in some frames; those that are about the connection itself are dealt with.

        Raises ConnectionResetError.
        """
        said = b""
        try:
            for kind, content in self._reader.feed(data):
                if kind == CLOSE:
                    raise ConnectionResetError
                if kind == PING:
                    self._waiting += frame(PONG, content)
                elif kind in (CONTINUATION, TEXT, BINARY):
                    said += content
        except ValueError:
            raise ConnectionResetError from None
        return said

    def send(self, data: bytes | bytearray, flags: int = 0) -> int:
        """Send all of it, some of it perhaps later. Raises BlockingIOError, OSError."""
        if not self.flush():
            raise BlockingIOError
        self._waiting = frame(BINARY, bytes(data))
        self.flush()
        return len(data)

    def wants_write(self) -> bool:
        """Whether something waits until the client takes it."""
        return bool(self._waiting)

    def flush(self) -> bool:
        """Send what waits; whether nothing does any more. Raises OSError."""
        try:
            while self._waiting:
                self._waiting = self._waiting[self._socket.send(self._waiting) :]
        except BlockingIOError:
            return False
        return True

    def finish(self) -> None:
        """Say that it is the end, to a client that still listens."""
        self._waiting += frame(CLOSE, struct.pack(">H", 1000))
        deadline_s = time.monotonic() + LAST_S
        try:
            while not self.flush() and (left_s := deadline_s - time.monotonic()) > 0:
                poll = select.poll()
                poll.register(self._socket, select.POLLOUT)
                poll.poll(left_s * 1000)
        except OSError:
            pass


def accept(call: Call) -> None:
    """Agree to what the client has asked for. Raises InvalidArgument."""
    key = call.headers.get("sec-websocket-key", "")
    if call.headers.get("upgrade", "").lower() != "websocket" or not key:
        raise InvalidArgument("this endpoint speaks WebSocket alone")
    token = hashlib.sha1((key + GUID).encode("latin-1"), usedforsecurity=False).digest()
    call.answer_headers["Sec-WebSocket-Accept"] = b64encode(token).decode()
