"""Spool: an archive that comes through a pipe, or compressed, becomes a plain file.

Which images an archive holds may stand at its very end. The file has no name, so that a kill leaves
nothing of it.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.errors import CorruptContent, InvalidArgument
from cuddy.image import blobs, compression, tar
from cuddy.image.storage import Storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_RATIO = 200
RATIO_COUNTS_FROM = 1 << 30
"""A compressed archive may unpack to MAX_RATIO times its size, and to this in any case."""


def seekable(storage: Storage, source: int | Iterator[bytes], *, limit: int = 0) -> int:
    """A descriptor of the archive as a plain file: `source` itself, or that of a copy.

    `limit`: the most bytes of a copy; 0 is half of the room that there is. Raises CorruptContent,
    InvalidArgument, OSError.
    """
    if not isinstance(source, int):
        return _copied(storage, source, limit)
    fd = source
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise InvalidArgument(
            "a directory is not an archive", hint="tar -C DIRECTORY -c . makes one"
        )
    if stat.S_ISREG(status.st_mode) and os.lseek(fd, 0, os.SEEK_CUR) == 0:
        first = os.pread(fd, compression.MAGIC_BYTES, 0)
        if first and not compression.kind(first):
            return fd
    return _copied(storage, blobs.read_chunks(fd), limit)


def _copied(storage: Storage, chunks: Iterator[bytes], limit: int) -> int:
    """The descriptor of a copy that has no name."""
    room = os.statvfs(storage.tmp_dir)
    limit = limit or room.f_bavail * room.f_frsize // 2
    copy = nameless(storage)
    try:
        _copy(chunks, copy, limit)
    except BaseException:
        os.close(copy)
        raise
    return copy


def _copy(chunks: Iterator[bytes], copy: int, limit: int) -> None:
    """Write the archive down, decompressed, as far as it looks like one and is not too long."""
    taken = written = 0
    start = b""

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for chunk in chunks:
            taken += len(chunk)
            yield chunk

    for piece in compression.decompress(counted()):
        if len(start) < tar.BLOCK:
            start += piece[: tar.BLOCK]
            if len(start) >= tar.BLOCK:
                tar.check_header(start[: tar.BLOCK])  # or endless rubbish would fill the disk first
        written += len(piece)
        if written > limit:
            raise CorruptContent(
                f"the archive is larger than {limit} bytes",
                hint="CUDDY_MAX_ARCHIVE_SIZE=BYTES allows more; the default is half of the room",
            )
        if written > max(RATIO_COUNTS_FROM, taken * MAX_RATIO):
            raise CorruptContent(f"the archive unpacks to {MAX_RATIO} times its size and more")
        files.write_all(copy, piece)
    if not written:
        raise CorruptContent("the archive is empty")


def nameless(storage: Storage) -> int:
    """A new file that has no name (open(2), O_TMPFILE), or has it no more."""
    try:
        flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
        return os.open(storage.tmp_dir, flags, 0o600)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            raise
    path = f"{storage.tmp_dir}/{files.name_temporary()}"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.unlink(path)
    return fd
