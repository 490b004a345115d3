"""A volume at rest: nobody uses it, or who does stands still, while it is copied or replaced.

    Seclusion     nobody brings it into use; its containers are not started, stopped or unpaused
    Stillness     and those that run do not move

A container that its restart policy brings back meanwhile waits at its birth (volume_use.Turn).
"""

from __future__ import annotations

import os

from cuddy.engine import commit, container, containers, events, volumes
from cuddy.engine.volumes import Hold
from cuddy.errors import Conflict, CorruptContent, InUse, NoSuchContainer, SystemFailure
from cuddy.kernel import process
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container, ContainerLock
    from cuddy.engine.home import Home
    from cuddy.engine.standstill import Standstill

ATTEMPTS = 8
"""To have a volume while others bring it into use."""


class Seclusion:
    """Inside `with`, a volume and the containers that have it are ours. Raises NoSuchVolume,
    Conflict.
    """

    def __init__(self, home: Home, name: str) -> None:
        self.home = home
        self.name = name
        self._locks: list[ContainerLock] = []
        self._hold = Hold(home, name)

    def __enter__(self) -> Seclusion:
        try:
            for _ in range(ATTEMPTS):
                if self._take():
                    return self
                self._leave()
            raise Conflict(f"volume {self.name} was just brought into use", hint="try again")
        except BaseException:
            self._leave()
            raise

    def _take(self) -> bool:
        """False if a container got it meanwhile."""
        # The containers first: one that starts has its own lock, and may want the volume's.
        known = volumes.users(self.home, self.name)
        for container_id in known:
            lock = container.lock(self.home, container_id)
            try:
                lock.__enter__()
            except NoSuchContainer:
                continue  # it has just been removed
            self._locks.append(lock)
        self._hold.__enter__()
        return set(volumes.users(self.home, self.name)) <= set(known)

    def _leave(self) -> None:
        self._hold.__exit__()
        while self._locks:
            self._locks.pop().close()

    def __exit__(self, *_: object) -> None:
        self._leave()


class Stillness:
    """Inside `with`, no container that has a volume moves, begins or ends.

    Raises NoSuchVolume, Conflict, NotPermitted, SystemFailure.
    """

    def __init__(self, home: Home, name: str) -> None:
        self.home = home
        self.name = name
        self._seclusion = Seclusion(home, name)
        self._held: list[tuple[Container, Standstill]] = []

    def __enter__(self) -> Stillness:
        self._seclusion.__enter__()
        try:
            for record in moving(self.home, self.name):
                self._hold_still(record)
        except BaseException:
            self._leave()
            raise
        return self

    def _hold_still(self, record: Container) -> None:
        try:
            standstill = commit.freeze(self.home, record)
            standstill.__enter__()
        except (Conflict, SystemFailure):
            if has_process(self.home, record["Id"]):
                raise
            return  # it has just ended, and gets no other life before we are done
        self._held.append((record, standstill))
        events.emit_container(self.home, "pause", record)

    def _leave(self) -> None:
        while self._held:
            commit.go_on(self.home, *self._held.pop())
        self._seclusion.__exit__()

    def __exit__(self, *_: object) -> None:
        self._leave()


def moving(home: Home, name: str) -> list[Container]:
    """The containers that have a volume, run, and are not paused."""
    found = []
    for container_id in volumes.users(home, name):
        try:
            record = containers.read(home, container_id)
        except (NoSuchContainer, CorruptContent):
            continue
        if record["State"]["Running"] and not record["State"]["Paused"]:
            found.append(record)
    return found


def has_process(home: Home, container_id: str) -> bool:
    """Whether a container's first process is there."""
    try:
        document = state.read(home.run_root, container_id)
    except NoSuchContainer:
        return False
    pidfd = process.open_exact(document["pid"], document["startTime"])
    if pidfd < 0:
        return False
    os.close(pidfd)
    return True


def check_at_rest(home: Home, name: str) -> None:
    """Whether no container that has a volume runs. Raises InUse."""
    found = [each for each in volumes.users(home, name) if is_running(home, each)]
    if found:
        message = f"volume {name} is in use by running containers - [{', '.join(found)}]"
        raise InUse(message, hint="stop them first")


def is_running(home: Home, container_id: str) -> bool:
    """Whether a container runs, as far as can be told."""
    try:
        return containers.read(home, container_id)["State"]["Running"]
    except (NoSuchContainer, CorruptContent):
        return False
