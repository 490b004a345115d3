"""A directory tree being filled from a hostile archive, by descriptors only.

Parents are opened from the tree's own root with RESOLVE_IN_ROOT: a symbolic link that the archive
made leads somewhere inside or nowhere. The last part of a name is never followed.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.errors import CorruptContent
from cuddy.kernel import overlay, resolve

MAX_NAME = 4095
MAX_DIRECTORIES = 500_000
KEPT_OPEN = 64
OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
ABSENT = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV))


def split(name: bytes) -> tuple[bytes, bytes]:
    """A name as (parent, last part) without `.` and doubled slashes; the root is (b"", b"").

    Raises CorruptContent for `..` and for names longer than any path.
    """
    if len(name) > MAX_NAME:
        raise CorruptContent(f"the layer has a name of {len(name)} bytes")
    if name[:1] in (b".", b"/") or name[-1:] == b"/" or b"//" in name or b"/." in name:
        parts = [part for part in name.split(b"/") if part not in (b"", b".")]
        if b".." in parts:
            raise CorruptContent(f"the layer has a name that leads out of it: {shown(name)}")
        name = b"/".join(parts)
    parent, _, last = name.rpartition(b"/")
    return parent, last


def join(parent: bytes, name: bytes) -> bytes:
    """The path of `name` in the directory `parent` of the tree."""
    return parent + b"/" + name if parent else name


def shown(name: bytes) -> str:
    """A hostile name, fit for a message."""
    return ascii(os.fsdecode(name[:200]))


class Tree:
    """The tree below one directory. `implicit` has the directories that were made on the way.

    `has_replaced`: whether something was removed again for a later entry of its name.
    """

    def __init__(self, directory: str) -> None:
        self.root_fd = os.open(directory, OPEN_DIRECTORY)
        self.implicit: dict[bytes, None] = {}
        self.has_replaced = False
        self._open: dict[bytes, int] = {}

    def forget(self) -> None:
        """Close the directories kept open: their names may mean something else from here on."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()

    def close(self) -> None:
        self.forget()
        os.close(self.root_fd)

    def directory(self, path: bytes) -> int:
        """A directory of the tree, made if it is missing; valid until the next call."""
        fd = self._open.get(path)
        if fd is None:
            fd = self._open_or_make(path)
            if len(self._open) >= KEPT_OPEN:
                os.close(self._open.pop(next(iter(self._open))))
            self._open[path] = fd
        return fd

    def _open_or_make(self, path: bytes) -> int:
        parent, _, name = path.rpartition(b"/")
        near = self._open.get(parent)
        try:
            if near is not None and name:
                return os.open(name, OPEN_DIRECTORY, dir_fd=near)
            return self.find(path)
        except OSError as error:
            if error.errno not in ABSENT:
                raise
        return self._make(path)

    def find(self, path: bytes) -> int:
        """A directory of the tree; the caller closes it. Raises OSError."""
        return resolve.open_in_root(self.root_fd, path or b".", os.O_RDONLY | os.O_DIRECTORY)

    def status(self, path: bytes) -> os.stat_result | None:
        """What is at a path, links not followed at its end; None if nothing is."""
        parent, _, name = path.rpartition(b"/")
        if not name:
            return os.fstat(self.root_fd)
        try:
            fd = self.find(parent)
        except OSError as error:
            if error.errno not in ABSENT:
                raise
            return None
        try:
            return os.stat(name, dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        finally:
            os.close(fd)

    def _make(self, path: bytes) -> int:
        """mkdir -p from the root; a symbolic link on the way is followed inside the tree."""
        fd, walked = os.dup(self.root_fd), b""
        try:
            for name in path.split(b"/"):
                walked = join(walked, name)
                below = self._step(fd, name, walked)
                os.close(fd)
                fd = below
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _step(self, fd: int, name: bytes, walked: bytes) -> int:
        """Open `name` in the directory `fd`, which `walked` leads to; make it if it is missing."""
        try:
            os.mkdir(name, 0o700, dir_fd=fd)
        except FileExistsError:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                return self.find(walked)
            if overlay.is_whiteout(status):
                self.make_again(fd, name)
                self.note(walked)
        else:
            self.note(walked)
        return os.open(name, OPEN_DIRECTORY, dir_fd=fd)

    def note(self, path: bytes) -> None:
        """Remember a directory that was made without an entry of its own."""
        self.implicit[path] = None
        if len(self.implicit) > MAX_DIRECTORIES:
            raise CorruptContent(f"the layer has more than {MAX_DIRECTORIES} directories")

    def make_again(self, parent_fd: int, name: bytes) -> None:
        """A directory where the layer said that the old one is gone: nothing old shows through."""
        os.unlink(name, dir_fd=parent_fd)
        os.mkdir(name, 0o700, dir_fd=parent_fd)
        fd = os.open(name, OPEN_DIRECTORY, dir_fd=parent_fd)
        try:
            overlay.make_opaque(fd)
        finally:
            os.close(fd)

    def remove(self, parent_fd: int, name: bytes) -> None:
        """Make room for a later entry of the same name; `parent_fd` stays open."""
        self.has_replaced = True
        # What goes may be a directory kept open, or a link that led to one.
        kept = {path: fd for path, fd in self._open.items() if fd == parent_fd}
        self._open = {path: fd for path, fd in self._open.items() if fd != parent_fd}
        self.forget()
        self._open = kept
        try:
            os.unlink(name, dir_fd=parent_fd)
        except IsADirectoryError:
            files.remove_below(parent_fd, os.fsdecode(name))
