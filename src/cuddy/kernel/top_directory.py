"""Directories whose directories have nothing to do with each other: chattr(1), "T".

ext4 puts what is in a directory near it, and each directory of such a one near nothing. Without
that hint the files of all containers are neighbours; and an ext4 without a journal, which gives no
number of a removed file away for minutes, looks at all of these for each file that it makes
(fs/ext4/ialloc.c, `recently_deleted`): where containers come and go, a millisecond each.
"""

from __future__ import annotations

import fcntl
import os
import struct

FS_IOC_GETFLAGS = 0x80086601
FS_IOC_SETFLAGS = 0x40086602
FS_TOPDIR_FL = 0x20000


def mark(path: str) -> None:
    """Say so of a directory, where the file system can be told. Raises OSError if it is not there.

    One that cannot be told does without it.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = flags_of(fd)
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("l", flags | FS_TOPDIR_FL))
    except OSError:
        pass  # it is a hint
    finally:
        os.close(fd)


def flags_of(fd: int) -> int:
    """The flags of a file (ioctl_iflags(2)). Raises OSError."""
    flags: int = struct.unpack("l", fcntl.ioctl(fd, FS_IOC_GETFLAGS, bytes(8)))[0]
    return flags
