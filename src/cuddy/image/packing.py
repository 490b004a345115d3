"""A tar of plain files that only ever grows: the headers are made here, the kernel copies the rest.

Everything in it is root's, readable by all, and of 1970, so that equal content makes equal bytes.
"""

from __future__ import annotations

import errno
import os

from cuddy import files
from cuddy.errors import CorruptContent
from cuddy.image import tar_writer
from cuddy.image.tar import FILE, NO_XATTRS, Member
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    Content: TypeAlias = "bytes | FilePart | StreamPart"

COPY_AT_ONCE = 1 << 30
READ_AT_ONCE = 1 << 20
OTHER_WAY = (
    errno.EBADF, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY,
    errno.EXDEV,
)  # fmt: skip
"""What the quick ways of copying answer where they do not work: pipes, O_APPEND, other kernels."""


class FilePart(NamedTuple):
    """All of an open file, which is `size` bytes long."""

    fd: int
    size: int


class StreamPart(NamedTuple):
    """What `chunks()` yields: `size` bytes."""

    size: int
    chunks: Callable[[], Iterator[bytes]]


def write(fd: int, members: Mapping[str, Content]) -> None:
    """Write the members in their order, and the end mark. Raises CorruptContent, OSError."""
    for name, content in members.items():
        size = len(content) if isinstance(content, bytes) else content.size
        padding = tar_writer.padding(size)
        if isinstance(content, bytes):
            files.write_all(fd, header(name, size) + content + padding)
            continue
        files.write_all(fd, header(name, size))
        if isinstance(content, FilePart):
            _copy(content.fd, fd, size, name)
        else:
            _stream(content, fd, name)
        files.write_all(fd, padding)
    files.write_all(fd, tar_writer.END)


def header(name: str, size: int) -> bytes:
    """The header of a file."""
    return tar_writer.header(
        Member(name.encode(), FILE, 0o644, 0, 0, size, 0, b"", (0, 0), size, NO_XATTRS, None)
    )


def _stream(content: StreamPart, fd: int, name: str) -> None:
    left = content.size
    for chunk in content.chunks():
        left -= len(chunk)
        if left < 0:
            break
        files.write_all(fd, chunk)
    if left:
        raise CorruptContent(f"{name} is not as long as it was")


def _copy(source: int, target: int, size: int, name: str) -> None:
    """Copy a file from its beginning, the quickest way that works between the two."""
    done = 0
    for move in (_by_reference, _in_kernel, _by_hand):
        try:
            while done < size:
                moved = move(source, target, done, min(size - done, COPY_AT_ONCE))
                if not moved:
                    raise CorruptContent(f"{name} is shorter than it should be")
                done += moved
            return
        except OSError as error:
            if error.errno not in OTHER_WAY or move is _by_hand:
                raise


def _by_reference(source: int, target: int, offset: int, size: int) -> int:
    """Between files; some file systems share the blocks then."""
    return os.copy_file_range(source, target, size, offset_src=offset)


def _in_kernel(source: int, target: int, offset: int, size: int) -> int:
    return os.sendfile(target, source, offset, size)


def _by_hand(source: int, target: int, offset: int, size: int) -> int:
    chunk = os.pread(source, min(size, READ_AT_ONCE), offset)
    files.write_all(target, chunk)
    return len(chunk)
