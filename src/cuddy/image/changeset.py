"""A directory becomes a tar: a whole root file system, or a layer's changeset (layer.md).

The twin of `layer`: what `apply` makes of an archive becomes the same archive again. The tree may
belong to a container that runs, or ran, and is hostile: it is walked by descriptors that no link
leads astray, a file counts only if its descriptor says so, what vanishes is left out, and what
shrinks is filled up with zeros. To open a device has effects of its own, so whoever walks a tree in
which somebody could put one in a file's place mounts it "nodev" first.

Names are sorted, the files of a directory precede its directories: equal trees make equal bytes.
Sockets are left out, as Docker does, and so is what means something to overlayfs only.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.errors import CorruptContent
from cuddy.image import tar, tar_writer
from cuddy.image.layer import OPAQUE, WHITEOUT, is_content
from cuddy.image.tar import NO_XATTRS, Member
from cuddy.image.tree import ABSENT, OPEN_DIRECTORY, join, shown
from cuddy.kernel import overlay, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from cuddy.kernel.idmap import Maps

CHUNK = 1 << 18
"""Larger buffers are new memory each time, which the kernel has to clear."""
LARGE = 1 << 15
"""Data of this size is handed on as it was read."""
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
GONE = ABSENT | {errno.ENXIO, errno.ENODEV, errno.ESTALE}
"""Opening what was a file or directory a moment ago, and is a link or a socket now."""
NO_ATTRIBUTES = frozenset((errno.ENOTSUP, errno.ENODATA))
SPECIAL_KINDS = {
    stat.S_IFLNK: tar.SYMLINK,
    stat.S_IFCHR: tar.CHARACTER,
    stat.S_IFBLK: tar.BLOCK_DEVICE,
    stat.S_IFIFO: tar.FIFO,
}


def make(directory: str, left_out: Callable[[bytes, os.stat_result], bool]) -> Iterator[bytes]:
    """The changeset in an overlay's upper directory, or in a layer's.

    Whiteouts and opaque marks become those of layer.md. `left_out(path, status)`: what of files
    and the like is no change after all. Raises CorruptContent for a path that is too long.
    """
    return _Packing(directory, overlaid=True, left_out=left_out).run()


def archive(directory: str, maps: Maps | None = None) -> Iterator[bytes]:
    """The whole tree. Raises CorruptContent for a path that is too long.

    `maps`: of who is to be told whose the files are, if not as we see it.
    """
    return _Packing(directory, overlaid=False, left_out=nothing, maps=maps).run()


def nothing(path: bytes, status: os.stat_result) -> bool:
    """Leaves nothing out."""
    return False


def has_changes(directory: str) -> bool:
    """Whether there is anything in an upper directory."""
    with os.scandir(directory) as entries:
        return any(True for _ in entries)


class _Packing:
    """One tree on its way into one archive."""

    def __init__(
        self,
        directory: str,
        *,
        overlaid: bool,
        left_out: Callable[[bytes, os.stat_result], bool],
        maps: Maps | None = None,
    ) -> None:
        self.maps = maps
        self.directory = directory
        self.overlaid = overlaid
        self.left_out = left_out
        self.root_fd = -1
        self.links: dict[tuple[int, int], bytes] = {}
        self.pieces: list[bytes] = []
        self.length = 0

    def run(self) -> Iterator[bytes]:
        """Directory after directory, each opened from the root: none needs to stay open."""
        self.root_fd = os.open(self.directory, OPEN_DIRECTORY)
        try:
            pending = [b""]
            while pending:
                path = pending.pop()
                fd = open_directory(self.root_fd, path)
                if fd >= 0:
                    try:
                        below = yield from self.pack_directory(fd, path)
                    finally:
                        os.close(fd)
                    pending += reversed(below)
            self.add(tar_writer.END)
            yield self.take()
        finally:
            os.close(self.root_fd)

    def pack_directory(self, fd: int, path: bytes) -> Generator[bytes, None, list[bytes]]:
        """A directory's own entry and its files; returns the paths of the directories in it."""
        self.add_directory(fd, path)
        with os.scandir(fd) as entries:
            found = sorted((os.fsencode(entry.name), entry) for entry in entries)
        below = []
        for name, entry in found:
            if self.overlaid and name.startswith(WHITEOUT):
                # layer.md has no way to say that a file is called so.
                if overlay.hidden_by(name, entry.stat(follow_symlinks=False)):
                    self.add_mark(join(path, name))
                continue
            if entry.is_dir(follow_symlinks=False):
                below.append(join(path, name))
            elif entry.is_file(follow_symlinks=False):
                file_fd = open_file(fd, name)
                if file_fd >= 0:
                    try:
                        yield from self.pack_file(file_fd, join(path, name))
                    finally:
                        os.close(file_fd)
            else:
                self.add_special(fd, name, join(path, name))
            if self.length >= CHUNK:
                yield self.take()
        return below

    def add_directory(self, fd: int, path: bytes) -> None:
        names = list_attributes(fd)
        xattrs = read_attributes(fd, names)
        self.add_header(path + b"/" if path else b"./", tar.DIRECTORY, os.fstat(fd), xattrs=xattrs)
        marks = overlay.opaque_marks() if self.overlaid and names else ()
        if any(mark in names for mark in marks) and overlay.is_opaque(fd):
            self.add_mark(join(path, OPAQUE))

    def pack_file(self, fd: int, path: bytes) -> Iterator[bytes]:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or self.left_out(path, status):
            return
        if status.st_nlink > 1 and self.add_link(path, status):
            return
        size = status.st_size
        xattrs = read_attributes(fd, list_attributes(fd))
        self.add_header(path, tar.FILE, status, size=size, xattrs=xattrs)
        left = size
        while left:
            data = os.read(fd, min(left, CHUNK))
            if not data:
                data = bytes(min(left, CHUNK))  # it was longer a moment ago
            left -= len(data)
            if len(data) < LARGE:
                self.add(data)
                continue
            # To join it with its neighbours would copy it once more.
            if self.pieces:
                yield self.take()
            yield data
        if size % tar.BLOCK:
            self.add(tar_writer.padding(size))

    def add_link(self, path: bytes, status: os.stat_result) -> bool:
        """A second name of a file that is in the archive already; False if it is the first."""
        first = self.links.setdefault((status.st_dev, status.st_ino), path)
        if first == path:
            return False
        self.add_header(path, tar.LINK, status, link=first)
        return True

    def add_special(self, dir_fd: int, name: bytes, path: bytes) -> None:
        """Symbolic links, devices and fifos."""
        try:
            status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
            kind = SPECIAL_KINDS.get(stat.S_IFMT(status.st_mode))
            target = os.readlink(name, dir_fd=dir_fd) if kind == tar.SYMLINK else b""
        except OSError as error:
            if error.errno in GONE or error.errno == errno.EINVAL:
                return  # gone, or no link any more
            raise
        if overlay.is_whiteout(status):
            if self.overlaid:
                self.add_mark(path[: len(path) - len(name)] + WHITEOUT + name)
        elif kind is None or self.left_out(path, status):
            pass  # a socket
        elif status.st_nlink == 1 or not self.add_link(path, status):
            self.add_header(path, kind, status, link=target)

    def add_mark(self, path: bytes) -> None:
        """A whiteout: an empty file whose name alone counts."""
        self.add(
            tar_writer.header(
                Member(path, tar.FILE, 0o600, 0, 0, 0, 0, b"", (0, 0), 0, NO_XATTRS, None)
            )
        )

    def add_header(
        self,
        path: bytes,
        kind: int,
        status: os.stat_result,
        *,
        link: bytes = b"",
        size: int = 0,
        xattrs: dict[bytes, bytes] = NO_XATTRS,
    ) -> None:
        device = (0, 0)
        if kind in (tar.CHARACTER, tar.BLOCK_DEVICE):
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        owner = status.st_uid, status.st_gid
        uid, gid = self.maps.inside(*owner) if self.maps else owner
        self.add(
            tar_writer.header(
                Member(
                    path, kind, stat.S_IMODE(status.st_mode), uid, gid, size,
                    status.st_mtime_ns, link, device, size, xattrs, None,
                )
            )
        )  # fmt: skip

    def add(self, data: bytes) -> None:
        self.pieces.append(data)
        self.length += len(data)

    def take(self) -> bytes:
        """All that was added since."""
        data = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        self.pieces.clear()
        self.length = 0
        return data


