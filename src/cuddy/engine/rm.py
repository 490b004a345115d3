"""Rm: a container's directory, name and log go away."""

from __future__ import annotations

import os
import select

from cuddy.engine import container, containers, kill, liveness, removal
from cuddy.errors import Conflict, CorruptContent, InvalidArgument, NoSuchContainer, NotRunning
from cuddy.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

BY = "cuddy rm -f"
ATTEMPTS = 3
"""Of `rm --force`: somebody may start the container between its end and its removal."""


def rm(home: Home, name: str, *, force: bool = False, volumes: bool = False) -> None:
    """Remove a container; with `force` a running one is killed first.

    Raises NoSuchContainer; Conflict when it runs. `volumes`: its anonymous volumes too.
    """
    container_id = containers.find_id(home, name)
    for attempt in range(ATTEMPTS):
        try:
            if force:
                end(home, container_id)
            with container.lock(home, container_id):
                record = read(home, container_id, force=force)
                if not record or not record["State"]["Running"]:
                    removal.discard(home, container_id, volumes=volumes)
                    return
                if not force or attempt == ATTEMPTS - 1:
                    raise refuse(record)
        except NoSuchContainer:
            if force:
                return  # with --rm its monitor has removed it already
            raise NoSuchContainer(name) from None


def refuse(record: Container) -> Conflict:
    """The error for one that is not to be removed as it is, in Docker's words."""
    what, status = f'cannot remove container "{record["Name"]}"', record["State"]["Status"]
    advice = "stop the container before removing or force remove"
    if status == "paused":
        return Conflict(f"{what}: container is paused and must be unpaused first")
    return Conflict(f"{what}: container is {status}: {advice}")


def end_all(home: Home, names: list[str]) -> set[str]:
    """Kill all that run, waiting for none: what their monitors then do goes on side by side.

    The names of those that were killed: a monitor may remove its container by itself (`--rm`)
    before anybody else does. What is wrong with a name is said when it is removed.
    """
    killed = set()
    for name in names:
        try:
            record = containers.find(home, name)
            kill.ask_to_stop(home, record["Id"], kill.USER)
            kill.send(home, record, kill.SIGKILL, by=BY)
            killed.add(name)
        except (NoSuchContainer, NotRunning, CorruptContent, InvalidArgument):
            continue
    return killed


def end(home: Home, container_id: str) -> None:
    """Kill what runs, and what is only just being started or cleared away."""
    try:
        kill.kill(home, container_id, by=BY)
    except NotRunning:
        end_monitor(home, container_id)
    except CorruptContent:  # a record that cannot be read: what it runs is found by its id
        from cuddy.engine import remains

        remains.clear(home, container_id)


def end_monitor(home: Home, container_id: str) -> None:
    """Let the monitor of an ended container finish; one that is giving birth goes at once.

    Its command may be gone, and nobody else would end it. What it leaves is cleared by whoever
    reads the record next.
    """
    pidfd = liveness.open_monitor(home.run_dir(container_id))
    if pidfd < 0:
        return
    try:
        if container.read(home, container_id)["State"]["Status"] != "exited":
            process.pidfd_send_signal(pidfd, kill.SIGKILL)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.poll(kill.END_TIMEOUT_S * 1000)
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)


def read(home: Home, container_id: str, *, force: bool) -> Container | None:
    """The record, read under its lock. One that cannot be read was ended (None), or is an error."""
    try:
        return containers.read(home, container_id, locked=True)
    except CorruptContent:
        if not force:
            raise
        return None
