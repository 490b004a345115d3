"""Waiting for more of a container's log, without looking again and again.

A reader sleeps in poll(2) until a file in the log's directory changes or the container's monitor
ends.
"""

from __future__ import annotations

import os
import select
import time

from cuddy import files
from cuddy.engine import container, liveness
from cuddy.errors import NoSuchContainer
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.kernel.inotify import Watch

POLL_INTERVAL_MS = 100
"""Where the kernel has no inotify left for us."""


class Wishes(NamedTuple):
    """Which part of a log."""

    follow: bool = False
    tail: int | None = None
    since: str = ""
    until: str = ""


class Waiting:
    """Until something may have been written, or nothing can be any more."""

    def __init__(self, home: Home, container_id: str, path: str, wishes: Wishes) -> None:
        self.home = home
        self.id = container_id
        self.deadline_ns = files.parse_time(wishes.until) if wishes.until else 0
        self.monitor_fd = -1
        self.changes: Watch | None = None
        if wishes.follow:
            self.monitor_fd = self.open_monitor()
        if self.monitor_fd >= 0 and path:
            self.changes = watch_directory(os.path.dirname(path))

    def open_monitor(self) -> int:
        """A pidfd of the container's monitor, -1 if it does not run."""
        return liveness.open_monitor(self.home.run_dir(self.id))

    def goes_on(self) -> bool:
        """Whether more may come."""
        if self.monitor_fd < 0 or (self.deadline_ns and time.time_ns() > self.deadline_ns):
            return False
        if not is_readable(self.monitor_fd):
            return True
        os.close(self.monitor_fd)
        self.monitor_fd = self.restarted()
        return self.monitor_fd >= 0

    def restarted(self) -> int:
        """The next monitor, if `restart` is at work; -1 if the container has stopped."""
        try:
            with container.restart_lock(self.home, self.id):
                return self.open_monitor()
        except (NoSuchContainer, FileNotFoundError):
            return -1

    def left_ms(self) -> float | None:
        """Until the time that `--until` names; None if it does not."""
        if not self.deadline_ns:
            return None
        return max(0, self.deadline_ns - time.time_ns()) / 1e6 + 1

    def wait(self) -> None:
        """Until the log has changed, the monitor has ended, or the time is over."""
        timeout_ms = self.left_ms()
        if not self.changes:
            timeout_ms = min(timeout_ms or POLL_INTERVAL_MS, POLL_INTERVAL_MS)
        poll = select.poll()
        poll.register(self.monitor_fd, select.POLLIN)
        if self.changes:
            poll.register(self.changes, select.POLLIN)
        poll.poll(timeout_ms)
        if self.changes:
            self.changes.drain()

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.monitor_fd >= 0:
            os.close(self.monitor_fd)
        if self.changes:
            self.changes.close()


def watch_directory(path: str) -> Watch | None:
    """Changes of the files in a directory; None where the user has no inotify left."""
    from cuddy.kernel import inotify

    try:
        watch = inotify.Watch()
    except OSError:
        return None
    try:
        mask = inotify.IN_MODIFY | inotify.IN_MOVED_TO | inotify.IN_CREATE | inotify.IN_ONLYDIR
        watch.add(path, mask)
    except OSError:
        watch.close()
        return None
    return watch


def is_readable(fd: int) -> bool:
    """Whether a descriptor has something to say: a pidfd, that its process has ended."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
