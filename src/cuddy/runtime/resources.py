"""linux.resources of config.json as values for control files: decisions only, in the order in which
they are to be written (runtime-spec, config-linux.md "Control Groups"; runc's conversions).

A limit that this host cannot set is an error that names it: a limit silently dropped is none.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument, NotPermitted
from cuddy.kernel.cgroup import CgroupWrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cuddy.kernel.cgroup import Hierarchies

UNLIMITED = -1
DEFAULT_PERIOD_US = 100_000
THROTTLES = (
    # field, file of version 1, key of io.max
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops"),
)


def plan(resources: dict[str, Any], hierarchies: Hierarchies) -> list[CgroupWrite]:
    """What to write where. Raises NotPermitted, InvalidArgument."""
    writes: list[CgroupWrite] = []
    for section, plans in PLANS.items():
        if wanted := resources.get(section):
            writes += plans(wanted, hierarchies)
    for write in writes:
        if hierarchies.of(write.controller) is None and write.controller != "unified":
            raise NotPermitted(
                f"cannot set {write.limit}: this host has no {write.controller} controller",
                hint="leave the limit out, or enable the controller in the kernel",
            )
    return writes


def is_v1(hierarchies: Hierarchies, controller: str) -> bool:
    """Whether the controller's files are those of version 1."""
    hierarchy = hierarchies.of(controller)
    return hierarchy is None or hierarchy.version == 1


def limit_text(value: int, *, v1: bool) -> str:
    """A limit as the kernel reads it: -1 is unlimited."""
    return ("-1" if v1 else "max") if value < 0 else str(value)


