"""overlayfs: a stack of read-only directories with one writable on top becomes one `Mount`.

Whiteouts (a character device 0:0) and opaque directories (an xattr) are how an upper directory says
that something below it is gone: Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

import os
import stat

from cuddy.kernel.mount import MS_RDONLY, Mount

OPAQUE = "trusted.overlay.opaque"
OPAQUE_USER = "user.overlay.opaque"
PAGE_BYTES = 4096
"""mount(2) takes one page of options; longer stacks are named by descriptors."""


def plan(lower_dirs: list[str], upper_dir: str, work_dir: str, target: str) -> Mount:
    """The overlay of `lower_dirs` (topmost first) under `upper_dir`, or read-only without one."""
    options = f"lowerdir={':'.join(escape(path) for path in lower_dirs)}"
    if upper_dir:
        options += f",upperdir={escape(upper_dir)},workdir={escape(work_dir)}"
        return Mount("overlay", target, "overlay", 0, options)
    return Mount("overlay", target, "overlay", MS_RDONLY, options)


def escape(path: str) -> str:
    """A path as overlayfs's option parser wants it: backslash, colon and comma escaped."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def make_whiteout(name: str | bytes, *, dir_fd: int) -> None:
    """Say that `name` of the layers below is gone."""
    os.mknod(name, stat.S_IFCHR, os.makedev(0, 0), dir_fd=dir_fd)


def is_whiteout(status: os.stat_result) -> bool:
    """Whether this is the 0:0 device that hides a name of the layers below."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def make_opaque(dir_fd: int, attribute: str = OPAQUE) -> None:
    """Say that nothing of the same directory below shows through."""
    os.setxattr(dir_fd, attribute, b"y")
