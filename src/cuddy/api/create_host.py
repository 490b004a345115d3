"""`HostConfig` of a create body: what a container may use of this host, how it is kept apart."""

from __future__ import annotations

from cuddy.api import fields
from cuddy.api.create_config import pairs
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

TEXTS = {
    "cidfile": "ContainerIDFile", "runtime": "Runtime", "isolation": "Isolation",
    "pid_mode": "PidMode", "ipc_mode": "IpcMode", "uts_mode": "UTSMode",
    "userns_mode": "UsernsMode", "cgroupns_mode": "CgroupnsMode", "cgroup_parent": "CgroupParent",
    "cpuset_cpus": "CpusetCpus", "cpuset_mems": "CpusetMems",
}  # fmt: skip
FLAGS = {
    "auto_remove": "AutoRemove", "privileged": "Privileged", "read_only": "ReadonlyRootfs",
    "oom_kill_disable": "OomKillDisable",
}  # fmt: skip
LISTS = {
    "cap_add": "CapAdd", "cap_drop": "CapDrop", "security_opt": "SecurityOpt",
    "group_add": "GroupAdd", "device_cgroup_rules": "DeviceCgroupRules",
}  # fmt: skip
NUMBERS = {
    "shm_size": "ShmSize", "oom_score_adj": "OomScoreAdj", "memory": "Memory",
    "memory_swap": "MemorySwap", "memory_reservation": "MemoryReservation",
    "kernel_memory": "KernelMemory", "nano_cpus": "NanoCpus", "cpu_shares": "CpuShares",
    "cpu_period": "CpuPeriod", "cpu_quota": "CpuQuota", "cpu_rt_period": "CpuRealtimePeriod",
    "cpu_rt_runtime": "CpuRealtimeRuntime", "blkio_weight": "BlkioWeight",
}  # fmt: skip
NAMED = {"annotations": "Annotations", "storage_opt": "StorageOpt"}
PATHS = {"masked_paths": "MaskedPaths", "readonly_paths": "ReadonlyPaths"}


def options(document: Mapping[str, Any]) -> dict[str, Any]:
    """Its part of the options. Raises InvalidArgument."""
    return {
        **{name: fields.text(document, key) for name, key in TEXTS.items()},
        **{name: fields.flag(document, key) for name, key in FLAGS.items()},
        **{name: tuple(fields.texts(document, key)) for name, key in LISTS.items()},
        **{name: fields.number(document, key) for name, key in NUMBERS.items()},
        **{name: pairs(document, key) for name, key in NAMED.items()},
        "sysctls": sysctls(document),
        **{name: paths(document, key) for name, key in PATHS.items()},
        "init": fields.flag(document, "Init") if fields.has(document, "Init") else None,
        "memory_swappiness": fields.number_or_none(document, "MemorySwappiness"),
        "pids_limit": fields.number_or_none(document, "PidsLimit"),
        "restart": restart(fields.mapping(document, "RestartPolicy")),
        "console_size": console_size(document),
        "ulimits": tuple(ulimit(each) for each in fields.mappings(document, "Ulimits")),
        **log(fields.mapping(document, "LogConfig")),
    }


def paths(document: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    """Paths to hide: none at all is something else than none said. Raises InvalidArgument."""
    return tuple(fields.texts(document, key)) if fields.has(document, key) else None


def restart(document: Mapping[str, Any]) -> str:
    """`RestartPolicy` as --restart has it. Raises InvalidArgument."""
    name = fields.text(document, "Name")
    count = fields.number(document, "MaximumRetryCount")
    if ":" in name:
        raise InvalidArgument(f"invalid restart policy: unknown policy '{name}'")
    return f"{name or 'no'}:{count}" if count else name or "no"


def console_size(document: Mapping[str, Any]) -> tuple[int, int]:
    """Rows and columns of the client's terminal. Raises InvalidArgument."""
    found = fields.numbers(document, "ConsoleSize") or [0, 0]
    if len(found) != 2 or not all(0 <= each < 1 << 16 for each in found):
        raise InvalidArgument(f"invalid ConsoleSize {found}", hint="rows and columns")
    return found[0], found[1]


def ulimit(document: Mapping[str, Any]) -> str:
    """`{"Name", "Soft", "Hard"}` as --ulimit has it. Raises InvalidArgument."""
    soft = fields.number(document, "Soft")
    return f"{fields.text(document, 'Name')}={soft}:{fields.number(document, 'Hard', soft)}"


def log(document: Mapping[str, Any]) -> dict[str, Any]:
    """`LogConfig` as --log-driver and --log-opt. Raises InvalidArgument."""
    return {
        "log_driver": fields.text(document, "Type"),
        "log_opts": pairs(document, "Config"),
    }


def sysctls(document: Mapping[str, Any]) -> tuple[str, ...]:
    """`Sysctls` as --sysctl has them. Raises InvalidArgument."""
    found = fields.labels(document, "Sysctls")
    for key in found:
        if "=" in key:
            raise InvalidArgument(f"invalid sysctl {key!r}", hint="no kernel has one with a =")
    return tuple(f"{key}={value}" for key, value in found.items())
