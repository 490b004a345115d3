"""Control groups version 1: one hierarchy for each controller, each with directories of its own.

Documentation/admin-guide/cgroup-v1. Functions take the directories of one group by controller; a
controller that the group has not joined is not there.
"""

from __future__ import annotations

import os
import time

from cuddy.kernel import control_file
from cuddy.kernel.cgroup_stats import DeviceIo, Stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

UNLIMITED = 1 << 62
"""memory.limit_in_bytes without a limit reads as the largest long, rounded down to a page."""
TRACKERS = ("freezer", "name=systemd")
"""Joined when no version 2 hierarchy tracks the processes: to stop them, and so that systemd does
not count them to the session of whoever started them."""


def prepare(directory: str) -> None:
    """Let a new cpuset hold processes: it starts without CPUs and memory nodes (cpuset(7))."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if control_file.read(f"{directory}/{name}") == "":
            inherited = control_file.read(f"{os.path.dirname(directory)}/{name}")
            control_file.write(f"{directory}/{name}", inherited or "0")


def set_frozen(freezer: str, frozen: bool, timeout_s: float) -> None:
    """Freeze or thaw all processes and wait for it. Raises TimeoutError, thawed again.

    A group can stay FREEZING for as long as a process is being forked or traced; writing again
    makes the kernel look again (freezer-subsystem.rst).
    """
    state, path = ("FROZEN" if frozen else "THAWED"), f"{freezer}/freezer.state"
    deadline = time.monotonic() + timeout_s
    pause_s = 0.0002
    while True:
        control_file.write(path, state)
        if control_file.read(path) == state:
            return
        if time.monotonic() > deadline:
            control_file.write(path, "THAWED")
            raise TimeoutError(f"{freezer}: not {state} after {timeout_s} s")
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.05)


def is_frozen(freezer: str) -> bool:
    """Whether processes are kept from running, or about to be."""
    return control_file.read(f"{freezer}/freezer.state") in ("FREEZING", "FROZEN")


def oom_kills(memory: str) -> int:
    """How many processes of this one group the kernel has killed for want of memory."""
    return control_file.read_keyed(f"{memory}/memory.oom_control").get("oom_kill", 0)


def spent(paths: Mapping[str, str], *, throttling: bool) -> Stats:
    """What is worth knowing of a group that has ended, in as few files as can be."""
    found = Stats()
    if "cpuacct" in paths:
        found["cpu_ns"] = control_file.read_number(f"{paths['cpuacct']}/cpuacct.usage") or 0
    if "cpu" in paths and throttling:
        found.update(_throttling(paths["cpu"]))
    if "memory" in paths:
        peak = control_file.read_number(f"{paths['memory']}/memory.max_usage_in_bytes")
        found["memory_peak_bytes"] = peak or 0
    if "pids" in paths:
        pids = control_file.read_number(f"{paths['pids']}/pids.peak")  # since 6.6
        if pids is not None:
            found["pids_peak"] = pids
    return found


def stats(paths: Mapping[str, str]) -> Stats:
    """What the group has used, as far as its controllers count it."""
    found = Stats()
    if "cpuacct" in paths:
        found.update(_processor_time(paths["cpuacct"]))
    if "cpu" in paths:
        found.update(_throttling(paths["cpu"]))
    if "memory" in paths:
        found.update(_memory(paths["memory"]))
    if "pids" in paths:
        found["pids"] = control_file.read_number(f"{paths['pids']}/pids.current") or 0
        found["pids_limit"] = control_file.read_number(f"{paths['pids']}/pids.max")
    if "blkio" in paths:
        found["io"] = _io(paths["blkio"])
    return found


def _throttling(cpu: str) -> Stats:
    stat = control_file.read_keyed(f"{cpu}/cpu.stat")
    return Stats(
        periods=stat.get("nr_periods", 0),
        throttled_periods=stat.get("nr_throttled", 0),
        throttled_ns=stat.get("throttled_time", 0),
    )


def _processor_time(cpuacct: str) -> Stats:
    return Stats(
        cpu_ns=control_file.read_number(f"{cpuacct}/cpuacct.usage") or 0,
        cpu_user_ns=control_file.read_number(f"{cpuacct}/cpuacct.usage_user") or 0,
        cpu_system_ns=control_file.read_number(f"{cpuacct}/cpuacct.usage_sys") or 0,
        cpu_per_core_ns=[
            int(core)
            for core in (control_file.read(f"{cpuacct}/cpuacct.usage_percpu") or "").split()
        ],
    )


def _memory(memory: str) -> Stats:
    limit = control_file.read_number(f"{memory}/memory.limit_in_bytes")
    stat = control_file.read_keyed(f"{memory}/memory.stat")
    return Stats(
        memory_bytes=control_file.read_number(f"{memory}/memory.usage_in_bytes") or 0,
        memory_peak_bytes=control_file.read_number(f"{memory}/memory.max_usage_in_bytes") or 0,
        memory_limit_bytes=None if limit is None or limit >= UNLIMITED else limit,
        memory_limit_hits=control_file.read_number(f"{memory}/memory.failcnt") or 0,
        # total_x counts the groups below as well, as version 2's x does
        memory_stat={
            name.removeprefix("total_"): number
            for name, number in stat.items()
            if name.startswith("total_")
        },
    )


def _io(blkio: str) -> list[DeviceIo]:
    numbers: dict[str, list[int]] = {}
    for first, name in enumerate(("io_service_bytes", "io_serviced")):
        text = control_file.read(f"{blkio}/blkio.throttle.{name}_recursive") or ""
        for line in text.splitlines():
            device, operation, number = (*line.split(), "", "")[:3]
            if operation in ("Read", "Write"):
                counts = numbers.setdefault(device, [0, 0, 0, 0])
                counts[2 * first + (operation == "Write")] = int(number)
    return [DeviceIo(device, *counts) for device, counts in numbers.items()]
