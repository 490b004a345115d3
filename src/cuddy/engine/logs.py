"""Logs: what a container has written, and with `follow` what it goes on writing.

Read from its log file; no process is asked, so it works for stopped containers as well.
"""

from __future__ import annotations

import os
import select

from cuddy import files
from cuddy.engine import containers, liveness
from cuddy.errors import SystemFailure
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.home import Home

CHUNK_BYTES = 1 << 18
FOLLOW_INTERVAL_MS = 40


class LogEntry(NamedTuple):
    """One line, or one piece of a long one."""

    stream: int  # 1 stdout, 2 stderr
    time: str  # RFC 3339 with nanoseconds, UTC
    data: bytes


def read(
    home: Home,
    name: str,
    *,
    follow: bool = False,
    tail: int | None = None,
    since: str = "",
    until: str = "",
) -> Iterator[LogEntry]:
    """A container's log, oldest first. `tail`: only so many of the last lines; `since` and `until`
    are times of the form the log has. Raises NoSuchContainer, SystemFailure.
    """
    record = containers.find(home, name)
    try:
        fd = os.open(record["LogPath"], os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SystemFailure.from_os("cannot read the log", error) from error
    return entries(home, record["Id"], fd, follow=follow, tail=tail, since=since, until=until)


def entries(
    home: Home, container_id: str, fd: int, *, follow: bool, tail: int | None, since: str,
    until: str,
) -> Iterator[LogEntry]:  # fmt: skip
    """Parsed lines of an open log, closed at the end."""
    try:
        if tail is not None:
            os.lseek(fd, tail_offset(fd, tail), os.SEEK_SET)
        for line in lines(home, container_id, fd, follow=follow):
            entry = parse(line)
            if entry is None or (since and entry.time < since):
                continue
            if until and entry.time > until:
                return
            yield entry
    finally:
        os.close(fd)


def parse(line: bytes) -> LogEntry | None:
    """An entry of the log file; None for one that a full disk cut short."""
    try:
        value = files.parse_json(line)
        stream = 2 if value["stream"] == "stderr" else 1
        return LogEntry(stream, value["time"], value["log"].encode("utf-8", "surrogatepass"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def lines(home: Home, container_id: str, fd: int, *, follow: bool) -> Iterator[bytes]:
    """Complete lines of the file; with `follow` until the container's monitor is gone."""
    rest = b""
    monitor_fd = liveness.open_monitor(home.run_dir(container_id)) if follow else -1
    try:
        while True:
            # Asked before reading: what was written until then is seen once more.
            alive = monitor_fd >= 0 and not is_over(monitor_fd, 0)
            while chunk := os.read(fd, CHUNK_BYTES):
                *complete, rest = (rest + chunk).split(b"\n")
                yield from complete
            if not alive:
                return
            is_over(monitor_fd, FOLLOW_INTERVAL_MS)
    finally:
        if monitor_fd >= 0:
            os.close(monitor_fd)


def is_over(pidfd: int, timeout_ms: int) -> bool:
    """Whether a process has ended, waiting that long for it."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(timeout_ms))


def tail_offset(fd: int, count: int) -> int:
    """Where the last `count` lines begin, read from the end backwards."""
    position = size = os.fstat(fd).st_size
    if count <= 0:
        return size
    missing = count + 1  # the newline before the first line wanted
    while position > 0:
        start = max(0, position - CHUNK_BYTES)
        chunk = os.pread(fd, position - start, start)
        newlines = chunk.count(b"\n")
        if newlines >= missing:
            end = len(chunk)
            for _ in range(missing):
                end = chunk.rindex(b"\n", 0, end)
            return start + end + 1
        missing -= newlines
        position = start
    return 0
