"""User namespaces' id maps: /proc/PID/uid_map and gid_map (user_namespaces(7)).

They say whose the files of an idmapped mount are, too (mount_setattr(2), "ID-mapped mounts"):
there `container_id` is what stands on the disk, and `host_id` what is seen through the mount.
"""

from __future__ import annotations

import _signal
import errno
import os

from cuddy.kernel import namespaces, process
from cuddy.kernel.syscall import syscall
from cuddy.shapes import NamedTuple
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

SECBIT_NO_SETUID_FIXUP = 4
"""linux/securebits.h"""
OVERFLOW_ID = 65534
"""Who is nobody: /proc/sys/kernel/overflowuid, unless somebody has changed it."""


class IdRange(NamedTuple):
    """`size` ids from `container_id` inside are `host_id` and following outside."""

    container_id: int
    host_id: int
    size: int


class Maps(NamedTuple):
    """Both maps of a user namespace, and what they make of an owner."""

    uids: list[IdRange]
    gids: list[IdRange]

    def outside(self, uid: int, gid: int) -> tuple[int, int]:
        """The host's ids of ids inside; -1 for one that is not mapped."""
        return map_id(uid, self.uids), map_id(gid, self.gids)

    def inside(self, uid: int, gid: int) -> tuple[int, int]:
        """What the host's ids are seen as inside."""
        return see_id(uid, self.uids), see_id(gid, self.gids)


def write_maps(pid: int, uids: list[IdRange], gids: list[IdRange]) -> None:
    """Give a process's new user namespace its ids. Each map can be written once. Raises OSError."""
    for name, ranges in (("uid_map", uids), ("gid_map", gids)):
        text = "".join(f"{r.container_id} {r.host_id} {r.size}\n" for r in ranges)
        fd = os.open(f"/proc/{pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())  # one write(2): the kernel takes no second
        finally:
            os.close(fd)


def deny_setgroups(pid: int | str = "self") -> None:
    """Give up setgroups(2) in a new user namespace: the price of mapping a gid without root."""
    fd = os.open(f"/proc/{pid}/setgroups", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, b"deny")
    finally:
        os.close(fd)


def own_maps() -> tuple[list[IdRange], list[IdRange]]:
    """The uids and gids that are mapped in the user namespace of this process."""
    found = []
    for name in ("uid_map", "gid_map"):
        fd = os.open(f"/proc/self/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(fd, 1 << 16)
        finally:
            os.close(fd)
        found.append([IdRange(*map(int, line.split())) for line in text.splitlines()])
    return found[0], found[1]


def is_single() -> bool:
    """Whether this user namespace has one user and one group, so that all files are theirs."""
    if namespaces.is_initial("user"):
        return False
    return all(sum(each.size for each in maps) == 1 for maps in own_maps())


def are_mapped(uid: int, gid: int) -> bool:
    """Whether this user namespace has these two ids."""
    maps = zip((uid, gid), own_maps(), strict=True)
    return all(map_id(number, ranges) >= 0 for number, ranges in maps)


def chown(target: str | bytes | int, uid: int, gid: int, *, dir_fd: int | None = None) -> None:
    """chown(2), of a link itself; where everything belongs to one user there is nothing to do."""
    try:
        if isinstance(target, int):
            os.fchown(target, uid, gid)
        else:
            os.chown(target, uid, gid, dir_fd=dir_fd, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.EINVAL or not is_single():
            raise


def map_id(container_id: int, ranges: list[IdRange]) -> int:
    """The host's id of a container's id; -1 when it is not mapped."""
    for r in ranges:
        if r.container_id <= container_id < r.container_id + r.size:
            return r.host_id + container_id - r.container_id
    return -1


def see_id(host_id: int, ranges: list[IdRange]) -> int:
    """What an id of the host's is seen as in a container: as nobody, if it is not mapped."""
    for r in ranges:
        if r.host_id <= host_id < r.host_id + r.size:
            return r.container_id + host_id - r.host_id
    return OVERFLOW_ID


class Namespace(Closing):
    """A new user namespace that has these maps, by a process of its own that does nothing.

    Nobody waits for its end before `close`. Raises OSError.
    """

    def __init__(self, uids: list[IdRange], gids: list[IdRange]) -> None:
        maker = os.getpid()
        child = process.clone(namespaces.CLONE_NEWUSER)
        if not child.pid:
            idle(maker)
        self._pid = child.pid
        self.fd = -1
        os.close(child.pidfd)
        try:
            write_maps(child.pid, uids, gids)
            self.fd = namespaces.open_namespace(child.pid, "user")
            os.kill(child.pid, _signal.SIGKILL)
        except BaseException:
            os.kill(child.pid, _signal.SIGKILL)
            self.close()
            raise

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        os.waitpid(self._pid, 0)


def idle(maker: int) -> NoReturn:
    """Do nothing until killed, or until who made us is."""
    process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
    while os.getppid() == maker:  # it may have ended before
        _signal.pause()
    os._exit(1)


def make_namespace(uids: list[IdRange], gids: list[IdRange]) -> int:
    """A descriptor of a new user namespace that has these maps, and no process. Raises OSError."""
    with Namespace(uids, gids) as made:
        return os.dup(made.fd)


class ActingAs:
    """Inside `with`, what this process makes in file systems belongs to other ids; it keeps its
    power: setfsuid(2), and capabilities(7), "SECBIT_NO_SETUID_FIXUP".

    In an idmapped mount root can make nothing as itself if the map does not know it (EOVERFLOW).
    """

    def __init__(self, uid: int, gid: int) -> None:
        self._uid = uid
        self._gid = gid

    def __enter__(self) -> None:
        process.prctl(process.PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
        syscall("setfsgid", self._gid)
        syscall("setfsuid", self._uid)

    def __exit__(self, *_: object) -> None:
        syscall("setfsuid", os.geteuid())
        syscall("setfsgid", os.getegid())
        process.prctl(process.PR_SET_SECUREBITS, 0)
