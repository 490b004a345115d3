"""What a container may use: --memory, --cpus and their kin. What of it makes sense, in Docker's
words, and how it stands in HostConfig; `engine/resources.py` makes linux.resources of that.
"""

from __future__ import annotations

import os

from cuddy.engine.host_config import DEFAULTS
from cuddy.errors import InvalidArgument
from cuddy.kernel import namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.engine.options import ContainerOptions
    from cuddy.runtime.spec import Rlimit

MIN_MEMORY = 6 << 20  # below it not even a shell starts: Docker's figure
MAX_CPU_SHARES = 262144
NANO = 1_000_000_000

RLIMITS = {
    "core": "RLIMIT_CORE", "cpu": "RLIMIT_CPU", "data": "RLIMIT_DATA", "fsize": "RLIMIT_FSIZE",
    "locks": "RLIMIT_LOCKS", "memlock": "RLIMIT_MEMLOCK", "msgqueue": "RLIMIT_MSGQUEUE",
    "nice": "RLIMIT_NICE", "nofile": "RLIMIT_NOFILE", "nproc": "RLIMIT_NPROC",
    "rss": "RLIMIT_RSS", "rtprio": "RLIMIT_RTPRIO", "rttime": "RLIMIT_RTTIME",
    "sigpending": "RLIMIT_SIGPENDING", "stack": "RLIMIT_STACK",
}  # fmt: skip

NUMBERS = {
    "BlkioWeight": "blkio_weight",
    "CpuPeriod": "cpu_period",
    "CpuQuota": "cpu_quota",
    "CpuRealtimePeriod": "cpu_rt_period",
    "CpuRealtimeRuntime": "cpu_rt_runtime",
    "CpuShares": "cpu_shares",
    "Memory": "memory",
    "MemoryReservation": "memory_reservation",
    "MemorySwap": "memory_swap",
    "NanoCpus": "nano_cpus",
}
"""Fields of HostConfig of which 0 means "no limit", and the options they come from."""
THROTTLES = {
    "BlkioDeviceReadBps": "device_read_bps",
    "BlkioDeviceWriteBps": "device_write_bps",
    "BlkioDeviceReadIOps": "device_read_iops",
    "BlkioDeviceWriteIOps": "device_write_iops",
}


LIMITED = (
    *NUMBERS, *THROTTLES, "BlkioWeightDevice", "CpusetCpus", "CpusetMems", "MemorySwappiness",
    "OomKillDisable", "PidsLimit",
)  # fmt: skip
"""Fields of HostConfig that take something of the kernel's control groups."""


def are_set(config: Mapping[str, Any]) -> bool:
    """Whether a HostConfig has any limit: most have none."""
    return any(config[field] != DEFAULTS[field] for field in LIMITED)


def host_config(options: ContainerOptions) -> dict[str, Any]:
    """The limits as Docker's HostConfig has them. Raises InvalidArgument."""
    found: dict[str, Any] = {key: getattr(options, name) or 0 for key, name in NUMBERS.items()}
    # Docker's rule: as much swap as memory, if nothing else was said.
    found["MemorySwap"] = found["MemorySwap"] or max(2 * found["Memory"], 0)
    for key, name in THROTTLES.items():
        found[key] = [throttle(text) for text in getattr(options, name)]
    swappiness = options.memory_swappiness
    return found | {
        "BlkioWeightDevice": [weight_device(text) for text in options.blkio_weight_device],
        "CgroupParent": options.cgroup_parent,
        "CpusetCpus": options.cpuset_cpus,
        "CpusetMems": options.cpuset_mems,
        "MemorySwappiness": None if swappiness in (None, -1) else swappiness,
        "OomKillDisable": options.oom_kill_disable,
        "OomScoreAdj": options.oom_score_adj,
        "PidsLimit": options.pids_limit if options.pids_limit and options.pids_limit > 0 else None,
        "Ulimits": [
            {"Name": limit["type"][7:].lower(), "Hard": limit["hard"], "Soft": limit["soft"]}
            for limit in parse_ulimits(options.ulimits)
        ],
    }


