"""Copying bytes from one descriptor to another inside the kernel: copy_file_range(2), sendfile(2).

Some file systems share the blocks then; in no case does the data pass through this process, unless
the two descriptors allow of nothing else.
"""

from __future__ import annotations

import errno
import fcntl
import os

from cuddy import files

AT_ONCE = 1 << 30
READ_AT_ONCE = 1 << 20
SMALL_BYTES = 1 << 17
"""What is read and written faster than the kernel is asked to copy it, or where its holes are."""
BLOCK_BYTES = 512
"""The unit of st_blocks (stat(2))."""
FICLONE = 0x40049409
"""linux/fs.h: share all blocks of another file, where the file system can (ioctl_ficlone(2))."""
OTHER_WAY = (
    errno.EBADF, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ETXTBSY,
    errno.EXDEV,
)  # fmt: skip
"""What the quick ways of copying answer where they do not work: pipes, O_APPEND, other kernels."""


def copy(source: int, target: int, size: int, *, offset: int = 0) -> int:
    """Copy `size` bytes of a file from `offset` on to where `target` stands, the quickest way.

    Returns how many there were. Raises OSError.
    """
    done = 0
    ways = (_by_reference, _in_kernel, _by_hand) if size > SMALL_BYTES else (_by_hand,)
    for move in ways:
        try:
            while done < size:
                moved = move(source, target, offset + done, min(size - done, AT_ONCE))
                if not moved:
                    return done
                done += moved
            return done
        except OSError as error:
            if error.errno not in OTHER_WAY or move is _by_hand:
                raise
    return done


def copy_file(source: int, target: int, status: os.stat_result) -> None:
    """Copy a file that `status` is of into an empty one, holes as holes.

    What grows meanwhile is copied to its old end. Raises OSError.
    """
    size = status.st_size
    if size > SMALL_BYTES and clone(source, target):
        return
    if status.st_blocks * BLOCK_BYTES >= size:
        copy(source, target, size)
        return
    os.ftruncate(target, size)
    position = 0
    while position < size:
        start, end = _next_data(source, position, size)
        os.lseek(target, start, os.SEEK_SET)
        if copy(source, target, end - start, offset=start) < end - start:
            return
        position = end


def clone(source: int, target: int) -> bool:
    """Let a file share all blocks of another one; False where that cannot be."""
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as error:
        # ENOTTY: no such call; besides what copying answers, a file's own flags may forbid it.
        if error.errno not in (*OTHER_WAY, errno.ENOTTY, errno.EISDIR):
            raise
        return False
    return True


def data_parts(fd: int, size: int) -> list[tuple[int, int]]:
    """Where in a file of `size` bytes there is data: offsets and lengths."""
    parts, position = [], 0
    while position < size:
        start, end = _next_data(fd, position, size)
        if end > start:
            parts.append((start, end - start))
        position = end
    return parts


def is_same(one: int, other: int, size: int) -> bool:
    """Whether two files begin with the same `size` bytes. Where both have a hole nothing is read:
    a stranger may have made one of terabytes. Raises OSError.
    """
    if size <= SMALL_BYTES:  # to ask for holes would take longer than to read them
        return os.pread(one, size, 0) == os.pread(other, size, 0)
    position = 0
    while position < size:
        found = [_next_data(fd, position, size) for fd in (one, other)]
        start = min(begin for begin, _ in found)
        end = max(end for begin, end in found if begin == start)
        at_once = min(end - start, READ_AT_ONCE)
        if os.pread(one, at_once, start) != os.pread(other, at_once, start):
            return False
        position = start + at_once
    return True


def _next_data(source: int, position: int, size: int) -> tuple[int, int]:
    """Where the next data begins and ends; (size, size) if there is none (lseek(2), SEEK_DATA)."""
    try:
        start = min(os.lseek(source, position, os.SEEK_DATA), size)
        return start, min(os.lseek(source, start, os.SEEK_HOLE), size)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size, size
        if error.errno == errno.EINVAL:  # a file system that knows nothing of holes
            return position, size
        raise


def _by_reference(source: int, target: int, offset: int, size: int) -> int:
    """Between files."""
    return os.copy_file_range(source, target, size, offset_src=offset)


def _in_kernel(source: int, target: int, offset: int, size: int) -> int:
    return os.sendfile(target, source, offset, size)


def _by_hand(source: int, target: int, offset: int, size: int) -> int:
    chunk = os.pread(source, min(size, READ_AT_ONCE), offset)
    files.write_all(target, chunk)
    return len(chunk)
