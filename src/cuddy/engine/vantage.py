"""A place to look from: the network namespace and the files of a running container, or our own.

The container's first process is believed only with its start time, before and after the descriptors
are taken: had its pid become another's in between, they would be that one's.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import NoSuchContainer
from cuddy.kernel import namespaces, resolve
from cuddy.runtime import state
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

OWN = -1
"""Stands for the namespace and the root that we have ourselves."""
MAX_TEXT = 1 << 16


class Vantage(Closing):
    """Descriptors of a network namespace and a root directory; OWN for both: this machine's."""

    def __init__(self, netns_fd: int = OWN, root_fd: int = OWN, pid: int = 0) -> None:
        self.netns_fd = netns_fd
        self.root_fd = root_fd
        self.pid = pid

    @property
    def netns(self) -> int:
        """Which network namespace it is, by inode."""
        own = "/proc/self/ns/net"
        return os.stat(own if self.netns_fd < 0 else f"/proc/self/fd/{self.netns_fd}").st_ino

    def read(self, path: str) -> str:
        """A text file as a program there sees it; "" without one."""
        root_fd = self.root_fd if self.root_fd >= 0 else os.open("/", os.O_PATH | os.O_CLOEXEC)
        try:
            return resolve.read_in_root(root_fd, path, limit=MAX_TEXT).decode(errors="replace")
        except OSError:
            return ""
        finally:
            if root_fd != self.root_fd:
                os.close(root_fd)

    def close(self) -> None:
        """Give the descriptors back."""
        for fd in (self.netns_fd, self.root_fd):
            if fd >= 0:
                os.close(fd)
        self.netns_fd = self.root_fd = OWN


def open_container(home: Home, record: Container) -> Vantage | None:
    """The view of a container's first process; None if it does not run."""
    try:
        document = state.read(home.run_root, record["Id"])
    except NoSuchContainer:
        return None
    pid, began = document["pid"], document["startTime"]
    found = Vantage(pid=pid)
    try:
        found.netns_fd = namespaces.open_namespace(pid, "network")
        found.root_fd = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        found.close()
        return None
    if files.start_time(pid) != began:
        found.close()
        return None
    return found