def plan_devices(rules: list[dict[str, Any]], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """The allow-list, rule by rule, in the words of version 1's files."""
    for rule in rules:
        verb = "devices.allow" if rule.get("allow") else "devices.deny"
        yield CgroupWrite("devices", verb, device_text(rule), "the device rules")


def device_text(rule: dict[str, Any]) -> str:
    """`c 1:3 rwm`; `a` for everything."""
    kind = rule.get("type") or "a"
    numbers = [rule.get("major"), rule.get("minor")]
    access = rule.get("access") or "rwm"
    if kind == "a" and set(access) == set("rwm"):
        return "a"
    major, minor = ("*" if n is None or n < 0 else str(n) for n in numbers)
    return f"{kind} {major}:{minor} {access}"


def plan_memory(memory: dict[str, Any], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """Memory, and memory with swap."""
    v1 = is_v1(hierarchies, "memory")
    limit, swap = memory.get("limit") or 0, memory.get("swap") or 0
    if limit:
        file = "memory.limit_in_bytes" if v1 else "memory.max"
        yield CgroupWrite("memory", file, limit_text(limit, v1=v1), "the memory limit")
    if swap:
        yield plan_swap(limit, swap, v1=v1)
    if reservation := memory.get("reservation"):
        file = "memory.soft_limit_in_bytes" if v1 else "memory.low"
        text = limit_text(reservation, v1=v1)
        yield CgroupWrite("memory", file, text, "the memory reservation")
    if v1 and memory.get("swappiness") is not None:
        text = str(memory["swappiness"])
        yield CgroupWrite("memory", "memory.swappiness", text, "the swappiness")
    if v1 and memory.get("disableOOMKiller"):
        yield CgroupWrite("memory", "memory.oom_control", "1", "oom-kill-disable")


def plan_swap(limit: int, swap: int, *, v1: bool) -> CgroupWrite:
    """Version 1 limits memory and swap together, version 2 swap alone."""
    if v1:
        text = limit_text(swap, v1=True)
        return CgroupWrite("memory", "memory.memsw.limit_in_bytes", text, "the swap limit")
    if swap > 0 and limit <= 0:
        raise InvalidArgument("a swap limit needs a memory limit")
    if 0 < swap < limit:
        raise InvalidArgument("the swap limit is below the memory limit")
    alone = limit_text(UNLIMITED if swap < 0 else swap - limit, v1=False)
    return CgroupWrite("memory", "memory.swap.max", alone, "the swap limit")


def plan_cpu(cpu: dict[str, Any], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """Shares, quota and period, burst, idle, and which CPUs and memory nodes."""
    v1 = is_v1(hierarchies, "cpu")
    if shares := cpu.get("shares"):
        if v1:
            yield CgroupWrite("cpu", "cpu.shares", str(shares), "the CPU shares")
        else:
            weight = str(weight_of(shares))
            yield CgroupWrite("cpu", "cpu.weight", weight, "the CPU shares")
    yield from plan_quota(cpu.get("quota") or 0, cpu.get("period") or 0, v1=v1)
    if cpu.get("burst") is not None:
        file = "cpu.cfs_burst_us" if v1 else "cpu.max.burst"
        yield CgroupWrite("cpu", file, str(cpu["burst"]), "the CPU burst")
    if cpu.get("idle") is not None:
        yield CgroupWrite("cpu", "cpu.idle", str(cpu["idle"]), "cpu.idle")
    for name in ("cpus", "mems"):
        if cpu.get(name):
            yield CgroupWrite("cpuset", f"cpuset.{name}", cpu[name], f"the CPU set ({name})")


def plan_quota(quota: int, period: int, *, v1: bool) -> Iterator[CgroupWrite]:
    """The time a group may use of each period, in microseconds; 0 means not said."""
    if v1:
        if period:
            yield CgroupWrite("cpu", "cpu.cfs_period_us", str(period), "the CPU period")
        if quota:
            text = limit_text(quota, v1=True)
            yield CgroupWrite("cpu", "cpu.cfs_quota_us", text, "the CPU quota")
    elif quota or period:
        text = f"{limit_text(quota or UNLIMITED, v1=False)} {period or DEFAULT_PERIOD_US}"
        yield CgroupWrite("cpu", "cpu.max", text, "the CPU quota")


def weight_of(shares: int) -> int:
    """cpu.weight (1 to 10000) of cpu.shares (2 to 262144); 1024 becomes 100, as in runc 1.3."""
    if shares <= 2:
        return 1
    if shares >= 262144:
        return 10000
    from math import ceil, log2

    power = log2(shares)
    return ceil(10 ** ((power * power + 125 * power) / 612 - 7 / 34))


def plan_pids(pids: dict[str, Any], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """How many processes and threads; -1 is unlimited."""
    if limit := pids.get("limit"):
        text = "max" if limit < 0 else str(limit)
        yield CgroupWrite("pids", "pids.max", text, "the pids limit")


def plan_block_io(block_io: dict[str, Any], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """Weight and throttles of block devices."""
    v1 = is_v1(hierarchies, "blkio")
    controller = "blkio" if hierarchies.of("blkio") else "io"
    if weight := block_io.get("weight"):
        if v1 and controller == "blkio":
            yield CgroupWrite("blkio", "blkio.bfq.weight", str(weight), "the block I/O weight")
        else:
            text = str(1 + (weight - 10) * 9999 // 990)
            yield CgroupWrite("io", "io.weight", text, "the block I/O weight")
    for field, file, key in THROTTLES:
        for entry in block_io.get(field) or ():
            device = f"{entry['major']}:{entry['minor']}"
            if controller == "blkio":
                yield CgroupWrite("blkio", file, f"{device} {entry['rate']}", field)
            else:
                yield CgroupWrite("io", "io.max", f"{device} {key}={entry['rate']}", field)


def plan_hugepages(
    limits: list[dict[str, Any]], hierarchies: Hierarchies
) -> Iterator[CgroupWrite]:
    """Huge pages of each size."""
    suffix = "limit_in_bytes" if is_v1(hierarchies, "hugetlb") else "max"
    for entry in limits:
        file = f"hugetlb.{entry['pageSize']}.{suffix}"
        yield CgroupWrite("hugetlb", file, str(entry["limit"]), "the huge page limit")


def plan_unified(values: dict[str, str], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """Files of version 2 by their own names."""
    if hierarchies.mode != "v2":
        raise NotPermitted("cannot set linux.resources.unified: this host has no cgroup v2 alone")
    for file, value in values.items():
        if "/" in file or "." not in file:
            raise InvalidArgument(f"linux.resources.unified: {file!r} is no control file")
        yield CgroupWrite(file.partition(".")[0], file, value, file)


PLANS = {
    "devices": plan_devices,
    "memory": plan_memory,
    "cpu": plan_cpu,
    "pids": plan_pids,
    "blockIO": plan_block_io,
    "hugepageLimits": plan_hugepages,
    "unified": plan_unified,
}
