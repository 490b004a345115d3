"""Wait: until a container has ended."""

from __future__ import annotations

import select

from cuddy.engine import attach, containers
from cuddy.errors import NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def wait(home: Home, name: str) -> int:
    """The exit code of a container, when it has ended; at once if it does not run."""
    record = containers.find(home, name)
    if record["State"]["Running"]:
        code = until_end(home, record["Id"])
        if code is not None:
            return code
        record = containers.read(home, record["Id"])
    return record["State"]["ExitCode"]


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
