"""How a container's processes are run: process.scheduler, ioPriority and execCPUAffinity,
linux.memoryPolicy and personality (config.md, config-linux.md).

Decided from the config before anything is made; done by the creator, with the host's power, where
the kernel lets one process do it to another, and by the process itself otherwise.
"""

from __future__ import annotations

import errno

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import scheduling
from cuddy.kernel.scheduling import Scheduler
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.runtime.spec import Linux, Process

REAL_TIME = ("SCHED_FIFO", "SCHED_RR")
DEADLINE_LIMITS_NS = (1024, (1 << 63) - 1)
"""What the kernel takes as a runtime: sched(7), "SCHED_DEADLINE"."""


class Plan(NamedTuple):
    """What is to be done; None where nothing is asked for."""

    scheduler: Scheduler | None = None
    io: tuple[int, int] | None = None
    initial_cpus: list[int] | None = None
    final_cpus: list[int] | None = None
    memory: tuple[int, list[int]] | None = None
    personality: int | None = None


def plan(process: Process, linux: Linux) -> Plan:
    """The fields as the kernel wants them. Raises InvalidArgument."""
    wanted: Mapping[str, Any] = process
    affinity = wanted.get("execCPUAffinity") or {}
    return Plan(
        scheduler=plan_scheduler(wanted["scheduler"]) if "scheduler" in wanted else None,
        io=plan_io(wanted["ioPriority"]) if "ioPriority" in wanted else None,
        initial_cpus=plan_cpus(affinity, "initial"),
        final_cpus=plan_cpus(affinity, "final"),
        memory=plan_memory(linux["memoryPolicy"]) if "memoryPolicy" in linux else None,
        personality=plan_personality(linux["personality"]) if "personality" in linux else None,
    )


def plan_scheduler(wanted: Mapping[str, Any]) -> Scheduler:
    """process.scheduler."""
    policy = str(wanted.get("policy", ""))
    if policy not in scheduling.POLICIES:
        raise InvalidArgument(f"config.json: process.scheduler: unknown policy {policy!r}")
    flags = 0
    for name in wanted.get("flags", ()):
        if name not in scheduling.SCHEDULER_FLAGS:
            raise InvalidArgument(f"config.json: process.scheduler: unknown flag {name!r}")
        flags |= scheduling.SCHEDULER_FLAGS[name]
    nice, priority = wanted.get("nice", 0), wanted.get("priority", 0)
    if not -20 <= nice <= 19:
        raise InvalidArgument(f"config.json: process.scheduler: nice {nice} is not -20 to 19")
    if priority and policy not in REAL_TIME:
        raise InvalidArgument(
            "config.json: process.scheduler: priority is for SCHED_FIFO and SCHED_RR only"
        )
    times = tuple(wanted.get(name, 0) for name in ("runtime", "deadline", "period"))
    if policy == "SCHED_DEADLINE":
        check_deadline(wanted)
    elif any(times):
        raise InvalidArgument(
            "config.json: process.scheduler: runtime, deadline and period are for "
            "SCHED_DEADLINE only"
        )
    return Scheduler(scheduling.POLICIES[policy], flags, nice, priority, *times)


def check_deadline(wanted: Mapping[str, Any]) -> None:
    """The times of SCHED_DEADLINE, in nanoseconds: runtime <= deadline <= period."""
    about = "sched_setattr: `SCHED_DEADLINE`"
    for name in ("runtime", "deadline"):
        if name not in wanted:
            raise InvalidArgument(f"{about} requires `{name}`")
    runtime, deadline = wanted["runtime"], wanted["deadline"]
    period = wanted.get("period") or deadline
    least, most = DEADLINE_LIMITS_NS
    if runtime <= 0:
        raise InvalidArgument(f"{about} runtime must be greater than 0")
    if not least <= runtime <= most:
        raise InvalidArgument(f"{about} runtime {runtime} must be between {least} and {most}")
    if runtime > deadline:
        raise InvalidArgument(f"{about} runtime {runtime} must be <= deadline {deadline}")
    if deadline > period:
        raise InvalidArgument(f"{about} deadline {deadline} must be <= period {period}")


