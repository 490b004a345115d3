"""linux.resources of config.json as values for control files: what to write, where, in which order.

Decisions only (runtime-spec, config-linux.md "Control Groups"; conversions as in runc). What this
host cannot set is an error that names it: a limit silently dropped is none. The few limits that one
can do without, as Docker sees it, are written if the kernel has them, and warned about otherwise.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument, NotPermitted
from cuddy.kernel.cgroup_hierarchies import UNIFIED
from cuddy.kernel.cgroup_limits import NOTHING, CgroupWrite
from cuddy.runtime import device_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from cuddy.kernel.cgroup_hierarchies import Hierarchies

DEFAULT_PERIOD_US = 100_000
THROTTLES = (
    # field, file of version 1, key of io.max
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops"),
)
NO_SWAP_LIMIT = "this kernel cannot limit swap: memory is limited without it"
DISCARDED = "this kernel has no {}: ignored"


def plan(resources: Mapping[str, Any], hierarchies: Hierarchies) -> list[CgroupWrite]:
    """What to write where. Raises NotPermitted, InvalidArgument."""
    return plan_devices(resources, hierarchies) + plan_limits(resources, hierarchies)


def plan_devices(resources: Mapping[str, Any], hierarchies: Hierarchies) -> list[CgroupWrite]:
    """Which devices may be used: none but the rules' and the few that each container has."""
    writes: list[CgroupWrite] = []
    if resources.get("devices") or hierarchies.of("devices"):
        writes += device_rules.plan(resources.get("devices") or [], hierarchies)
    return refuse_missing(writes, hierarchies)


def plan_limits(resources: Mapping[str, Any], hierarchies: Hierarchies) -> list[CgroupWrite]:
    """The same without the devices: what can be changed later."""
    writes: list[CgroupWrite] = []
    for section, plans in PLANS.items():
        if wanted := entries(resources, section) if section in LISTS else inner(resources, section):
            writes += plans(wanted, hierarchies)
    return refuse_missing(writes, hierarchies)


def refuse_missing(writes: list[CgroupWrite], hierarchies: Hierarchies) -> list[CgroupWrite]:
    """The writes, if the host has their controllers. Raises NotPermitted."""
    for write in writes:
        if hierarchies.of(write.controller) is None:
            raise NotPermitted(
                f"cannot set {write.limit}: this host has no {write.controller} controller",
                hint="leave the limit out, or enable the controller in the kernel",
            )
    return writes


def is_v1(hierarchies: Hierarchies, controller: str) -> bool:
    """Whether the controller's files are those of version 1."""
    hierarchy = hierarchies.of(controller)
    return hierarchy.version == 1 if hierarchy else hierarchies.mode != "v2"


