"""The end of a container's life: it is written down, what it used is given back, all are told.

A life may be one of several: a container that its restart policy brings back keeps its monitor, its
run directory and its clients, and is `restarting` until the next birth.
"""

from __future__ import annotations

import os
import time

from cuddy import files
from cuddy.engine import connection, container, events, removal, rootfs
from cuddy.errors import (
    CommandNotExecutable,
    CommandNotFound,
    CuddyError,
    NoSuchContainer,
    SystemFailure,
)
from cuddy.kernel import process
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from cuddy.engine.container import Container, Status
    from cuddy.engine.exit_report import ExitReport
    from cuddy.engine.home import Home
    from cuddy.engine.relay import Relay
    from cuddy.runtime.spec import State

LOST_CAUSE = 128
"""Docker's exit code of a container that could not be started, for no fault of its command."""
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class End(NamedTuple):
    """How a life ended."""

    exit_code: int
    out_of_memory: bool = False
    ran_s: float = 0.0  # by a clock that nobody sets


def bury(home: Home, container_id: str, relay: Relay) -> float | None:
    """The container has ended. Returns seconds until it lives again; None if it does not.

    Then everything is cleared and the monitor has nothing more to do.
    """
    document = state.read(home.run_root, container_id)
    _, wait_status = os.waitpid(document["pid"], 0)
    ran_s = time.clock_gettime(time.CLOCK_BOOTTIME) - document["startTime"] / CLOCK_TICKS
    relay.end()
    cgroup = Cgroup(document["cgroupPaths"])
    oom_kills = cgroup.oom_kills()
    end = End(process.exit_code(wait_status), oom_kills > 0, ran_s)
    record = container.read(home, container_id)
    removed = is_to_go(home, record)
    status: Status = {}
    if not removed:
        # Imported here: what is removed needs no report.
        from cuddy.engine import exit_report

        signal = os.WTERMSIG(wait_status) if os.WIFSIGNALED(wait_status) else 0
        report = exit_report.of_life(home, record, cgroup, end, signal, oom_kills)
        status = record_end(home, record, end, report)
    spent = Undo()
    if not removed and status["State"]["Restarting"]:
        spent.add(state.forget, home.run_root, container_id)
        spent.add(connection.release, home, container_id)
    spent.add(tell_runtime, home, document)
    spent.add(cgroup.remove)
    spent.add(cgroup.kill)
    spent.add(tell, home, record, end)
    spent.run()
    outcome: dict[str, object] = {"ExitCode": end.exit_code, "OOMKilled": end.out_of_memory}
    if not removed and status["State"]["Restarting"]:
        relay.dismiss(outcome)
        return status["RestartDelay"]
    leave(home, record, relay, outcome, removed=removed)
    return None


def tell_runtime(home: Home, document: State) -> None:
    """Another runtime than ours has things of its own to give back."""
    if "runtime" in document:
        # Imported here: most containers have ours.
        from cuddy.engine import other_runtimes

        other_runtimes.forget(document, home.run_dir(document["id"]))


def tell(home: Home, record: Container, end: End) -> None:
    """Note the end."""
    if end.out_of_memory:
        events.emit_container(home, "oom", record)
    connection.note_disconnection(home, record["Id"], record["NetworkSettings"])
    outcome = {"exitCode": str(end.exit_code), "execDuration": str(int(end.ran_s))}
    events.emit_container(home, "die", record, outcome)


def is_to_go(home: Home, record: Container) -> bool:
    """Whether the container's end is its removal."""
    if not record["HostConfig"]["AutoRemove"]:
        return False
    return not container.read_status(home, record["Id"]).get("IsBeingRestarted")


