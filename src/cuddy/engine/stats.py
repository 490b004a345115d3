"""Stats: what a container uses just now, in plain numbers, and in the shape of Docker's API.

One `Sample` is a reading; what happens per second lies between two of them. Everything is read from
files of the kernel: the container's control groups, the counters of its network, and where no group
counts block devices, what its processes say of themselves.
"""

from __future__ import annotations

import os
import time

from cuddy import files
from cuddy.errors import NoSuchContainer
from cuddy.kernel import control_file
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_stats import DeviceIo, Stats
from cuddy.runtime import state
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")
BUSY_AND_IDLE = 8
"""Fields of the first line of /proc/stat that add up to all time: user to steal."""
UNKNOWN_DEVICE = "0:0"


class Machine(NamedTuple):
    """What the host has, and the time its processors have spent since the boot, idle or not."""

    memory_bytes: int
    cpus: int
    cpu_ns: int


class Interface(NamedTuple):
    """The counters of one network interface, in the order of /proc/PID/net/dev."""

    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


class Sample(NamedTuple):
    """One reading; `at_ns` by the monotonic clock. Zeros where nothing runs."""

    at_ns: int
    machine: Machine
    usage: Stats
    networks: dict[str, Interface]

    @property
    def memory_bytes(self) -> int:
        """What is in use, without the cache of files that the kernel could drop: as docker has."""
        used = self.usage.get("memory_bytes", 0)
        droppable = self.usage.get("memory_stat", {}).get("inactive_file", 0)
        return used - droppable if droppable < used else used

    @property
    def memory_limit_bytes(self) -> int:
        """The container's limit, or what the machine has; 0 where nothing runs."""
        if "memory_bytes" not in self.usage:
            return 0
        limit = self.usage.get("memory_limit_bytes")
        return self.machine.memory_bytes if limit is None else min(limit, self.machine.memory_bytes)


def machine() -> Machine:
    """The host, now."""
    total, *others = (control_file.read("/proc/stat") or "").split("\n")
    ticks = sum(int(word) for word in total.split()[1 : BUSY_AND_IDLE + 1])
    cpus = sum(line.startswith("cpu") for line in others)
    first = (control_file.read("/proc/meminfo") or "MemTotal: 0 kB").split("\n")[0]
    return Machine(int(first.split()[1]) * 1024, cpus or 1, ticks * TICK_NS)


def sample(home: Home, record: Container, host: Machine) -> Sample:
    """What a container uses; an empty sample if it does not run, or not any more."""
    nothing = Sample(time.monotonic_ns(), host, Stats(), {})
    if not record["State"]["Running"]:
        return nothing
    try:
        document = state.read(home.run_root, record["Id"])
    except NoSuchContainer:
        return nothing
    pid = document["pid"]
    if files.start_time(pid) != document["startTime"]:
        return nothing
    group = Cgroup(document["cgroupPaths"])
    at_ns, usage = time.monotonic_ns(), group.stats()
    if "io" not in usage:
        usage["io"] = io_of_processes(group.pids())
    is_own = record["HostConfig"]["NetworkMode"] != "host"
    networks = parse_net_dev(_of_process(pid, "net/dev")) if is_own else {}
    return Sample(at_ns, host, usage, networks)


def _of_process(pid: int, name: str) -> str:
    """A file in /proc of a process; "" if it has just ended, or is not ours to look at."""
    try:
        return control_file.read(f"/proc/{pid}/{name}") or ""
    except OSError:
        return ""


def parse_net_dev(text: str) -> dict[str, Interface]:
    """The interfaces in /proc/PID/net/dev (proc(5)) but for the loopback."""
    found = {}
    for line in text.split("\n")[2:]:
        name, colon, counters = line.partition(":")
        numbers = [int(word) for word in counters.split()]
        if colon and name.strip() != "lo":
            found[name.strip()] = Interface(*numbers[:4], *numbers[8:12])
    return found


