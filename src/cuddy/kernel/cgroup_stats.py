"""What a control group has used, in one shape for both versions: bytes, nanoseconds, counts.

A key is absent when nothing on this host counts it. A limit of None is no limit.
"""

from __future__ import annotations

from cuddy.shapes import NamedTuple, TypedDict


class DeviceIo(NamedTuple):
    """What went to and came from one block device ("major:minor")."""

    device: str
    read_bytes: int = 0
    written_bytes: int = 0
    reads: int = 0
    writes: int = 0


class Stats(TypedDict, total=False):
    """Usage of one control group and everything below it."""

    cpu_ns: int
    cpu_user_ns: int
    cpu_system_ns: int
    cpu_per_core_ns: list[int]  # version 1 only
    periods: int  # of the CPU quota that have passed
    throttled_periods: int  # of these, how many ended early
    throttled_ns: int
    memory_bytes: int
    memory_peak_bytes: int
    memory_limit_bytes: int | None
    memory_limit_hits: int
    memory_stat: dict[str, int]  # memory.stat as the kernel has it, of the whole subtree
    pids: int
    pids_limit: int | None
    pids_peak: int
    io: list[DeviceIo]
