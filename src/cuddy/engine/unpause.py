"""Unpause: the processes of a paused container move again."""

from __future__ import annotations

from cuddy.engine import container, containers, events
from cuddy.errors import Conflict, NoSuchContainer, NotRunning, SystemFailure
from cuddy.kernel import control_file
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state as runtime_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container, Status
    from cuddy.engine.home import Home


def unpause(home: Home, name: str) -> None:
    """Let a container go on, whoever stopped it where it was: `pause`, or a dead `commit`.

    Raises NoSuchContainer, NotRunning; Conflict when it is not paused.
    """
    container_id = containers.find_id(home, name)
    with container.lock(home, container_id, name):
        record = containers.read(home, container_id, locked=True)
        if not record["State"]["Running"]:
            raise NotRunning(name)
        if not record["State"]["Paused"] and not is_frozen(home, record):
            raise Conflict(f"container {name} is not paused")
        thaw(home, record)


def release(home: Home, record: Container) -> None:
    """Let a container move that is to end, or it could not.

    One that stands still though nobody paused it is being committed, which is waited for, or its
    commit was killed.
    """
    if not is_frozen(home, record):
        return
    if container.read(home, record["Id"])["State"]["Paused"]:
        thaw(home, record)
        return
    with container.lock(home, record["Id"]):
        if is_frozen(home, record):
            thaw(home, record)


def thaw(home: Home, record: Container) -> None:
    """Let the processes go on, then write it down. Raises SystemFailure."""
    try:
        group_of(home, record).thaw()
    except NotRunning:
        return  # it has ended, which its monitor writes down
    except OSError as error:
        if error.errno in control_file.ABSENT:
            return
        raise SystemFailure.from_os("cannot unpause the container", error) from error

    def change(status: Status) -> None:
        state = status["State"]
        if state["Paused"]:
            state |= {"Status": "running", "Paused": False}

    container.change_status(home, record["Id"], change, durable=False)
    events.emit_container(home, "unpause", record)


def is_frozen(home: Home, record: Container) -> bool:
    """Whether the kernel holds it still, whatever its record says."""
    try:
        return group_of(home, record).is_frozen()
    except NotRunning:
        return False


def group_of(home: Home, record: Container) -> Cgroup:
    """The control group of a running container. Raises NotRunning."""
    try:
        document = runtime_state.read(home.run_root, record["Id"])
    except NoSuchContainer:
        raise NotRunning(container.display_name(record)) from None
    return Cgroup(document["cgroupPaths"])
