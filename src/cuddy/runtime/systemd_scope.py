"""The systemd cgroup driver: a container's group is a scope that systemd starts and ends.

A scope begins with a process in it. That is a stand-in, who waits in the group until the container
is there; so the container itself is born in its group, as without systemd. The scope is delegated:
below it, and in files that systemd does not know, we do as we like (org.freedesktop.systemd1(5),
systemd's "Control Group APIs and Delegation").
"""

from __future__ import annotations

import os
import signal
import time

from cuddy.errors import NotPermitted, SystemFailure
from cuddy.kernel import cgroup as cgroups
from cuddy.kernel import control_file, namespaces, process
from cuddy.runtime import dbus, resources, systemd_unit
from cuddy.runtime.dbus import Bus, BusError
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cuddy.kernel.cgroup import Cgroup
    from cuddy.kernel.cgroup_hierarchies import Hierarchies
    from cuddy.runtime.spec import Config, Scope
    from cuddy.runtime.systemd_unit import Place, Property
    from cuddy.undo import Undo

SYSTEMD = "org.freedesktop.systemd1"
OBJECT = "/org/freedesktop/systemd1"
INTERFACE = f"{SYSTEMD}.Manager"
PROPERTIES = "org.freedesktop.DBus.Properties"
SYSTEM_BUS = "/run/dbus/system_bus_socket"
JOB_S = 30
EXISTS = f"{SYSTEMD}.UnitExists"
GONE = (f"{SYSTEMD}.NoSuchUnit", "org.freedesktop.DBus.Error.UnknownObject")
UNAVAILABLE = (
    "systemd cgroup flag passed, but systemd support for managing cgroups is not available"
)


class Made(NamedTuple):
    """A scope's group with its limits set, and nobody in it but the stand-in."""

    cgroup: Cgroup
    scope: Scope
    warnings: list[str]
    settle: Callable[[], object]


def make(config: Config, container_id: str, address: str, undo: Undo) -> Made:
    """Have systemd start the scope. Raises CuddyError."""
    linux = config["linux"]
    is_root = namespaces.is_machines_root()
    place = systemd_unit.place_of(linux.get("cgroupsPath", ""), container_id, rootless=not is_root)
    hierarchies = cgroups.find()
    limits = linux.get("resources", {})
    devices = resources.plan_devices(limits, hierarchies)
    writes = resources.plan_limits(limits, hierarchies)
    socket_path = dbus.socket_path(address) or default_socket()
    with connect(socket_path) as bus:
        stand_in = StandIn()
        undo.add(stand_in.end)
        told = [
            *systemd_unit.properties(
                place, container_id, stand_in.pid, limits, v1=hierarchies.mode != "v2"
            ),
            *systemd_unit.devices_of(devices, drivers()),
            *systemd_unit.annotated(config.get("annotations", {})),
        ]
        scope: Scope = {"bus": socket_path, "unit": place.unit}
        job = begin(bus, place, told)
        undo.add(stop, scope)  # only now: there might have been one of that name
        if (result := result_of(bus, job)) != "done":
            raise SystemFailure(f"systemd cannot start {place.unit}: the job is {result}")
        path = control_group(bus, place.unit)
    group = cgroups.adopt(hierarchies, path, {write.controller for write in writes})
    undo.add(group.remove)
    undo.add(stand_in.end)
    try:
        group.apply(devices)
    except NotPermitted:
        if is_root:  # nobody else can use devices anyway
            raise
    return Made(group, scope, group.apply(writes), stand_in.end)


def default_socket() -> str:
    """The bus on which this user's systemd is."""
    user = os.geteuid()
    return f"/run/user/{user}/bus" if user else SYSTEM_BUS


def connect(socket_path: str) -> Bus:
    """A connection to the bus. Raises SystemFailure, NotPermitted."""
    try:
        return Bus(socket_path)
    except PermissionError as error:
        raise NotPermitted(f"{UNAVAILABLE}: {socket_path}: permission denied") from error
    except (OSError, BusError) as error:
        raise SystemFailure(
            f"{UNAVAILABLE}: {socket_path}: {error}",
            hint="is systemd this machine's init? Otherwise use --cgroup-manager cgroupfs",
        ) from error