def check(config: Mapping[str, Any], *, update: bool = False) -> None:
    """Refuse limits that make no sense: HostConfig, or what an update changes of it.

    Raises InvalidArgument.
    """
    check_memory(config, update=update)
    check_cpu(config)
    if config["BlkioWeight"] and not 10 <= config["BlkioWeight"] <= 1000:
        raise InvalidArgument("Range of blkio weight is from 10 to 1000")
    if update:
        return
    score = config["OomScoreAdj"]
    if not -1000 <= score <= 1000:
        raise InvalidArgument(
            f"Invalid value {score}, range for oom score adj is [-1000, 1000]",
            hint="the higher, the sooner it is killed when memory is short",
        )
    check_cgroup_parent(config["CgroupParent"])


def check_memory(config: Mapping[str, Any], *, update: bool) -> None:
    """Docker's rules of what memory limits fit each other. Raises InvalidArgument."""
    memory, swap = config["Memory"], config["MemorySwap"]
    reservation, swappiness = config["MemoryReservation"], config["MemorySwappiness"]
    if memory and memory < MIN_MEMORY:
        raise InvalidArgument("Minimum memory limit allowed is 6MB", hint="such as --memory 64m")
    if swap < -1:
        raise InvalidArgument(f"invalid swap limit {swap}", hint="-1 is unlimited")
    together = "--memory-swap is memory and swap together"
    if memory and 0 < swap < memory:
        message = "Minimum memoryswap limit should be larger than memory limit, see usage"
        raise InvalidArgument(message, hint=together)
    if swap > 0 and not memory and not update:
        message = "You should always set the Memory limit when using Memoryswap limit, see usage"
        raise InvalidArgument(message, hint=together)
    if swappiness is not None and not 0 <= swappiness <= 100:
        raise InvalidArgument(
            f"Invalid value: {swappiness}, valid memory swappiness range is 0-100"
        )
    if reservation and reservation < MIN_MEMORY:
        raise InvalidArgument("Minimum memory reservation allowed is 6MB")
    if memory and memory < reservation:
        message = "Minimum memory limit can not be less than memory reservation limit, see usage"
        raise InvalidArgument(message)


