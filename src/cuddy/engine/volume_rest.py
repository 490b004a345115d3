"""A volume at rest: no container that has it runs, or starts, while it gets another content."""

from __future__ import annotations

from cuddy.engine import container, containers, volumes
from cuddy.engine.volumes import Hold
from cuddy.errors import Conflict, CorruptContent, InUse, NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import ContainerLock
    from cuddy.engine.home import Home


class AtRest:
    """Inside `with`, nobody brings a volume into use, and its containers do not start.

    Raises NoSuchVolume, InUse if one runs, Conflict.
    """

    def __init__(self, home: Home, name: str) -> None:
        self.home = home
        self.name = name
        self._locks: list[ContainerLock] = []
        self._hold = Hold(home, name)

    def __enter__(self) -> AtRest:
        try:
            # The containers first: one that starts has its own lock, and may want the volume's.
            known = volumes.users(self.home, self.name)
            for container_id in known:
                self._locks.append(container.lock(self.home, container_id).__enter__())
            self._hold.__enter__()
            check_at_rest(self.home, self.name)
            if not set(volumes.users(self.home, self.name)) <= set(known):
                raise Conflict(f"volume {self.name} was just brought into use", hint="try again")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._hold.__exit__()
        for lock in self._locks:
            lock.close()


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
