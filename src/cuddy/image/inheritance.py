"""What a layer takes from the layers below it, once they are there.

* A directory that the archive only passes through looks as it does below: overlayfs shows the
  attributes of the topmost directory.
* A hard link to a file of a lower layer needs that file in this layer, since links do not cross
  layers: it is copied up, as overlayfs itself would do.
* A whiteout that hides nothing is dropped: where nothing is merged, overlayfs would show it.
"""

from __future__ import annotations

import os
import stat

from cuddy.errors import CorruptContent
from cuddy.image.layer import CREATE, Unfinished, is_content, set_xattrs
from cuddy.image.tree import ABSENT, OPEN_DIRECTORY, Tree, shown
from cuddy.kernel import overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def finish(directory: str, unfinished: Unfinished, lower_dirs: Sequence[str]) -> None:
    """Complete an unpacked layer. `lower_dirs`: its parents, topmost first.

    Raises CorruptContent, OSError.
    """
    previous = os.umask(0)
    try:
        tree = Tree(directory)
        try:
            _Finishing(tree, lower_dirs).run(unfinished)
        finally:
            tree.close()
    finally:
        os.umask(previous)


class _Finishing:
    """One layer, and the stack it goes onto."""

    def __init__(self, tree: Tree, lower_dirs: Sequence[str]) -> None:
        self.tree = tree
        self.lower_dirs = lower_dirs
        self.times: dict[bytes, int] = {}

    def run(self, unfinished: Unfinished) -> None:
        for path in unfinished.implicit:
            self.tree.note(path)
        for name, target in unfinished.links:
            self.link(name, target)
        for path in unfinished.whiteouts:
            self.drop_needless(path)
        for path in self.tree.implicit:
            self.inherit(path)
        for path, mtime_ns in self.times.items():
            if path not in self.tree.implicit:
                fd = self.tree.directory(path)
                os.utime(fd, ns=(mtime_ns, mtime_ns))

    def directory(self, path: bytes) -> int:
        """A directory of the layer that is about to change, which shall not change its time."""
        fd = self.tree.directory(path)
        self.times.setdefault(path, os.fstat(fd).st_mtime_ns)
        return fd

    def link(self, name: bytes, target: bytes) -> None:
        """Make a hard link to a file of the layers below, which is copied up for it."""
        parent, _, last = name.rpartition(b"/")
        target_parent, _, target_last = target.rpartition(b"/")
        if self.tree.status(name) is not None:
            return  # a later entry has taken the name
        if self.tree.status(target) is None:
            self.copy_up(target)
        target_fd = os.dup(self.tree.directory(target_parent))
        try:
            os.link(
                target_last,
                last,
                src_dir_fd=target_fd,
                dst_dir_fd=self.directory(parent),
                follow_symlinks=False,
            )
        finally:
            os.close(target_fd)

    def copy_up(self, path: bytes) -> None:
        found = find_below(self.lower_dirs, path)
        if found is None:
            raise CorruptContent(f"the layer has a hard link to {shown(path)}, which is not there")
        source_fd, status = found
        try:
            parent, _, name = path.rpartition(b"/")
            _copy(source_fd, name, status, self.directory(parent))
        finally:
            os.close(source_fd)

    def drop_needless(self, path: bytes) -> None:
        """Remove a whiteout that hides nothing."""
        status = self.tree.status(path)
        if status is None or not overlay.is_whiteout(status):
            return
        parent, _, name = path.rpartition(b"/")
        found = None
        if not overlay.is_opaque(self.tree.directory(parent)):
            found = find_below(self.lower_dirs, path)
        if found is None:
            os.unlink(name, dir_fd=self.directory(parent))
        else:
            os.close(found[0])

    def inherit(self, path: bytes) -> None:
        """Give a directory the attributes it has below; 0755 and root's if it is new."""
        status = self.tree.status(path)
        if status is None or not stat.S_ISDIR(status.st_mode):
            return
        fd = self.tree.directory(path)
        os.fchmod(fd, 0o755)
        os.utime(fd, ns=(0, 0))
        found = find_below(self.lower_dirs, path)
        if found is None:
            return
        try:
            if stat.S_ISDIR(found[1].st_mode):
                _inherit(found[0], path.rpartition(b"/")[2] or b".", found[1], fd)
        finally:
            os.close(found[0])


def _inherit(source_fd: int, name: bytes, status: os.stat_result, fd: int) -> None:
    source = os.open(name, OPEN_DIRECTORY, dir_fd=source_fd)
    try:
        copy_xattrs(source, fd)
    finally:
        os.close(source)
    os.fchown(fd, status.st_uid, status.st_gid)
    os.fchmod(fd, stat.S_IMODE(status.st_mode))
    os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))


def find_below(lower_dirs: Sequence[str], path: bytes) -> tuple[int, os.stat_result] | None:
    """What a stack of layers, topmost first, shows at a path: (its directory, its status).

    The caller closes the directory. Symbolic links are not followed anywhere.
    """
    for lower_dir in lower_dirs:
        fd, status, hides = _walk(os.open(lower_dir, OPEN_DIRECTORY), path)
        if status is not None:
            return fd, status
        os.close(fd)
        if hides:
            return None
    return None


def _walk(fd: int, path: bytes) -> tuple[int, os.stat_result | None, bool]:
    """Follow a path in one layer: (its directory, what is there, whether lower layers are hidden).

    Takes over `fd`. Without anything there, the layer may still hide what those below it have.
    """
    *directories, name = path.split(b"/") if path else [b"."]
    hides = False
    try:
        for directory in directories:
            hides = hides or overlay.is_opaque(fd)
            below = os.open(directory, OPEN_DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        hides = hides or overlay.is_opaque(fd)
        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return fd, None, hides
    except OSError as error:
        if error.errno in ABSENT:
            return fd, None, True  # a file, link or whiteout in the place of a directory
        os.close(fd)
        raise
    if overlay.is_whiteout(status):
        return fd, None, True
    return fd, status, hides


def _copy(source_fd: int, name: bytes, status: os.stat_result, target_fd: int) -> None:
    """Copy one file with all that is content, under the same name."""
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise CorruptContent(f"the layer has a hard link to the directory {shown(name)}")
    if kind == stat.S_IFREG:
        _copy_file(source_fd, name, status, target_fd)
        return
    if kind == stat.S_IFLNK:
        os.symlink(os.readlink(name, dir_fd=source_fd), name, dir_fd=target_fd)
    else:
        os.mknod(name, status.st_mode, status.st_rdev, dir_fd=target_fd)
    os.chown(name, status.st_uid, status.st_gid, dir_fd=target_fd, follow_symlinks=False)
    times = (status.st_atime_ns, status.st_mtime_ns)
    os.utime(name, ns=times, dir_fd=target_fd, follow_symlinks=False)


def _copy_file(source_fd: int, name: bytes, status: os.stat_result, target_fd: int) -> None:
    reader = os.open(name, READ, dir_fd=source_fd)
    try:
        writer = os.open(name, CREATE, 0o600, dir_fd=target_fd)
        try:
            while os.sendfile(writer, reader, None, 1 << 30):
                pass
            os.fchown(writer, status.st_uid, status.st_gid)
            os.fchmod(writer, stat.S_IMODE(status.st_mode))
            copy_xattrs(reader, writer)
            os.utime(writer, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def copy_xattrs(source_fd: int, target_fd: int) -> None:
    """Copy those attributes that are content."""
    names = map(os.fsencode, os.listxattr(source_fd))
    set_xattrs(
        target_fd, {name: os.getxattr(source_fd, name) for name in names if is_content(name)}
    )
