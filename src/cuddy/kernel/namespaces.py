"""Namespaces: what a process sees (namespaces(7)). Runtime-spec names <-> flags <-> links."""

from __future__ import annotations

import os

from cuddy.kernel.syscall import syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

CLONE_NEWTIME = 0x00000080
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

NS_GET_NSTYPE = 0xB703

FLAGS = {
    "user": CLONE_NEWUSER,
    "pid": CLONE_NEWPID,
    "network": CLONE_NEWNET,
    "ipc": CLONE_NEWIPC,
    "uts": CLONE_NEWUTS,
    "mount": CLONE_NEWNS,
    "cgroup": CLONE_NEWCGROUP,
    "time": CLONE_NEWTIME,
}
"""Name in config.json -> flag of clone(2)."""

LINKS = {
    "user": "user",
    "pid": "pid",
    "network": "net",
    "ipc": "ipc",
    "uts": "uts",
    "mount": "mnt",
    "cgroup": "cgroup",
    "time": "time",
}
"""Name in config.json -> name under /proc/PID/ns."""

INITIAL = {"user": 0xEFFFFFFD, "pid": 0xEFFFFFFC, "cgroup": 0xEFFFFFFB}
"""The numbers that the machine's own namespaces have always had: linux/proc_ns.h."""


def unshare(flags: int) -> None:
    """Move this process into new namespaces (unshare(2))."""
    syscall("unshare", flags)


def setns(fd: int, flags: int) -> None:
    """Join the namespace of a descriptor, or those of a pidfd's process (setns(2))."""
    syscall("setns", fd, flags)


def open_namespace(pid: int | str, name: str) -> int:
    """A descriptor of a process's namespace; keeps the namespace alive."""
    return os.open(f"/proc/{pid}/ns/{LINKS[name]}", os.O_RDONLY | os.O_CLOEXEC)


def kind_of(fd: int) -> int:
    """The flag of a namespace's kind (ioctl_ns(2), NS_GET_NSTYPE); 0 for another file."""
    try:
        return syscall("ioctl", fd, NS_GET_NSTYPE)
    except OSError:
        return 0


def identify(pid: int | str, name: str) -> str:
    """The kernel's name of a process's namespace, such as "net:[4026531840]"."""
    return os.readlink(f"/proc/{pid}/ns/{LINKS[name]}")


def differing(pid: int) -> int:
    """Flags of the kinds of which a process has another namespace than we do."""
    kinds = [kind for kind in FLAGS if identify(pid, kind) != identify("self", kind)]
    return sum(FLAGS[kind] for kind in kinds)


def members(pid: int, name: str) -> list[int]:
    """The processes in the same namespace as one, if that is not ours, too; else that one alone."""
    try:
        wanted = identify(pid, name)
    except OSError:
        return []
    if wanted == identify("self", name):
        return [pid]
    found = []
    for each in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if identify(each, name) == wanted:
                found.append(int(each))
        except OSError:
            continue  # it has ended, or is nothing that we may look at
    return sorted(found)


def is_initial(name: str) -> bool:
    """Whether this process is in the machine's own namespace of that kind.

    Of user namespaces this tells whether root's power is over the machine, or only over what
    belongs to the namespace.
    """
    return identify("self", name) == f"{LINKS[name]}:[{INITIAL[name]}]"


def is_machines_root() -> bool:
    """Whether we are the machine's root, and not only called so in a user namespace."""
    return os.geteuid() == 0 and is_initial("user")


def sethostname(name: str) -> None:
    """sethostname(2) in the current UTS namespace."""
    data = name.encode()
    syscall("sethostname", data, len(data), about=name)


def setdomainname(name: str) -> None:
    """setdomainname(2) in the current UTS namespace."""
    data = name.encode()
    syscall("setdomainname", data, len(data), about=name)


class Joined:
    """Inside the `with` block this process is in another namespace; after it, back in its own.

    For a process with one thread. Raises OSError.
    """

    def __init__(self, fd: int, name: str) -> None:
        self._fd = fd
        self._name = name
        self._own_fd = -1

    def __enter__(self) -> None:
        self._own_fd = open_namespace("self", self._name)
        try:
            setns(self._fd, FLAGS[self._name])
        except OSError:
            os.close(self._own_fd)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            setns(self._own_fd, FLAGS[self._name])
        finally:
            os.close(self._own_fd)
