"""A log on disk: one file that grows, and older ones beside it once it is full.

    log.json  log.json.1  log.json.2            with compression: log.json.1.gz ...

The names are Docker's, so that other tools find them. There is one writer, the container's monitor;
readers need no lock (logchain.py). How a file is put aside: logrotation.py, which is imported when
the first one is full.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.shapes import NamedTuple


class Limits(NamedTuple):
    """How large a log may become."""

    max_size: int = 10_000_000  # bytes of one file; -1: without limit
    max_files: int = 3  # with the one that is written
    compress: bool = False


DEFAULT_LIMITS = Limits()


class LogEntry(NamedTuple):
    """Some lines of one moment, or one piece of a long one."""

    stream: int  # 1 stdout, 2 stderr
    time: str  # RFC 3339 with nanoseconds, UTC
    data: bytes
    attributes: dict[str, str] | None = None


class LogFile:
    """Appends records. What a record is, and where one ends, is a subclass's: jsonlog, locallog."""

    def __init__(self, path: str, limits: Limits = DEFAULT_LIMITS) -> None:
        """Raises OSError."""
        self.path = path
        self.limits = limits
        self.size = 0
        self.is_torn = False  # the last write was cut short
        self._compressor = 0  # pid
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._fd = os.open(path, flags, 0o600)
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._fd)
            raise OSError(errno.EINVAL, "not a regular file", path)
        self.size = status.st_size
        if self.size:
            self.is_torn = not self.is_end(os.pread(self._fd, 1, self.size - 1))

    def is_end(self, last: bytes) -> bool:
        """Whether a file whose last byte is this may end with a whole record."""
        return last == b"\n"

    def last_end(self, data: bytes, room: int) -> int:
        """Where the last record ends that fits in so much room; 0 if none does."""
        return data.rfind(b"\n", 0, room) + 1

    def first_end(self, data: bytes) -> int:
        """Where the first record ends."""
        return data.find(b"\n") + 1

    mend = b"\n"
    """What makes a record that was cut short end, so that the next one is not part of it."""

    def append(self, data: bytes) -> None:
        """Add whole records, to as many files as they fill. What a full disk does not take is lost:
        the container goes on.
        """
        max_size = self.limits.max_size
        while data:
            end = len(data)
            if 0 <= max_size < self.size + end:
                end = self.last_end(data, max(0, max_size - self.size))
                if not end and self.size:
                    self.rotate()
                    continue
                end = end or self.first_end(data)
            self._write(data[:end])
            data = data[end:]

    def _write(self, data: bytes) -> None:
        if self.is_torn:
            data = self.mend + data
        self.size += len(data)
        try:
            files.write_all(self._fd, data)
            self.is_torn = False
        except OSError:
            self.is_torn = True

    def rotate(self) -> None:
        """Put the file aside and begin another. If that fails, the old one goes on for as long."""
        from cuddy.engine import logrotation

        self.size = 0
        try:
            fd = logrotation.rotate(self.path, self.limits)
        except OSError:
            return
        self._take(fd)
        if self.limits.compress and not self.is_compressing():
            self._compressor = logrotation.start_compressing(self.path)

    def clear(self) -> None:
        """Forget everything that was logged. Raises OSError."""
        from cuddy.engine import logrotation

        is_closed = self._fd < 0
        self._take(logrotation.clear(self.path))
        if is_closed:
            self.close()

    def _take(self, fd: int) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self.size, self.is_torn = fd, 0, False

    def is_compressing(self) -> bool:
        """Whether a child of this process compresses what was put aside."""
        if self._compressor and os.waitpid(self._compressor, os.WNOHANG)[0]:
            self._compressor = 0
        return bool(self._compressor)

    def is_busy(self) -> bool:
        """Whether the monitor may not go to sleep yet."""
        return self.is_compressing()

    def is_full(self) -> bool:
        """Whether no more can be logged now."""
        return False

    def waiting_fd(self) -> int:
        """What to poll for writing before more can be logged; -1: nothing, a file takes it all."""
        return -1

    def flush(self) -> None:
        """Write what waits, as far as it goes."""

    def position(self) -> tuple[int, int]:
        """Inode and size of the file that is written. Raises OSError."""
        status = os.stat(self.path if self._fd < 0 else self._fd)
        return status.st_ino, status.st_size

    def close(self) -> None:
        """The writer goes; what is not compressed yet is at the next rotation."""
        if self.is_compressing():
            os.kill(self._compressor, 9)
            os.waitpid(self._compressor, 0)
            self._compressor = 0
        os.close(self._fd)
        self._fd = -1
