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
        await_monitor(home, record["Id"])
        record = containers.read(home, record["Id"])
    return record["State"]["ExitCode"]


def await_monitor(home: Home, container_id: str) -> None:
    """Until a monitor that no longer answers is dead: its sockets close before it is."""
    pidfd = liveness.open_monitor(home.run_dir(container_id))
    if pidfd >= 0:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll()
        os.close(pidfd)


def until_end(home: Home, container_id: str, timeout_s: float | None = None) -> int | None:
    """The exit code if the container ends in time; None if not, or if nobody saw its end."""
    try:
        connection = attach.connect(home, container_id)
    except NotRunning:
        return None
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    try:
        while poll.poll(None if timeout_s is None else max(timeout_s, 0) * 1000):
            connection.receive()
        return None
    except EOFError:
        return connection.exit_code
    finally:
        connection.close()
