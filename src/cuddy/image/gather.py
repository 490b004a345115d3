"""What is at a place in a file tree, entry by entry: to be put elsewhere, or into a tar.

The tree may belong to a container that runs and is hostile: as in `changeset`, everything is opened
by descriptors that no link leads astray, and whoever looks at such a tree mounts it "nodev" first.
Directories come before what is in them, sockets are left out as Docker does, and of a file with
several names the second and later are links to the first.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.image import tar
from cuddy.image.changeset import (
    GONE,
    SPECIAL_KINDS,
    list_attributes,
    open_directory,
    open_file,
    read_attributes,
)
from cuddy.image.layer import is_content
from cuddy.image.tar import NO_XATTRS, Member
from cuddy.image.tree import join
from cuddy.kernel import mount
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KERNEL_FILES = (mount.PROC_SUPER_MAGIC, mount.SYSFS_MAGIC)
MAX_KERNEL_FILE_BYTES = 1 << 22
ITSELF = b"."
"""The name of a directory in itself."""


class Found(NamedTuple):
    """An entry. `fd`: the open file or directory until the next one is asked for, else -1.

    `content`: what was in a file of the kernel's, which does not tell its size beforehand.
    """

    member: Member
    status: os.stat_result
    fd: int = -1
    content: bytes | None = None


def gather(
    parent_fd: int,
    name: bytes,
    as_name: bytes,
    closed: frozenset[bytes] = frozenset(),
    is_wanted: Callable[[bytes], bool] = is_content,
) -> Iterator[Found]:
    """What `name` in a directory is, and all that is below it, under the name `as_name`.

    `closed`: paths below it of directories that are not looked into. `is_wanted`: extended
    attributes. Raises OSError, CorruptContent for a path that is too long.
    """
    status = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
    gathering = _Gathering(as_name, closed, is_wanted)
    if not stat.S_ISDIR(status.st_mode):
        yield from gathering.entry(parent_fd, name, as_name, stat.S_ISREG(status.st_mode))
        return
    top_fd = os.open(
        name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent_fd
    )
    try:
        yield from gathering.tree(top_fd)
    finally:
        os.close(top_fd)


class _Gathering:
    """One walk. Names that were seen are remembered by what they name."""

    def __init__(
        self, as_name: bytes, closed: frozenset[bytes], is_wanted: Callable[[bytes], bool]
    ) -> None:
        self.as_name = as_name
        self.closed = closed
        self.is_wanted = is_wanted
        self.links: dict[tuple[int, int], bytes] = {}

    def tree(self, top_fd: int) -> Iterator[Found]:
        """A directory with all that is in it; each is opened from the top: none stays open."""
        pending = [b""]
        while pending:
            path = pending.pop()
            fd = open_directory(top_fd, path)
            if fd < 0:
                continue
            try:
                status = os.fstat(fd)
                xattrs = read_attributes(fd, list_attributes(fd), self.is_wanted)
                yield Found(
                    _member(self.name(path) or ITSELF, tar.DIRECTORY, status, xattrs), status, fd
                )
                if path not in self.closed:
                    below: list[bytes] = []
                    yield from self.inside(fd, path, below)
                    pending += reversed(below)
            finally:
                os.close(fd)

    def inside(self, fd: int, path: bytes, below: list[bytes]) -> Iterator[Found]:
        """What is in a directory; the directories among it are noted in `below`."""
        with os.scandir(fd) as entries:
            found = sorted((os.fsencode(entry.name), entry) for entry in entries)
        for name, entry in found:
            if entry.is_dir(follow_symlinks=False):
                below.append(join(path, name))
            else:
                is_file = entry.is_file(follow_symlinks=False)
                yield from self.entry(fd, name, self.name(join(path, name)), is_file)

    def name(self, path: bytes) -> bytes:
        """What a path below the top is called."""
        return join(self.as_name, path) if path else self.as_name

    def entry(self, dir_fd: int, name: bytes, as_name: bytes, is_file: bool) -> Iterator[Found]:
        """Something that is no directory."""
        if not is_file:
            yield from self.special(dir_fd, name, as_name)
            return
        fd = open_file(dir_fd, name)
        if fd < 0:
            return
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return
            if first := self.first_name(as_name, status):
                yield Found(_member(as_name, tar.LINK, status, link=first), status)
                return
            xattrs = read_attributes(fd, list_attributes(fd), self.is_wanted)
            member = _member(as_name, tar.FILE, status, xattrs)
            if status.st_blocks or mount.magic_of(fd) not in KERNEL_FILES:
                yield Found(member, status, fd)
                return
            content = read_kernel_file(fd)
            yield Found(member._replace(size=len(content)), status, fd, content)
        finally:
            os.close(fd)

    def special(self, dir_fd: int, name: bytes, as_name: bytes) -> Iterator[Found]:
        """Symbolic links, devices and fifos."""
        try:
            status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
            kind = SPECIAL_KINDS.get(stat.S_IFMT(status.st_mode))
            link = os.readlink(name, dir_fd=dir_fd) if kind == tar.SYMLINK else b""
        except OSError as error:
            if error.errno in GONE or error.errno == errno.EINVAL:
                return  # gone, or no link any more
            raise
        if kind is None:
            return
        if first := self.first_name(as_name, status):
            kind, link = tar.LINK, first
        yield Found(_member(as_name, kind, status, link=link), status)

    def first_name(self, as_name: bytes, status: os.stat_result) -> bytes:
        """The name under which this was met before; b"" if it is met for the first time."""
        if status.st_nlink == 1:
            return b""
        first = self.links.setdefault((status.st_dev, status.st_ino), as_name)
        return b"" if first == as_name else first


def read_kernel_file(fd: int) -> bytes:
    """What the kernel has to say there, as far as one may want to hear it."""
    pieces = []
    left = MAX_KERNEL_FILE_BYTES
    while left and (piece := os.read(fd, left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _member(
    name: bytes,
    kind: int,
    status: os.stat_result,
    xattrs: dict[bytes, bytes] = NO_XATTRS,
    *,
    link: bytes = b"",
) -> Member:
    size = status.st_size if kind == tar.FILE else 0
    device = (0, 0)
    if kind in (tar.CHARACTER, tar.BLOCK_DEVICE):
        device = (os.major(status.st_rdev), os.minor(status.st_rdev))
    return Member(
        name, kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, size,
        status.st_mtime_ns, link, device, size, xattrs, None,
    )  # fmt: skip
