"""Opening hostile paths: openat2(2), so that no name can lead out of a directory.

The only way cuddy opens anything below an image's or a container's root. Callers keep descriptors,
never strings, and mount onto `/proc/self/fd/N`.
"""

from __future__ import annotations

import errno
import os
import stat
import struct

from cuddy.kernel.syscall import syscall

# openat2(2)
RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10


def openat2(dir_fd: int, path: str | bytes, flags: int, *, resolve: int, mode: int = 0) -> int:
    """Open below a directory by the rules in `resolve`; the new descriptor is close-on-exec.

    EAGAIN means that something was renamed meanwhile and the kernel could not be sure: ask again.
    """
    how = bytearray(struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, resolve))
    about = os.fsdecode(path)
    for _ in range(128):
        try:
            return syscall("openat2", dir_fd, path, how, len(how), about=about)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EINTR):
                raise
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), f"openat2 {about}")


def open_in_root(root_fd: int, path: str | bytes, flags: int, *, mode: int = 0) -> int:
    """Open as a process chrooted at `root_fd` would: links and `..` stay inside, no magic links."""
    return openat2(root_fd, path, flags, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, mode=mode)


def open_beneath(dir_fd: int, path: str | bytes, flags: int, *, mode: int = 0) -> int:
    """Open a path that may pass through no symbolic link and never leave `dir_fd`."""
    return openat2(dir_fd, path, flags, resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, mode=mode)


def open_file(root_fd: int, path: str) -> int:
    """A regular file of an image, open for reading; -1 if something else is there.

    It is looked at before it is opened: to open a fifo may block (CVE-2024-9676), and to open a
    device may do anything, a watchdog's starts the machine anew. Raises OSError if nothing is
    there.
    """
    looked = open_in_root(root_fd, path, os.O_PATH)
    try:
        if not stat.S_ISREG(os.fstat(looked).st_mode):
            return -1
        return os.open(f"/proc/self/fd/{looked}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(looked)


def read_in_root(root_fd: int, path: str, *, limit: int = 1 << 20) -> bytes:
    """A regular file of an image, at most `limit` bytes of it; b"" if there is none."""
    try:
        fd = open_file(root_fd, path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV):
            return b""
        raise
    if fd < 0:
        return b""
    try:
        data = b""
        while len(data) < limit and (chunk := os.read(fd, limit - len(data))):
            data += chunk
        return data
    finally:
        os.close(fd)


RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
AT_FDCWD = -100


def renameat2(old: str | bytes, new: str | bytes, flags: int, *, dir_fd: int = AT_FDCWD) -> None:
    """rename(2) that replaces nothing, or lets two change places, both relative to one directory.
    Raises OSError.
    """
    about = f"{os.fsdecode(old)} {os.fsdecode(new)}"
    syscall("renameat2", dir_fd, old, dir_fd, new, flags, about=about)
