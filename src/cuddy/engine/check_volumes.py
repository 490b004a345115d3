"""Check of volumes: their records, what containers expect of them, what killed commands left."""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.engine import container, containers, volume_use, volumes
from cuddy.engine.volumes import Hold
from cuddy.errors import CorruptContent, NoSuchContainer, NoSuchVolume
from cuddy.image.finding import Finding, move_to_lost, strangers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.home import Home


def examine(home: Home, *, repairing: bool) -> Iterator[Finding]:
    """Look at all volumes, and put right what can be."""
    if not os.path.isdir(home.volumes_dir):
        return
    for finding, path in strangers(home.root, home.volumes_dir, _is_volume):
        yield finding
        if repairing:
            move_to_lost(home.root, path)
    for name in sorted(filter(volumes.is_name, files.list_directory(home.volumes_dir))):
        yield from _parts(home, name, repairing)
    yield from _users(home, repairing)
    for name in list(volume_use.rubbish(home)):
        what = f"volume {name[:12]}"
        yield Finding(what, "a killed command left it", "remove it", is_broken=False)
    if repairing:
        volume_use.sweep(home)


def _is_volume(name: str, mode: int) -> bool:
    return stat.S_ISDIR(mode) and volumes.is_name(name)


def _parts(home: Home, name: str, repairing: bool) -> Iterator[Finding]:
    """The record and the directories of one volume."""
    where = volumes.path(home, name)
    try:
        volumes.read(home, name)
        yield from _name(home, name, repairing)
    except CorruptContent:
        yield Finding(f"volume {name}", "its record cannot be read", "write it anew, unlabelled")
        if repairing:
            files.write_json(f"{where}/volume.json", volumes.new_record(home, {"name": name}))
    except NoSuchVolume:
        if not os.path.isdir(where):
            return  # it was just removed
        yield Finding(f"volume {name}", "it has no record", "write it anew, unlabelled")
        if repairing:
            files.write_json(f"{where}/volume.json", volumes.new_record(home, {"name": name}))
    for part, mode in (("_data", 0o755), ("users", 0o700)):
        if not os.path.isdir(f"{where}/{part}") and os.path.isdir(where):
            yield Finding(f"volume {name}", f"its directory {part} is missing", "make it, empty")
            if repairing:
                files.make_directory(f"{where}/{part}", mode)


def _name(home: Home, name: str, repairing: bool) -> Iterator[Finding]:
    """Whether a volume's record knows its name: whoever renamed it may have been killed."""
    written = files.read_json(f"{volumes.path(home, name)}/volume.json")
    if written.get("Name") != name:
        why = f"its record still has the name {written.get('Name')}"
        yield Finding(f"volume {name}", why, "write the new one", is_broken=False)
        if repairing:
            with Hold(home, name):
                volumes.change(home, name, lambda volume: None)


def _users(home: Home, repairing: bool) -> Iterator[Finding]:
    """Every volume of a container is there and knows of it."""
    for container_id in sorted(containers.ids(home)):
        try:
            names = volume_use.names_of(container.read(home, container_id))
        except (NoSuchContainer, CorruptContent):
            continue
        for name in names:
            what = f"container {container_id[:12]}"
            if not os.path.isdir(volumes.path(home, name)):
                yield Finding(what, f"its volume {name} is missing", "make it again, empty")
            elif container_id not in volumes.users(home, name):
                yield Finding(what, f"its volume {name} does not know of it", "make it known")
            else:
                continue
            if repairing:
                with Hold(home, name, {"name": name}):
                    volume_use.note(home, name, container_id)
