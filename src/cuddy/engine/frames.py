"""How a container's monitor and its clients speak: Docker's stream frames, in both directions.

    byte 0      what it is (below)
    bytes 1-3   zero
    bytes 4-7   length of what follows, big-endian

Docker's attach stream multiplexes stdout and stderr in just this form, so the monitor's frames can
be passed on as they are.
"""

from __future__ import annotations

import struct

from cuddy.shapes import NamedTuple

STDIN = 0  # data for the container
STDOUT = 1
STDERR = 2
RESIZE = 3  # rows and columns of the client's window
CLOSE_STDIN = 4  # the client's input has ended
HELLO = 5  # what the client wants: one byte of WANT_*
EXIT = 6  # the container's end: JSON
CLEAR = 7  # a client wants the log emptied; the answer is empty, or says why it could not be done
PORTS = 8  # keep the ports that come along as descriptors; without data, let go of all first
SEAM = 9  # the first answer to a client that wants it: where the log ends and its stream begins
SIZED = 10  # a client has heard that the terminal has its window's size, and all others hear it
WANT_STDIN = 1
WANT_STDOUT = 2
WANT_STDERR = 4
WANT_SEAM = 8
WANT_SIZED = 16
WANT_CLOSING = 32  # that its CLOSE_STDIN ends the container's input, whoever else may have some

HEADER = struct.Struct(">BxxxI")
WINDOW = struct.Struct(">HH")
MAX_FRAME_BYTES = 1 << 20


class Frame(NamedTuple):
    """One message."""

    kind: int
    data: bytes


def encode(kind: int, data: bytes = b"") -> bytes:
    """A frame as bytes."""
    return HEADER.pack(kind, len(data)) + data


class Decoder:
    """Bytes in, whole frames out. `limit`: how long one may be."""

    def __init__(self, limit: int = MAX_FRAME_BYTES) -> None:
        self._limit = limit
        self._buffer = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now. Raises ValueError on nonsense."""
        buffer = self._buffer + data if self._buffer else data
        found, position = [], 0
        while len(buffer) - position >= HEADER.size:
            kind, length = HEADER.unpack_from(buffer, position)
            if length > self._limit:
                raise ValueError(f"frame of {length} bytes")
            end = position + HEADER.size + length
            if len(buffer) < end:
                break
            found.append(Frame(kind, buffer[position + HEADER.size : end]))
            position = end
        self._buffer = buffer[position:]
        return found
