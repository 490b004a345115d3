"""A client of a monitor, as the monitor has it: what it wants, and what waits for it."""

from __future__ import annotations

import _socket
import os
import select

from cuddy import files
from cuddy.engine import frames

MAX_QUEUE_BYTES = 1 << 20
"""What may wait for a client before the container is held back."""


class Client:
    """One attached client."""

    def __init__(self, socket: _socket.socket) -> None:
        socket.setblocking(False)
        self.socket = socket
        self.decoder = frames.Decoder()
        self.queue = bytearray()
        self.wants = 0
        self.is_leaving = False  # it has been told of the end, and goes when it has heard it
        self.descriptors: list[int] = []  # that it has passed to us

    def fileno(self) -> int:
        return self.socket.fileno()

    def is_done(self) -> bool:
        """Whether nothing is left to tell it."""
        return self.is_leaving and not self.queue

    def answer(self, kind: int, data: bytes = b"") -> None:
        """Say something to this client alone. One that is gone is noticed later."""
        self.queue += frames.encode(kind, data)
        self.flush()

    def flush(self) -> bool:
        """Send what waits, as far as it goes; False when the client is gone."""
        try:
            while self.queue:
                sent = self.socket.send(self.queue, _socket.MSG_NOSIGNAL)
                del self.queue[:sent]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def interests(self, *, has_room: bool) -> int:
        """What to poll its socket for. `has_room`: whether there is for more input."""
        mask = select.POLLOUT if self.queue else 0
        return mask | (select.POLLIN if has_room or not self.wants & frames.WANT_STDIN else 0)

    def dismiss(self, outcome: dict[str, object]) -> None:
        """Its last word: how the container ended."""
        self.queue += frames.encode(frames.EXIT, files.format_json(outcome).encode())
        self.is_leaving, self.wants = True, 0

    def close(self) -> None:
        """It is gone."""
        self.socket.close()
        for fd in self.descriptors:
            os.close(fd)
