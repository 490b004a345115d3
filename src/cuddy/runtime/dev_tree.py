"""/dev of a container with users of its own, made by the creator with its nodes in it.

In a user namespace no device can be made, and those of the host, bound there, belong to nobody. So
the tmpfs is the host's, attached nowhere; its nodes have the owners and permissions that the config
asks for. Who makes it without the host's power (a user's engine) makes none: init binds then.
"""

from __future__ import annotations

import os

from cuddy.kernel import idmap, mount
from cuddy.runtime import devices, mount_plan
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.kernel.mount import Mount
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.spec import Device


class Users(NamedTuple):
    """The ids of a container's users on the host."""

    uids: list[idmap.IdRange]
    gids: list[idmap.IdRange]

    def own(self, name: str, uid: int, gid: int, *, dir_fd: int) -> None:
        """Give a name to a user of the container; who is nobody there gets nothing."""
        host_uid, host_gid = idmap.map_id(uid, self.uids), idmap.map_id(gid, self.gids)
        os.chown(name, host_uid, host_gid, dir_fd=dir_fd, follow_symlinks=False)


def open_dev(bundle: Bundle, plan: Mount, users: Users) -> int:
    """The file system that the config mounts at /dev, attached nowhere; -1: it cannot be made."""
    options = [f"source={plan.source}", *filter(None, plan.data.split(","))]
    for name, container_id, ranges in (("uid", 0, users.uids), ("gid", 0, users.gids)):
        if not any(option.startswith(f"{name}=") for option in options):
            options.append(f"{name}={idmap.map_id(container_id, ranges)}")
    try:
        tree_fd = mount.make_detached("tmpfs", options, mount_plan.attributes_of(plan.flags))
    except OSError:
        return -1
    try:
        for device in devices.wanted(bundle.config):
            make_node(device, tree_fd, users)
        return tree_fd
    except OSError:
        os.close(tree_fd)
        return -1


def make_node(device: Device, tree_fd: int, users: Users) -> None:
    """One device, if it is to be in /dev. Raises OSError."""
    path = mount_plan.clean(device["path"])
    if not path.startswith("/dev/"):
        return
    *parents, name = path.removeprefix("/dev/").split("/")
    fds = [tree_fd]
    try:
        for parent in parents:
            fds.append(open_directory(parent, fds[-1], users))
        mode = devices.mode_of(device)
        os.mknod(name, devices.kind_of(device) | mode, devices.number_of(device), dir_fd=fds[-1])
        os.chmod(name, mode, dir_fd=fds[-1])
        users.own(name, device.get("uid", 0), device.get("gid", 0), dir_fd=fds[-1])
    finally:
        for fd in fds[1:]:
            os.close(fd)


def open_directory(name: str, parent_fd: int, users: Users) -> int:
    """A directory of /dev, made if it is missing."""
    try:
        os.mkdir(name, 0o755, dir_fd=parent_fd)
        os.chmod(name, 0o755, dir_fd=parent_fd)
        users.own(name, 0, 0, dir_fd=parent_fd)
    except FileExistsError:
        pass
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent_fd)