def plan_io(wanted: Mapping[str, Any]) -> tuple[int, int]:
    """process.ioPriority."""
    name, priority = str(wanted.get("class", "")), wanted.get("priority", 0)
    if name not in scheduling.IO_CLASSES:
        raise InvalidArgument(f"config.json: process.ioPriority: unknown class {name!r}")
    if not 0 <= priority <= 7:
        raise InvalidArgument(f"config.json: process.ioPriority: priority {priority} is not 0 to 7")
    return scheduling.IO_CLASSES[name], priority


def plan_cpus(wanted: Mapping[str, Any], name: str) -> list[int] | None:
    """One of the lists of process.execCPUAffinity."""
    if not wanted.get(name):
        return None
    try:
        return scheduling.parse_list(wanted[name], scheduling.MAX_CPUS)
    except ValueError as error:
        raise InvalidArgument(f"config.json: process.execCPUAffinity.{name}: {error}") from None


def plan_memory(wanted: Mapping[str, Any]) -> tuple[int, list[int]]:
    """linux.memoryPolicy: the mode with its flags, and the nodes."""
    name = str(wanted.get("mode", ""))
    if name not in scheduling.MEMORY_MODES:
        raise InvalidArgument(f"invalid memory policy mode {name!r}")
    mode = scheduling.MEMORY_MODES[name]
    for flag in wanted.get("flags", ()):
        if flag not in scheduling.MEMORY_FLAGS:
            raise InvalidArgument(f"invalid memory policy flag {flag!r}")
        mode |= scheduling.MEMORY_FLAGS[flag]
    try:
        text = wanted.get("nodes", "")
        nodes = scheduling.parse_list(text, scheduling.MAX_NODES) if text else []
    except ValueError as error:
        raise InvalidArgument(f"invalid memory policy node: {error}") from None
    if nodes and name in ("MPOL_DEFAULT", "MPOL_LOCAL"):
        raise InvalidArgument(f"{name} mode requires 0 nodes but got {len(nodes)}")
    return mode, nodes


def plan_personality(wanted: Mapping[str, Any]) -> int:
    """linux.personality; no flags exist."""
    domain = wanted.get("domain")
    if domain not in scheduling.PERSONALITIES:
        raise InvalidArgument(f"config.json: linux.personality: unknown domain {domain!r}")
    if wanted.get("flags"):
        raise InvalidArgument("config.json: linux.personality: flags are not supported")
    return scheduling.PERSONALITIES[domain]


def set_for(pid: int, wanted: Plan) -> None:
    """What one process can set for another. Raises SystemFailure."""
    doing = "cannot set process.scheduler"
    try:
        if wanted.scheduler:
            scheduling.sched_setattr(pid, wanted.scheduler)
        doing = "cannot set process.ioPriority"
        if wanted.io:
            scheduling.ioprio_set(pid, *wanted.io)
    except OSError as error:
        hint = ""
        if wanted.scheduler and error.errno == errno.EPERM:
            hint = (
                "process scheduler can't be used together with AllowedCPUs"
                if wanted.scheduler.policy == scheduling.POLICIES["SCHED_DEADLINE"]
                else "real time in a control group needs resources.cpu.realtimeRuntime: sched(7)"
            )
        raise SystemFailure.from_os(doing, error, hint=hint) from error


def set_own(wanted: Plan) -> None:
    """What only the process itself can set. Raises SystemFailure."""
    doing = "cannot set linux.memoryPolicy"
    try:
        if wanted.memory:
            scheduling.set_mempolicy(*wanted.memory)
        doing = "cannot set linux.personality"
        if wanted.personality is not None:
            scheduling.set_personality(wanted.personality)
    except OSError as error:
        raise SystemFailure.from_os(doing, error) from error
