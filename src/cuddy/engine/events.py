"""Events: what happened to containers and everything else, one JSON object a line in `events.log`.

Written by whoever does a thing, once it is done; nobody is asked and nobody has to listen.
"""

from __future__ import annotations

import os
import time

from cuddy import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home


def emit(
    home: Home, kind: str, action: str, actor: str, attributes: dict[str, str] | None = None
) -> None:
    """Note that `action` was done to the `kind` (container, image, network, volume) named `actor`.

    The words are Docker's. An event that cannot be written is lost: what it tells of was done.
    """
    now = time.time_ns()
    event = {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": actor, "Attributes": attributes or {}},
        "scope": "local",
        "time": now // 10**9,
        "timeNano": now,
    }
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(f"{home.root}/events.log", flags, 0o600)
    except OSError:
        return
    try:
        os.write(fd, files.format_json(event).encode() + b"\n")
    except OSError:
        pass
    finally:
        os.close(fd)


def emit_container(
    home: Home, action: str, container: Container, attributes: dict[str, str] | None = None
) -> None:
    """Note what was done to a container; with its image, name and labels, as Docker does."""
    config = container["Config"]
    own = {
        **(config.get("Labels") or {}),
        "image": config.get("Image") or "",
        "name": container["Name"].removeprefix("/"),
    }
    emit(home, "container", action, container["Id"], {**own, **(attributes or {})})
