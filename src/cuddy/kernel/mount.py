"""Mounts: mount(2), umount2(2), the descriptors of open_tree(2), and /proc/self/mountinfo.

A `Mount` is a value: whoever plans mounts makes a list of them, whoever performs them calls
`mount.perform`. Its text is the mount(8) command line.
"""

from __future__ import annotations

import os
import struct

from cuddy.kernel.syscall import syscall
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# sys/mount.h
MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_SYNCHRONOUS = 16
MS_REMOUNT = 32
MS_MANDLOCK = 64
MS_DIRSYNC = 128
MS_NOSYMFOLLOW = 256
MS_NOATIME = 1024
MS_NODIRATIME = 2048
MS_BIND = 4096
MS_MOVE = 8192
MS_REC = 16384
MS_SILENT = 32768
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MS_I_VERSION = 1 << 23
MS_STRICTATIME = 1 << 24
MS_LAZYTIME = 1 << 25

ST_RELATIME = 4096
"""Of the flags that statvfs(3) tells, the one that has another number: bits/statvfs.h."""

MNT_FORCE = 1
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8

AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 4
MOVE_MOUNT_T_EMPTY_PATH = 0x40

MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4
MOUNT_ATTR_NOEXEC = 8
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR__ATIME = 0x70
"""Clears what was said of access times before; with none set, they are relatime's."""
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_IDMAP = 0x100000
MOUNT_ATTR_NOSYMFOLLOW = 0x200000

PROC_SUPER_MAGIC = 0x9FA0
SYSFS_MAGIC = 0x62656572

# option of mount(8) -> (flag, whether the option clears it)
OPTIONS = {
    "ro": (MS_RDONLY, False), "rw": (MS_RDONLY, True),
    "nosuid": (MS_NOSUID, False), "suid": (MS_NOSUID, True),
    "nodev": (MS_NODEV, False), "dev": (MS_NODEV, True),
    "noexec": (MS_NOEXEC, False), "exec": (MS_NOEXEC, True),
    "sync": (MS_SYNCHRONOUS, False), "async": (MS_SYNCHRONOUS, True),
    "mand": (MS_MANDLOCK, False), "nomand": (MS_MANDLOCK, True),
    "dirsync": (MS_DIRSYNC, False), "remount": (MS_REMOUNT, False),
    "nosymfollow": (MS_NOSYMFOLLOW, False), "symfollow": (MS_NOSYMFOLLOW, True),
    "noatime": (MS_NOATIME, False), "atime": (MS_NOATIME, True),
    "nodiratime": (MS_NODIRATIME, False), "diratime": (MS_NODIRATIME, True),
    "relatime": (MS_RELATIME, False), "norelatime": (MS_RELATIME, True),
    "strictatime": (MS_STRICTATIME, False), "nostrictatime": (MS_STRICTATIME, True),
    "lazytime": (MS_LAZYTIME, False), "nolazytime": (MS_LAZYTIME, True),
    "iversion": (MS_I_VERSION, False), "noiversion": (MS_I_VERSION, True),
    "silent": (MS_SILENT, False), "loud": (MS_SILENT, True),
    "bind": (MS_BIND, False), "rbind": (MS_BIND | MS_REC, False), "defaults": (0, False),
}  # fmt: skip

PROPAGATION = {
    "private": MS_PRIVATE, "rprivate": MS_PRIVATE | MS_REC,
    "slave": MS_SLAVE, "rslave": MS_SLAVE | MS_REC,
    "shared": MS_SHARED, "rshared": MS_SHARED | MS_REC,
    "unbindable": MS_UNBINDABLE, "runbindable": MS_UNBINDABLE | MS_REC,
}  # fmt: skip


class Change(NamedTuple):
    """One call of mount_setattr(2): attributes to set and to clear, propagation or 0."""

    sets: int = 0
    clears: int = 0
    propagation: int = 0
    recursive: bool = False


class Mount(NamedTuple):
    """One mount to make: the arguments of mount(2), with the propagation to set afterwards.

    `changes`: what else is to be done to it, by those who make it detached or look it up again.
    `extras`: options that are no kernel's.
    """

    source: str
    target: str
    fstype: str = ""
    flags: int = 0
    data: str = ""
    propagation: int = 0
    changes: tuple[Change, ...] = ()
    extras: frozenset[str] = frozenset()

    def __str__(self) -> str:
        names = [
            name
            for name, (flag, clears) in OPTIONS.items()
            if flag and not clears and self.flags & flag == flag
        ]
        options = ",".join(names + ([self.data] if self.data else []))
        words = ["mount"]
        words += ["-t", self.fstype] if self.fstype else []
        words += ["-o", options] if options else []
        return " ".join([*words, self.source or "none", self.target])


def perform(plan: Mount) -> None:
    """Make one mount. A bind takes its other flags in a second call, as the kernel wants it."""
    mount(plan.source, plan.target, plan.fstype, plan.flags, plan.data)
    if plan.flags & MS_BIND and plan.flags & ~(MS_BIND | MS_REC):
        remount_bind(plan.target, plan.flags & ~MS_REC)
    if plan.propagation:
        mount("", plan.target, "", plan.propagation)