def open_directory(root_fd: int, path: bytes) -> int:
    """A directory of a hostile tree; -1 if it is none any more. Raises CorruptContent."""
    try:
        return resolve.open_beneath(root_fd, path or b".", os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise CorruptContent(f"too long a path: {shown(path)} ...") from None
        if error.errno not in GONE:
            raise
        return -1


def open_file(dir_fd: int, name: bytes) -> int:
    """A file of a hostile directory, to be read; -1 if it is none any more."""
    try:
        return os.open(name, READ, dir_fd=dir_fd)
    except OSError as error:
        if error.errno not in GONE and not _is_device(error, dir_fd, name):
            raise
        return -1


def _is_device(error: OSError, dir_fd: int, name: bytes) -> bool:
    """Whether it was refused for being one, on a mount that has none."""
    if error.errno != errno.EACCES:
        return False
    try:
        mode = os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return True  # it was: files can be opened by whoever may walk here
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def list_attributes(fd: int) -> list[str]:
    """The names of a file's extended attributes; none where there are no such things."""
    try:
        return os.listxattr(fd)
    except OSError as error:
        if error.errno not in NO_ATTRIBUTES:
            raise
        return []


def read_attributes(
    fd: int, names: list[str], is_wanted: Callable[[bytes], bool] = is_content
) -> dict[bytes, bytes]:
    """Those of the attributes that are content."""
    if not names:
        return NO_XATTRS
    found = {}
    for name in map(os.fsencode, names):
        if is_wanted(name):
            try:
                found[name] = os.getxattr(fd, name)
            except OSError as error:
                if error.errno not in NO_ATTRIBUTES:
                    raise
    return found
