"""Which limits this kernel can keep. What it cannot is left out of HostConfig with Docker's
warning, so that who asks for it gets a container everywhere, and the record tells what is in force.
"""

from __future__ import annotations

import os

from cuddy.engine import limits
from cuddy.engine.host_config import DEFAULTS
from cuddy.errors import InvalidArgument, NotPermitted
from cuddy.kernel import cgroup, cgroup_hierarchies, control_file, namespaces
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.kernel.cgroup_hierarchies import Hierarchies, Hierarchy

UNMOUNTED = "or the cgroup is not mounted."


class Need(NamedTuple):
    """Fields of HostConfig, and what they take: a file of version 1; on 2 a file, * or nothing.

    "*": the controller itself is enough. "": version 2 has no such thing.
    """

    fields: tuple[str, ...]
    controller: str
    v1: str
    v2: str
    warning: str


NEEDS = (
    Need(("Memory", "MemorySwap"), "memory", "memory.limit_in_bytes", "*",
         f"Your kernel does not support memory limit capabilities {UNMOUNTED}"
         " Limitation discarded."),
    Need(("MemorySwappiness",), "memory", "memory.swappiness", "",
         f"Your kernel does not support memory swappiness capabilities {UNMOUNTED}"
         " Memory swappiness discarded."),
    Need(("MemoryReservation",), "memory", "memory.soft_limit_in_bytes", "*",
         f"Your kernel does not support memory soft limit capabilities {UNMOUNTED}"
         " Limitation discarded."),
    Need(("OomKillDisable",), "memory", "memory.oom_control", "",
         "Your kernel does not support OomKillDisable. OomKillDisable discarded."),
    Need(("PidsLimit",), "pids", "", "*",
         f"Your kernel does not support PIDs limit capabilities {UNMOUNTED}"
         " PIDs limit discarded."),
    Need(("CpuShares",), "cpu", "cpu.shares", "*",
         f"Your kernel does not support CPU shares {UNMOUNTED} Shares discarded."),
    Need(("CpuPeriod", "CpuQuota"), "cpu", "cpu.cfs_quota_us", "*",
         "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded."),
    Need(("CpusetCpus", "CpusetMems"), "cpuset", "cpuset.cpus", "*",
         f"Your kernel does not support cpuset {UNMOUNTED} Cpuset discarded."),
    Need(("BlkioWeight",), "blkio", "blkio.weight", "io.weight",
         f"Your kernel does not support Block I/O weight {UNMOUNTED} Weight discarded."),
    Need(("BlkioWeightDevice",), "blkio", "blkio.weight_device", "io.weight",
         f"Your kernel does not support Block I/O weight_device {UNMOUNTED}"
         " Weight-device discarded."),
    Need(("BlkioDeviceReadBps",), "blkio", "blkio.throttle.read_bps_device", "*",
         f"Your kernel does not support BPS Block I/O read limit {UNMOUNTED}"
         " Block I/O BPS read limit discarded."),
    Need(("BlkioDeviceWriteBps",), "blkio", "blkio.throttle.write_bps_device", "*",
         f"Your kernel does not support BPS Block I/O write limit {UNMOUNTED}"
         " Block I/O BPS write limit discarded."),
    Need(("BlkioDeviceReadIOps",), "blkio", "blkio.throttle.read_iops_device", "*",
         f"Your kernel does not support IOPS Block read limit {UNMOUNTED}"
         " Block I/O IOPS read limit discarded."),
    Need(("BlkioDeviceWriteIOps",), "blkio", "blkio.throttle.write_iops_device", "*",
         f"Your kernel does not support IOPS Block write limit {UNMOUNTED}"
         " Block I/O IOPS write limit discarded."),
)  # fmt: skip
SWAP = (
    f"Your kernel does not support swap limit capabilities {UNMOUNTED} Memory limited without swap."
)
NO_KERNEL_MEMORY = (
    f"Your kernel does not support kernel memory limit capabilities {UNMOUNTED}"
    " Limitation discarded."
)
DANGEROUS = (
    "OOM killer is disabled for the container, but no memory limit is set,"
    " this can result in the system running out of resources."
)


