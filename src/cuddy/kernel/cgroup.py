"""Control groups: a group of processes is a directory, a limit is a file in it. cgroups(7)

`cgroup_hierarchies` tells where the directories of which controller are; a `Cgroup` is one group in
all hierarchies it has joined, and its methods mean the same on every host. What is particular to a
version is in `cgroup_v1` and `cgroup_v2`.

Two ways in. A new child goes in by itself: `CLONE_INTO_CGROUP` with `open_unified()`, and `enter`
with `open_doors()` for version 1. Moving some other process with `attach` works always, but makes
the kernel wait ten milliseconds for all CPUs (docs/decisions/0010-which-cgroups.md).
"""

from __future__ import annotations

import errno
import os
import time

from cuddy.errors import InUse, NotPermitted, SystemFailure
from cuddy.kernel import cgroup_v1, cgroup_v2, control_file
from cuddy.kernel.cgroup_hierarchies import ALWAYS, UNIFIED, Hierarchies, Hierarchy, why_missing
from cuddy.kernel.cgroup_hierarchies import find as find
from cuddy.kernel.cgroup_hierarchies import find_own as find_own
from cuddy.kernel.cgroup_stats import Stats
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cuddy.kernel.cgroup_limits import CgroupWrite

SIGKILL = 9
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def create(
    hierarchies: Hierarchies,
    path: str,
    controllers: Iterable[str] = (),
    *,
    everywhere: bool = False,
) -> Cgroup:
    """Make an empty group at `path`, with all controllers asked for; a dead one there is replaced.

    `everywhere`: in each hierarchy, with each controller that is there to be had. Raises
    NotPermitted for a controller that is not there, InUse when processes are in that group.
    """
    needed = set(controllers)
    for name in sorted(needed):
        if hierarchies.of(name) is None:
            raise NotPermitted(why_missing(name))
    paths: dict[str, str] = {}
    with Undo() as undo:
        for hierarchy in hierarchies.all if everywhere else hierarchies.joined(needed):
            directory = hierarchy.directory(path)
            others = ALWAYS if hierarchies.mode != "v2" or not everywhere else hierarchy.controllers
            _make(hierarchy, directory, needed, others)
            undo.add(_remove, directory, 0)
            paths.update(dict.fromkeys(hierarchy.keys, directory))
    return Cgroup(paths)


def adopt(hierarchies: Hierarchies, path: str, controllers: Iterable[str]) -> Cgroup:
    """The group at `path` that somebody else has made, made by us in hierarchies where it is not.

    Its processes stay. Raises NotPermitted, SystemFailure.
    """
    needed = set(controllers)
    paths: dict[str, str] = {}
    for hierarchy in hierarchies.all:
        directory = hierarchy.directory(path)
        _make(hierarchy, directory, needed, (), replace=False)
        paths.update(dict.fromkeys(hierarchy.keys, directory))
    return Cgroup(paths)


def _make(
    hierarchy: Hierarchy,
    directory: str,
    needed: set[str],
    others: Iterable[str],
    *,
    replace: bool = True,
) -> None:
    """`needed` controllers must be enabled in version 2, the others may."""
    wanted = [name for name in hierarchy.controllers if name in others or name in needed]
    top = above = f"{hierarchy.target}{hierarchy.top}".rstrip("/")
    try:
        for part in directory.removeprefix(f"{top}/").split("/"):
            if hierarchy.version == 2 and wanted:
                cgroup_v2.enable(above, wanted, needed)
            above = f"{above}/{part}"
            try:
                os.mkdir(above, 0o755)
            except FileExistsError:
                if above == directory and replace:
                    _replace(directory)
            except FileNotFoundError:
                if os.path.dirname(above) == top:
                    raise
                return _make(
                    hierarchy, directory, needed, others, replace=replace
                )  # the one above is gone
            if "cpuset" in hierarchy.controllers and hierarchy.version == 1:
                cgroup_v1.prepare(above)
    except OSError as error:
        if error.errno in FORBIDDEN:
            reason = os.strerror(error.errno).lower()
            raise NotPermitted(f"cannot make the control group {above}: {reason}") from error
        raise SystemFailure.from_os("cannot make a control group", error) from error


