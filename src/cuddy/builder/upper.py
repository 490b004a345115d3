"""What a step has really changed: an overlay's upper directory becomes what a layer unpacks to.

overlayfs leaves more behind than changes: files that were copied up and are as they were,
directories that were only passed through, attributes of its own. A layer's archive cannot say some
things: a socket, a name that begins like a whiteout. All of that goes from the directory before its
archive is made, so that whoever unpacks the archive gets this very directory.

What is compared with is a view of the layers below. The tree is as hostile as the program that
wrote it, though that has ended: it is walked by descriptors, no link is followed, no device opened.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.image import changeset
from cuddy.image.layer import WHITEOUT, is_content
from cuddy.image.tree import join
from cuddy.kernel import overlay, resolve, transfer
from cuddy.shapes import NamedTuple

SECOND_NS = 1_000_000_000
NO_SUCH = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP))
NEW_ROOT = (stat.S_IFDIR | 0o755, 0, 0)
"""The root of an image that has no layer yet, as `Snapshot` makes it."""


class Changes(NamedTuple):
    """What is left in an upper directory: the entries, and their bytes as `walk.measure` has it."""

    entries: int
    size_bytes: int


def reduce(directory: str, lower: str, *, epoch: int | None = None) -> Changes | None:
    """Leave in an upper directory what is a change to `lower` ("": nothing is there); None if
    nothing is.

    `epoch`: no time of what is left is later, and all are whole seconds. Raises CorruptContent,
    OSError.
    """
    fds = [os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        if lower:
            fds.append(os.open(lower, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        return _Reduction(fds[0], fds[1] if lower else -1, epoch).run()
    finally:
        for fd in fds:
            os.close(fd)


class _Directory:
    """A directory that was looked at: how many entries stay, and its own time."""

    def __init__(self, path: bytes, mtime_ns: int, *, is_passage: bool) -> None:
        self.path = path
        self.mtime_ns = mtime_ns
        self.is_passage = is_passage  # it is there already, just so
        self.entries = 0
        self.is_late = False  # its time has to be set


class _Reduction:
    """One upper directory, and what is below it."""

    def __init__(self, root_fd: int, lower_fd: int, epoch: int | None) -> None:
        self.root_fd = root_fd
        self.lower_fd = lower_fd
        self.epoch = epoch
        self.directories: dict[bytes, _Directory] = {}
        self.linked: set[int] = set()
        self.entries = 0
        self.size_bytes = 0

    def run(self) -> Changes | None:
        """From the root down, then from the leaves up: a passage to nothing is nothing."""
        pending = [(b"", self.lower_fd >= 0)]
        while pending:
            path, is_merged = pending.pop()
            fd = changeset.open_directory(self.root_fd, path)
            try:
                below = self.open_below(path) if is_merged else -1
                try:
                    pending += self.look(fd, below, path)
                finally:
                    if below >= 0:
                        os.close(below)
            finally:
                os.close(fd)
        for directory in reversed(self.directories.values()):
            self.finish(directory)
        root = self.directories[b""]
        if root.is_passage and not root.entries:
            return None
        return Changes(self.entries + 1, self.size_bytes)

    def open_below(self, path: bytes) -> int:
        """The directory at this path in the layers below; -1 if there is none."""
        try:
            return resolve.open_beneath(
                self.lower_fd, path or b".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            )
        except OSError as error:
            if error.errno not in NO_SUCH:
                raise
            return -1

    def look(self, fd: int, below: int, path: bytes) -> list[tuple[bytes, bool]]:
        """One directory and its files; returns the directories in it, and whether there may be
        more of them below.
        """
        status = os.fstat(fd)
        names = changeset.list_attributes(fd)
        marks = overlay.opaque_marks() if names else ()
        is_opaque = bool(path) and any(m in names for m in marks) and overlay.is_opaque(fd)
        for name in names:
            if is_strange(name):
                os.removexattr(fd, name)
        if is_opaque and below >= 0:
            overlay.make_opaque(fd)
        is_passage = not is_opaque and self.is_alike(fd, status, below)
        found = _Directory(path, status.st_mtime_ns, is_passage=is_passage)
        self.directories[path] = found
        return self.look_through(fd, -1 if is_opaque else below, found)

    def look_through(self, fd: int, below: int, directory: _Directory) -> list[tuple[bytes, bool]]:
        """The entries of a directory, see `look`."""
        with os.scandir(fd) as entries:
            listed = [(os.fsencode(entry.name), entry) for entry in entries]
        deeper = []
        for name, entry in listed:
            path = join(directory.path, name)
            if name.startswith(WHITEOUT) and is_note(entry):
                directory.entries += 1
            elif name.startswith(WHITEOUT):
                files.remove_below(fd, entry.name)  # layer.md cannot say that a file is called so
                directory.is_late = True
            elif entry.is_dir(follow_symlinks=False):
                directory.entries += 1
                deeper.append((path, below >= 0))
            elif self.keep(fd, below, name):
                directory.entries += 1
            else:
                directory.is_late = True
        return deeper

    def is_alike(self, fd: int, status: os.stat_result, below: int) -> bool:
        """Whether a directory is the one below, but for its time."""
        own = (status.st_mode, status.st_uid, status.st_gid)
        if below < 0:
            return self.lower_fd < 0 and not self.directories and own == NEW_ROOT
        before = os.fstat(below)
        if own != (before.st_mode, before.st_uid, before.st_gid):
            return False
        return have_same_attributes(fd, below)

    def keep(self, fd: int, below: int, name: bytes) -> bool:
        """Look at what is no directory; False if it is no change, and is gone now."""
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        before = look_below(below, name)
        if self.is_needless(fd, below, name, status, before):
            os.unlink(name, dir_fd=fd)
            return False
        if stat.S_ISSOCK(status.st_mode):
            os.unlink(name, dir_fd=fd)
            if before is None:
                return False
            overlay.make_whiteout(name, dir_fd=fd)  # what it took the place of is gone all the same
        elif not overlay.is_whiteout(status):
            self.set_right(fd, name, status)
        self.entries += 1
        return True

    def is_needless(
        self, fd: int, below: int, name: bytes, status: os.stat_result,
        before: os.stat_result | None,
    ) -> bool:  # fmt: skip
        """Whether the layers below show the same without it."""
        if before is None:
            return overlay.is_whiteout(status)
        if status.st_nlink > 1 or told(status) != told(before):
            return False  # with a second name, it is the one file that has both
        return is_same(fd, below, name, status)

    def set_right(self, fd: int, name: bytes, status: os.stat_result) -> None:
        """Take away attributes that a layer has not, and set the time; count the bytes."""
        path = b"/proc/self/fd/%d/%b" % (fd, name)  # to open a device has effects of its own
        is_file = stat.S_ISREG(status.st_mode)
        for attribute in list_attributes(path):
            if is_strange(attribute) or not (is_file or attribute.startswith("security.")):
                os.removexattr(path, attribute, follow_symlinks=False)
        mtime_ns = self.clamped(status.st_mtime_ns)
        if mtime_ns != status.st_mtime_ns:
            os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=fd, follow_symlinks=False)
        if status.st_nlink > 1:
            if status.st_ino in self.linked:
                return
            self.linked.add(status.st_ino)
        self.size_bytes += status.st_size

    def clamped(self, mtime_ns: int) -> int:
        """A time as it is to be."""
        if self.epoch is None:
            return mtime_ns
        return min(mtime_ns // SECOND_NS, self.epoch) * SECOND_NS

    def finish(self, directory: _Directory) -> None:
        """Remove a passage to nothing; give another the time it had before we took things out."""
        path = directory.path
        parent, _, name = path.rpartition(b"/")
        if path and not directory.entries and directory.is_passage:
            fd = changeset.open_directory(self.root_fd, parent)
            try:
                os.rmdir(name, dir_fd=fd)
            finally:
                os.close(fd)
            self.directories[parent].entries -= 1
            self.directories[parent].is_late = True
            return
        self.entries += 1
        mtime_ns = self.clamped(directory.mtime_ns)
        if directory.is_late or mtime_ns != directory.mtime_ns:
            fd = changeset.open_directory(self.root_fd, path)
            try:
                os.utime(fd, ns=(mtime_ns, mtime_ns))
            finally:
                os.close(fd)


def told(status: os.stat_result) -> tuple[int, ...]:
    """What a layer says of an entry that is no directory."""
    return (
        status.st_mode, status.st_uid, status.st_gid, status.st_rdev, status.st_size,
        status.st_mtime_ns,
    )  # fmt: skip


def look_below(below: int, name: bytes) -> os.stat_result | None:
    """What the layers below show under a name of the directory `below`, if it is one."""
    if below < 0:
        return None
    try:
        return os.stat(name, dir_fd=below, follow_symlinks=False)
    except FileNotFoundError:
        return None


def is_same(fd: int, below: int, name: bytes, status: os.stat_result) -> bool:
    """Whether an entry of two directories, of which `told` says the same, has the same content."""
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(name, dir_fd=fd) == os.readlink(name, dir_fd=below)
    if not stat.S_ISREG(status.st_mode):
        return True
    one = os.open(name, changeset.READ, dir_fd=fd)
    try:
        other = os.open(name, changeset.READ, dir_fd=below)
        try:
            return have_same_attributes(one, other) and transfer.is_same(one, other, status.st_size)
        finally:
            os.close(other)
    finally:
        os.close(one)


def have_same_attributes(one: int, other: int) -> bool:
    """Whether two files have the same extended attributes, as far as they are content."""
    return attributes(one) == attributes(other)


def attributes(fd: int) -> dict[bytes, bytes]:
    """Those of a file's extended attributes that are content."""
    return changeset.read_attributes(fd, changeset.list_attributes(fd))


def list_attributes(path: bytes) -> list[str]:
    """The names of attributes of whatever is there; none where there are no such things."""
    try:
        return os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno not in changeset.NO_ATTRIBUTES:
            raise
        return []


def is_note(entry: os.DirEntry[str]) -> bool:
    """Whether a file says that something below is gone: fuse-overlayfs has made it."""
    status = entry.stat(follow_symlinks=False)
    return bool(overlay.hidden_by(os.fsencode(entry.name), status))


def is_strange(attribute: str) -> bool:
    """Whether an attribute is none that a layer can have: overlayfs's own, access lists.

    Those of the host's security modules are theirs.
    """
    if attribute.startswith("security."):
        return False
    name = os.fsencode(attribute)
    return not is_content(name) or b"=" in name  # a record's name ends at the first one
