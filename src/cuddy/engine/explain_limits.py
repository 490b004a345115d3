"""What `explain` says of control groups: each limit beside what is used of it just now. Pure.

Which file a limit stands in depends on the version of control groups; the note names it.
"""

from __future__ import annotations

from cuddy.engine.explain_facts import Facts, Row
from cuddy.kernel.cgroup_hierarchies import UNIFIED
from cuddy.runtime import resources
from cuddy.sizes import human_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.kernel.cgroup_limits import CgroupWrite

UNLIMITED = "no limit"
KNOWN = ("memory.limit_in_bytes", "memory.max", "pids.max", "cpu.max", "cpu.cfs_quota_us")
"""Files that have a row of their own."""
SIZES = (
    "memory.memsw.", "memory.swap.max", "memory.soft_limit", "memory.low", "memory.kmem.",
    "hugetlb.",
)  # fmt: skip
"""How the names of other files begin that hold bytes."""
SECOND = 1_000_000_000


def limits(facts: Facts) -> list[Row]:
    """The group itself, then memory, processes, CPU, and every other limit that is set."""
    wanted = facts.config["linux"].get("resources", {})
    writes = resources.plan_limits(wanted, facts.hierarchies)
    return [
        group(facts),
        memory(facts, writes),
        pids(facts, writes),
        cpu(facts, writes),
        *(
            Row(write.limit or write.file, "", shown(write), place(facts, write))
            for write in writes
            if write.file not in KNOWN
        ),
    ]


def group(facts: Facts) -> Row:
    """Where the group is."""
    mode, path = facts.hierarchies.mode, facts.config["linux"].get("cgroupsPath", "")
    kept = {"v1": "a directory in each hierarchy of version 1", "v2": "a directory of version 2"}
    note = kept.get(mode, "directories of version 1 and of version 2")
    if facts.inside and not facts.groups:
        return Row("control group", "", "none", "an ordinary user's, to whom none is delegated")
    return Row("control group", path, "/" if facts.inside else "", note)


def memory(facts: Facts, writes: list[CgroupWrite]) -> Row:
    """Memory: what the machine has, what the container may have, what it has."""
    asked = value_of(writes, "memory.limit_in_bytes", "memory.max")
    limit = facts.usage.get("memory_limit_bytes") if facts.usage else None
    if limit is None and asked.isdecimal():
        limit = int(asked)
    most = human_memory(limit) if limit is not None else UNLIMITED
    note = ""
    if (used := facts.usage.get("memory_bytes")) is not None:
        most = f"{human_memory(used)} of {most}" if limit is not None else human_memory(used)
        most += "" if limit is not None else f", {UNLIMITED}"
        peak = facts.usage.get("memory_peak_bytes", 0)
        note = f"at most so far: {human_memory(peak)}; " if peak else ""
    return Row(
        "memory", human_memory(facts.machine.memory_bytes), most,
        note + where(facts, "memory", "memory.limit_in_bytes", "memory.max"),
    )  # fmt: skip


def pids(facts: Facts, writes: list[CgroupWrite]) -> Row:
    """Processes and threads."""
    limit = facts.usage.get("pids_limit") if facts.usage else None
    asked = value_of(writes, "pids.max")
    limit = int(asked) if limit is None and asked.isdecimal() else limit
    most = UNLIMITED if limit is None else str(limit)
    if (used := facts.usage.get("pids")) is not None:
        most = f"{used}, {most}" if limit is None else f"{used} of {most}"
    note = where(facts, "pids", "pids.max", "pids.max")
    return Row("processes", f"{facts.host.processes}", most, note)


def cpu(facts: Facts, writes: list[CgroupWrite]) -> Row:
    """Time of the processors."""
    cpus = facts.machine.cpus
    quota = quota_of(writes)
    most = f"{quota:g} CPUs" if quota else UNLIMITED
    note = where(facts, "cpu", "cpu.cfs_quota_us", "cpu.max")
    if (used := facts.usage.get("cpu_ns")) is not None:
        note = f"used so far: {used / SECOND:.2f} s; {note}"
        if throttled := facts.usage.get("throttled_periods"):
            note = f"held back {throttled} times; {note}"
    return Row("CPU time", f"{cpus} CPUs", most, note)


def quota_of(writes: list[CgroupWrite]) -> float:
    """How many CPUs may be used at once; 0 if all."""
    quota, period = value_of(writes, "cpu.cfs_quota_us"), value_of(writes, "cpu.cfs_period_us")
    if joint := value_of(writes, "cpu.max"):
        quota, _, period = joint.partition(" ")
    if not quota.isdecimal():
        return 0
    return int(quota) / int(period or 100_000)


def shown(write: CgroupWrite) -> str:
    """What a limit is set to: of memory as a size."""
    is_size = write.file.startswith(SIZES) and write.value.isdecimal()
    return human_memory(int(write.value)) if is_size else write.value


def value_of(writes: list[CgroupWrite], *names: str) -> str:
    """What is to be written to one of these files; "" if nothing is."""
    return next((write.value for write in writes if write.file in names), "")


def where(facts: Facts, controller: str, v1: str, v2: str) -> str:
    """The file of a limit."""
    name = v1 if resources.is_v1(facts.hierarchies, controller) else v2
    directory = facts.groups.get(controller) or facts.groups.get(UNIFIED, "")
    return f"{directory}/{name}" if directory else name


def place(facts: Facts, write: CgroupWrite) -> str:
    """The file that a write goes to."""
    return where(facts, write.controller, write.file, write.file)
