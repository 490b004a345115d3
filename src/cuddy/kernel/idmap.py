"""User namespaces' id maps: /proc/PID/uid_map and gid_map (user_namespaces(7)).

They say whose the files of an idmapped mount are, too (mount_setattr(2), "ID-mapped mounts"):
there `container_id` is what stands on the disk, and `host_id` what is seen through the mount.
"""

from __future__ import annotations

import _signal
import os

from cuddy.kernel import namespaces
from cuddy.shapes import NamedTuple


class IdRange(NamedTuple):
    """`size` ids from `container_id` inside are `host_id` and following outside."""

    container_id: int
    host_id: int
    size: int


def write_maps(pid: int, uids: list[IdRange], gids: list[IdRange]) -> None:
    """Give a process's new user namespace its ids. Each map can be written once. Raises OSError."""
    for name, ranges in (("uid_map", uids), ("gid_map", gids)):
        text = "".join(f"{r.container_id} {r.host_id} {r.size}\n" for r in ranges)
        fd = os.open(f"/proc/{pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())  # one write(2): the kernel takes no second
        finally:
            os.close(fd)


def map_id(container_id: int, ranges: list[IdRange]) -> int:
    """The host's id of a container's id; -1 when it is not mapped."""
    for r in ranges:
        if r.container_id <= container_id < r.container_id + r.size:
            return r.host_id + container_id - r.container_id
    return -1


def make_namespace(uids: list[IdRange], gids: list[IdRange]) -> int:
    """A descriptor of a new user namespace that has these maps, and no process. Raises OSError."""
    ready, tell = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if not pid:
        try:
            namespaces.unshare(namespaces.CLONE_NEWUSER)
            os.write(tell, b".")
            while True:
                _signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    try:
        if not os.read(ready, 1):
            raise PermissionError(1, "no user namespace can be made")
        write_maps(pid, uids, gids)
        return namespaces.open_namespace(pid, "user")
    finally:
        os.close(ready)
        os.kill(pid, _signal.SIGKILL)
        os.waitpid(pid, 0)
