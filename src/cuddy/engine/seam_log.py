"""The log of a container as far as a seam, for a client that reads on in its stream."""

from __future__ import annotations

import os

from cuddy.engine import frames, jsonlog, logchain, logoptions, logs, seam
from cuddy.engine.logwait import Wishes
from cuddy.engine.seam import Seam

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.attach import Attachment
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.logchain import Link
    from cuddy.engine.logfile import LogEntry
    from cuddy.engine.logs import Format, Reading


def read(home: Home, record: Container, end: Seam | None) -> Reading:
    """The log as far as the seam; without one all of it. Raises InvalidArgument, SystemFailure."""
    kind = record["HostConfig"]["LogConfig"]["Type"]
    if end is None or kind not in ("json-file", "local"):
        return logs.read(home, record["Id"])
    if kind == "json-file":
        return ReadingToSeam(home, record, record["LogPath"], jsonlog, end)
    from cuddy.engine import locallog

    return ReadingToSeam(home, record, logoptions.local_path(record), locallog, end)


def at_rest(record: Container) -> Seam:
    """Where the log of a container ends that does not run. Under its lock."""
    path = logoptions.log_path(record)
    try:
        status = os.stat(path) if path else None
    except OSError:
        status = None  # it has never run
    return Seam(status.st_ino, status.st_size) if status else Seam(0, 0)


def hear(attachment: Attachment) -> Seam | None:
    """Where a client comes in that has attached for the log as well; None: it is not known."""
    if not attachment.has_begun:
        return attachment.seam
    return seam.decode(attachment.hear_first(frames.SEAM))


class ReadingToSeam(logs.FileReading):
    """A log that may be going on, up to where it was. What has been put aside or cleared meanwhile
    is gone, as it is for whoever reads the log later.

    The file of the seam is held from the beginning.
    """

    def __init__(self, home: Home, record: Container, path: str, form: Format, end: Seam) -> None:
        super().__init__(home, record, path, form, Wishes())
        self._last = (end.inode, end.size)
        self._end = logchain.open_file(path, end.inode) if end.inode else None

    def entries(self) -> Iterator[LogEntry]:
        """All of them."""
        if not self._end:
            return
        link: Link | None = None
        try:
            link = logchain.open_oldest(self.path)
            while link and logchain.is_older(self.path, link, self._end):
                yield from self.drain(link)
                yield from self.end_file()
                newer = logchain.open_newer(self.path, link)
                link.close()
                link = newer
            yield from self.drain(self._end)
            yield from self.end_file()
        finally:
            self._end.close()
            if link:
                link.close()
