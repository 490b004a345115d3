"""Containers in a row: which there are, and away with those that nobody needs."""

from __future__ import annotations

import time

from cuddy import files
from cuddy.engine import inspect, ports, prune_containers, prune_filters, ps, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.api.http import Call
    from cuddy.engine.container import Container


def list_(call: Call) -> None:
    """Containers, newest first. `limit`: so many of the newest, in every state."""
    limit = max(0, call.number("limit", 0) or 0)
    found = ps.ps(call.home, all=call.flag("all"), limit=limit, wanted=call.filters())
    stale = ps.stale_names(call.home, found.containers)
    now_ns = time.time_ns()
    items = [item(each, stale, now_ns) for each in found.containers]
    if call.flag("size"):
        for each, record in zip(items, found.containers, strict=True):
            each.update(inspect.measure(call.home, record))
    call.answer(items)


def item(record: Container, stale: set[tuple[str, str]], now_ns: int) -> dict[str, Any]:
    """A container as lists show it. Pure."""
    image, image_id = record["Config"].get("Image") or "", record["Image"]
    settings = inspect.build_network_settings(record)
    return {
        "Id": record["Id"],
        "Names": [record["Name"]],
        "Image": image_id if (image, image_id) in stale or not image else image,
        "ImageID": image_id,
        "Command": " ".join([record["Path"], *map(quoted, record["Args"])]),
        "Created": files.parse_time(record["Created"]) // 10**9,
        "Ports": [port(each) for each in ports.summarize(settings["Ports"])],
        "Labels": record["Config"].get("Labels") or {},
        "State": record["State"]["Status"],
        "Status": status.status_text(record["State"], now_ns),
        "HostConfig": {"NetworkMode": record["HostConfig"]["NetworkMode"]},
        "NetworkSettings": {"Networks": settings["Networks"]},
        "Mounts": inspect.build_mounts(record),
    }


def quoted(word: str) -> str:
    """A word of a command as lists show it."""
    return f"'{word}'" if " " in word else word


def port(found: ports.Port) -> dict[str, Any]:
    """One port, with its place on the host if it has one."""
    place = {"IP": found.ip} if found.ip else {}
    public = {"PublicPort": found.public} if found.public else {}
    return {**place, "PrivatePort": found.private, **public, "Type": found.protocol}


def prune(call: Call) -> None:
    """Remove all that do not run."""
    pairs = call.filters()
    which = prune_filters.parse(pairs, prune_filters.until(pairs))
    pruned = prune_containers.prune_containers(call.home, which)
    call.answer({"ContainersDeleted": pruned.ids or None, "SpaceReclaimed": pruned.freed_bytes})
