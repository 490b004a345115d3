"""Statistics: what a container's control groups count, in the shape of `runc events --stats`.

For programs that read runc's JSON; what people and Docker's clients see is in `engine/stats.py`. A
number that no file of this host tells is left out, or zero where runc always writes it.
"""

from __future__ import annotations

import os

from cuddy.kernel import control_file
from cuddy.kernel.cgroup_hierarchies import UNIFIED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.kernel.cgroup import Cgroup

UNLIMITED = (1 << 64) - 1
"""How runc writes "max"."""
TICK_NS = 10_000_000
"""cpuacct.stat counts in USER_HZ, which is 100 on every architecture we run on."""
CPUSET_FLAGS = (
    "cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page",
    "memory_spread_slab", "memory_pressure", "sched_load_balance", "sched_relax_domain_level",
)  # fmt: skip
BLKIO = {
    "ioServiceBytesRecursive": "io_service_bytes_recursive",
    "ioServicedRecursive": "io_serviced_recursive",
    "ioQueueRecursive": "io_queued_recursive",
    "ioServiceTimeRecursive": "io_service_time_recursive",
    "ioWaitTimeRecursive": "io_wait_time_recursive",
    "ioMergedRecursive": "io_merged_recursive",
    "ioTimeRecursive": "time_recursive",
    "sectorsRecursive": "sectors_recursive",
}
IO_STAT = {
    "rbytes": ("ioServiceBytesRecursive", "Read"),
    "wbytes": ("ioServiceBytesRecursive", "Write"),
    "dbytes": ("ioServiceBytesRecursive", "Discard"),
    "rios": ("ioServicedRecursive", "Read"),
    "wios": ("ioServicedRecursive", "Write"),
    "dios": ("ioServicedRecursive", "Discard"),
}


def event(container_id: str, group: Cgroup) -> dict[str, Any]:
    """One line of `events`, and the only one of `events --stats`."""
    return {"type": "stats", "id": container_id, "data": collect(group)}


def oom_event(container_id: str) -> dict[str, Any]:
    """The line of `events` that says that the kernel has killed for want of memory."""
    return {"type": "oom", "id": container_id}


def collect(group: Cgroup) -> dict[str, Any]:
    """All that the group's controllers count."""
    paths = group.paths
    return {
        "cpu": cpu(paths),
        "cpuset": cpuset(paths),
        "memory": memory(paths),
        "pids": pids(paths),
        "blkio": block_io(paths),
        "hugetlb": hugepages(paths),
        "intel_rdt": {},
        "network_interfaces": None,
    }


def filled(**values: Any) -> dict[str, Any]:
    """What there is to tell: Go leaves out what is zero or empty."""
    return {name: value for name, value in values.items() if value}


def place(paths: Mapping[str, str], controller: str) -> tuple[str, bool]:
    """The directory that has a controller's files, and whether they are those of version 1."""
    if controller in paths:
        return paths[controller], True
    return paths.get(UNIFIED, ""), False


def numbers(text: str | None) -> list[int]:
    """Numbers in a line."""
    return [int(word) for word in (text or "").split() if word.isdecimal()]


def cpu(paths: Mapping[str, str]) -> dict[str, Any]:
    """Time used by whom, time forbidden, and time waited for."""
    directory, _ = place(paths, "cpu")
    stat = control_file.read_keyed(f"{directory}/cpu.stat")
    usage = cpu_usage_v1(paths["cpuacct"]) if "cpuacct" in paths else cpu_usage_v2(stat)
    throttled_ns = stat.get("throttled_time", stat.get("throttled_usec", 0) * 1000)
    throttling = filled(
        periods=stat.get("nr_periods"),
        throttledPeriods=stat.get("nr_throttled"),
        throttledTime=throttled_ns,
    )
    return {"usage": usage, "throttling": throttling, **pressure(paths, "cpu")}


