"""When and where a process runs: scheduler, I/O priority, memory policy, personality.

sched_setattr(2), ioprio_set(2), set_mempolicy(2), personality(2). Names are
those of the kernel's headers, which config.json uses as well.
"""

from __future__ import annotations

import struct

from cuddy.kernel.syscall import syscall
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

POLICIES = {
    "SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_ISO": 4,
    "SCHED_IDLE": 5, "SCHED_DEADLINE": 6,
}  # fmt: skip
SCHEDULER_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x1, "SCHED_FLAG_RECLAIM": 0x2, "SCHED_FLAG_DL_OVERRUN": 0x4,
    "SCHED_FLAG_KEEP_POLICY": 0x8, "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20, "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}  # fmt: skip
IO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
IOPRIO_WHO_PROCESS = 1
IO_CLASS_SHIFT = 13
MEMORY_MODES = {
    "MPOL_DEFAULT": 0, "MPOL_PREFERRED": 1, "MPOL_BIND": 2, "MPOL_INTERLEAVE": 3, "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5, "MPOL_WEIGHTED_INTERLEAVE": 6,
}  # fmt: skip
MEMORY_FLAGS = {
    "MPOL_F_NUMA_BALANCING": 1 << 13, "MPOL_F_RELATIVE_NODES": 1 << 14,
    "MPOL_F_STATIC_NODES": 1 << 15,
}  # fmt: skip
PERSONALITIES = {"LINUX": 0, "LINUX32": 8}
MAX_NODES = 1024
MAX_CPUS = 8192


class Scheduler(NamedTuple):
    """What sched_setattr(2) takes."""

    policy: int
    flags: int = 0
    nice: int = 0
    priority: int = 0
    runtime: int = 0
    deadline: int = 0
    period: int = 0


def sched_setattr(pid: int, wanted: Scheduler) -> None:
    """How a process is scheduled; pid 0: this one."""
    size = struct.calcsize("=IIQiIQQQ")
    attributes = bytearray(struct.pack("=IIQiIQQQ", size, *wanted))
    syscall("sched_setattr", pid, attributes, 0)


def ioprio_set(pid: int, io_class: int, priority: int) -> None:
    """Whose requests to disks come first; pid 0: this one."""
    syscall("ioprio_set", IOPRIO_WHO_PROCESS, pid, io_class << IO_CLASS_SHIFT | priority)


def set_mempolicy(mode: int, nodes: Iterable[int]) -> None:
    """From which nodes' memory this process is served; `mode` with its flags."""
    mask = bit_mask(nodes)
    # The kernel takes one bit less than it is told of: set_mempolicy(2), "BUGS".
    syscall("set_mempolicy", mode, mask or None, len(mask) * 8 + 1 if mask else 0)


def set_personality(domain: int) -> None:
    """As what kernel this one shows itself: personality(2)."""
    syscall("personality", domain)


def bit_mask(numbers: Iterable[int]) -> bytearray:
    """Numbers as bits of 64-bit words; nothing for none."""
    value = 0
    for number in numbers:
        value |= 1 << number
    words = (value.bit_length() + 63) // 64
    return bytearray(value.to_bytes(words * 8, "little"))


def parse_list(text: str, limit: int) -> list[int]:
    """A list of CPUs or nodes, "0-3,7", each below `limit` (cpuset(7), "List format").

    Raises ValueError.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not is_number(first) or (dash and not is_number(last)):
            raise ValueError(f"{part.strip()!r} is no number and no range")
        low, high = int(first), int(last or first)
        if low > high or high >= limit:
            raise ValueError(f"{part.strip()!r} is out of range")
        numbers += range(low, high + 1)
    return numbers


def is_number(text: str) -> bool:
    """Whether these are a few plain digits."""
    return text.isascii() and text.isdigit() and len(text) < 12
