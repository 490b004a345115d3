"""A TCP connection of a container to its resolver: questions one after another, each answered
before the next is read, so that nothing piles up (RFC 7766).
"""

from __future__ import annotations

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.kernel.poll import Poll

    Ask = Callable[[bytes, Callable[[bytes], None]], None]

IDLE_S = 10.0
"""From one question to the next, and for an answer to be taken."""


class Stream:
    """One connection. `ask` gets a question, and where to send its answer; `closed` is told."""

    def __init__(
        self, poll: Poll, connection: _socket.socket, ask: Ask, closed: Callable[[Stream], None]
    ) -> None:
        self._poll = poll
        self._connection = connection
        self._ask = ask
        self._closed = closed
        self._received = b""
        self._sending = b""
        self._is_open = True
        self._timer = poll.after(IDLE_S, self.close)
        poll.watch(connection.fileno(), self._read)

    def _read(self) -> None:
        size = 2 + int.from_bytes(self._received[:2]) if len(self._received) > 1 else 2
        try:
            data = self._connection.recv(size - len(self._received))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._received += data
        size = 2 + int.from_bytes(self._received[:2]) if len(self._received) > 1 else 3
        if len(self._received) < size:
            return
        # What comes next waits in the kernel until this one is answered.
        self._poll.forget(self._connection.fileno())
        self._timer.cancel()
        question, self._received = self._received[2:], b""
        self._ask(question, self._send)

    def _send(self, answer: bytes) -> None:
        if self._is_open:
            self._sending = len(answer).to_bytes(2) + answer
            self._timer = self._poll.after(IDLE_S, self.close)
            self._write()

    def _write(self) -> None:
        try:
            sent = self._connection.send(self._sending, _socket.MSG_NOSIGNAL)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        self._sending = self._sending[sent:]
        if self._sending:
            self._poll.watch(self._connection.fileno(), self._write, writing=True)
        else:
            self._poll.watch(self._connection.fileno(), self._read)

    def close(self) -> None:
        """The end of it."""
        if self._is_open:
            self._is_open = False
            self._timer.cancel()
            self._poll.forget(self._connection.fileno())
            self._connection.close()
            self._closed(self)