def io_of_processes(pids: list[int]) -> list[DeviceIo]:
    """What processes, and the children they have waited for, moved to and from block devices.

    For hosts where no control group counts it: /proc/PID/io (proc(5)) does, without the device.
    """
    read_bytes = written_bytes = 0
    for pid in pids:
        lines = _of_process(pid, "io").split("\n")
        counts = dict(line.split(": ") for line in lines if ": " in line)
        read_bytes += int(counts.get("read_bytes", 0))
        written_bytes += int(counts.get("write_bytes", 0))
    if not read_bytes and not written_bytes:
        return []
    return [DeviceIo(UNKNOWN_DEVICE, read_bytes, written_bytes)]


def cpu_percent(before: Sample, after: Sample) -> float:
    """How busy the container was between two samples; 100 is one processor."""
    elapsed_ns = after.at_ns - before.at_ns
    used_ns = after.usage.get("cpu_ns", 0) - before.usage.get("cpu_ns", 0)
    return used_ns / elapsed_ns * 100 if elapsed_ns > 0 and used_ns > 0 else 0.0


def document(
    record: Container, before: Sample | None, after: Sample, *, read: str, preread: str
) -> dict[str, Any]:
    """Two samples as `GET /containers/{id}/stats` answers; `read` and `preread`: when they were.

    Pure. Without a first sample its part is empty, as Docker's is with `one-shot`.
    """
    usage = after.usage
    found = {
        "read": read,
        "preread": preread,
        "pids_stats": _pids(usage),
        "blkio_stats": _blkio(usage),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _cpu(after),
        "precpu_stats": _cpu(before) if before else _cpu(after._replace(usage=Stats())),
        "memory_stats": _memory(after),
        "name": record["Name"],
        "id": record["Id"],
    }
    if after.networks:
        found["networks"] = {name: each._asdict() for name, each in after.networks.items()}
    return found


def _pids(usage: Stats) -> dict[str, int]:
    if "pids" not in usage:
        return {}
    limit = usage.get("pids_limit")
    # Docker writes no limit as the largest number.
    return {"current": usage["pids"], "limit": (1 << 64) - 1 if limit is None else limit}


def _cpu(sample: Sample) -> dict[str, Any]:
    usage = sample.usage
    times: dict[str, Any] = {
        "total_usage": usage.get("cpu_ns", 0),
        "usage_in_kernelmode": usage.get("cpu_system_ns", 0),
        "usage_in_usermode": usage.get("cpu_user_ns", 0),
    }
    if usage.get("cpu_per_core_ns"):
        times["percpu_usage"] = usage["cpu_per_core_ns"]
    throttling = {
        "periods": usage.get("periods", 0),
        "throttled_periods": usage.get("throttled_periods", 0),
        "throttled_time": usage.get("throttled_ns", 0),
    }
    if not usage:
        return {"cpu_usage": times, "throttling_data": throttling}
    return {
        "cpu_usage": times,
        "system_cpu_usage": sample.machine.cpu_ns,
        "online_cpus": sample.machine.cpus,
        "throttling_data": throttling,
    }


def _memory(sample: Sample) -> dict[str, Any]:
    usage = sample.usage
    if "memory_bytes" not in usage:
        return {}
    return {
        "usage": usage["memory_bytes"],
        "max_usage": usage.get("memory_peak_bytes", 0),
        "stats": usage.get("memory_stat", {}),
        "failcnt": usage.get("memory_limit_hits", 0),
        "limit": sample.memory_limit_bytes,
    }


def _blkio(usage: Stats) -> dict[str, Any]:
    moved, requests = [], []
    for device in usage.get("io", ()):
        major, _, minor = device.device.partition(":")
        place = {"major": int(major), "minor": int(minor or 0)}
        moved.append(place | {"op": "read", "value": device.read_bytes})
        moved.append(place | {"op": "write", "value": device.written_bytes})
        requests.append(place | {"op": "read", "value": device.reads})
        requests.append(place | {"op": "write", "value": device.writes})
    others = (
        "io_queue_recursive", "io_service_time_recursive", "io_wait_time_recursive",
        "io_merged_recursive", "io_time_recursive", "sectors_recursive",
    )  # fmt: skip
    return {
        "io_service_bytes_recursive": moved or None,
        "io_serviced_recursive": requests or None,
        **dict.fromkeys(others),
    }