def ask(bus: Bus, method: str, signature: str = "", *values: Any) -> list[Any]:
    """Call a method of systemd's manager. Raises BusError, SystemFailure."""
    try:
        return bus.call(SYSTEMD, OBJECT, INTERFACE, method, signature, *values)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot ask systemd to {method}", error) from error


def begin(bus: Bus, place: Place, told: list[Property]) -> str:
    """Have the scope started; the job of it. Raises SystemFailure."""
    bus.watch(f"type='signal',sender='{SYSTEMD}',interface='{INTERFACE}',member='JobRemoved'")
    ask(bus, "Subscribe")
    arguments: tuple[Any, ...] = ("ssa(sv)a(sa(sv))", place.unit, "replace", told, [])
    try:
        try:
            return str(ask(bus, "StartTransientUnit", *arguments)[0])
        except BusError as error:
            if error.name != EXISTS:
                raise
            # One that failed is kept until somebody has seen it.
            ask(bus, "ResetFailedUnit", "s", place.unit)
            return str(ask(bus, "StartTransientUnit", *arguments)[0])
    except BusError as error:
        raise SystemFailure(f"systemd cannot start {place.unit}: {error}") from error


def result_of(bus: Bus, job: str) -> str:
    """How a job has ended: "done", or what went wrong. Raises SystemFailure."""
    deadline = time.monotonic() + JOB_S
    try:
        while message := bus.next_signal(INTERFACE, "JobRemoved", deadline):
            if len(message.body) == 4 and message.body[1] == job:
                return str(message.body[3])
    except OSError as error:
        raise SystemFailure.from_os("systemd does not answer", error) from error
    return f"not done after {JOB_S} s"


def control_group(bus: Bus, unit: str) -> str:
    """The path of a scope's group. Raises SystemFailure."""
    (where,) = ask(bus, "GetUnit", "s", unit)
    arguments = ("ss", f"{SYSTEMD}.Scope", "ControlGroup")
    ((_, path),) = bus.call(SYSTEMD, where, PROPERTIES, "Get", *arguments)
    if not isinstance(path, str) or not path.startswith("/"):
        raise SystemFailure(f"systemd does not say where the group of {unit} is")
    return path


def drivers() -> dict[tuple[str, int], str]:
    """The kernel's drivers by their major numbers."""
    return systemd_unit.drivers(control_file.read("/proc/devices") or "")


def update(scope: Scope, wanted: Mapping[str, Any], hierarchies: Hierarchies) -> None:
    """Tell systemd of other limits. Raises SystemFailure, InvalidArgument."""
    changed = systemd_unit.limits_of(wanted, v1=hierarchies.mode != "v2")
    if changed:
        with connect(scope["bus"]) as bus:
            ask(bus, "SetUnitProperties", "sba(sv)", scope["unit"], True, changed)


def stop(scope: Scope) -> None:
    """End a scope, whose processes have ended; one that has gone by itself is fine.

    Raises SystemFailure.
    """
    unit = scope["unit"]
    with connect(scope["bus"]) as bus:
        bus.watch(f"type='signal',sender='{SYSTEMD}',interface='{INTERFACE}',member='JobRemoved'")
        ask(bus, "Subscribe")
        try:
            (job,) = ask(bus, "StopUnit", "ss", unit, "replace")
            result_of(bus, job)
            ask(bus, "ResetFailedUnit", "s", unit)
        except BusError as error:
            if error.name not in GONE:
                raise SystemFailure(f"systemd cannot stop {unit}: {error}") from error


class StandIn:
    """A process that does nothing, in the container's place. It dies with who made it."""

    def __init__(self) -> None:
        maker = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                wait(maker)
            finally:
                os._exit(0)

    def end(self) -> None:
        """It is not needed any more."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


def wait(maker: int) -> None:
    """Hold nothing of anybody's, and wait for the end."""
    process.prctl(process.PR_SET_PDEATHSIG, signal.SIGKILL)
    process.close_from(0)
    while os.getppid() == maker:
        signal.pause()