def _replace(directory: str) -> None:
    """Start over with an empty group where an earlier one was left behind."""
    in_use = InUse(f"the control group {directory} is in use", hint="stop what runs in it")
    if _pids(directory):  # before a group below it is removed that only waits for its next process
        raise in_use
    try:
        _remove(directory, 0)
    except OSError as error:
        raise in_use from error
    os.mkdir(directory, 0o755)


def of_process(pid: int) -> Cgroup:
    """The group in which a process is, in every hierarchy. Its processes may not all be ours."""
    paths = {}
    for hierarchy in find(pid).all:
        directory = f"{hierarchy.target}{hierarchy.own}".rstrip("/")
        paths.update(dict.fromkeys(hierarchy.keys, directory))
    return Cgroup(paths)


def list_groups(hierarchies: Hierarchies, parent: str) -> dict[str, Cgroup]:
    """The groups directly below `parent` in any hierarchy, by name: what a sweep looks through."""
    groups: dict[str, dict[str, str]] = {}
    for hierarchy in hierarchies.all:
        try:
            with os.scandir(hierarchy.directory(parent)) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        for name in names:
            directory = f"{hierarchy.directory(parent)}/{name}"
            groups.setdefault(name, {}).update(dict.fromkeys(hierarchy.keys, directory))
    return {name: Cgroup(paths) for name, paths in groups.items()}


def enter(doors: Iterable[int]) -> None:
    """Put the calling process into the group whose `open_doors()` these are. Raises OSError.

    For a process that is its own only thread: it names itself as "0" in `tasks`, which spares the
    kernel the lock that stops every fork and exit of the machine.
    """
    for door in doors:
        os.write(door, b"0")


