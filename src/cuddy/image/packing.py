"""A tar of plain files that only ever grows: the headers are made here, the kernel copies the rest.

Everything in it is root's, readable by all, and of 1970, so that equal content makes equal bytes.
"""

from __future__ import annotations

from cuddy import files
from cuddy.errors import CorruptContent
from cuddy.image import tar_writer
from cuddy.image.tar import FILE, NO_XATTRS, Member
from cuddy.kernel import transfer
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    Content: TypeAlias = "bytes | FilePart | StreamPart"


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
    if transfer.copy(source, target, size) < size:
        raise CorruptContent(f"{name} is shorter than it should be")