def inner(section: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object of the section, empty if it is not there. Raises InvalidArgument."""
    value = section.get(key)
    if value and not isinstance(value, dict):
        raise InvalidArgument(f"config.json: resources.{key} has the wrong type")
    return value or {}


def entries(section: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of objects of the section, empty if it is not there. Raises InvalidArgument."""
    value = section.get(key)
    if not value:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise InvalidArgument(f"config.json: resources.{key} has the wrong type")
    return value


def word(section: Mapping[str, Any], key: str) -> str:
    """A name of the section without spaces, "" if it is not there. Raises InvalidArgument."""
    value = section.get(key) or ""
    if not isinstance(value, str) or len(value.split()) > 1 or value != value.strip():
        raise InvalidArgument(f"config.json: resources: {key} {value!r} is not a name")
    return value


def number(section: Mapping[str, Any], key: str) -> int | None:
    """A whole number of the section; None if it is not there. Raises InvalidArgument."""
    value = section.get(key)
    if value is not None and type(value) is not int:
        raise InvalidArgument(f"config.json: resources: {key} {value!r} is not a whole number")
    return value


def limit_text(value: int, *, v1: bool) -> str:
    """A limit as the kernel reads it: negative is unlimited."""
    return str(max(value, -1)) if v1 or value >= 0 else "max"


def plan_memory(memory: Mapping[str, Any], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """Memory, memory with swap, and what becomes of it when it is short."""
    v1 = is_v1(hierarchies, "memory")
    limit, swap = number(memory, "limit") or 0, number(memory, "swap") or 0
    if limit:
        file = "memory.limit_in_bytes" if v1 else "memory.max"
        yield CgroupWrite("memory", file, limit_text(limit, v1=v1), "the memory limit")
    if swap or limit < 0:
        yield plan_swap(limit, swap or limit, v1=v1)
    if reservation := number(memory, "reservation"):
        file = "memory.soft_limit_in_bytes" if v1 else "memory.low"
        text = limit_text(reservation, v1=v1)
        yield CgroupWrite("memory", file, text, "the memory reservation")
    for key, file, name in (
        ("kernel", "memory.kmem.limit_in_bytes", "the kernel memory limit"),
        ("kernelTCP", "memory.kmem.tcp.limit_in_bytes", "the kernel TCP memory limit"),
    ):
        if value := number(memory, key):  # Linux 5.16 has lost the first, version 2 has neither
            text = limit_text(value, v1=True)
            yield CgroupWrite("memory", file, text, name, DISCARDED.format(f"way to set {name}"))
    if (swappiness := number(memory, "swappiness")) is not None:
        if not 0 <= swappiness <= 100:
            raise InvalidArgument(
                f"invalid memory swappiness value: {swappiness} (valid range is 0-100)"
            )
        without = DISCARDED.format("memory swappiness")
        text = str(swappiness)
        yield CgroupWrite("memory", "memory.swappiness", text, "the swappiness", without)
    if memory.get("disableOOMKiller"):
        without = DISCARDED.format("way to disable the OOM killer")
        yield CgroupWrite("memory", "memory.oom_control", "1", "oom-kill-disable", without)


def plan_swap(limit: int, swap: int, *, v1: bool) -> CgroupWrite:
    """`swap` is memory and swap together, as in version 1; version 2 limits swap alone."""
    if swap > 0 and limit <= 0:
        raise InvalidArgument("a swap limit needs a memory limit")
    if 0 < swap < limit:
        raise InvalidArgument("the swap limit, which includes memory, is below the memory limit")
    if v1:
        file, text = "memory.memsw.limit_in_bytes", limit_text(swap, v1=True)
    else:
        file, text = "memory.swap.max", limit_text(swap - limit if swap > 0 else -1, v1=False)
    return CgroupWrite("memory", file, text, "the swap limit", NO_SWAP_LIMIT)


def plan_cpu(cpu: Mapping[str, Any], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """Shares, quota and period, burst, idle, real time, and which CPUs and memory nodes."""
    v1 = is_v1(hierarchies, "cpu")
    if shares := number(cpu, "shares"):
        file, text = ("cpu.shares", str(shares)) if v1 else ("cpu.weight", str(weight_of(shares)))
        yield CgroupWrite("cpu", file, text, "the CPU shares")
    yield from plan_quota(number(cpu, "quota") or 0, number(cpu, "period") or 0, v1=v1)
    for key, file, name in (
        ("burst", "cpu.cfs_burst_us" if v1 else "cpu.max.burst", "the CPU burst"),
        ("idle", "cpu.idle", "cpu.idle"),
        ("realtimePeriod", "cpu.rt_period_us", "the realtime period"),
        ("realtimeRuntime", "cpu.rt_runtime_us", "the realtime runtime"),
    ):
        if (value := number(cpu, key)) is not None:
            yield CgroupWrite("cpu", file, str(value), name)
    for key, name in (("cpus", "the CPU set"), ("mems", "the set of memory nodes")):
        if members := word(cpu, key):
            yield CgroupWrite("cpuset", f"cpuset.{key}", members, name)


def plan_quota(quota: int, period: int, *, v1: bool) -> Iterator[CgroupWrite]:
    """The time a group may use of each period, in microseconds; 0 means not said."""
    if v1:
        if period:
            yield CgroupWrite("cpu", "cpu.cfs_period_us", str(period), "the CPU period")
        if quota:
            text = limit_text(quota, v1=True)
            yield CgroupWrite("cpu", "cpu.cfs_quota_us", text, "the CPU quota")
    elif quota or period:  # a quota alone leaves the period as it is
        text = f"{limit_text(quota or -1, v1=False)} {period or ''}".strip()
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


def plan_pids(pids: Mapping[str, Any], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """How many processes and threads; -1 is unlimited, 0 is not said."""
    if limit := number(pids, "limit"):
        yield CgroupWrite("pids", "pids.max", limit_text(limit, v1=False), "the pids limit")


def plan_block_io(block_io: Mapping[str, Any], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """Weights and throttles of block devices."""
    v1 = is_v1(hierarchies, "blkio") and is_v1(hierarchies, "io")
    if weight := number(block_io, "weight"):
        yield plan_weight("", weight, v1=v1)
    for entry in entries(block_io, "weightDevice"):
        if weight := number(entry, "weight"):
            yield plan_weight(f"{device_number(entry)} ", weight, v1=v1)
    if leaf := number(block_io, "leafWeight"):
        yield CgroupWrite("blkio", "blkio.leaf_weight", str(leaf), "the leaf block I/O weight")
    for entry in entries(block_io, "weightDevice"):
        if leaf := number(entry, "leafWeight"):
            text = f"{device_number(entry)} {leaf}"
            yield CgroupWrite(
                "blkio", "blkio.leaf_weight_device", text, "the leaf block I/O weight"
            )
    for field, file, key in THROTTLES:
        for entry in entries(block_io, field):
            device, rate = device_number(entry), number(entry, "rate") or 0
            if v1:
                yield CgroupWrite("blkio", file, f"{device} {rate}", field)
            else:
                yield CgroupWrite("io", "io.max", f"{device} {key}={rate or 'max'}", field)


def plan_weight(device: str, weight: int, *, v1: bool) -> CgroupWrite:
    """The BFQ scheduler has files of its own: whichever the kernel has takes the weight."""
    name = "the block I/O weight"
    if v1:
        kind = "_device" if device else ""
        other = CgroupWrite("blkio", f"blkio.bfq.weight{kind}", f"{device}{weight}", name)
        return CgroupWrite("blkio", f"blkio.weight{kind}", f"{device}{weight}", name, other)
    scaled = 1 + (weight - 10) * 9999 // 990
    other = CgroupWrite("io", "io.weight", f"{device or 'default '}{scaled}", name)
    return CgroupWrite("io", "io.bfq.weight", f"{device}{weight}", name, other)


def device_number(entry: Mapping[str, Any]) -> str:
    """`major:minor` of a block device. Raises InvalidArgument."""
    major, minor = number(entry, "major"), number(entry, "minor")
    if major is None or minor is None or major < 0 or minor < 0:
        raise InvalidArgument(f"config.json: resources.blockIO: not a device: {entry!r}")
    return f"{major}:{minor}"


def plan_hugepages(
    limits: list[Mapping[str, Any]], hierarchies: Hierarchies
) -> Iterator[CgroupWrite]:
    """Huge pages of each size, in use and reserved."""
    suffix = "limit_in_bytes" if is_v1(hierarchies, "hugetlb") else "max"
    for entry in limits:
        size, limit = entry.get("pageSize"), number(entry, "limit")
        if not (isinstance(size, str) and size.isalnum() and size.isascii()) or limit is None:
            raise InvalidArgument(f"config.json: not a huge page limit: {entry!r}")
        if limit < 0 or limit >= 1 << 64:
            raise InvalidArgument(f"config.json: not a huge page limit: {entry!r}")
        name = f"the limit of {size} huge pages"
        yield CgroupWrite("hugetlb", f"hugetlb.{size}.{suffix}", str(limit), name)
        reserved = f"hugetlb.{size}.rsvd.{suffix}"  # since 5.7
        yield CgroupWrite("hugetlb", reserved, str(limit), name, NOTHING)


def plan_network(network: Mapping[str, Any], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """Marks for packets: the class, and a priority for each interface."""
    if (class_id := number(network, "classID")) is not None:
        yield CgroupWrite("net_cls", "net_cls.classid", str(class_id), "the network class")
    for entry in entries(network, "priorities"):
        text = f"{word(entry, 'name')} {number(entry, 'priority') or 0}"
        yield CgroupWrite("net_prio", "net_prio.ifpriomap", text, "the network priority")


def plan_rdma(devices: Mapping[str, Any], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """Handles and objects of each RDMA device."""
    for device in devices:
        words, limits = [device], inner(devices, device)
        if not device or len(device.split()) != 1:
            raise InvalidArgument(f"config.json: resources.rdma: not a device: {device!r}")
        for key, name in (("hcaHandles", "hca_handle"), ("hcaObjects", "hca_object")):
            if (value := number(limits, key)) is not None:
                words.append(f"{name}={value}")
        yield CgroupWrite("rdma", "rdma.max", " ".join(words), "the RDMA limit")


def plan_unified(values: Mapping[str, Any], hierarchies: Hierarchies) -> Iterator[CgroupWrite]:
    """Files of version 2 by their own names."""
    if hierarchies.unified is None:
        raise NotPermitted(
            "invalid configuration: cannot set resources.unified: this host has no cgroup version 2"
        )
    for file, value in values.items():
        controller, dot, _ = file.partition(".")
        if "/" in file or not dot or not isinstance(value, str):
            raise InvalidArgument(f"config.json: resources.unified: {file!r} is no control file")
        if controller != "cgroup" and controller not in hierarchies.unified.controllers:
            raise NotPermitted(
                f"invalid configuration: cannot set {file}:"
                f" version 2 has no {controller} controller here"
            )
        yield CgroupWrite(UNIFIED if controller == "cgroup" else controller, file, value, file)


PLANS: dict[str, Callable[[Any, Hierarchies], Iterator[CgroupWrite]]] = {
    "memory": plan_memory,
    "cpu": plan_cpu,
    "pids": plan_pids,
    "blockIO": plan_block_io,
    "hugepageLimits": plan_hugepages,
    "network": plan_network,
    "rdma": plan_rdma,
    "unified": plan_unified,
}
LISTS = ("hugepageLimits",)
