"""What a container writes, cut into lines for its log, whichever driver keeps it."""

from __future__ import annotations

import os

from cuddy.engine.jsonlog import JsonLog
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from cuddy.engine.container import Container

    class Driver(Protocol):
        """Keeps lines: json-file, local, none, journald."""

        def write_lines(self, stream: int, lines: bytes) -> None: ...
        def write_entries(self, stream: int, entries: list[bytes]) -> None: ...
        def is_busy(self) -> bool: ...
        def is_full(self) -> bool: ...
        def waiting_fd(self) -> int: ...
        def flush(self) -> None: ...
        def clear(self) -> None: ...
        def position(self) -> tuple[int, int]: ...
        def close(self) -> None: ...


MAX_ENTRY_BYTES = 16 << 10
"""A longer line is cut into entries without a newline at their end, as Docker does it."""
_BLOCK_BYTES = MAX_ENTRY_BYTES // 2


class LogWriter:
    """Logs what a container writes."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._partial = {1: b"", 2: b""}

    def write(self, stream: int, data: bytes) -> None:
        """Log a piece of output; an unfinished line waits for its end."""
        if self._partial[stream]:
            data = self._partial[stream] + data
        end = data.rfind(b"\n") + 1
        *pieces, self._partial[stream] = cut(data[end:])
        if pieces or has_long_line(data, end):
            self.driver.write_entries(stream, [*split(data[:end]), *pieces])
        elif end:
            self.driver.write_lines(stream, data[:end])

    def has_partial(self) -> bool:
        """Whether an unfinished line waits for its end."""
        return any(self._partial.values())

    def is_busy(self) -> bool:
        """Whether the driver has something to do yet without being asked."""
        return self.driver.is_busy()

    def is_full(self) -> bool:
        """Whether the container has to wait until more can be logged."""
        return self.driver.is_full()

    def waiting_fd(self) -> int:
        """What to poll for writing, and then to `flush`; -1 if nothing waits."""
        return self.driver.waiting_fd()

    def flush(self) -> None:
        """Log what waits, as far as it goes."""
        self.driver.flush()

    def clear(self) -> str:
        """Forget what was logged; an unfinished line is still to come. Returns what is wrong."""
        try:
            self.driver.clear()
        except OSError as error:
            return os.strerror(error.errno or 0)
        return ""

    def position(self) -> tuple[int, int]:
        """The file that is written, and how far. Raises OSError."""
        return self.driver.position()

    def unlogged(self) -> dict[int, bytes]:
        """Unfinished lines, which are in no file yet."""
        return self._partial

    def close(self) -> None:
        """Log what had no newline yet, and close."""
        for stream, rest in self._partial.items():
            if rest:
                self.driver.write_entries(stream, [rest])
        self.driver.close()


def open_writer(record: Container) -> LogWriter:
    """The writer of a container's log. Raises OSError, CuddyError."""
    wanted = record["HostConfig"].get("LogConfig")
    if not wanted or wanted == {"Type": "json-file", "Config": {}}:
        return LogWriter(JsonLog(record["LogPath"]))
    from cuddy.engine import logdriver

    return LogWriter(logdriver.open_driver(record))


def reopen_writer(record: Container) -> LogWriter:
    """The same for a container that runs: it does so without a log rather than not at all."""
    try:
        return open_writer(record)
    except (OSError, InvalidArgument):
        from cuddy.engine import logdriver

        return LogWriter(logdriver.Nothing())


def has_long_line(data: bytes, end: int) -> bool:
    """Whether a line before `end` may be too long for an entry: it would fill a block."""
    return end > MAX_ENTRY_BYTES and any(
        data.find(b"\n", start, start + _BLOCK_BYTES) < 0
        for start in range(0, end - _BLOCK_BYTES, _BLOCK_BYTES)
    )


def split(data: bytes) -> list[bytes]:
    r"""The lines, each with its \n; a terminal's \r (and \v, \f) is part of a line."""
    lines = [line + b"\n" for line in data[:-1].split(b"\n")] if data else []
    if len(data) > MAX_ENTRY_BYTES and max(map(len, lines)) > MAX_ENTRY_BYTES:
        return [piece for line in lines for piece in cut(line)]
    return lines


def cut(line: bytes) -> list[bytes]:
    """A line in pieces of at most `MAX_ENTRY_BYTES`, none ending inside a character."""
    pieces = []
    while len(line) > MAX_ENTRY_BYTES:
        end = MAX_ENTRY_BYTES
        while line[end] & 0xC0 == 0x80 and end > MAX_ENTRY_BYTES - 3:  # UTF-8 goes on
            end -= 1
        pieces.append(line[:end])
        line = line[end:]
    return [*pieces, line]
