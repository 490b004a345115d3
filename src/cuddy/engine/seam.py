"""The seam between a container's log and its stream: where a client comes in that wants both.

    client                            monitor, between two pieces of output
    HELLO with WANT_SEAM ──────────▶  from here on the client gets what is written
           ◀────────────────────────  SEAM: how far the log goes, and the unfinished lines
    reads the log as far as that,
    then those lines, then its stream

Nothing is in both, and nothing in neither. A monitor that does not know of this, as it runs since
before an update, says nothing: then the log is read to its end, as it is for a container at rest.
"""

from __future__ import annotations

import struct

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.logwriter import LogWriter

FORM = struct.Struct(">QQI")


class Seam(NamedTuple):
    """How far the log goes, and what has been written that is not in it."""

    inode: int  # of the file that is written; 0: it is in no file
    size: int
    stdout: bytes = b""
    stderr: bytes = b""

    def unlogged(self) -> Iterator[tuple[int, bytes]]:
        """Unfinished lines, by stream."""
        for stream, data in ((1, self.stdout), (2, self.stderr)):
            if data:
                yield stream, data


def of_writer(log: LogWriter) -> Seam:
    """Where a log is that is being written."""
    unlogged = log.unlogged()
    try:
        inode, size = log.position()
    except OSError:
        inode, size = 0, 0  # nothing of it can be read
    return Seam(inode, size, unlogged[1], unlogged[2])


def encode(seam: Seam) -> bytes:
    """As the monitor says it."""
    head = FORM.pack(seam.inode, seam.size, len(seam.stdout))
    return head + seam.stdout + seam.stderr


def decode(data: bytes) -> Seam | None:
    """And as it is understood; None if it makes no sense."""
    if len(data) < FORM.size:
        return None
    inode, size, length = FORM.unpack_from(data)
    rest = data[FORM.size :]
    return Seam(inode, size, rest[:length], rest[length:])
