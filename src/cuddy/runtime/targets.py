"""Places below a hostile root for mounts, devices and links: opened, made where they are missing.

They lie in a file system an attacker filled. Each is opened by `openat2(RESOLVE_IN_ROOT)`, and what
is done to it is done to that descriptor. No link of the image's leads to /proc, /sys or /dev.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.kernel import resolve

KERNEL_DIRECTORIES = ("/proc", "/sys", "/dev")
MAX_LINKS = 40
"""The kernel's own limit on symbolic links in a path (path_resolution(7))."""


def make(
    root_fd: int, target: str, *, directory: bool, through_links: bool = True, follow: bool = True
) -> int:
    """Open a mount's target, making it and its parents where they are missing. An O_PATH
    descriptor.

    `through_links`: whether the image may have links on the way; never to /proc, /sys, /dev.
    `follow`: whether a link at the end is followed. Raises OSError: ELOOP or ENOTDIR where a link
    or file is in the way.
    """
    ordinary = target in KERNEL_DIRECTORIES or not through_links
    opening = resolve.open_beneath if ordinary else resolve.open_in_root
    path = target.lstrip("/") if ordinary else target
    flags = os.O_PATH | (0 if follow else os.O_NOFOLLOW)
    try:
        fd = opening(root_fd, path, flags)
    except FileNotFoundError:
        make_parents(root_fd, target)
        make_leaf(root_fd, target, directory=directory)
        fd = opening(root_fd, path, flags)
    is_directory = stat.S_ISDIR(os.fstat(fd).st_mode)
    if is_directory != directory:
        os.close(fd)
        code = errno.ENOTDIR if directory else errno.EISDIR
        raise OSError(code, os.strerror(code), f"mount target {target}")
    return fd


def make_link(root_fd: int, target: str, text: str) -> None:
    """A symbolic link inside; one that says the same may be there."""
    make_parents(root_fd, target)
    parent, name = os.path.split(target)
    parent_fd = resolve.open_in_root(root_fd, parent, os.O_PATH | os.O_DIRECTORY)
    try:
        os.symlink(text, name, dir_fd=parent_fd)
    except FileExistsError:
        if os.readlink(name, dir_fd=parent_fd) != text:
            raise
    finally:
        os.close(parent_fd)


def make_parents(root_fd: int, target: str) -> None:
    """mkdir -p of the directory above `target`, inside the root."""
    parent = os.path.dirname(target)
    if parent == "/":
        return
    try:
        os.close(resolve.open_in_root(root_fd, parent, os.O_PATH | os.O_DIRECTORY))
    except FileNotFoundError:
        make_parents(root_fd, parent)
        make_leaf(root_fd, parent, directory=True)


def make_leaf(root_fd: int, target: str, *, directory: bool, links: int = MAX_LINKS) -> None:
    """Make one missing directory, or one empty file.

    Either may be the end of a dangling link of the image's (/etc/resolv.conf often is): it is made
    where the link leads, inside the root. `links`: how many more to follow.
    """
    parent, name = os.path.split(target)
    parent_fd = resolve.open_in_root(root_fd, parent, os.O_PATH | os.O_DIRECTORY)
    try:
        if directory:
            os.mkdir(name, 0o755, dir_fd=parent_fd)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY
            os.close(resolve.open_in_root(root_fd, target, flags, mode=0o644))
        return
    except (FileExistsError, FileNotFoundError):
        # A link, into nothing: for a file, into a directory that is not there either.
        if not links or target in KERNEL_DIRECTORIES:
            raise
        end = os.path.join(parent, os.readlink(name, dir_fd=parent_fd))
    finally:
        os.close(parent_fd)
    make_parents(root_fd, end)
    make_leaf(root_fd, end, directory=directory, links=links - 1)
