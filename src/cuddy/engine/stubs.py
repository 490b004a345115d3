"""Places to mount at that a root lacks: made before its mounts, and removed after them.

A step of a build should leave what its program did, not the empty /etc/resolv.conf or /proc that
the runtime needed. All is done by descriptors: the program may have put links in the way since.
"""

from __future__ import annotations

import os
import stat

from cuddy.kernel import resolve
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LINKS = 40
"""The kernel's own limit on symbolic links in a path (path_resolution(7))."""
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Place:
    """A directory of the root in which something was made, and its times before."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        facts = os.fstat(fd)
        self.key = (facts.st_dev, facts.st_ino)
        self.before = (facts.st_atime_ns, facts.st_mtime_ns)
        self.after_ns = 0  # its mtime when all was made
        self.made: dict[str, tuple[int, int, int]] = {}  # names, and what they name

    def remove(self) -> None:
        """Remove what is still as it was made; the directory is then as if nothing had been."""
        facts = os.fstat(self.fd)
        is_untouched = facts.st_mtime_ns == self.after_ns
        times = self.before if is_untouched else (facts.st_atime_ns, facts.st_mtime_ns)
        for name, made in reversed(self.made.items()):
            try:
                self._remove_one(name, made)
            except OSError:
                pass  # it is not empty, or gone: then the program has made it its own
        os.utime(self.fd, ns=times)

    def _remove_one(self, name: str, made: tuple[int, int, int]) -> None:
        facts = os.lstat(name, dir_fd=self.fd)
        if identity(facts) != made:
            return
        if stat.S_ISDIR(facts.st_mode):
            os.rmdir(name, dir_fd=self.fd)
        elif not facts.st_size:
            os.unlink(name, dir_fd=self.fd)


class Stubs(Closing):
    """What was made in a root for mounts to stand on; `close` removes it, where it still is."""

    def __init__(self, root: str) -> None:
        self.root_fd = os.open(root, DIRECTORY)
        self.places: list[Place] = []

    def make(self, wanted: Iterable[tuple[str, bool]]) -> None:
        """Targets, and whether each is a directory; those below another's are not in the root.

        What cannot be made is left to who mounts there: that one says why.
        """
        targets = list(wanted)
        for target, is_directory in targets:
            if not any(is_below(target, other) for other, _ in targets):
                try:
                    self._make(target, is_directory, MAX_LINKS)
                except OSError:
                    pass
        for place in self.places:
            place.after_ns = os.fstat(place.fd).st_mtime_ns

    def _make(self, target: str, is_directory: bool, links: int) -> None:
        try:
            os.close(resolve.open_in_root(self.root_fd, target, os.O_PATH))
            return
        except FileNotFoundError:
            pass
        parent, name = os.path.split(target)
        self._make(parent, True, links)
        place = self._place(parent)
        try:
            make_one(place.fd, name, is_directory)
        except FileExistsError:
            # A link, into nothing: it is made where that leads, inside the root.
            if not links:
                raise
            end = os.path.join(parent, os.readlink(name, dir_fd=place.fd))
            self._make(end, is_directory, links - 1)
            return
        facts = os.lstat(name, dir_fd=place.fd)
        place.made[name] = identity(facts)

    def _place(self, path: str) -> Place:
        found = Place(resolve.open_in_root(self.root_fd, path, DIRECTORY))
        for place in self.places:
            if place.key == found.key:
                os.close(found.fd)
                return place
        self.places.append(found)
        return found

    def close(self) -> None:
        """Remove what was made, the innermost first."""
        while self.places:
            place = self.places.pop()
            try:
                place.remove()
            except OSError:
                pass  # the root is read-only, or gone
            os.close(place.fd)
        if self.root_fd >= 0:
            os.close(self.root_fd)
            self.root_fd = -1


def identity(facts: os.stat_result) -> tuple[int, int, int]:
    """Which file it is, and of which kind: the numbers of those that are gone are used again."""
    return facts.st_dev, facts.st_ino, stat.S_IFMT(facts.st_mode)


def make_one(dir_fd: int, name: str, is_directory: bool) -> None:
    """A new empty file or directory."""
    if is_directory:
        os.mkdir(name, 0o755, dir_fd=dir_fd)
    else:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(name, flags, 0o644, dir_fd=dir_fd))


def is_below(path: str, other: str) -> bool:
    """Whether a path leads below another one."""
    return path != other and path.startswith(other.rstrip("/") + "/")
