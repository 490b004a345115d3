"""Logs: what a container has written, and with `follow` what it goes on writing.

Read from its log files; no process is asked, so it works for stopped containers as well, and for
any number of readers.
"""

from __future__ import annotations

import os

from cuddy.engine import containers, jsonlog, logchain
from cuddy.engine.logwait import Waiting, Wishes
from cuddy.errors import InvalidArgument, SystemFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.logchain import Link
    from cuddy.engine.logfile import LogEntry

    class Format(Protocol):
        """How records become bytes: jsonlog, locallog."""

        def whole(self, data: bytes, /) -> int: ...
        def decode(self, block: bytes, /) -> Iterator[LogEntry | None]: ...
        def tail(self, fd: int, count: int, is_last: bool, /) -> tuple[int, int]: ...

    class Reading(Protocol):
        """Entries, oldest first, and how much of the log could not be read."""

        damaged: int

        def __iter__(self) -> Iterator[LogEntry]: ...


CHUNK_BYTES = 1 << 18
MAX_RECORD_BYTES = 4 << 20


def read(
    home: Home,
    name: str,
    *,
    follow: bool = False,
    tail: int | None = None,
    since: str = "",
    until: str = "",
) -> Reading:
    """A container's log, oldest first. `tail`: only so many of the last lines; `since` and `until`
    are times of the form the log has. Raises NoSuchContainer, InvalidArgument, SystemFailure.
    """
    record = containers.find(home, name)
    wishes = Wishes(follow, tail, since, until)
    kind = record["HostConfig"]["LogConfig"]["Type"]
    if kind == "json-file":
        return FileReading(home, record, record["LogPath"], jsonlog, wishes)
    if kind == "local":
        from cuddy.engine import locallog, logoptions

        return FileReading(home, record, logoptions.local_path(record), locallog, wishes)
    if kind == "journald":
        from cuddy.engine import journal

        return journal.JournalReading(home, record, wishes)
    raise InvalidArgument(
        "configured logging driver does not support reading",
        hint=f"the container was made with --log-driver {kind}",
    )


class FileReading:
    """A log in files."""

    def __init__(
        self, home: Home, record: Container, path: str, form: Format, wishes: Wishes
    ) -> None:
        self.home = home
        self.id = record["Id"]
        self.path = path
        self.format = form
        self.wishes = wishes
        self.damaged = 0
        self._rest = b""  # the beginning of a record
        self._last = (0, 0)  # inode and size at which to stop

    def __iter__(self) -> Iterator[LogEntry]:
        """Raises SystemFailure."""
        since, until = self.wishes.since, self.wishes.until
        try:
            for entry in self.entries():
                if until and entry.time > until:
                    return
                if not since or entry.time >= since:
                    yield entry
        except OSError as error:
            raise SystemFailure.from_os("cannot read the log", error) from error

    def entries(self) -> Iterator[LogEntry]:
        """All entries from where the tail begins, with `follow` until no more can come."""
        with Waiting(self.home, self.id, self.path, self.wishes) as waiting:
            link = self.begin()
            try:
                while True:
                    # Asked before reading: what was written until then is read once more.
                    goes_on = waiting.goes_on()
                    link = link or logchain.open_oldest(self.path)
                    if link:
                        yield from self.drain(link)
                    if link and (newer := self.open_newer(link)):
                        yield from self.drain(link)  # what came before it was put aside
                        yield from self.end_file()
                        link.close()
                        link = newer
                    elif goes_on:
                        waiting.wait()
                    else:
                        damaged = self.damaged
                        yield from self.end_file()
                        self.damaged = damaged  # what is being written has no end yet
                        return
            finally:
                if link:
                    link.close()

    def begin(self) -> Link | None:
        """The file in which to begin, at the right place; None if there is none yet."""
        link = logchain.open_newest(self.path)
        if link and not self.wishes.follow:
            self._last = link.inode, os.fstat(link.fd).st_size
        if link and self.wishes.tail is None:
            link.close()
            return logchain.open_oldest(self.path)
        if link and self.wishes.tail is not None:
            return self.rewind(link, self.wishes.tail)
        return link

    def rewind(self, link: Link, count: int) -> Link:
        """The file in which the last `count` lines begin, at their beginning."""
        if count <= 0:
            os.lseek(link.fd, 0, os.SEEK_END)
            return link
        is_last = True
        while True:
            offset, count = self.format.tail(link.fd, count, is_last)
            # A file that begins with what is wanted may begin in the middle of a line.
            older = logchain.open_older(self.path, link) if offset == 0 else None
            if not older:
                os.lseek(link.fd, offset, os.SEEK_SET)
                return link
            is_last = is_last and os.fstat(link.fd).st_size == 0
            link.close()
            link = older

    def drain(self, link: Link) -> Iterator[LogEntry]:
        """What is new in a file."""
        while chunk := os.read(link.fd, self.room(link)):
            data = self._rest + chunk
            end = self.format.whole(data)
            self._rest = data[end:]
            yield from self.decode(data[:end])
            if len(self._rest) > MAX_RECORD_BYTES:
                yield from self.end_file()

    def decode(self, block: bytes) -> Iterator[LogEntry]:
        """The entries in whole records; what is none is counted."""
        for entry in self.format.decode(block):
            if entry:
                yield entry
            else:
                self.damaged += 1

    def room(self, link: Link) -> int:
        """How much to read of a file; not beyond where the log ended when we began."""
        inode, size = self._last
        if link.inode != inode:
            return CHUNK_BYTES
        return min(CHUNK_BYTES, max(0, size - os.lseek(link.fd, 0, os.SEEK_CUR)))

    def open_newer(self, link: Link) -> Link | None:
        """The file after this one, if it is to be read."""
        return None if link.inode == self._last[0] else logchain.open_newer(self.path, link)

    def end_file(self) -> Iterator[LogEntry]:
        """What began and has no end is nothing; there may be something good behind it."""
        rest, self._rest = self._rest, b""
        yield from self.decode(rest)
