"""Hierarchies of control groups: which are mounted, and which controller is in which. cgroups(7)

A host has version 1 (a hierarchy of directories for each controller), version 2 (one hierarchy for
all), or both side by side ("hybrid").
"""

from __future__ import annotations

import os

from cuddy.errors import InvalidArgument
from cuddy.kernel import cgroup_v1, cgroup_v2, control_file, namespaces
from cuddy.kernel.mount import parse_mountinfo
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ALWAYS = ("cpu", "cpuacct", "devices", "memory", "pids")
"""What each container is counted and limited by, asked or not; the others only when asked."""
UNIFIED = "unified"
"""The key of the version 2 directory in `Cgroup.paths`."""


class Hierarchy(NamedTuple):
    """A mounted tree of groups. `own` is where the calling process is in it, from the mount on."""

    version: int
    target: str
    controllers: tuple[str, ...]
    own: str
    top: str = "/"  # below which absolute paths are: where an ordinary user may make groups

    @property
    def keys(self) -> tuple[str, ...]:
        """Under which names a group's directory here is in `Cgroup.paths`."""
        return self.controllers if self.version == 1 else (UNIFIED,)

    def directory(self, path: str) -> str:
        """Where a cgroupsPath lies here; a relative one is beside (v2: below) the caller's group.

        In version 2 the caller's group has a process, so its children could have no controllers.
        """
        if any(part in ("", ".", "..") for part in path.strip("/").split("/")):
            raise InvalidArgument(f"not a path of a control group: {path!r}")
        if path.startswith("/"):
            return f"{self.target}{self.top.rstrip('/')}/{path.strip('/')}"
        start = self.own if self.version == 1 else os.path.dirname(self.own)
        return f"{self.target}{start.rstrip('/')}/{path.strip('/')}"


class Hierarchies(NamedTuple):
    """All hierarchies of a host."""

    all: tuple[Hierarchy, ...]

    @property
    def unified(self) -> Hierarchy | None:
        """The hierarchy of version 2."""
        return next((hierarchy for hierarchy in self.all if hierarchy.version == 2), None)

    @property
    def mode(self) -> str:
        """`v1`, `v2` or `hybrid`; `none` when no hierarchy is mounted."""
        versions = {hierarchy.version for hierarchy in self.all}
        return {0: "none", 1: f"v{min(versions, default=0)}", 2: "hybrid"}[len(versions)]

    def of(self, controller: str) -> Hierarchy | None:
        """The hierarchy that has a controller; version 2 limits devices by BPF, without one."""
        for hierarchy in self.all:
            if controller in hierarchy.controllers:
                return hierarchy
        return self.unified if controller in ("devices", UNIFIED) else None

    def joined(self, controllers: Iterable[str]) -> list[Hierarchy]:
        """The hierarchies that a group needs which uses these controllers."""
        wanted = {*ALWAYS, *controllers, *(() if self.unified else cgroup_v1.TRACKERS)}
        return [h for h in self.all if h.version == 2 or wanted.intersection(h.controllers)]


def find(pid: int | str = "self") -> Hierarchies:
    """The hierarchies mounted here, and where a process is in them."""
    mountinfo = control_file.read("/proc/self/mountinfo") or ""
    return parse(mountinfo, control_file.read(f"/proc/{pid}/cgroup") or "")


def find_own() -> Hierarchies:
    """Those in which we may make groups: in a user namespace below what was delegated."""
    found = find()
    if namespaces.is_initial("user"):
        return found
    # Imported here, as few need it.
    from cuddy.kernel import cgroup_delegation

    return Hierarchies(tuple(cgroup_delegation.delegated(found.all)))


def why_missing(controller: str) -> str:
    """Why no group can be limited by a controller here."""
    if namespaces.is_initial("user"):
        return f"this host has no {controller} controller for control groups"
    # Imported here, as few need it.
    from cuddy.kernel import cgroup_delegation

    why = cgroup_delegation.why_not(find().all, controller)
    return f"limits unavailable ({controller}) because {why}"


def parse(mountinfo: str, groups: str) -> Hierarchies:
    """The hierarchies in the texts of /proc/self/mountinfo and /proc/PID/cgroup."""
    mounts = parse_mountinfo("\n".join(x for x in mountinfo.split("\n") if " - cgroup" in x))
    found = []
    for line in filter(None, groups.split("\n")):
        _, names, own = line.split(":", 2)
        controllers = tuple(names.split(",")) if names else ()
        for mount in mounts:
            if mount.fstype != ("cgroup" if controllers else "cgroup2"):
                continue
            if not set(controllers).issubset(mount.super_options.split(",")):
                continue
            # A mount may show a subtree only; one that does not hold us is somebody else's.
            if f"{own}/".startswith(f"{mount.root.rstrip('/')}/"):
                place = own.removeprefix(mount.root.rstrip("/")) or "/"
                available = controllers or cgroup_v2.controllers(mount.target)
                version = 1 if controllers else 2
                found.append(Hierarchy(version, mount.target, available, place))
                break
    return Hierarchies(tuple(found))
