"""What a dead monitor left behind, and clearing it: cgroups, address, state, record.

Everything of a running container belongs to a process that dies with it (mounts, namespaces, the
veth pair) or carries its id in its name (cgroups, lease, run directory), so nothing needs a daemon
to remember it.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import (
    connection,
    container,
    events,
    exit_report,
    health,
    host_config,
    limits,
    liveness,
    removal,
)
from cuddy.errors import CorruptContent, NoSuchContainer
from cuddy.kernel import cgroup, namespaces
from cuddy.runtime import state
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Status
    from cuddy.engine.exit_report import ExitReport
    from cuddy.engine.home import Home

KILLED = 137
LOST = 255
"""Docker's exit code of a container whose end nobody saw: the machine went down."""
LESSON = "step"
"""In the run directory of a container that was being built to be looked at (run_step.py), and is of
no use to anybody if whoever looked has been killed."""
CGROUP_PARENT = "cgroup-parent"
"""In the run directory of a container that has no record: see build_run.py."""


def reconcile(home: Home, container_id: str, *, locked: bool = False) -> None:
    """Clear what a dead monitor left and write down that the container ended.

    `locked`: the caller has the container's lock.
    """
    if locked:
        settle(home, container_id)
        return
    try:
        with container.lock(home, container_id):
            settle(home, container_id)
    except NoSuchContainer:
        clear(home, container_id)


def settle(home: Home, container_id: str) -> None:
    """Reconcile, under the container's lock."""
    run_dir = home.run_dir(container_id)
    if not liveness.monitor_lives(run_dir):
        code, why = find_out(run_dir)
        report = exit_report.of_remains(home, container_id, code, why)
        was_lesson = os.path.exists(f"{run_dir}/{LESSON}")
        clear(home, container_id)
        if was_lesson:
            removal.discard(home, container_id)
            return
        bury(home, container_id, code, why, report)


def find_out(run_dir: str) -> tuple[int, str]:
    """The exit code of a container whose monitor is gone, and why it is."""
    boot = liveness.read_monitor(run_dir)[2]
    if boot not in ("", liveness.boot_id()) or not os.path.exists(run_dir):
        return LOST, "the machine went down"
    try:
        # What a monitor left that could not be woken.
        left = files.read_bytes(f"{run_dir}/exit")
        from cuddy.kernel import small_sleeper  # here: hardly ever needed

        return small_sleeper.exit_code(left), "its monitor could not be woken"
    except (OSError, ValueError):
        return KILLED, "the container's monitor was killed"


def bury(home: Home, container_id: str, exit_code: int, why: str, report: ExitReport) -> None:
    """Write the end of a container nobody saw end; remove it if it was to be removed."""
    if not container.read_status(home, container_id).get("State", {}).get("Running"):
        return

    def change(status: Status) -> None:
        state = status["State"]
        if not state.get("Restarting"):
            status["ExitReport"] = report
        # One that was waiting to be restarted had ended before.
        code = state["ExitCode"] if state.get("Restarting") else exit_code
        state |= container.ended("exited") | {"ExitCode": code, "Error": why}
        state["FinishedAt"] = files.now()
        health.end(state)

    status = container.change_status(home, container_id, change, durable=True)
    record = container.read(home, container_id)
    connection.note_disconnection(home, record["Id"], record["NetworkSettings"])
    events.emit_container(home, "die", record, {"exitCode": str(status["State"]["ExitCode"])})
    if record["HostConfig"]["AutoRemove"]:
        removal.discard(home, container_id)


def clear(home: Home, container_id: str) -> None:
    """Remove a container's cgroups, lease and run directory. Each step alone may be missing."""
    leaving = Undo()
    leaving.add(files.remove_tree, home.run_dir(container_id))
    leaving.add(connection.release, home, container_id)
    leaving.add(tell_runtime, home, container_id)
    if group := find_group(home, container_id):
        leaving.add(group.remove)
        leaving.add(group.kill)
    leaving.run()


def find_group(home: Home, container_id: str) -> cgroup.Cgroup | None:
    """The container's control group, if it has left one."""
    if not namespaces.is_initial("user"):
        # An ordinary user's is where the command that started it was: that may have been elsewhere.
        try:
            return cgroup.Cgroup(state.read(home.run_root, container_id)["cgroupPaths"])
        except (NoSuchContainer, ValueError, KeyError):
            return None
    groups = cgroup.list_groups(cgroup.find(), cgroup_parent(home, container_id))
    return groups.get(container_id)


def tell_runtime(home: Home, container_id: str) -> None:
    """Another runtime than ours holds things of its own."""
    try:
        document = state.read(home.run_root, container_id)
    except (NoSuchContainer, ValueError):
        return
    if "runtime" in document:
        # Imported here: most containers have ours.
        from cuddy.engine import other_runtimes

        other_runtimes.forget(document, home.run_dir(container_id))


def cgroup_parent(home: Home, container_id: str) -> str:
    """Below which group a container's is; without a record, its run directory may say."""
    try:
        config = container.read(home, container_id)["HostConfig"]
    except (NoSuchContainer, CorruptContent):
        config = host_config.DEFAULTS | {"CgroupParent": noted_parent(home, container_id)}
    return limits.cgroup_parent(config)


def note_parent(run_dir: str, parent: str) -> None:
    """Write down below which group a container without a record is."""
    files.write(f"{run_dir}/{CGROUP_PARENT}", parent.encode(), durable=False)


def noted_parent(home: Home, container_id: str) -> str:
    """The group that was noted; "" the usual one."""
    try:
        return files.read_bytes(f"{home.run_dir(container_id)}/{CGROUP_PARENT}").decode()
    except (OSError, ValueError):
        return ""


def sweep(home: Home) -> None:
    """Clear the remains of every container whose monitor is dead."""
    files.sweep_temporary(home.run_root)
    for container_id in files.list_directory(home.run_root):
        if len(container_id) == 64 and not liveness.monitor_lives(home.run_dir(container_id)):
            reconcile(home, container_id)
