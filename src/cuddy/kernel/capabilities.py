"""Capabilities: root's power in pieces, and the five sets that say who has which. capabilities(7)

    bounding      what no execve(2) of this process or its children can give any more
    permitted     what it may make effective
    effective     what it can do now
    inheritable   what a program file may pass on
    ambient       what any program keeps; always also permitted and inheritable

Names are those of the runtime-spec, `CAP_CHOWN`. Only what this process has can be given:
`own` says what that is.
"""

from __future__ import annotations

import errno
import struct

from cuddy.kernel.syscall import syscall
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# linux/capability.h, by number
NAMES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID",
    "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK",
    "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
    "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)  # fmt: skip
NUMBERS = {name: number for number, name in enumerate(NAMES)}

# prctl(2), capget(2)
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4
LINUX_CAPABILITY_VERSION_3 = 0x20080522
MAX_NUMBER = 64  # a set has no more bits


class Sets(NamedTuple):
    """What the five sets are to be; `present` is the bounding set's bit mask until then."""

    present: int
    bounding: frozenset[str]
    permitted: frozenset[str]
    effective: frozenset[str]
    inheritable: frozenset[str]
    ambient: frozenset[str]


NO_SETS = Sets(0, *[frozenset[str]()] * 5)


def own() -> frozenset[str]:
    """What this process has and can pass on: its permitted set within its bounding set.

    Asked of the kernel, as /proc may be a container's or none.
    """
    return from_mask(permitted() & bounding())


def permitted() -> int:
    """The bit mask of the permitted set."""
    header = bytearray(struct.pack("=Ii", LINUX_CAPABILITY_VERSION_3, 0))
    masks = bytearray(24)
    syscall("capget", header, masks, about="capabilities")
    low, high = struct.unpack_from("=4xI8xI", masks)
    return int(low | high << 32)


def bounding() -> int:
    """The bit mask of the bounding set, those included that the kernel alone knows."""
    mask = 0
    try:
        for number in range(MAX_NUMBER):
            mask |= syscall("prctl", PR_CAPBSET_READ, number) << number
    except OSError as error:
        if error.errno != errno.EINVAL:  # above the kernel's last one
            raise
    return mask


def from_mask(mask: int) -> frozenset[str]:
    """The names in a bit mask; bits this program has no name for are left out."""
    return frozenset(name for number, name in enumerate(NAMES) if mask >> number & 1)


def to_mask(names: Iterable[str]) -> int:
    """The bit mask of names. Raises KeyError for one that is none."""
    mask = 0
    for name in names:
        mask |= 1 << NUMBERS[name]
    return mask


def drop_bounding(keep: Iterable[str], present: int) -> None:
    """Take all others out of the bounding set, for good; those the kernel alone knows as well.

    `present`: from `bounding`. Takes CAP_SETPCAP. Raises OSError.
    """
    leaving = present & ~to_mask(keep)
    for number in range(MAX_NUMBER):
        if leaving >> number & 1:
            syscall("prctl", PR_CAPBSET_DROP, number, about=f"PR_CAPBSET_DROP {number}")


def set_sets(
    *, permitted: Iterable[str], effective: Iterable[str], inheritable: Iterable[str]
) -> None:
    """capset(2) on this process; what leaves the permitted set never comes back. Raises OSError."""
    header = bytearray(struct.pack("=Ii", LINUX_CAPABILITY_VERSION_3, 0))
    masks = to_mask(effective), to_mask(permitted), to_mask(inheritable)
    low, high = ([mask >> shift & 0xFFFFFFFF for mask in masks] for shift in (0, 32))
    syscall("capset", header, bytearray(struct.pack("=6I", *low, *high)), about="capabilities")


def set_ambient(names: Iterable[str]) -> None:
    """Make the ambient set these, each of which is permitted and inheritable. Raises OSError."""
    syscall("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for name in names:
        number = NUMBERS[name]
        syscall("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0, about=name)
