"""Being told that a file or a directory has changed, instead of looking again and again.

Reference: inotify(7).
"""

from __future__ import annotations

import os
import sys

from cuddy.kernel.syscall import syscall

IN_MODIFY = 0x2
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_Q_OVERFLOW = 0x4000
"""More has happened than the kernel keeps."""
IN_ONLYDIR = 0x0100_0000

BUFFER_BYTES = 1 << 12
HEAD_BYTES = 16
MAX_EVENT_BYTES = HEAD_BYTES + 256


class Watch:
    """What is watched; `fileno` is readable when something has happened to it."""

    def __init__(self) -> None:
        self._fd = syscall("inotify_init1", os.O_CLOEXEC | os.O_NONBLOCK)

    def add(self, path: str, mask: int) -> None:
        """Watch a file, or the files of a directory, for what `mask` names. Raises OSError."""
        syscall("inotify_add_watch", self._fd, path, mask, about=path)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._fd

    def drain(self) -> int:
        """Forget what has been told so far; all of it as one mask.

        Do it before looking, so that nothing is missed.
        """
        told = 0
        try:
            while data := os.read(self._fd, BUFFER_BYTES):
                told |= masks(data)
                if len(data) < BUFFER_BYTES - MAX_EVENT_BYTES:
                    break  # the next one would have come along
        except BlockingIOError:
            pass
        return told

    def close(self) -> None:
        """Watch no longer."""
        os.close(self._fd)


def masks(data: bytes) -> int:
    """The masks of all events in what was read: struct inotify_event, one after the other."""
    found = at = 0
    while at < len(data):
        found |= int.from_bytes(data[at + 4 : at + 8], sys.byteorder)
        at += HEAD_BYTES + int.from_bytes(data[at + 12 : at + 16], sys.byteorder)
    return found