def mount(source: str, target: str, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). Raises OSError."""
    syscall("mount", source or None, target, fstype or None, flags, data or None, about=target)


def bind(source: str, target: str, *, recursive: bool = False) -> None:
    """Show `source` at `target` as well."""
    mount(source, target, "", MS_BIND | (MS_REC if recursive else 0))


def remount_bind(target: str, flags: int) -> None:
    """Change the flags of one bind mount, keeping those that its source's mount has locked on.

    In a user namespace the kernel refuses to clear what the original mount had set, and to change
    when access times are noted; statvfs(3) tells what that is.
    """
    state = os.statvfs(target).f_flag
    inherited = state & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
    try:
        mount("", target, "", MS_REMOUNT | MS_BIND | flags)
    except PermissionError:
        noted = state & (MS_NOATIME | MS_NODIRATIME)
        noted |= MS_RELATIME if state & ST_RELATIME else 0 if noted & MS_NOATIME else MS_STRICTATIME
        kept = flags & ~(MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)
        kept |= inherited | noted
        if kept == flags:
            raise
        mount("", target, "", MS_REMOUNT | MS_BIND | kept)


def umount(target: str, flags: int = 0) -> None:
    """umount2(2). Raises OSError."""
    syscall("umount2", target, flags, about=target)


def set_propagation(target: str, propagation: int) -> None:
    """Make a mount private, slave, shared or unbindable (mount_namespaces(7))."""
    mount("", target, "", propagation)


def open_tree(path: str, flags: int = OPEN_TREE_CLONE, *, dir_fd: int = AT_FDCWD) -> int:
    """A descriptor of a mount, detached from any namespace when OPEN_TREE_CLONE is given."""
    return syscall("open_tree", dir_fd, path, flags | OPEN_TREE_CLOEXEC, about=path)


def move_mount(tree_fd: int, target: str, *, dir_fd: int = AT_FDCWD) -> None:
    """Attach a detached mount at `target`; an empty target means `dir_fd` itself."""
    flags = MOVE_MOUNT_F_EMPTY_PATH | (0 if target else MOVE_MOUNT_T_EMPTY_PATH)
    syscall("move_mount", tree_fd, "", dir_fd, target, flags, about=target)


def mount_setattr(
    fd: int, set_flags: int, clear_flags: int = 0, *, recursive: bool = False, userns_fd: int = 0,
    propagation: int = 0,
) -> None:  # fmt: skip
    """mount_setattr(2) on a descriptor from `open_tree` (struct mount_attr, 32 bytes)."""
    attributes = bytearray(struct.pack("=QQQQ", set_flags, clear_flags, propagation, userns_fd))
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    syscall("mount_setattr", fd, "", flags, attributes, len(attributes))


# linux/mount.h: fsconfig(2)
FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSCONFIG_CMD_CREATE = 6
FSOPEN_CLOEXEC = FSMOUNT_CLOEXEC = 1


def make_detached(fstype: str, options: Iterable[str], attributes: int = 0) -> int:
    """A new file system that is attached nowhere, with MOUNT_ATTR_* (fsopen(2)). Raises OSError."""
    context = syscall("fsopen", fstype, FSOPEN_CLOEXEC, about=fstype)
    try:
        for option in options:
            key, equals, value = option.partition("=")
            kind = FSCONFIG_SET_STRING if equals else FSCONFIG_SET_FLAG
            syscall("fsconfig", context, kind, key, value if equals else None, 0, about=option)
        syscall("fsconfig", context, FSCONFIG_CMD_CREATE, None, None, 0, about=fstype)
        return syscall("fsmount", context, FSMOUNT_CLOEXEC, attributes, about=fstype)
    finally:
        os.close(context)


def change(fd: int, changes: Iterable[Change]) -> None:
    """Make changes to a mount by a descriptor of its root. Raises OSError."""
    for each in changes:
        mount_setattr(
            fd, each.sets, each.clears, propagation=each.propagation, recursive=each.recursive
        )


def magic_of(fd: int) -> int:
    """The number of the file system a descriptor is on (fstatfs(2), linux/magic.h)."""
    buffer = bytearray(256)
    syscall("fstatfs", fd, buffer)
    magic: int = struct.unpack_from("=q", buffer)[0]
    return magic


class MountPoint(NamedTuple):
    """A line of /proc/PID/mountinfo (proc(5))."""

    mount_id: int
    parent_id: int
    device: str
    root: str
    target: str
    options: str
    fstype: str
    source: str
    super_options: str
    tags: str = ""  # shared:N, master:N: with whom its mounts are exchanged


def parse_mountinfo(text: str) -> list[MountPoint]:
    """The lines of a mountinfo file, octal escapes undone."""
    points = []
    # Not splitlines(): a mount point's name may hold what Unicode takes for the end of a line.
    for line in filter(None, text.split("\n")):
        left, _, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        points.append(
            MountPoint(
                int(fields[0]),
                int(fields[1]),
                fields[2],
                unescape(fields[3]),
                unescape(fields[4]),
                fields[5],
                tail[0],
                unescape(tail[1]),
                tail[2] if len(tail) > 2 else "",
                " ".join(fields[6:]),
            )  # fmt: skip
        )
    return points


def unescape(field: str) -> str:
    r"""Undo the kernel's octal escapes of space, tab, newline and backslash: \040 and friends."""
    if "\\" not in field:
        return field
    head, *rest = field.split("\\")
    return head + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)


def contains(directory: str, path: str) -> bool:
    """Whether a clean absolute path is a directory or below it."""
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")


def nearest(path: str) -> str:
    """The mount point that a clean absolute path is in."""
    found = [point.target for point in list_mounts() if contains(point.target, path)]
    return max(found, key=len, default="/")


def list_mounts(pid: int | str = "self") -> list[MountPoint]:
    """Every mount a process sees."""
    with open(f"/proc/{pid}/mountinfo", newline="\n", errors="surrogateescape") as file:
        return parse_mountinfo(file.read())
