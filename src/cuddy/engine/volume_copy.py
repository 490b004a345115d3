"""Filling a volume with a copy of a directory, once and wholly.

The whole is copied aside. One rename says that the copy is complete; then its entries move into
the volume. Whoever is killed on the way leaves either nothing that counts, or a complete copy that
the next one moves in:

    volumes/<name>/copying     not complete: removed by the next
    volumes/<name>/copied      complete: `finish` moves it into _data

A volume that is a mount has both within itself, under names of ours. All of it under its lock.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.engine import volumes
from cuddy.errors import SystemFailure
from cuddy.image import walk
from cuddy.kernel import idmap, resolve, transfer
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.home import Home
    from cuddy.engine.owner_map import Owner

OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Shelf(NamedTuple):
    """Where what is in a volume is, and where copies wait."""

    data: str
    copying: str
    copied: str


def shelf_of(home: Home, name: str) -> Shelf:
    """That of a volume with a directory of its own."""
    where = volumes.path(home, name)
    return Shelf(f"{where}/_data", f"{where}/copying", f"{where}/copied")


def shelf_in(mounted: str) -> Shelf:
    """That of a volume which is mounted at a directory."""
    return Shelf(mounted, f"{mounted}/.cuddy-copying", f"{mounted}/.cuddy-copied")


def is_fillable(shelf: Shelf) -> bool:
    """Whether there is nothing in a volume. What the killed have left is put in order first."""
    finish(shelf)
    files.remove_tree(shelf.copying)
    with os.scandir(shelf.data) as entries:
        return next(entries, None) is None


def copy(shelf: Shelf, place: str, root_fd: int, owner: Owner | None) -> bool:
    """Copy what the image has at a place; False if it has nothing there. Raises SystemFailure."""
    try:
        source = resolve.open_in_root(root_fd, place, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.EXDEV):
            return False
        if error.errno == errno.ENOTDIR and is_there(root_fd, place):
            message = f"cannot mount volume over existing file, file exists {place}"
            raise SystemFailure(message) from None
        raise
    os.mkdir(shelf.copying, 0o700)
    target = os.open(shelf.copying, OPEN_DIRECTORY)
    try:
        copy_tree(source, target, owner)
        os.fsync(target)
    finally:
        os.close(source)
        os.close(target)
    os.rename(shelf.copying, shelf.copied)
    return True


def is_there(root_fd: int, place: str) -> bool:
    """Whether a path leads to anything below a root."""
    try:
        os.close(resolve.open_in_root(root_fd, place, os.O_PATH))
    except OSError:
        return False
    return True


def finish(shelf: Shelf) -> None:
    """Move a complete copy into its volume, if there is one; whoever was at it was killed."""
    try:
        source = os.open(shelf.copied, OPEN_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # There is none, or something that a container has put there; on a network's file system
        # we may not even look.
        return
    target = os.open(shelf.data, OPEN_DIRECTORY)
    times = os.fstat(source)
    try:
        present = set(os.listdir(target))
        for entry in os.listdir(source):
            # A container that has it mounted may have been faster: what it wrote stays.
            if entry not in present:
                os.rename(entry, entry, src_dir_fd=source, dst_dir_fd=target)
        copy_attributes(source, target)
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
    finally:
        os.close(source)
        os.close(target)
    files.remove_tree(shelf.copied)


def copy_tree(source: int, target: int, owner: Owner | None = None) -> None:
    """Copy all that is below a directory, and its own attributes. Raises OSError.

    `owner`: whose all of it shall be, instead of those whose it was.
    """
    links: dict[tuple[int, int], bytes] = {}
    directories = [b""]
    pair = Pair(source, target)
    try:
        for path, status in walk.walk(source):
            parent, _, name = path.rpartition(b"/")
            pair.enter(parent)
            if stat.S_ISDIR(status.st_mode):
                os.mkdir(name, 0o700, dir_fd=pair.target)
                directories.append(path)
                continue
            if status.st_nlink > 1:
                earlier = links.setdefault((status.st_dev, status.st_ino), path)
                if earlier is not path:
                    add_name(target, earlier, pair.target, name)
                    continue
            copy_leaf(pair.source, pair.target, name, status, owner)
        # Last, and the innermost first: what is made in a directory changes its times.
        for path in reversed(directories):
            pair.enter(path)
            copy_attributes(pair.source, pair.target, owner)
    finally:
        pair.leave()


class Pair:
    """The same directory in two trees, opened below their roots by its path."""

    def __init__(self, source_root: int, target_root: int) -> None:
        self.roots = (source_root, target_root)
        self.path: bytes | None = None
        self.source = self.target = -1

    def enter(self, path: bytes) -> None:
        """Go to another directory, unless we are there."""
        if path != self.path:
            self.leave()
            flags = os.O_RDONLY | os.O_DIRECTORY
            self.source = resolve.open_beneath(self.roots[0], path or b".", flags)
            self.target = resolve.open_beneath(self.roots[1], path or b".", flags)
            self.path = path

    def leave(self) -> None:
        for fd in (self.source, self.target):
            if fd >= 0:
                os.close(fd)
        self.source = self.target = -1
        self.path = None


def add_name(root: int, path: bytes, directory: int, name: bytes) -> None:
    """A second name for what was copied before. A symbolic link can have two as well, and is not
    followed: it may lead to a file of the host.
    """
    parent, _, old = path.rpartition(b"/")
    parent_fd = resolve.open_beneath(root, parent or b".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.link(old, name, src_dir_fd=parent_fd, dst_dir_fd=directory, follow_symlinks=False)
    finally:
        os.close(parent_fd)


def copy_leaf(
    source: int, target: int, name: bytes, status: os.stat_result, owner: Owner | None
) -> None:
    """Copy what is not a directory: file, link, device, fifo, socket."""
    if stat.S_ISREG(status.st_mode):
        copy_file(source, target, name, owner)
        return
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
    else:
        os.mknod(name, stat.S_IFMT(status.st_mode) | 0o600, status.st_rdev, dir_fd=target)
    uid, gid = owner or (status.st_uid, status.st_gid)
    idmap.chown(name, uid, gid, dir_fd=target)
    if not stat.S_ISLNK(status.st_mode):
        set_mode(target, name, stat.S_IMODE(status.st_mode))
    times = (status.st_atime_ns, status.st_mtime_ns)
    os.utime(name, ns=times, dir_fd=target, follow_symlinks=False)


def set_mode(directory: int, name: bytes, mode: int) -> None:
    """chmod(2) that follows no link, should somebody have put one there. Raises OSError."""
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        os.chmod(f"/proc/self/fd/{fd}", mode)
    finally:
        os.close(fd)


def copy_file(source: int, target: int, name: bytes, owner: Owner | None) -> None:
    """Copy a file's bytes, holes as holes, and its attributes.

    Somebody may just have put something else in its place: that is not waited for, nor copied.
    """
    reading = os.open(name, OPEN_FILE, dir_fd=source)
    try:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.ESTALE, "it was a file a moment ago", os.fsdecode(name))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        writing = os.open(name, flags, 0o600, dir_fd=target)
        try:
            transfer.copy_file(reading, writing, status)
            copy_attributes(reading, writing, owner)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def copy_attributes(source: int, target: int, owner: Owner | None = None) -> None:
    """Owner, extended attributes, mode and times of an open file or directory.

    Changing the owner clears capabilities and set-uid bits, so it comes first.
    """
    status = os.fstat(source)
    idmap.chown(target, *(owner or (status.st_uid, status.st_gid)))
    for name in xattrs(source):
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.ENODATA):
                raise
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def xattrs(fd: int) -> Iterable[str]:
    """The names of a file's extended attributes; none where there are none."""
    try:
        return os.listxattr(fd)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return ()
