"""Pause: no process of a container moves until `unpause` (cgroup freezer).

The group is frozen first and the record says so second: of a command that is killed in between, the
next `pause` or `unpause` makes one state of it again.
"""

from __future__ import annotations

from cuddy.engine import container, containers, events, unpause
from cuddy.errors import Conflict, NotRunning, SystemFailure
from cuddy.kernel import control_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container, Status
    from cuddy.engine.home import Home


def pause(home: Home, name: str) -> None:
    """Stop every process of a container where it is.

    Raises NoSuchContainer, NotRunning; Conflict when it is paused already or waits to be restarted.
    """
    container_id = containers.find_id(home, name)
    with container.lock(home, container_id, name):
        record = containers.read(home, container_id, locked=True)
        refuse(record, name)
        group = unpause.group_of(home, record)
        try:
            group.freeze()
        except OSError as error:
            if error.errno in control_file.ABSENT:
                raise NotRunning(name) from None  # it has just ended
            raise SystemFailure.from_os(f"cannot pause container {name}", error) from error
        container.change_status(
            home, container_id, lambda status: note_pause(status, record, name), durable=False
        )
    events.emit_container(home, "pause", record)


def refuse(record: Container, name: str) -> None:
    """Raise what keeps a container from being paused."""
    state = record["State"]
    if not state["Running"]:
        raise NotRunning(name)
    if state["Restarting"]:
        raise Conflict(f"container {name} is restarting, wait until the container is running")
    if state["Paused"]:
        raise Conflict(f"container {name} is already paused")


def note_pause(status: Status, record: Container, name: str) -> None:
    """Write it down, if it is still the same life. Raises NotRunning."""
    state = status["State"]
    if state["Pid"] != record["State"]["Pid"]:
        raise NotRunning(name)
    state |= {"Status": "paused", "Paused": True}
