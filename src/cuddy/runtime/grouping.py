"""Who makes a container's control group, and what if nobody may: for bundles of other engines.

    cgroupfs   we do, at linux.cgroupsPath, or beside our own group under the container's id
    systemd    systemd does, as a scope (`systemd_scope`)
    delegated  we do, at linux.cgroupsPath below the groups that were delegated to us, if any were
    disabled   nobody: the container stays in the group of whoever creates it

Who has no right to make groups, and is not asked to limit anything, runs the container without. A
group is made in every hierarchy, since others look for theirs in each (runtime-spec,
config-linux.md "Control Groups"; cuddy's own engine needs fewer, decision 0010).
"""

from __future__ import annotations

import os

from cuddy.errors import InUse, NotPermitted
from cuddy.kernel import cgroup as cgroups
from cuddy.kernel import control_file, idmap, namespaces
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import resources
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cuddy.kernel.cgroup_hierarchies import Hierarchies
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.create import Options
    from cuddy.runtime.spec import Linux, Scope
    from cuddy.undo import Undo

DELEGATED = "delegated"
OWNERS_FILES = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")
"""What a group's owner may write, on kernels that do not say (cgroup-v2.rst, "Delegation")."""


class Grouping(NamedTuple):
    """A container's group, and systemd's name for it if systemd manages it."""

    cgroup: Cgroup
    scope: Scope | None
    warnings: list[str]
    settle: Callable[[], object]
    """To be called when the container's first process is in the group."""


def make(bundle: Bundle, container_id: str, options: Options, undo: Undo) -> Grouping:
    """The group with its limits set, without the container's processes. Raises CuddyError."""
    linux = bundle.config["linux"]
    if options.cgroups == "disabled":
        refuse_limits(linux, "cgroups are disabled")
        return Grouping(Cgroup({}), None, [], nothing)
    if options.cgroups == DELEGATED:
        return make_delegated(linux, undo)
    if options.cgroups == "systemd":
        # Imported here: a client of D-Bus, which hardly anybody needs.
        from cuddy.runtime import systemd_scope

        made = Grouping(*systemd_scope.make(bundle.config, container_id, options.bus, undo))
    else:
        made = make_by_files(linux, container_id, undo)
    if owner := owner_of(bundle, cgroups.find()):
        delegate(made.cgroup, owner)
    return made


def nothing() -> None:
    """There is nothing to settle."""


def make_by_files(linux: Linux, container_id: str, undo: Undo) -> Grouping:
    """The group as directories that we make ourselves."""
    hierarchies = cgroups.find()
    path, limits = linux.get("cgroupsPath", ""), linux.get("resources", {})
    try:
        devices = resources.plan_devices(limits, hierarchies)
        others = resources.plan_limits(limits, hierarchies)
        needed = {write.controller for write in devices + others}
        refuse_used(hierarchies, path or container_id)
        group = cgroups.create(hierarchies, path or container_id, needed, everywhere=True)
    except (InUse, NotPermitted) as error:
        is_own = isinstance(error, InUse) and is_ours(hierarchies, container_id)
        if path or is_own or namespaces.is_machines_root():
            raise
        refuse_limits(linux, str(error))
        return Grouping(Cgroup({}), None, [], nothing)
    undo.add(group.remove)
    try:
        group.apply(devices)
    except NotPermitted:
        if namespaces.is_machines_root():  # nobody else can use devices anyway
            raise
    return Grouping(group, None, group.apply(others), nothing)


def refuse_used(hierarchies: Hierarchies, path: str) -> None:
    """Raise InUse if a group is there already that is more than a rest of a dead container's."""
    for hierarchy in hierarchies.all:
        group = Cgroup(dict.fromkeys(hierarchy.keys, hierarchy.directory(path)))
        if not os.path.isdir(hierarchy.directory(path)):
            continue
        if pids := group.pids():
            raise InUse(f"container's cgroup is not empty: {len(pids)} process(es) found")
        if group.is_frozen():
            raise InUse("container's cgroup unexpectedly frozen", hint="thaw it, or remove it")


def is_ours(hierarchies: Hierarchies, path: str) -> bool:
    """Whether a group that is there is not just somebody else's of the same name."""
    return any(os.access(each.directory(path), os.W_OK) for each in hierarchies.all)


def make_delegated(linux: Linux, undo: Undo) -> Grouping:
    """An ordinary user's group, in those hierarchies that there is a place for it in. Devices need
    no rules: in a user namespace there are no others than those bound into /dev.
    """
    hierarchies = cgroups.find_own()
    writes = resources.plan_limits(linux.get("resources", {}), hierarchies)
    needed = {write.controller for write in writes}
    group = cgroups.create(hierarchies, linux["cgroupsPath"], needed)
    undo.add(group.remove)
    return Grouping(group, None, group.apply(writes), nothing)


def limits_of(linux: Linux) -> Mapping[str, Any]:
    """The limits that are asked for, without the devices."""
    wanted = linux.get("resources", {})
    return {name: value for name, value in wanted.items() if value and name != "devices"}


def refuse_limits(linux: Linux, reason: str) -> None:
    """Raise NotPermitted if there are limits which cannot be kept."""
    if names := ", ".join(limits_of(linux)):
        raise NotPermitted(
            f"limits unavailable ({names}) because {reason}",
            hint="leave them out, or be given a part of cgroup v2: systemd-run --user --scope"
            " -p Delegate=yes",
        )


def owner_of(bundle: Bundle, hierarchies: Hierarchies) -> int:
    """The user to whom the group is given, to manage groups below it; 0 if to nobody. Pure.

    That is who the container's program runs as, if the container sees its group, in version 2 and
    in a namespace of its own, and may write to it (runtime-spec, "Cgroup ownership").
    """
    linux = bundle.config["linux"]
    mounts = bundle.config.get("mounts", [])
    writable = any(
        mount.get("type") in ("cgroup", "cgroup2") and "ro" not in (mount.get("options") or ())
        for mount in mounts
    )
    is_own = bundle.makes_namespace("cgroup")
    if hierarchies.mode != "v2" or not writable or not is_own:
        return 0
    uid = bundle.config.get("process", {}).get("user", {}).get("uid", 0)
    if not bundle.has_namespace("user"):
        return uid
    from cuddy.runtime import trees  # here: most containers have the host's users

    return max(idmap.map_id(uid, trees.maps_of(linux)[0]), 0)


def delegate(group: Cgroup, owner: int) -> None:
    """Give a user the group: the directory, and the files that the kernel lists for that."""
    listed = (control_file.read("/sys/kernel/cgroup/delegate") or "").split()
    try:
        os.chown(group.unified, owner, -1)
    except PermissionError:
        return  # rootless: it is that user's own, or the container cannot have it
    for name in listed or OWNERS_FILES:
        try:
            os.chown(f"{group.unified}/{name}", owner, -1)
        except FileNotFoundError:
            pass  # of a controller that the group does not have