def cpu_usage_v1(cpuacct: str) -> dict[str, Any]:
    """By CPU, and by who used it: user or kernel."""
    stat = control_file.read_keyed(f"{cpuacct}/cpuacct.stat")
    table = (control_file.read(f"{cpuacct}/cpuacct.usage_all") or "").splitlines()[1:]
    rows = [numbers(line) for line in table]
    return filled(
        total=control_file.read_number(f"{cpuacct}/cpuacct.usage"),
        percpu=numbers(control_file.read(f"{cpuacct}/cpuacct.usage_percpu")),
        percpu_kernel=[row[2] for row in rows],
        percpu_user=[row[1] for row in rows],
    ) | {"kernel": stat.get("system", 0) * TICK_NS, "user": stat.get("user", 0) * TICK_NS}


def cpu_usage_v2(stat: Mapping[str, int]) -> dict[str, Any]:
    """The same, as far as version 2's cpu.stat tells."""
    total, system, user = (
        stat.get(f"{name}_usec", 0) * 1000 for name in ("usage", "system", "user")
    )
    return {**filled(total=total), "kernel": system, "user": user}


def pressure(paths: Mapping[str, str], resource: str) -> dict[str, Any]:
    """How long processes stood still for want of a resource (Documentation/accounting/psi.rst)."""
    directory = paths.get(UNIFIED, "")
    found: dict[str, Any] = {}
    try:
        text = control_file.read(f"{directory}/{resource}.pressure") if directory else ""
    except OSError:  # psi=0: the file is there and cannot be read
        text = ""
    for line in (text or "").splitlines():
        kind, *pairs = line.split()
        values = dict(pair.split("=", 1) for pair in pairs)
        averages = {name: float(values.get(name, 0)) for name in ("avg10", "avg60", "avg300")}
        found[kind] = {**averages, "total": int(values.get("total", 0))}
    return {"psi": found} if found else {}


def cpuset(paths: Mapping[str, str]) -> dict[str, Any]:
    """The CPUs and memory nodes to run on."""
    directory, v1 = place(paths, "cpuset")
    suffix = "" if v1 else ".effective"
    found = filled(
        cpus=members(control_file.read(f"{directory}/cpuset.cpus{suffix}")),
        mems=members(control_file.read(f"{directory}/cpuset.mems{suffix}")),
    )
    for name in CPUSET_FLAGS:
        file = f"{directory}/cpuset.{name}"
        found[name] = int(control_file.read(file) or 0) if v1 else 0
    return found


