"""Containers: lists."""

from __future__ import annotations

import time

from cuddy import files
from cuddy.engine import filters, ports, ps, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.api.http import Call
    from cuddy.engine.container import Container


def list_(call: Call) -> None:
    """Containers, newest first."""
    limit = call.number("limit", 0) or 0
    found = ps.ps(call.home, all=call.flag("all"), limit=max(0, limit), wanted=call.filters())
    stale = ps.stale_names(call.home, found.containers)
    now_ns = time.time_ns()
    call.answer([item(each, stale, now_ns) for each in found.containers])


def item(container: Container, stale: set[tuple[str, str]], now_ns: int) -> dict[str, Any]:
    """A container as lists show it."""
    image = container["Config"].get("Image") or ""
    settings = container.get("NetworkSettings") or {}
    return {
        "Id": container["Id"],
        "Names": [container["Name"]],
        "Image": container["Image"] if (image, container["Image"]) in stale else image,
        "ImageID": container["Image"],
        "Command": " ".join([container["Path"], *container["Args"]]),
        "Created": files.parse_time(container["Created"]) // 10**9,
        "Ports": [_port(each) for each in ports.summarize(settings.get("Ports"))],
        "Labels": container["Config"].get("Labels") or {},
        "State": container["State"]["Status"],
        "Status": status.status_text(container["State"], now_ns),
        "HostConfig": {"NetworkMode": container["HostConfig"]["NetworkMode"]},
        "NetworkSettings": {"Networks": filters.networks_of(container)},
        "Mounts": container.get("Mounts") or [],
    }


def _port(port: ports.Port) -> dict[str, Any]:
    published = {"IP": port.ip} if port.ip else {}
    public = {"PublicPort": port.public} if port.public else {}
    return {**published, "PrivatePort": port.private, **public, "Type": port.protocol}
