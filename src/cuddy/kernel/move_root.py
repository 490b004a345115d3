"""Another directory becomes the root where pivot_root(2) cannot be had: MS_MOVE, or only chroot(2).

pivot_root refuses on a ramdisk, whose root has no parent. There the new root is mounted over the
old one. What was mounted below the old one is taken away: with it in view a user namespace made
inside could mount a proc without the masks (user_namespaces(7), "fully visible").
"""

from __future__ import annotations

import errno
import os

from cuddy.kernel import mount
from cuddy.kernel.mount import MNT_DETACH, MS_MOVE, MS_RDONLY, MS_REC, MS_SLAVE, UMOUNT_NOFOLLOW


def move_root(new_root_fd: int) -> None:
    """Make a mount point the root of this mount namespace. Raises OSError."""
    points = mount.list_mounts()
    own_id = mount_id(new_root_fd)
    (root,) = (point for point in points if point.target == "/")
    below = [point for point in points if point.parent_id == root.mount_id]
    os.fchdir(new_root_fd)
    mount.mount(".", "/", "", MS_MOVE)
    # Our root is the old one still: these names are looked up there.
    for point in reversed(below):
        if point.mount_id != own_id:
            take_away(point.target)
    os.chroot(".")
    os.chdir("/")


def mount_id(fd: int) -> int:
    """The number of the mount that a descriptor is of, as mountinfo has it."""
    with open(f"/proc/self/fdinfo/{fd}") as file:
        fields = dict(line.split(":") for line in file)
    return int(fields["mnt_id"])


def take_away(target: str) -> None:
    """Detach what is mounted; a directory that may not be, since it is another's, is covered.

    Where we cannot even get, nobody can who has no more power than us: that may stay.
    """
    try:
        mount.set_propagation(target, MS_SLAVE | MS_REC)
        mount.umount(target, MNT_DETACH | UMOUNT_NOFOLLOW)
    except OSError as error:
        if error.errno != errno.EACCES and os.path.isdir(target):
            mount.mount("tmpfs", target, "tmpfs", MS_RDONLY, "size=0,nr_inodes=2")


def change_root(new_root_fd: int) -> None:
    """chroot(2), for who shares the mounts with others. Raises OSError."""
    os.fchdir(new_root_fd)
    os.chroot(".")
    os.chdir("/")
