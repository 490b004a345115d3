"""A call joined to the streams of a container or an exec, until these end or the program leaves.

One loop over poll(2) that never waits in a write. What one side does not take holds the other back.
"""

from __future__ import annotations

import _socket
import select

from cuddy.engine import frames
from cuddy.engine.departure import ClientLeft
from cuddy.engine.inlet import Inlet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.attach import Streams
    from cuddy.library.serving import Call

CHUNK_BYTES = 1 << 17
MAX_WAITING_BYTES = 1 << 20


class Joined:
    """`stdin`: whether the program has input for it."""

    def __init__(self, call: Call, streams: Streams, *, stdin: bool) -> None:
        self._call = call
        self._streams = streams
        self._has_input = stdin  # whether the program may have more of it
        self._inlet = Inlet(streams)
        self._output = bytearray()  # on its way to the program
        self._has_ended = False

    def run(self) -> None:
        """Go on until all of the output is delivered. Raises ClientLeft."""
        self._obey(self._call.unread)
        try:
            self._inlet.send()
            while not self._has_ended or self._output:
                ready = dict(self._interests().poll())
                events = ready.get(self._call.socket.fileno(), 0)
                if events & ~select.POLLOUT:
                    self._hear()
                self._receive()
                if not self._has_ended:
                    self._inlet.send()
                if self._output:
                    self._write()
        finally:
            self._streams.close()

    def _interests(self) -> select.poll:
        poll = select.poll()
        wanted = {
            self._call.socket.fileno(): (select.POLLIN if self._inlet.has_room() else 0)
            | (select.POLLOUT if self._output else 0)
            | select.POLLRDHUP
        }
        if not self._has_ended:
            wanted |= self._inlet.interests(reads=len(self._output) < MAX_WAITING_BYTES)
        for fd, mask in wanted.items():
            poll.register(fd, mask)
        return poll

    def _hear(self) -> None:
        """What the program says."""
        try:
            data = self._call.socket.recv(CHUNK_BYTES, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            raise ClientLeft
        self._obey(self._call.decoder.feed(data))

    def _obey(self, said: list[frames.Frame]) -> None:
        for kind, data in said:
            if kind == frames.STDIN and self._has_input:
                self._inlet.put(data)
            elif kind == frames.CLOSE_STDIN and self._has_input:
                self._has_input = False
                self._inlet.end()
            elif kind == frames.RESIZE and len(data) == frames.WINDOW.size:
                self._streams.resize(*frames.WINDOW.unpack(data))
        self._call.unread = []

    def _receive(self) -> None:
        """What the container has written."""
        if self._has_ended or len(self._output) >= MAX_WAITING_BYTES:
            return
        try:
            for stream, data in self._streams.receive():
                self._output += frames.encode(stream, data)
        except EOFError:
            self._has_ended = True
            self._inlet.drop()

    def _write(self) -> None:
        flags = _socket.MSG_NOSIGNAL | _socket.MSG_DONTWAIT
        try:
            while self._output:
                sent = self._call.socket.send(self._output[:CHUNK_BYTES], flags)
                del self._output[:sent]
        except BlockingIOError:
            pass  # the rest when there is room
        except OSError:
            raise ClientLeft from None
