"""Start: a created or stopped container's program begins, under a monitor of its own."""

from __future__ import annotations

import fcntl
import os
import time

from cuddy.engine import attach, container, containers, events, wait
from cuddy.engine.nursery import Nursery, Order
from cuddy.errors import Conflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.attach import Attachment
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.monitor import Begun

PATIENCE_S = 10


def start(home: Home, container_id: str, *, nursery: Nursery | None = None) -> list[str]:
    """Start a container; one that runs already stays as it is. Returns warnings.

    `nursery`: one that has been opened earlier, to have it ready by now.

    Raises NoSuchContainer, CommandNotFound, CommandNotExecutable, SystemFailure.
    """
    return launch(home, nursery, Order(containers.find_id(home, container_id))) or []


def start_attached(
    home: Home,
    container_id: str,
    *,
    stdin: bool,
    stdout: bool = True,
    stderr: bool = True,
    size: tuple[int, int] | None = None,
    nursery: Nursery | None = None,
) -> Attachment:
    """Start a container with a client that misses nothing of its output.

    `size`: rows and columns of the client's window. Else as `start`.
    """
    record = containers.find(home, container_id)
    if record["State"]["Running"]:
        return attach.attach(home, record["Id"], stdin=stdin, stdout=stdout, stderr=stderr)
    attachment, theirs = attach.pair(home, record)
    events.emit_container(home, "attach", record)
    wants = attach.wishes(stdin=stdin, stdout=stdout, stderr=stderr)
    order = Order(record["Id"], wants, *(size or ()))
    try:
        warnings = launch(home, nursery, order, theirs.fileno())
    except BaseException:
        attachment.close()
        raise
    finally:
        theirs.close()
    if warnings is None:  # somebody else has started it meanwhile
        attachment.close()
        return attach.attach(home, record["Id"], stdin=stdin, stdout=stdout, stderr=stderr)
    attachment.warnings = warnings
    return attachment


def start_here(home: Home, container_id: str, settle: Callable[[], object]) -> Begun:
    """Start a container whose monitor the calling process becomes, for a client that misses nothing
    of its output: see `monitor.begin`, and go on with `monitor.follow`.

    Raises Conflict if somebody else has started it, else as `start`.
    """
    from cuddy.engine import monitor

    record = containers.find(home, container_id)
    events.emit_container(home, "attach", record)
    with container.lock(home, container_id) as turn:
        if not is_free(home, container_id):
            raise Conflict(f"container {container_id[:12]} has been started by somebody else")
        begun = monitor.begin(home, container_id, settle=settle)
        fcntl.flock(turn.fd, fcntl.LOCK_UN)  # children may have copies of the descriptor
    return begun


def launch(
    home: Home, nursery: Nursery | None, order: Order, attached: int = -1
) -> list[str] | None:
    """Give the order for a monitor; None if the container runs. Two starts at once make one."""
    nursery = nursery or Nursery()
    try:
        with container.lock(home, order.container_id):
            if not is_free(home, order.container_id):
                return None
            return nursery.give(home, order, attached)
    finally:
        nursery.close()


def is_free(home: Home, container_id: str) -> bool:
    """Whether a new monitor may come; False if the container runs. Under its lock.

    The one of its last life may still be clearing up, or a first one at work whose command is gone.
    Raises Conflict if that takes too long.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not is_there(containers.read(home, container_id, locked=True)):
        if not os.path.exists(home.run_dir(container_id)):
            return True
        if time.monotonic() > deadline:
            message = f"container {container_id[:12]} is still being started or cleared away"
            raise Conflict(message, hint="try again")
        wait.await_monitor(home, container_id, 0.02)
    return False


def is_there(record: Container) -> bool:
    """Whether a container needs no start: it runs, or will soon. Raises Conflict."""
    state = record["State"]
    if state["Paused"]:
        raise Conflict("cannot start a paused container, try unpause instead")
    if state["Dead"]:
        hint = f"'cuddy rm {container.display_name(record)}' removes the rest of it"
        raise Conflict("container is marked for removal and cannot be started", hint=hint)
    return state["Running"]
