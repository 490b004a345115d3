"""Update: other limits for a container that runs; all, or none if the kernel refuses one."""

from __future__ import annotations

from cuddy import files
from cuddy.errors import InvalidArgument, NotPermitted
from cuddy.kernel import cgroup, cgroup_v2, control_file
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_hierarchies import Hierarchies
from cuddy.kernel.cgroup_limits import CgroupWrite
from cuddy.runtime import resources, state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ROUNDS = 1000
"""Of moving processes, for a container that makes new ones as fast as they are moved."""


def update(
    state_root: str, container_id: str, wanted: Mapping[str, Any], path: str = ""
) -> list[str]:
    """Set these resources (linux.resources without devices); returns warnings.

    `path`: the container's cgroupsPath, to make groups at that were not needed so far; "" if it is
    in every hierarchy. Raises NoSuchContainer, NotPermitted, InvalidArgument.
    """
    document = state.read(state_root, container_id)
    hierarchies = cgroup.find()
    known = Cgroup(document["cgroupPaths"])
    if not known.paths:
        raise NotPermitted("cannot limit a container that has no control group")
    wanted = fill_in(known, wanted)
    writes = resources.plan_limits(wanted, hierarchies)
    if "scope" in document:
        path = ""  # it is systemd's name, and in every hierarchy
    more = join_more(hierarchies, known, path, {write.controller for write in writes})
    group = Cgroup(known.paths | more.paths)
    try:
        if more.paths:
            # Written before a process is in it, so that it is never forgotten.
            document["cgroupPaths"] = group.paths
            state.write(state_root, document)
        gather(group)
        if scope := document.get("scope"):
            # Imported here: a client of D-Bus, which hardly anybody needs.
            from cuddy.runtime import systemd_scope

            systemd_scope.update(scope, wanted, hierarchies)
        return set_all(group, writes)
    finally:
        if files.start_time(document["pid"]) != document["startTime"]:
            more.remove()  # who buried the container may not have known of it


def fill_in(group: Cgroup, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The wanted resources with what they are relative to, as it is now.

    Swap is given together with memory, and version 2 has quota and period in one file. Raises
    InvalidArgument if a limit is below what is used, and may not be (checkBeforeUpdate).
    """
    memory, cpu = (dict(resources.inner(wanted, name)) for name in ("memory", "cpu"))
    if (resources.number(memory, "swap") or 0) > 0 and not memory.get("limit"):
        memory["limit"] = memory_limit(group)
    if resources.number(cpu, "period") and not cpu.get("quota"):
        quota = (control_file.read(f"{group.unified}/cpu.max") or "").partition(" ")[0]
        if quota.isdecimal():
            cpu["quota"] = int(quota)
    if memory.get("checkBeforeUpdate") and (limit := resources.number(memory, "limit") or 0) > 0:
        used = group.stats().get("memory_bytes", 0)
        if used > limit:
            raise InvalidArgument(f"rejecting memory limit {limit} < usage {used}")
    return {**wanted, **({"memory": memory} if memory else {}), **({"cpu": cpu} if cpu else {})}


def memory_limit(group: Cgroup) -> int:
    """The memory limit as it is now; 0 for none."""
    return group.stats().get("memory_limit_bytes") or 0


def set_all(group: Cgroup, writes: list[CgroupWrite]) -> list[str]:
    """Write the limits, or none of them: what stood there before comes back."""
    before = [old for write in writes if (old := as_it_is(group, write))]
    try:
        return group.apply(writes)
    except BaseException:
        group.apply(before)
        raise


def as_it_is(group: Cgroup, write: CgroupWrite) -> CgroupWrite | None:
    """What to write to have a limit as it is now; None if the kernel has no such file."""
    directory = group.paths.get(write.controller, group.unified)
    value = control_file.read(f"{directory}/{write.file}")
    if value is None:
        other = write.otherwise
        return as_it_is(group, other) if isinstance(other, CgroupWrite) else None
    return write._replace(value=value)


def join_more(hierarchies: Hierarchies, group: Cgroup, path: str, controllers: set[str]) -> Cgroup:
    """The container's group where it is not yet: it was made with the controllers it needed then.

    Raises SystemFailure, NotPermitted.
    """
    if hierarchies.unified and group.unified:
        cgroup_v2.enable_above(hierarchies.unified.target, group.unified, controllers)
    missing = tuple(
        hierarchy
        for hierarchy in hierarchies.all
        if path
        and hierarchy.version == 1
        and controllers.intersection(hierarchy.controllers)
        and not set(hierarchy.controllers) & set(group.paths)
    )
    needed = {name for each in missing for name in each.controllers} & controllers
    return cgroup.create(Hierarchies(missing), path, needed) if missing else Cgroup({})


def gather(group: Cgroup) -> None:
    """Bring every process of the group into each of its directories; some may be born meanwhile."""
    for directory in set(group.paths.values()) - {group.unified}:
        for _ in range(ROUNDS):
            here = set(Cgroup({"here": directory}).pids())
            strays = [pid for pid in group.pids() if pid not in here]
            for pid in strays:
                try:
                    control_file.write(f"{directory}/cgroup.procs", str(pid))
                except ProcessLookupError:
                    continue
            if not strays:
                break