def members(text: str | None) -> list[int]:
    """The numbers that a list such as 0-2,5 stands for."""
    found: list[int] = []
    for part in filter(None, (text or "").split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def memory(paths: Mapping[str, str]) -> dict[str, Any]:
    """Memory in use, its limits, and the kernel's own account of it."""
    directory, v1 = place(paths, "memory")
    raw = control_file.read_keyed(f"{directory}/memory.stat")
    if v1:
        entries = {
            name: memory_v1(directory, prefix)
            for name, prefix in (
                ("usage", ""), ("swap", "memsw."), ("kernel", "kmem."), ("kernelTCP", "kmem.tcp."),
            )
        }  # fmt: skip
    else:
        entries = memory_v2(directory)
    cache = raw.get("cache" if v1 else "file")
    return {**filled(cache=cache), **entries, **filled(raw=raw), **pressure(paths, "memory")}


def memory_v1(directory: str, prefix: str) -> dict[str, Any]:
    """One of the four counters of version 1."""
    limit, usage, peak, failures = (
        control_file.read_number(f"{directory}/memory.{prefix}{name}") or 0
        for name in ("limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes", "failcnt")
    )
    return {"limit": limit, **filled(usage=usage, max=peak), "failcnt": failures}


def memory_v2(directory: str) -> dict[str, Any]:
    """Version 2 counts swap apart; runc adds the two, so that "swap" means what it did before."""
    usage, swap, limit, swap_limit, peak = (
        control_file.read_number(f"{directory}/memory.{name}")
        for name in ("current", "swap.current", "max", "swap.max", "peak")
    )
    nothing = {"limit": 0, "failcnt": 0}
    if usage is None:  # this group has no memory controller
        return dict.fromkeys(("usage", "swap", "kernel", "kernelTCP"), nothing)
    hits = control_file.read_keyed(f"{directory}/memory.events").get("max", 0)
    most = UNLIMITED if limit is None else limit
    both = UNLIMITED if limit is None or swap_limit is None else limit + swap_limit
    return {
        "usage": {"limit": most, **filled(usage=usage, max=peak), "failcnt": hits},
        "swap": {"limit": both, **filled(usage=usage + (swap or 0)), "failcnt": 0},
        "kernel": nothing,
        "kernelTCP": nothing,
    }


def pids(paths: Mapping[str, str]) -> dict[str, Any]:
    """Processes and threads."""
    directory, _ = place(paths, "pids")
    return filled(
        current=control_file.read_number(f"{directory}/pids.current"),
        limit=control_file.read_number(f"{directory}/pids.max"),  # none for "max"
    )


def block_io(paths: Mapping[str, str]) -> dict[str, Any]:
    """Bytes and requests by device; times and queues where the BFQ scheduler keeps them."""
    found: dict[str, Any] = {}
    directory = paths.get("blkio", "")
    for field, file in BLKIO.items() if directory else ():
        text = control_file.read(f"{directory}/blkio.bfq.{file}")
        if text is None:
            text = control_file.read(f"{directory}/blkio.throttle.{file}")
        found[field] = [entry for line in (text or "").splitlines() if (entry := block_line(line))]
    if not directory:
        stat = control_file.read(f"{paths.get(UNIFIED, '')}/io.stat")
        for line in (stat or "").splitlines():
            device, *pairs = line.split()
            for name, _, value in (pair.partition("=") for pair in pairs):
                if name in IO_STAT:
                    field, operation = IO_STAT[name]
                    entry = block_entry(device, operation, int(value))
                    found.setdefault(field, []).append(entry)
    return {**filled(**found), **pressure(paths, "io")}


def block_line(line: str) -> dict[str, Any] | None:
    """`8:0 Read 4096`, or `8:0 4096`; None for the total of all devices."""
    device, *rest = line.split()
    if ":" not in device or not rest:
        return None
    return block_entry(device, rest[0] if len(rest) > 1 else "", int(rest[-1]))


def block_entry(device: str, operation: str, value: int) -> dict[str, Any]:
    """One number about one device."""
    major, _, minor = device.partition(":")
    return filled(major=int(major), minor=int(minor), op=operation, value=value)


def hugepages(paths: Mapping[str, str]) -> dict[str, Any]:
    """Huge pages of each size: reserved ones where the kernel counts them."""
    directory, v1 = place(paths, "hugetlb")
    usage = ".usage_in_bytes" if v1 else ".current"
    found = {}
    names = os.listdir(directory) if directory else []
    for size in sorted(name.split(".")[1] for name in names if name.startswith("hugetlb.")):
        for kind in (f"{size}.rsvd", size):
            used = control_file.read_number(f"{directory}/hugetlb.{kind}{usage}")
            if used is not None:
                found[size] = hugepages_of(f"{directory}/hugetlb.{kind}", used, v1=v1)
                break
    return found


def hugepages_of(prefix: str, used: int, *, v1: bool) -> dict[str, Any]:
    """One size."""
    if not v1:
        failures = control_file.read_keyed(f"{prefix}.events").get("max", 0)
        return {**filled(usage=used), "failcnt": failures}
    peak = control_file.read_number(f"{prefix}.max_usage_in_bytes")
    failures = control_file.read_number(f"{prefix}.failcnt") or 0
    return {**filled(usage=used, max=peak), "failcnt": failures}