def leave(
    home: Home, record: Container, relay: Relay, outcome: dict[str, object], *,
    removed: bool = False,
) -> None:  # fmt: skip
    """After the last life: clear everything, and tell everybody when it is gone for them."""

    def tell() -> None:
        try:
            # Whoever finds a container without it takes us for dead, and buries it too.
            files.remove_tree(home.run_dir(record["Id"]))
        except OSError:
            pass  # as for other steps: the next command clears it
        relay.dismiss(outcome)

    leaving = Undo()
    leaving.add(tell)  # whoever has not heard it yet
    if removed:
        leaving.add(removal.discard, home, record["Id"], tell=tell)
    leaving.add(give_back, home, record["Id"], relay.listener)
    leaving.add(rootfs.umount_root, home, record)
    leaving.run()
    relay.drain()


def record_end(home: Home, record: Container, end: End, report: ExitReport) -> Status:
    """Write down how it ended, and whether it is to come back."""

    def change(status: Status) -> None:
        status["ExitReport"] = report
        note_end(status, record["HostConfig"]["RestartPolicy"], end, files.now())

    return container.change_status(home, record["Id"], change, durable=True)


def note_end(status: Status, policy: dict[str, object], end: End, now: str) -> None:
    """The status after an end, and what the policy makes of it. Pure."""
    # Imported here: what is removed does not come back.
    from cuddy.engine import restart_policy

    delay_s = restart_policy.delay(policy, end, status)
    state = status.setdefault("State", container.initial_state())
    if delay_s is None:
        state |= container.ended("exited")
    else:
        state |= container.ended("restarting") | {"Running": True, "Restarting": True}
        status["RestartDelay"] = delay_s
        status["RestartCount"] = status.get("RestartCount", 0) + 1
    state |= {"ExitCode": end.exit_code, "OOMKilled": end.out_of_memory, "FinishedAt": now}
    if "Health" in state:
        # Imported here, as not every container has one.
        from cuddy.engine import health

        health.end(state)


def give_up(home: Home, container_id: str, error: CuddyError | None = None) -> int:
    """Write down that there is no next life: a restart failed, which Docker does not try again, or
    (without an error) somebody did not want it. Returns the exit code of the last.
    """

    def change(status: Status) -> None:
        if error and not status.get("StopAskedBy"):
            status["State"]["Error"] = error.message
        status["State"] |= container.ended("exited")

    status = container.change_status(home, container_id, change, durable=True)
    return status["State"]["ExitCode"]


def record_failure(home: Home, record: Container, error: CuddyError) -> None:
    """A container that a user wanted to start did not: the reason goes into its record."""

    def change(status: Status) -> None:
        state = status.setdefault("State", container.initial_state())
        ever = state["StartedAt"] != container.NEVER
        state |= container.ended("exited" if ever else "created")
        of_command = isinstance(error, CommandNotFound | CommandNotExecutable)
        code = error.exit_code if of_command else LOST_CAUSE
        state |= {"Error": error.message, "ExitCode": code}

    try:
        if record["HostConfig"]["AutoRemove"]:
            removal.discard(home, record["Id"])
        else:
            container.change_status(home, record["Id"], change, durable=True)
    except (OSError, NoSuchContainer, SystemFailure):
        pass  # a full disk: the command hears of the first error all the same


def explain(error: CuddyError | OSError | ValueError) -> CuddyError:
    """Whatever kept a container from starting, as an error for the user."""
    if isinstance(error, OSError):
        return SystemFailure.from_os("cannot start the container", error)
    return error if isinstance(error, CuddyError) else SystemFailure(str(error))


def clear(home: Home, container_id: str, listener: _socket.socket | None) -> None:
    """Give back what does not vanish with us: address, run directory."""
    leaving = Undo()
    leaving.add(files.remove_tree, home.run_dir(container_id))
    leaving.add(give_back, home, container_id, listener)
    leaving.run()


def give_back(home: Home, container_id: str, listener: _socket.socket | None) -> None:
    """The address, and the name under which we are asked. The run directory tells of both."""
    if listener:
        listener.close()
    connection.release(home, container_id)