def check_cpu(config: Mapping[str, Any]) -> None:
    """Docker's ranges of CPU limits. Raises InvalidArgument."""
    period, quota, nano_cpus = config["CpuPeriod"], config["CpuQuota"], config["NanoCpus"]
    if nano_cpus > 0 and period > 0:
        raise InvalidArgument("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if nano_cpus > 0 and quota > 0:
        raise InvalidArgument("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if nano_cpus:
        check_cpus(nano_cpus, len(os.sched_getaffinity(0)))
    if period and not 1000 <= period <= 1_000_000:
        range_ = "less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        raise InvalidArgument(f"CPU cfs period can not be {range_}")
    if 0 < quota < 1000:
        raise InvalidArgument("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    shares = config["CpuShares"]
    if shares < 0:
        raise InvalidArgument("shares: invalid argument", hint="cpu-shares are 2 or more")
    if shares == 1:
        raise InvalidArgument("the minimum allowed cpu-shares is 2")
    if shares > MAX_CPU_SHARES:
        raise InvalidArgument(f"the maximum allowed cpu-shares is {MAX_CPU_SHARES}")
    if config["CpuRealtimePeriod"] < 0:
        raise InvalidArgument(f"invalid realtime period {config['CpuRealtimePeriod']}")
    parse_set(config["CpusetCpus"], "cpus")
    parse_set(config["CpusetMems"], "mems")


def check_cpus(nano_cpus: int, available: int) -> None:
    """Docker's range: a hundredth of a CPU up to all there are."""
    if not NANO // 100 <= nano_cpus <= available * NANO:
        raise InvalidArgument(
            f"Range of CPUs is from 0.01 to {available}.00,"
            f" as there are only {available} CPUs available"
        )


def cgroup_parent(config: Mapping[str, Any]) -> str:
    """The group in which the container's is made: --cgroup-parent, or all of cuddy's together."""
    return "/" + (config["CgroupParent"].strip("/") or "cuddy")


def cgroup_maker() -> str:
    """Who makes it there, in the runtime's words: in a user namespace we may not everywhere."""
    return "" if namespaces.is_initial("user") else "delegated"


def check_cgroup_parent(path: str) -> None:
    """A path of control groups, which cannot lead out of where it is put."""
    if any(part in (".", "..") for part in path.split("/")) or any(c in path for c in "\n\0"):
        raise InvalidArgument(f"invalid cgroup-parent {path!r}", hint="such as /jobs/night")


def parse_set(text: str, kind: str) -> frozenset[int]:
    """The numbers in a list of cpuset(7): numbers and ranges with commas between.

    `kind`: cpus or mems. Raises InvalidArgument.
    """
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        numbers = (first, last) if dash else (first,)
        if not all(is_number(n) and len(n) < 5 for n in numbers) or int(numbers[-1]) < int(first):
            shown = text if text.isprintable() else repr(text)
            message = f"Invalid value {shown} for cpuset {kind}: invalid format: {shown}"
            raise InvalidArgument(message, hint="such as 0-2,4")
        found.update(range(int(first), int(numbers[-1]) + 1))
    return frozenset(found)


def weight_device(text: str) -> dict[str, Any]:
    """`--blkio-weight-device PATH:WEIGHT`. Raises InvalidArgument."""
    path, weight = split_device(text)
    if not is_number(weight) or (int(weight) and not 10 <= int(weight) <= 1000):
        raise InvalidArgument(f"invalid weight for device: {text}", hint="from 10 to 1000")
    return {"Path": path, "Weight": int(weight)}


def throttle(text: str) -> dict[str, Any]:
    """`--device-read-bps PATH:RATE` and its kin, the rate in plain numbers. InvalidArgument."""
    path, rate = split_device(text)
    if not is_number(rate):
        raise InvalidArgument(
            f"invalid rate for device: {text}. The correct format is <device-path>:<number>."
            " Number must be a positive integer"
        )
    return {"Path": path, "Rate": int(rate)}


def split_device(text: str) -> tuple[str, str]:
    """A device's path and what is said of it. Raises InvalidArgument."""
    path, colon, value = text.partition(":")
    if not colon or not path:
        raise InvalidArgument(f"bad format: {text}")
    if not path.startswith("/dev/"):
        raise InvalidArgument(f"bad format for device path: {text}")
    return path, value


def parse_ulimits(texts: tuple[str, ...]) -> list[Rlimit]:
    """`NAME=SOFT[:HARD]`, -1 for unlimited. Raises InvalidArgument."""
    limits: list[Rlimit] = []
    for text in texts:
        name, _, values = text.partition("=")
        soft, _, hard = values.partition(":")
        if name not in RLIMITS or not is_limit(soft) or not is_limit(hard or soft):
            hint = f"NAME=SOFT[:HARD], NAME one of {' '.join(RLIMITS)}"
            raise InvalidArgument(f"invalid ulimit {text!r}", hint=hint)
        low, high = int(soft), int(hard or soft)
        if high >= 0 and (low < 0 or low > high):
            raise InvalidArgument(f"ulimit {name}: soft limit {low} is above hard limit {high}")
        limits.append({"type": RLIMITS[name], "soft": low, "hard": high})
    return limits


def is_limit(text: str) -> bool:
    """A whole number, or -1."""
    return text == "-1" or is_number(text)


def is_number(text: str) -> bool:
    """Whether a text is decimal digits only, and not absurdly many."""
    return text.isascii() and text.isdigit() and len(text) <= 20


def rlimits(config: dict[str, Any]) -> list[Rlimit]:
    """HostConfig.Ulimits as config.json has them."""
    return [
        {"type": RLIMITS[entry["Name"]], "soft": entry["Soft"], "hard": entry["Hard"]}
        for entry in config["Ulimits"]
    ]
