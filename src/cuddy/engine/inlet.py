"""The way into a container or an exec: what a client says waits here until it is taken.

For loops over poll(2) that never wait in a write. A client that is read no further while something
waits is held back, as a pipe would.
"""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.attach import Streams


class Inlet:
    """Put what the client says, and `send` whenever the streams may take some of it."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._typed = b""
        self._ends = False  # whether the container must be told that no more comes

    def put(self, data: bytes) -> None:
        """More input."""
        self._typed += data

    def end(self) -> None:
        """No more input comes."""
        self._ends = True

    def drop(self) -> None:
        """Nobody is there to take what waits."""
        self._typed, self._ends = b"", False

    def has_room(self) -> bool:
        """Whether the client should be read on."""
        return not self._typed

    def is_empty(self) -> bool:
        """Whether all that was said has been delivered."""
        return not (self._typed or self._ends or self._streams.wants_write())

    def interests(self, *, reads: bool) -> dict[int, int]:
        """What to poll the streams for, by descriptor. `reads`: there is room for their output."""
        wanted = {self._streams.fileno(): select.POLLIN} if reads else {}
        if self._streams.wants_write():
            fd = self._streams.write_fileno()
            wanted[fd] = wanted.get(fd, 0) | select.POLLOUT
        return wanted

    def send(self) -> None:
        """Pass on what is taken now, and after the last of it the end."""
        if self._streams.wants_write():
            self._streams.flush()
        if self._typed:
            self._typed = self._typed[self._streams.send(self._typed) :]
        if self._ends and not self._typed:
            self._ends = False
            self._streams.close_stdin()
