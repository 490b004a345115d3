"""What a container may use: --memory, --cpus and their kin, as the resources of config.json."""

from __future__ import annotations

import os

from cuddy.engine import defaults
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.options import ContainerOptions
    from cuddy.runtime.spec import Rlimit

MIN_MEMORY = 6 << 20  # below it not even a shell starts: Docker's figure
CPU_PERIOD_US = 100_000
NANO = 1_000_000_000

RLIMITS = {
    "core": "RLIMIT_CORE", "cpu": "RLIMIT_CPU", "data": "RLIMIT_DATA", "fsize": "RLIMIT_FSIZE",
    "locks": "RLIMIT_LOCKS", "memlock": "RLIMIT_MEMLOCK", "msgqueue": "RLIMIT_MSGQUEUE",
    "nice": "RLIMIT_NICE", "nofile": "RLIMIT_NOFILE", "nproc": "RLIMIT_NPROC",
    "rss": "RLIMIT_RSS", "rtprio": "RLIMIT_RTPRIO", "rttime": "RLIMIT_RTTIME",
    "sigpending": "RLIMIT_SIGPENDING", "stack": "RLIMIT_STACK",
}  # fmt: skip


def check(options: ContainerOptions) -> None:
    """Refuse limits that make no sense, before anything is made. Raises InvalidArgument."""
    memory, swap = options.memory, options.memory_swap
    if memory and memory < MIN_MEMORY:  # 0 is no limit, as docker has it
        raise InvalidArgument(
            f"memory limit {memory} is too small", hint="the minimum is 6 MB (6m)"
        )
    if swap is not None and swap < -1:
        raise InvalidArgument(f"invalid swap limit {swap}", hint="-1 is unlimited")
    if swap is not None and swap > 0:
        if not memory:
            hint = "--memory-swap is memory and swap together, so set --memory as well"
            raise InvalidArgument("a swap limit needs a memory limit", hint=hint)
        if swap < memory:
            hint = "--memory-swap is memory and swap together"
            raise InvalidArgument("the swap limit is below the memory limit", hint=hint)
    if options.nano_cpus is not None:
        check_cpus(options.nano_cpus, len(os.sched_getaffinity(0)))
    if options.cpu_shares is not None and options.cpu_shares and options.cpu_shares < 2:
        raise InvalidArgument(f"cpu shares {options.cpu_shares} are too few", hint="minimum: 2")
    check_cpuset(options.cpuset_cpus)
    parse_ulimits(options.ulimits)


def check_cpus(nano_cpus: int, available: int) -> None:
    """Docker's range: a hundredth of a CPU up to all there are."""
    if nano_cpus and not NANO // 100 <= nano_cpus <= available * NANO:
        raise InvalidArgument(
            f"--cpus {nano_cpus / NANO:g} is out of range",
            hint=f"from 0.01 to {available}.00, as there are only {available} CPUs available",
        )


def check_cpuset(text: str) -> None:
    """The grammar of cpuset(7): numbers and ranges with commas between."""
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        if not is_number(first) or (dash and (not is_number(last) or int(last) < int(first))):
            raise InvalidArgument(f"invalid CPU list {text!r}", hint="such as 0-2,4")


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


def host_config(options: ContainerOptions) -> dict[str, Any]:
    """The limits as Docker's HostConfig has them; 0 means no limit."""
    memory = options.memory or 0
    swap = options.memory_swap or 0
    return {
        "Memory": memory,
        # Docker's rule: as much swap as memory, if nothing else was said.
        "MemorySwap": swap or 2 * memory,
        "NanoCpus": options.nano_cpus or 0,
        "CpuShares": options.cpu_shares or 0,
        "CpusetCpus": options.cpuset_cpus,
        "PidsLimit": options.pids_limit if options.pids_limit and options.pids_limit > 0 else None,
        "Ulimits": [
            {"Name": limit["type"][7:].lower(), "Soft": limit["soft"], "Hard": limit["hard"]}
            for limit in parse_ulimits(options.ulimits)
        ],
    }


def rlimits(config: dict[str, Any]) -> list[Rlimit]:
    """HostConfig.Ulimits as config.json has them."""
    return [
        {"type": RLIMITS[entry["Name"]], "soft": entry["Soft"], "hard": entry["Hard"]}
        for entry in config["Ulimits"]
    ]


def resources(config: dict[str, Any]) -> dict[str, Any]:
    """linux.resources of config.json from HostConfig."""
    found: dict[str, Any] = {
        "devices": defaults.ALL_DEVICES if config["Privileged"] else defaults.DEVICE_RULES
    }
    if config["Memory"]:
        found["memory"] = {"limit": config["Memory"], "swap": config["MemorySwap"]}
    cpu: dict[str, Any] = {}
    if config["NanoCpus"]:
        cpu["period"] = CPU_PERIOD_US
        cpu["quota"] = config["NanoCpus"] * CPU_PERIOD_US // NANO
    if config["CpuShares"]:
        cpu["shares"] = config["CpuShares"]
    if config["CpusetCpus"]:
        cpu["cpus"] = config["CpusetCpus"]
    if cpu:
        found["cpu"] = cpu
    if config["PidsLimit"]:
        found["pids"] = {"limit": config["PidsLimit"]}
    return found
