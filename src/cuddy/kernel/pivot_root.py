"""pivot_root(2): another directory becomes the root, and the old root is gone from view.

Unlike chroot(2) nothing of the old root stays reachable: its mounts are detached afterwards.
"""

from __future__ import annotations

import os

from cuddy.kernel.mount import MNT_DETACH, MS_REC, MS_SLAVE, set_propagation, umount
from cuddy.kernel.syscall import syscall


def pivot_root(new_root_fd: int) -> None:
    """Make a mount point the root of this mount namespace. Raises OSError.

    pivot_root(".", ".") stacks the old root on the new one at the same place, so no directory for
    it is needed inside: pivot_root(2), "NOTES".
    """
    old_root_fd = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fchdir(new_root_fd)
        syscall("pivot_root", ".", ".")
        os.fchdir(old_root_fd)
        # The detaching below must not travel to the host's copy of these mounts.
        set_propagation(".", MS_SLAVE | MS_REC)
        umount(".", MNT_DETACH)
    finally:
        os.close(old_root_fd)
    os.chdir("/")
