"""Being told that a file or a directory has changed, instead of looking again and again.

Reference: inotify(7).
"""

from __future__ import annotations

import os

from cuddy.kernel.syscall import syscall

IN_MODIFY = 0x2
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_ONLYDIR = 0x0100_0000

BUFFER_BYTES = 1 << 16


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

    def drain(self) -> None:
        """Forget what has been told so far. Do it before looking, so that nothing is missed."""
        try:
            while os.read(self._fd, BUFFER_BYTES):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Watch no longer."""
        os.close(self._fd)