class Cgroup:
    """A group of processes: its directory in each hierarchy it has joined, by controller."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self.paths = dict(paths)
        self._directories = list(dict.fromkeys(self.paths.values()))

    @property
    def unified(self) -> str:
        """The directory in version 2, or ""."""
        return self.paths.get(UNIFIED, "")

    def mount_names(self) -> list[tuple[str, str]]:
        """Mounts of version 1 that show the group: directory name and options, as hosts have it."""
        joint: dict[str, list[str]] = {}
        for controller, directory in self.paths.items():
            if controller != UNIFIED:
                joint.setdefault(directory, []).append(controller)
        options = [",".join(controllers) for controllers in joint.values()]
        return [(option.removeprefix("name="), option) for option in options]

    def open_unified(self) -> int:
        """A descriptor for CLONE_INTO_CGROUP, or -1 when version 2 is not there."""
        return (
            os.open(self.unified, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if self.unified
            else -1
        )

    def is_divided(self) -> bool:
        """Whether no process may enter: the group gives controllers of version 2 to those below.

        A container that manages groups itself does so; then its first process has moved down.
        """
        control = f"{self.unified}/cgroup.subtree_control"
        return bool(self.unified and control_file.read(control))

    def open_doors(self) -> list[int]:
        """Descriptors through which a child goes in by `enter`, one per hierarchy of version 1."""
        doors: list[int] = []
        try:
            for directory in self._directories:
                if directory != self.unified:
                    doors.append(os.open(f"{directory}/tasks", os.O_WRONLY | os.O_CLOEXEC))
        except OSError:
            for door in doors:
                os.close(door)
            raise
        return doors

    def attach(self, pid: int) -> None:
        """Move a process in. Raises OSError; ProcessLookupError when it is gone."""
        for directory in self._directories:
            control_file.write(f"{directory}/cgroup.procs", str(pid))

    def pids(self) -> list[int]:
        """The processes of the group and of the groups below it."""
        for name in (UNIFIED, "freezer", "pids", *self.paths):
            if name in self.paths:
                return _pids(self.paths[name])
        return []

    def kill(self, timeout_s: float = 10) -> None:
        """Send SIGKILL to every process; none that is being forked escapes. Does not wait."""
        if not (self.unified and cgroup_v2.kill(self.unified)):
            self._kill_one_by_one(timeout_s)
        elif "freezer" in self.paths:
            cgroup_v1.set_frozen(self.paths["freezer"], False, timeout_s)

    def signal(self, number: int) -> None:
        """Send a signal to every process."""
        if number == SIGKILL:
            self.kill()
            return
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def let_die(self, number: int) -> None:
        """After a signal: in version 1 what is frozen does not even die of SIGKILL."""
        if (
            number == SIGKILL
            and "freezer" in self.paths
            and cgroup_v1.is_frozen(self.paths["freezer"])
        ):
            cgroup_v1.set_frozen(self.paths["freezer"], False, timeout_s=1)

    def _kill_one_by_one(self, timeout_s: float) -> None:
        """What frozen is cannot fork; what cannot be frozen is killed until nothing is left."""
        deadline = time.monotonic() + timeout_s
        killed: set[int] = set()
        while time.monotonic() < deadline:
            frozen = self._try_freeze()
            pids = set(self.pids())
            for pid in pids:
                _kill(pid)
            if frozen:
                self.thaw()
            if frozen or pids <= killed:
                return
            killed = pids

    def _try_freeze(self) -> bool:
        try:
            self.freeze(timeout_s=1)
        except (OSError, NotPermitted):
            return False
        return True

    def freeze(self, timeout_s: float = 10) -> None:
        """Stop every process where it is. Raises NotPermitted, TimeoutError."""
        self._set_frozen(True, timeout_s)

    def thaw(self, timeout_s: float = 10) -> None:
        """Let every process go on."""
        self._set_frozen(False, timeout_s)

    def is_frozen(self) -> bool:
        """Whether its processes are kept from running, or about to be."""
        if self.unified:
            return control_file.read(f"{self.unified}/cgroup.freeze") == "1"
        return "freezer" in self.paths and cgroup_v1.is_frozen(self.paths["freezer"])

    def _set_frozen(self, frozen: bool, timeout_s: float) -> None:
        if self.unified:
            cgroup_v2.set_frozen(self.unified, frozen, timeout_s)
        elif "freezer" in self.paths:
            cgroup_v1.set_frozen(self.paths["freezer"], frozen, timeout_s)
        else:
            raise NotPermitted(f"cannot freeze: {why_missing('freezer')}")

    def stats(self) -> Stats:
        """What the group has used."""
        found = cgroup_v2.stats(self.unified) if self.unified else Stats()
        found.update(cgroup_v1.stats(self.paths))
        return found

    def spent(self, *, throttling: bool = True) -> Stats:
        """What is worth knowing of a group that has ended; `throttling`: if it had a CPU limit."""
        found = cgroup_v2.spent(self.unified) if self.unified else Stats()
        found.update(cgroup_v1.spent(self.paths, throttling=throttling))
        return found

    def oom_kills(self) -> int:
        """How many processes the kernel has killed here for want of memory."""
        if "memory" in self.paths:
            return sum(map(cgroup_v1.oom_kills, _subtree(self.paths["memory"])))
        return cgroup_v2.oom_kills(self.unified) if self.unified else 0

    def apply(self, writes: Iterable[CgroupWrite]) -> list[str]:
        """Write limits in this order; returns warnings, about what this kernel does without.

        Raises NotPermitted, InvalidArgument naming the limit.
        """
        # Imported here: for who makes a group, not for who looks at one or removes it.
        from cuddy.kernel import cgroup_limits

        return cgroup_limits.apply(self.paths, writes)

    def remove(self, timeout_s: float = 2) -> None:
        """Remove the group and those below it in every hierarchy; gone already is fine.

        Raises InUse when processes are left in it after `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        for directory in self._directories:
            try:
                _remove(directory, deadline)
            except OSError as error:
                pids = ", ".join(map(str, self.pids())) or "that are not visible here"
                raise InUse(f"cannot remove {directory}: it holds processes {pids}") from error


def _subtree(directory: str) -> list[str]:
    """The directory and all below it, parents first."""
    found = [directory]
    for above in found:
        try:
            with os.scandir(above) as entries:
                found += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            pass
    return found


def _pids(directory: str) -> list[int]:
    """Processes of another pid namespace read as 0: they are not ours to name."""
    return [
        pid
        for group in _subtree(directory)
        for pid in control_file.read_numbers(f"{group}/cgroup.procs")
        if pid
    ]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, SIGKILL)
    except ProcessLookupError:
        pass


def _remove(directory: str, deadline: float) -> None:
    """rmdir(2) from the leaves up, again while the kernel still says EBUSY for a dying process."""
    pause_s = 0.0002
    while True:
        try:
            for group in reversed(_subtree(directory)):
                os.rmdir(group)
            return
        except FileNotFoundError:
            if not os.path.exists(directory):
                return
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.ENOTEMPTY) or time.monotonic() > deadline:
                raise
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.02)
