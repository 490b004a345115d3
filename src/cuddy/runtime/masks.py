"""Masked and read-only paths: what the kernel shows of the whole machine is hidden or frozen.

A file is covered by /dev/null, a directory by an empty read-only tmpfs. A path that does not exist
is skipped; the source of every cover is opened and compared before use (CVE-2025-31133).
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.errors import SystemFailure
from cuddy.kernel import mount, resolve

NULL_DEVICE = os.makedev(1, 3)


class Covers:
    """What paths are covered with. One empty directory does for all directories."""

    def __init__(self, root_fd: int) -> None:
        self.root_fd = root_fd
        self.null_fd = open_null()
        self.empty_fd = -1

    def close(self) -> None:
        os.close(self.null_fd)
        if self.empty_fd >= 0:
            os.close(self.empty_fd)

    def put(self, target_fd: int, path: str) -> None:
        """Cover what is open as `target_fd`. Raises OSError."""
        is_directory = stat.S_ISDIR(os.fstat(target_fd).st_mode)
        if is_directory and self.empty_fd < 0:
            flags = mount.MS_RDONLY | mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC
            options = "size=0k,nr_inodes=2,mode=755"
            mount.mount("tmpfs", f"/proc/self/fd/{target_fd}", "tmpfs", flags, options)
            self.empty_fd = open_existing(self.root_fd, path)
            return
        tree_fd = clone_mount(self.empty_fd if is_directory else self.null_fd)
        try:
            mount.move_mount(tree_fd, "", dir_fd=target_fd)
        finally:
            os.close(tree_fd)


def hide(root_fd: int, paths: list[str]) -> None:
    """Cover the paths so that reading finds nothing. Raises SystemFailure."""
    if not paths:
        return
    covers = Covers(root_fd)
    try:
        for path in dict.fromkeys(paths):
            try:
                hide_one(root_fd, path, covers)
            except OSError as error:
                raise SystemFailure.from_os(f"cannot mask {path}", error) from error
    finally:
        covers.close()


def hide_one(root_fd: int, path: str, covers: Covers) -> None:
    """Cover one path, if it exists."""
    target_fd = open_existing(root_fd, path)
    if target_fd < 0:
        return
    try:
        covers.put(target_fd, path)
    finally:
        os.close(target_fd)


def freeze(root_fd: int, paths: list[str]) -> None:
    """Make the paths read-only by binding each onto itself. Raises SystemFailure."""
    for path in paths:
        target_fd = open_existing(root_fd, path)
        if target_fd < 0:
            continue
        try:
            tree_fd = clone_mount(target_fd, recursive=True)
            try:
                mount.mount_setattr(tree_fd, mount.MOUNT_ATTR_RDONLY, recursive=True)
                mount.move_mount(tree_fd, "", dir_fd=target_fd)
            finally:
                os.close(tree_fd)
        except OSError as error:
            raise SystemFailure.from_os(f"cannot make {path} read-only", error) from error
        finally:
            os.close(target_fd)


def open_existing(root_fd: int, path: str) -> int:
    """The path inside the root, through no link; -1 if it is not there."""
    try:
        return resolve.open_beneath(root_fd, path.lstrip("/"), os.O_PATH)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return -1
        raise


def open_null() -> int:
    """The host's /dev/null, and surely that."""
    fd = os.open("/dev/null", os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
    status = os.fstat(fd)
    if not stat.S_ISCHR(status.st_mode) or status.st_rdev != NULL_DEVICE:
        os.close(fd)
        raise SystemFailure("/dev/null of this host is not the null device")
    return fd


def clone_mount(fd: int, *, recursive: bool = False) -> int:
    """A detached copy of the mount that a descriptor lies on, rooted at the descriptor."""
    flags = mount.OPEN_TREE_CLONE | mount.AT_EMPTY_PATH
    return mount.open_tree("", flags | (mount.AT_RECURSIVE if recursive else 0), dir_fd=fd)
