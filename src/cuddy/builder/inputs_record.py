"""What one file of a tree is, in words: its kind, its content, its extended attributes.

Of a file it is the digest of its content. Holes of some size are passed over, as a stranger may
have made some of terabytes; then it is the digest of what is between, and where.
"""

from __future__ import annotations

import os
import stat

from cuddy.image import digest as digests
from cuddy.image.changeset import list_attributes, open_file, read_attributes
from cuddy.kernel import transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.tree import Found

LEAST_HOLES_BYTES = 1 << 20
AT_ONCE = 1 << 18


def read(found: Found) -> tuple[str, os.stat_result]:
    """Kind and content, "" of what is gone meanwhile, and the status that goes with it."""
    status = found.status
    mode = status.st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        fd = open_file(found.dir_fd, found.name)
        if fd < 0:
            return "", status
        try:
            return read_open(fd)
        finally:
            os.close(fd)
    if stat.S_ISLNK(mode):
        try:
            return f"link {os.fsdecode(os.readlink(found.name, dir_fd=found.dir_fd))}", status
        except OSError:
            return "", status
    if stat.S_ISFIFO(mode):
        return "fifo", status
    kind = "character" if stat.S_ISCHR(mode) else "block"
    return f"{kind} {os.major(status.st_rdev)}:{os.minor(status.st_rdev)}", status


def read_open(fd: int) -> tuple[str, os.stat_result]:
    """The same of an open file or directory."""
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        told = "directory"
    elif stat.S_ISREG(status.st_mode):
        told = describe(fd, status)
    else:
        return "", status
    xattrs = read_attributes(fd, list_attributes(fd))
    if xattrs:
        listed = b"".join(
            b"%d %b %d %b" % (len(name), name, len(xattrs[name]), xattrs[name])
            for name in sorted(xattrs)
        )
        told += f" xattrs {digests.of(listed)}"
    return told, status


def describe(fd: int, status: os.stat_result) -> str:
    """A file's content in words, those of one with large holes being others."""
    size = status.st_size
    if size - status.st_blocks * transfer.BLOCK_BYTES >= LEAST_HOLES_BYTES:
        parts = transfer.data_parts(fd, size)
        if parts != [(0, size)]:
            placed = " ".join(f"{offset}+{length}" for offset, length in parts)
            where = digests.of(placed.encode())
            return f"holes {size} {where} {content(fd, parts)}"
    return f"file {content(fd, [(0, size)])}"


def content(fd: int, parts: list[tuple[int, int]]) -> str:
    """The digest of parts of a file, one after the other: offsets and lengths."""
    hasher = digests.hasher()
    for offset, length in parts:
        end = offset + length
        while offset < end and (piece := os.pread(fd, min(AT_ONCE, end - offset), offset)):
            hasher.update(piece)
            offset += len(piece)
    return hasher.hexdigest()
