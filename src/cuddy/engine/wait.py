"""Wait: until a container has ended."""

from __future__ import annotations

import os
import select

from cuddy.engine import attach, containers, liveness
from cuddy.errors import NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def wait(home: Home, name: str) -> int:
    """The exit code of a container, when it has ended; at once if it does not run."""
    record = containers.find(home, name)
    while record["State"]["Running"]:
        code = until_end(home, record["Id"])
        if code is not None:
            return code
        record = containers.read(home, record["Id"])
    return record["State"]["ExitCode"]


def until_end(home: Home, container_id: str, timeout_s: float | None = None) -> int | None:
    """The exit code if the container ends in time.

    None if it does not, or if its monitor is dead without having told: then the record is true.
    """
    try:
        connection = attach.connect(home, container_id)
    except NotRunning:
        await_monitor(home, container_id, timeout_s)
        return None
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    try:
        while poll.poll(None if timeout_s is None else max(timeout_s, 0) * 1000):
            connection.receive()
    except EOFError:
        if connection.exit_code is None:
            await_monitor(home, container_id, timeout_s)
    finally:
        connection.close()
    return connection.exit_code


def await_monitor(home: Home, container_id: str, timeout_s: float | None = None) -> None:
    """Until a monitor that no longer answers is dead: it closes its sockets before it is.

    Meanwhile the container reads as running, though it has ended.
    """
    pidfd = liveness.open_monitor(home.run_dir(container_id))
    if pidfd >= 0:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(None if timeout_s is None else max(timeout_s, 0) * 1000)
        os.close(pidfd)
