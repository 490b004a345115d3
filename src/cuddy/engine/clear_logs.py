"""`logs --clear`: a container's log begins anew, running or not.

A log has one writer. While the container runs that is its monitor, which is asked to do it between
two lines; otherwise it is done here, under the lock that keeps it from being started.
"""

from __future__ import annotations

import os

from cuddy.engine import attach, container, containers, frames, logoptions, logrotation
from cuddy.errors import InvalidArgument, NotRunning, SystemFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

ATTEMPTS = 3


def clear(home: Home, name: str) -> None:
    """Empty a container's log. Raises NoSuchContainer, InvalidArgument, SystemFailure."""
    container_id = containers.find_id(home, name)
    for _ in range(ATTEMPTS):
        with container.lock(home, container_id):
            record = containers.read(home, container_id, locked=True)
            path = logoptions.log_path(record)
            if not path:
                driver = record["HostConfig"]["LogConfig"]["Type"]
                raise InvalidArgument(f"the logs of driver {driver} cannot be cleared")
            if not record["State"]["Running"]:
                clear_files(path)
                return
        try:
            ask_monitor(home, container_id)
            return
        except NotRunning:  # it ended meanwhile
            continue
    raise SystemFailure("the container's monitor does not answer")


def clear_files(path: str) -> None:
    """Empty a log that nobody writes."""
    try:
        if os.path.exists(path):
            os.close(logrotation.clear(path))
    except OSError as error:
        raise SystemFailure.from_os("cannot clear the log", error) from error


def ask_monitor(home: Home, container_id: str) -> None:
    """Have a running container's monitor do it. Raises NotRunning, SystemFailure."""
    connection = attach.connect(home, container_id)
    try:
        problem = connection.request(frames.CLEAR)
    finally:
        connection.close()
    if problem:
        raise SystemFailure(f"cannot clear the log: {problem.decode(errors='replace')}")
