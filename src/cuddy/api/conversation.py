"""A conversation: a client's hijacked connection joined to the streams of a container or an exec,
until the output has ended or the client leaves.

One loop over poll(2) that never waits in a write. The client may end its half, which is the end of
the input; only when it has closed both is it gone, and then the container goes on without it.
"""

from __future__ import annotations

import select
import socket
import time

from cuddy.engine import frames
from cuddy.engine.detach_keys import DetachKeys
from cuddy.engine.inlet import Inlet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Protocol

    from cuddy.api.hijacked import Hijacked
    from cuddy.api.http import Call
    from cuddy.api.websocket import WebSocket
    from cuddy.engine.attach import Streams

    class EarlyStreams(Streams, Protocol):
        """Those of a container that may not have begun."""

        has_begun: bool  # False: it may never


CHUNK_BYTES = 1 << 16
MAX_WAITING_BYTES = 1 << 20
"""Of output that the client does not take: then no more is read, and the engine holds the container
back, as a pipe would."""
MOST_HELD_S, MOST_HELD_BYTES = 0.25, 4096
"""Of output before the client's window is known to it: a client that never says is not kept from it
for long, and what is more than a prompt not at all."""
RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"


def content_type(call: Call, *, tty: bool) -> str:
    """What a client is told of a stream: whether it has frames, if it knows that word."""
    return RAW if tty or call.version < (1, 42) else MULTIPLEXED


def frame(stream: int, data: bytes, *, tty: bool) -> bytes:
    """Output as the client reads it."""
    return data if tty else frames.encode(stream, data)


class Conversation:
    """`wanted`: the streams that the client wants to see. `keys`: what leaves a terminal, if
    anything does. `raw`: the client wants no frames, as with a terminal if it does not say.
    `holds`: the first output of a container that begins waits until the client has its window's
    size set.
    """

    def __init__(
        self,
        sock: Hijacked | WebSocket,
        streams: EarlyStreams,
        *,
        stdin: bool,
        wanted: Collection[int],
        keys: bytes,
        raw: bool | None = None,
        holds: bool = False,
    ) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._streams = streams
        self._wanted = wanted
        self._is_raw = streams.tty if raw is None else raw
        self._keys = DetachKeys(keys) if keys and streams.tty and stdin else None
        self._output = bytearray()  # on its way to the client
        self._has_said = False
        self._holds = holds and not streams.has_begun
        self._held_until_s = 0.0  # 0: there has been no output
        self._inlet = Inlet(streams)
        self._stdin = stdin
        self._reads = stdin or sock.always_reads  # whether the client may have more to say
        self._is_gone = False
        self._is_detached = False
        self._has_ended = False
        if stdin and sock.unread:
            self._take(sock.unread)

    def run(self) -> None:
        """Go on until the end of the output, or the client's."""
        while not self._is_over():
            ready = dict(self._interests().poll(self._patience_ms()))
            self._serve_client(ready.get(self._socket.fileno(), 0))
            self._serve_streams()
        if self._is_detached:
            self._streams.detach()

    def _is_over(self) -> bool:
        if self._is_gone or self._is_detached:
            return self._has_ended or not self._streams.has_begun or self._inlet.is_empty()
        return self._has_ended and not self._output

    def _is_held(self) -> bool:
        """Whether output is kept from the client for now."""
        if self._holds and self._output:
            self._held_until_s = self._held_until_s or time.monotonic() + MOST_HELD_S
            has_time = time.monotonic() < self._held_until_s
            self._holds = has_time and len(self._output) < MOST_HELD_BYTES and not self._has_ended
        return self._holds

    def _patience_ms(self) -> float | None:
        """How long to wait for something to happen."""
        if self._is_held() and self._output:
            return max(0.0, self._held_until_s - time.monotonic()) * 1000 + 1
        return None

    def _interests(self) -> select.poll:
        poll = select.poll()
        wanted = {}
        if not self._is_gone:
            reads = self._reads and self._inlet.has_room()
            writes = bool(self._output) and not self._is_held()
            wanted[self._socket.fileno()] = (select.POLLIN if reads else 0) | (
                select.POLLOUT if writes or self._socket.wants_write() else 0
            )
        if not self._has_ended:
            wanted |= self._inlet.interests(reads=len(self._output) < MAX_WAITING_BYTES)
        for fd, mask in wanted.items():
            poll.register(fd, mask)
        return poll

    def _serve_client(self, events: int) -> None:
        if events & select.POLLIN:
            self._read()
        elif events & (select.POLLHUP | select.POLLERR):
            self._leave()
        if not self._is_gone and (self._output or self._socket.wants_write()):
            self._write()

    def _read(self) -> None:
        try:
            data = self._socket.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._leave()
            return
        if data:
            self._take(data)
        else:
            self._reads = False
            self._inlet.end()

    def _take(self, data: bytes) -> None:
        """What the client has typed."""
        if not self._stdin:
            return
        if self._keys:
            data, self._is_detached = self._keys.feed(data)
        self._inlet.put(data)
        if self._is_detached:
            self._reads = False

    def _leave(self) -> None:
        """The client is gone. What it has said is still passed on."""
        self._is_gone, self._reads = True, False
        self._output.clear()

    def _write(self) -> None:
        if self._is_held():
            return
        if not self._has_said:
            self._socket.await_reader()
            self._has_said = True
        try:
            while self._output:
                sent = self._socket.send(self._output[:CHUNK_BYTES], socket.MSG_NOSIGNAL)
                del self._output[:sent]
            self._socket.flush()
        except BlockingIOError:
            pass
        except OSError:
            self._leave()

    def _serve_streams(self) -> None:
        if self._has_ended:
            return
        self._inlet.send()
        if len(self._output) >= MAX_WAITING_BYTES:
            return
        try:
            for stream, data in self._streams.receive():
                if stream == frames.SIZED:
                    self._holds = False
                if stream in self._wanted and not self._is_gone:
                    self._output += frame(stream, data, tty=self._is_raw)
        except EOFError:
            self._has_ended = True
            self._inlet.drop()
        else:
            self._inlet.send()  # one that has just begun takes what has been waiting
        if self._output:
            self._write()
