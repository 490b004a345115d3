"""`tmpcopyup`: a tmpfs that begins with what the directory it covers has.

What is copied is the image's: nothing is looked up by more than one name at a time, no link is
followed, no device opened. How much it may be is the tmpfs's size.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.errors import SystemFailure
from cuddy.kernel import transfer

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MAX_DEPTH = 200
"""Each level of directories takes two descriptors and a call of ours."""
NOT_THERE = (errno.ENOTSUP, errno.EPERM, errno.ENODATA, errno.EINVAL)
"""Why an extended attribute cannot be set in a tmpfs: it is left out."""


def fill(top_fd: int, source_fd: int) -> None:
    """Copy a directory into the tmpfs that covers it. Raises OSError, SystemFailure."""
    if os.fstat(top_fd).st_dev == os.fstat(source_fd).st_dev:
        raise SystemFailure("cannot fill a tmpfs: somebody has moved it")
    copy_directory(source_fd, top_fd, MAX_DEPTH)


def copy_directory(source_fd: int, target_fd: int, depth: int) -> None:
    """Copy all that is in a directory, and what the directory is."""
    if not depth:
        raise OSError(errno.ELOOP, "directories lie too deep in each other")
    with os.scandir(source_fd) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        copy_entry(name, source_fd, target_fd, depth)
    copy_attributes(source_fd, target_fd)


def copy_entry(name: str, source_fd: int, target_fd: int, depth: int) -> None:
    """Copy one name of a directory, whatever it is."""
    status = os.stat(name, dir_fd=source_fd, follow_symlinks=False)
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFLNK:
        os.symlink(os.readlink(name, dir_fd=source_fd), name, dir_fd=target_fd)
        give_to_owner(name, target_fd, status)
        return
    if kind == stat.S_IFDIR:
        os.mkdir(name, 0o700, dir_fd=target_fd)
        with_both(name, DIRECTORY, DIRECTORY, source_fd, target_fd, depth)
    elif kind == stat.S_IFREG:
        reading = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        making = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with_both(name, reading, making, source_fd, target_fd, depth)
    elif not stat.S_ISSOCK(status.st_mode):
        copy_node(name, target_fd, status)


def with_both(
    name: str, reading: int, making: int, source_fd: int, target_fd: int, depth: int
) -> None:
    """Open a directory or a file on both sides, and copy its content and attributes."""
    one = os.open(name, reading, dir_fd=source_fd)
    try:
        other = os.open(name, making, 0o600, dir_fd=target_fd)
        try:
            if reading == DIRECTORY:
                copy_directory(one, other, depth - 1)
            else:
                transfer.copy_file(one, other, os.fstat(one))
                copy_attributes(one, other)
        finally:
            os.close(other)
    finally:
        os.close(one)


def copy_node(name: str, target_fd: int, status: os.stat_result) -> None:
    """A device or a fifo; a device is left out where none can be made."""
    try:
        os.mknod(name, status.st_mode, status.st_rdev, dir_fd=target_fd)
    except PermissionError:
        return
    give_to_owner(name, target_fd, status)
    # Nobody but us can reach this tmpfs yet, so that its name is what we have made.
    os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=target_fd)


def give_to_owner(name: str, target_fd: int, status: os.stat_result) -> None:
    """The owner of a name."""
    os.chown(name, status.st_uid, status.st_gid, dir_fd=target_fd, follow_symlinks=False)


def copy_attributes(source_fd: int, target_fd: int) -> None:
    """Owner, permissions, extended attributes and times, in the order in which none undoes
    another.
    """
    status = os.fstat(source_fd)
    os.fchown(target_fd, status.st_uid, status.st_gid)
    os.fchmod(target_fd, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(source_fd):
        try:
            os.setxattr(target_fd, name, os.getxattr(source_fd, name))
        except OSError as error:
            if error.errno not in NOT_THERE:
                raise
    os.utime(target_fd, ns=(status.st_atime_ns, status.st_mtime_ns))
