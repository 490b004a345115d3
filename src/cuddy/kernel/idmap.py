"""User namespaces' id maps: /proc/PID/uid_map and gid_map (user_namespaces(7))."""

from __future__ import annotations

import os

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
