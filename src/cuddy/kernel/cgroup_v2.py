"""Control groups version 2: one hierarchy; a controller works where the parent group enables it.

Documentation/admin-guide/cgroup-v2.rst. On a hybrid host the same hierarchy is there with few
controllers or none, and still tracks, freezes and kills its processes better than version 1 can.
"""

from __future__ import annotations

import errno
import os
import select
import time

from cuddy.errors import NotPermitted, SystemFailure
from cuddy.kernel import control_file
from cuddy.kernel.cgroup_stats import DeviceIo, Stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.kernel.mount import MountPoint

INTERNAL_PROCESSES = (errno.EBUSY, errno.EOPNOTSUPP)
"""What enabling a controller answers when the group itself holds processes (or is threaded)."""


ROOT_OPTIONS = frozenset((
    "nsdelegate", "favordynmods", "memory_localevents", "memory_recursiveprot",
    "memory_hugetlb_accounting", "pids_localevents",
))  # fmt: skip
"""Options of the one hierarchy that all its mounts share."""


def root_options(points: Iterable[MountPoint]) -> str:
    """With what to mount the hierarchy once more, where it is not a cgroup namespace's: who leaves
    an option out takes it from the whole machine (cgroup-v2.rst, "Mounting").
    """
    for point in points:
        if point.fstype == "cgroup2":
            words = point.super_options.split(",")
            return ",".join(word for word in words if word in ROOT_OPTIONS)
    return ""


def controllers(directory: str) -> tuple[str, ...]:
    """The controllers that may be enabled for the children of a group."""
    return tuple((control_file.read(f"{directory}/cgroup.controllers") or "").split())


def enable(directory: str, wanted: Iterable[str], needed: Iterable[str] = ()) -> None:
    """Give controllers to the children of a group. Those only wanted may fail, `needed` may not.

    A group that holds processes cannot give all controllers away ("no internal processes"), except
    the root. Raises SystemFailure, NotPermitted.
    """
    control = f"{directory}/cgroup.subtree_control"
    enabled = (control_file.read(control) or "").split()
    missing = [name for name in wanted if name not in enabled]
    if not missing:
        return
    try:
        # In one go: cpu or pids alone would be given away, and make the group a threaded one.
        control_file.write(control, " ".join(f"+{name}" for name in missing))
        return
    except OSError as error:
        if error.errno in INTERNAL_PROCESSES:
            if lost := [name for name in missing if name in needed]:
                raise _cannot_enable(lost[0], directory, error) from error
            return
    for name in missing:
        try:
            control_file.write(control, f"+{name}")
        except OSError as error:
            if name in needed:
                raise _cannot_enable(name, directory, error) from error


def enable_above(target: str, directory: str, wanted: Iterable[str]) -> None:
    """Give controllers to a group that is there already, from the mount of its hierarchy on down.

    Raises SystemFailure, NotPermitted.
    """
    wanted = [name for name in wanted if name in controllers(target)]
    above = target
    for part in directory.removeprefix(f"{target}/").split("/"):
        enable(above, wanted, wanted)
        above = f"{above}/{part}"


def _cannot_enable(name: str, directory: str, error: OSError) -> SystemFailure | NotPermitted:
    what = f"cannot enable the {name} controller below {directory}"
    if error.errno in INTERNAL_PROCESSES:
        return SystemFailure(
            f"{what}: processes run in that group itself",
            hint="cgroup v2 wants them in a group of their own first: move them to a child group",
        )
    if error.errno == errno.ENOENT:
        return SystemFailure(f"{what}: its parent does not have it")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotPermitted(f"{what}: {os.strerror(error.errno or 0).lower()}")
    return SystemFailure(f"{what}: {os.strerror(error.errno or 0).lower()}")


def kill(directory: str) -> bool:
    """Kill every process of the group and below at once; False when the kernel is before 5.14."""
    try:
        control_file.write(f"{directory}/cgroup.kill", "1")
    except FileNotFoundError:
        return False
    return True


def set_frozen(directory: str, frozen: bool, timeout_s: float) -> None:
    """Freeze or thaw all processes and wait for it. Raises TimeoutError, thawed again."""
    control_file.write(f"{directory}/cgroup.freeze", "1" if frozen else "0")
    deadline = time.monotonic() + timeout_s
    fd = os.open(f"{directory}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
    try:
        poll = select.poll()
        poll.register(fd, select.POLLPRI)  # told when the file changes
        while f"frozen {int(frozen)}" not in os.pread(fd, 4096, 0).decode():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                control_file.write(f"{directory}/cgroup.freeze", "0")
                raise TimeoutError(f"{directory}: not {'frozen' if frozen else 'thawed'} in time")
            poll.poll(left_s * 1000)
    finally:
        os.close(fd)


def oom_kills(directory: str) -> int:
    """How many processes of the group and below the kernel has killed for want of memory."""
    return control_file.read_keyed(f"{directory}/memory.events").get("oom_kill", 0)


def spent(directory: str) -> Stats:
    """What is worth knowing of a group that has ended, in as few files as can be."""
    found = _processor_time(directory)
    peak = control_file.read_number(f"{directory}/memory.peak")  # since 5.19
    if peak is not None:
        found["memory_peak_bytes"] = peak
    pids = control_file.read_number(f"{directory}/pids.peak")  # since 6.6
    if pids is not None:
        found["pids_peak"] = pids
    return found


def _processor_time(directory: str) -> Stats:
    found = Stats()
    cpu = control_file.read_keyed(f"{directory}/cpu.stat")
    if "usage_usec" in cpu:
        found["cpu_ns"] = cpu["usage_usec"] * 1000
        found["cpu_user_ns"] = cpu["user_usec"] * 1000
        found["cpu_system_ns"] = cpu["system_usec"] * 1000
    if "nr_periods" in cpu:
        found["periods"] = cpu["nr_periods"]
        found["throttled_periods"] = cpu["nr_throttled"]
        found["throttled_ns"] = cpu["throttled_usec"] * 1000
    return found


def stats(directory: str) -> Stats:
    """What the group has used, as far as its controllers count it."""
    found = _processor_time(directory)
    if (usage := control_file.read_number(f"{directory}/memory.current")) is not None:
        found["memory_bytes"] = usage
        peak = control_file.read_number(f"{directory}/memory.peak")  # since 5.19
        found["memory_peak_bytes"] = usage if peak is None else peak
        found["memory_limit_bytes"] = control_file.read_number(f"{directory}/memory.max")
        found["memory_limit_hits"] = control_file.read_keyed(f"{directory}/memory.events").get(
            "max", 0
        )
        found["memory_stat"] = control_file.read_keyed(f"{directory}/memory.stat")
    if (pids := control_file.read_number(f"{directory}/pids.current")) is not None:
        found["pids"] = pids
        found["pids_limit"] = control_file.read_number(f"{directory}/pids.max")
    if (text := control_file.read(f"{directory}/io.stat")) is not None:
        found["io"] = [_device_io(line) for line in text.splitlines()]
    return found


def _device_io(line: str) -> DeviceIo:
    device, *pairs = line.split()
    numbers = dict(pair.split("=", 1) for pair in pairs)
    rbytes, wbytes, rios, wios = (
        int(numbers.get(name, 0)) for name in ("rbytes", "wbytes", "rios", "wios")
    )
    return DeviceIo(device, rbytes, wbytes, rios, wios)
