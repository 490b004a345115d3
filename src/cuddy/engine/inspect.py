"""Inspect: everything known of a container, in Docker's words."""

from __future__ import annotations

import os

from cuddy.engine import containers, host_config
from cuddy.image import host, store

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
    found["ExecIDs"] = None
    upper = f"{home.container_dir(record['Id'])}/upper"
    found["GraphDriver"] = {"Name": "overlay", "Data": {"UpperDir": upper}}
    if size:
        found["SizeRw"] = written_bytes(upper)
        found["SizeRootFs"] = found["SizeRw"] + image_bytes(home, record["Image"])
    return found


def image_bytes(home: Home, image_id: str) -> int:
    """The size of a container's image."""
    return (
        host.IMAGE.size_bytes
        if image_id == host.IMAGE.id
        else (store.resolve(home.storage, image_id).size_bytes)
    )


def written_bytes(directory: str) -> int:
    """How many bytes of files a container has of its own."""
    total = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                total += written_bytes(entry.path)
            else:
                total += entry.stat(follow_symlinks=False).st_size
    return total
