"""Inspect: everything known of a container, in Docker's words."""

from __future__ import annotations

import os
import stat

from cuddy.engine import containers, execs, host_config
from cuddy.errors import CorruptContent, NoSuchImage
from cuddy.image import host, store, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home

HIDDEN = ("ChainIds",)


def inspect_container(home: Home, name: str, *, size: bool = False) -> dict[str, Any]:
    """A container as `docker inspect` shows it; `size` adds what it has written."""
    record: dict[str, Any] = dict(containers.find(home, name))
    found = {key: value for key, value in record.items() if key not in HIDDEN}
    found["HostConfig"] = host_config.shown(found["HostConfig"])
    found["ProcessLabel"] = found["MountLabel"] = found["AppArmorProfile"] = ""
    found["ExecIDs"] = execs.running(home.run_dir(record["Id"])) or None
    upper = f"{home.container_dir(record['Id'])}/upper"
    found["GraphDriver"] = {"Name": "overlay", "Data": {"UpperDir": upper}}
    if size:
        found["SizeRw"] = written_bytes(upper)
        found["SizeRootFs"] = found["SizeRw"] + image_bytes(home, record["Image"])
    return found


def image_bytes(home: Home, image_id: str) -> int:
    """The size of a container's image; 0 when it is not there any more."""
    if image_id == host.IMAGE.id:
        return host.IMAGE.size_bytes
    try:
        return store.resolve(home.storage, image_id).size_bytes
    except (NoSuchImage, CorruptContent):
        return 0


def written_bytes(directory: str) -> int:
    """How many bytes of files a container has of its own, each of them once.

    What goes meanwhile is not counted, nor what lies deeper than any path can tell.
    """
    total = 0
    seen: set[int] = set()
    root_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    pending = [b""]
    try:
        while pending:
            above = pending.pop()
            for name, status in _listing(root_fd, above):
                if stat.S_ISDIR(status.st_mode):
                    pending.append(above + b"/" + name if above else name)
                elif status.st_nlink == 1 or status.st_ino not in seen:
                    seen.add(status.st_ino)
                    total += status.st_size
    finally:
        os.close(root_fd)
    return total


def _listing(root_fd: int, path: bytes) -> list[tuple[bytes, os.stat_result]]:
    try:
        return list(walk.listing(root_fd, path))
    except OSError:
        return []