DELEGATION = "'cuddy doctor' tells how to have it delegated"


def discard(config: dict[str, Any]) -> list[str]:
    """Take out of `config` what this kernel cannot do; returns Docker's warnings.

    In a user namespace nothing that was asked for is left out, if it is only that nobody has
    delegated it. Looks at nothing if nothing is limited. Raises NotPermitted, InvalidArgument.
    """
    if all(config[field] == DEFAULTS[field] for field in limits.LIMITED):
        return []
    hierarchies = cgroup.find_own()
    warnings = []
    for need in NEEDS:
        if any(config[field] != DEFAULTS[field] for field in need.fields) and not has(
            hierarchies, need
        ):
            if not namespaces.is_initial("user") and hierarchies.of(need.controller) is None:
                raise NotPermitted(cgroup_hierarchies.why_missing(need.controller), hint=DELEGATION)
            warnings.append(need.warning)
            config.update((field, DEFAULTS[field]) for field in need.fields)
    warnings += without_swap(config, hierarchies)
    if config["OomKillDisable"] and not config["Memory"]:
        warnings.append(DANGEROUS)
    if config["NanoCpus"] and not namespaces.is_initial("user") and not hierarchies.of("cpu"):
        raise NotPermitted(cgroup_hierarchies.why_missing("cpu"), hint=DELEGATION)
    cfs = Need((), "cpu", "cpu.cfs_quota_us", "*", "")
    if config["NanoCpus"] and not has(hierarchies, cfs):
        raise NotPermitted(
            "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler"
            " or the cgroup is not mounted"
        )
    check_sets(config, hierarchies)
    return warnings


def has(hierarchies: Hierarchies, need: Need) -> bool:
    """Whether the kernel has what it takes."""
    hierarchy = hierarchies.of(need.controller)
    if hierarchy is None and need.controller == "blkio":
        hierarchy = hierarchies.of("io")
    if hierarchy is None:
        return False
    if hierarchy.version == 2:
        return need.v2 == "*" or (bool(need.v2) and has_file(hierarchy, need.v2))
    return not need.v1 or has_file(hierarchy, need.v1)


def has_file(hierarchy: Hierarchy, name: str) -> bool:
    """Whether groups have a control file, for whichever scheduler. Some the root does not show."""
    controller, _, rest = name.partition(".")
    names = (name, f"{controller}.bfq.{rest}")
    with os.scandir(hierarchy.target) as entries:
        groups = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    return any(
        os.path.exists(f"{group}/{each}") for group in (hierarchy.target, *groups) for each in names
    )


def without_swap(config: dict[str, Any], hierarchies: Hierarchies) -> list[str]:
    """Limit memory without swap where swap cannot be limited."""
    swap = Need((), "memory", "memory.memsw.limit_in_bytes", "memory.swap.max", "")
    if config["Memory"] <= 0 or config["MemorySwap"] == -1 or has(hierarchies, swap):
        return []
    config["MemorySwap"] = -1
    return [SWAP]


def check_sets(config: dict[str, Any], hierarchies: Hierarchies) -> None:
    """CPUs and memory nodes that are there. Raises InvalidArgument."""
    hierarchy = hierarchies.of("cpuset")
    for field, kind, name in (
        ("CpusetCpus", "cpus", "CPUs"),
        ("CpusetMems", "mems", "memory nodes"),
    ):
        if hierarchy is None or not config[field]:
            continue
        file = f"cpuset.{kind}" if hierarchy.version == 1 else f"cpuset.{kind}.effective"
        available = control_file.read(f"{hierarchy.target}/{file}") or ""
        asked = limits.parse_set(config[field], kind)
        if not asked <= limits.parse_set(available, kind):
            raise InvalidArgument(
                f"Requested {name} are not available"
                f" - requested {config[field]}, available: {available}"
            )
