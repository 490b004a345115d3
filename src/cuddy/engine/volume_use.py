"""Which containers use a volume, and what becomes of it when they are gone.

A container's id is among a volume's `users` before its record names the volume. Removing a
container without its volumes keeps the anonymous ones first; with them it takes them afterwards.
So whenever a command is killed, an anonymous volume that no container uses and nobody kept is
rubbish, and the next `sweep` takes it.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import volumes
from cuddy.engine.volumes import Hold
from cuddy.errors import CorruptContent, NoSuchVolume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cuddy.engine.home import Home
    from cuddy.engine.volumes import Wish


class Claim:
    """A new container's volumes, held until its record names them; taken back if that fails.

        with Claim(home, container_id, wishes):
            ...   the volumes are there and stay; nobody else fills them

    `borrowed`: those of `wishes` that must be there, through --volumes-from. Raises NoSuchVolume.
    """

    def __init__(
        self, home: Home, container_id: str, wishes: Iterable[Wish], borrowed: frozenset[str]
    ) -> None:
        self.home = home
        self.container_id = container_id
        # In one order for everybody, or two creates could wait for each other.
        self.wishes = {wish["name"]: wish for wish in sorted(wishes, key=lambda w: w["name"])}
        self.borrowed = borrowed
        self._held: list[Hold] = []

    def __enter__(self) -> Claim:
        try:
            for name, wish in self.wishes.items():
                hold = Hold(self.home, name, None if name in self.borrowed else wish)
                hold.__enter__()
                self._held.append(hold)
                note(self.home, name, self.container_id)
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for hold in self._held:
            hold.__exit__()
        if kind is not None:
            leave(self.home, self.container_id, [hold.name for hold in self._held])


class Turn:
    """Inside `with`, nobody has one of these volumes for himself: that is waited for.

    So a container begins when they are whole again, and who takes one then knows that it runs.
    """

    def __init__(self, home: Home, names: Iterable[str]) -> None:
        self._locks = [
            files.Lock(f"{volumes.path(home, name)}/lock", shared=True) for name in sorted(names)
        ]

    def __enter__(self) -> Turn:
        for lock in self._locks:
            try:
                lock.__enter__()
            except (FileNotFoundError, NotADirectoryError):
                pass  # the volume is gone, by force
        return self

    def __exit__(self, *_: object) -> None:
        for lock in self._locks:
            lock.close()


def note(home: Home, name: str, container_id: str) -> None:
    """Put a container among the users of a volume, whose lock the caller has."""
    path = f"{volumes.path(home, name)}/users/{container_id}"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def names_of(record: object) -> list[str]:
    """The volumes that a container's record names, whatever state it is in."""
    found = record.get("Mounts") if isinstance(record, dict) else None
    points = found if isinstance(found, list) else []
    of_volumes = [p for p in points if isinstance(p, dict) and p.get("Type") == "volume"]
    named = [point.get("Name") for point in of_volumes]
    return sorted({name for name in named if isinstance(name, str) and volumes.is_name(name)})


def leave(home: Home, container_id: str, names: Iterable[str]) -> None:
    """A container is gone, and with it its transient volumes that no other one uses."""
    for name in names:
        try:
            with Hold(home, name):
                try:
                    os.unlink(f"{volumes.path(home, name)}/users/{container_id}")
                except FileNotFoundError:
                    pass
                doomed = volumes.take_away(home, name) if is_rubbish(home, name) else ""
        except NoSuchVolume:
            continue
        if doomed:
            volumes.delete(home, name, doomed)


def is_rubbish(home: Home, name: str) -> bool:
    """Whether an anonymous volume is left over, asked under its lock."""
    try:
        return bool(volumes.read(home, name).get("Transient")) and not volumes.users(home, name)
    except (NoSuchVolume, CorruptContent):
        return False


def keep(home: Home, names: Iterable[str]) -> None:
    """These stay when their last container goes: it is removed without them."""
    for name in names:
        try:
            with Hold(home, name):
                volume = volumes.read(home, name)
                if volume.get("Transient"):
                    volume["Transient"] = False
                    files.write_json(f"{volumes.path(home, name)}/volume.json", volume)
        except (NoSuchVolume, CorruptContent):
            continue


def used_by(home: Home, container_id: str) -> list[str]:
    """The volumes of a container whose record cannot be read."""
    return [
        name
        for name in sorted(files.list_directory(home.volumes_dir))
        if os.path.exists(f"{volumes.path(home, name)}/users/{container_id}")
    ]


def rubbish(home: Home) -> Iterator[str]:
    """Anonymous volumes that killed commands left without a container."""
    for name in sorted(files.list_directory(home.volumes_dir)):
        if not volumes.is_name(name) or not is_rubbish(home, name):
            continue
        hold = Hold(home, name)
        # One whose lock is taken is being brought into use or taken away.
        if hold.attempt():
            found = is_rubbish(home, name)
            hold.__exit__()
            if found:
                yield name


def sweep(home: Home) -> None:
    """Remove what killed commands left."""
    for name in list(rubbish(home)):
        try:
            with Hold(home, name):
                doomed = volumes.take_away(home, name) if is_rubbish(home, name) else ""
        except NoSuchVolume:
            continue
        if doomed:
            volumes.delete(home, name, doomed)
