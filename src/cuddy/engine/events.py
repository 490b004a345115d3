"""Events: what happened to containers and everything else, one JSON object a line in `events.log`.

Written by whoever does a thing, once it is done; nobody is asked and nobody has to listen. When the
log has grown it becomes `events.log.1`, in place of the one before. How it is read: `event_log`.
"""

from __future__ import annotations

import fcntl
import os
import time

from cuddy import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.image.store import Image
    from cuddy.network.network import Network

MAX_LOG_BYTES = 1 << 20
"""So large the log grows; with the one before it that is some thousand events."""
MAX_EVENT_BYTES = 1 << 16
"""An event with labels beyond this goes without them: they come from images."""
ATTEMPTS = 3


def emit(
    home: Home,
    kind: str,
    action: str,
    actor: str,
    attributes: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Note that `action` was done to the `kind` (container, image, network, volume) named `actor`.

    The words are Docker's. An event that cannot be written is lost: what it tells of was done.
    """
    now = time.time_ns()
    own = dict(attributes or {})
    event = {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": actor, "Attributes": {**labels, **own} if labels else own},
        "scope": "local",
        "time": now // 10**9,
        "timeNano": now,
    }
    line = files.format_json(event)
    if len(line) > MAX_EVENT_BYTES:
        event |= {"Action": action[:256], "Actor": {"ID": actor, "Attributes": _cut(own)}}
        line = files.format_json(event)
    try:
        _append(log_path(home), line.encode() + b"\n")
    except OSError:
        pass


def emit_container(
    home: Home, action: str, container: Container, attributes: Mapping[str, str] | None = None
) -> None:
    """Note what was done to a container; with its image, name and labels, as Docker does."""
    config = container["Config"]
    own = {**(attributes or {}), "name": container["Name"].removeprefix("/")}
    if config.get("Image"):
        own["image"] = config["Image"]
    emit(home, "container", action, container["Id"], own, config.get("Labels"))


def emit_image(home: Home, action: str, image: Image, name: str = "", *, actor: str = "") -> None:
    """Note what was done to an image. `name`, `actor`: its id where Docker says nothing else."""
    labels = (image.config.get("config") or {}).get("Labels")
    emit(home, "image", action, actor or image.id, {"name": name or image.id}, labels)


def emit_network(home: Home, action: str, network: Network, container_id: str = "") -> None:
    """Note what was done to a network, or that a container was connected or disconnected."""
    own = {"container": container_id} if container_id else {}
    own |= {"name": network.name, "type": network.driver}
    emit(home, "network", action, network.id, own)


def emit_prune(home: Home, kind: str, freed_bytes: int) -> None:
    """Note that everything unused of a kind was removed."""
    emit(home, kind, "prune", "", {"reclaimed": str(freed_bytes)})


def log_path(home: Home) -> str:
    """Where events go."""
    return f"{home.root}/events.log"


def older_path(home: Home) -> str:
    """Where the events before those are."""
    return f"{home.root}/events.log.1"


def _cut(attributes: dict[str, str]) -> dict[str, str]:
    return {key: value[:256] for key, value in attributes.items()}


def _append(path: str, line: bytes) -> None:
    """Add a line in one write(2), which nobody's else comes into. Raises OSError.

    Somebody may make the log an old one at any moment, and that is where the line belongs then;
    should it be gone altogether, once more.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    for _ in range(ATTEMPTS):
        fd = os.open(path, flags, 0o600)
        try:
            os.write(fd, line)
            status = os.fstat(fd)
            if status.st_size > MAX_LOG_BYTES:
                _rotate(path, fd)
            if status.st_nlink:
                return
        finally:
            os.close(fd)


def _rotate(path: str, fd: int) -> None:
    """Make the log that `fd` is the old one, unless that has been done.

    Whoever has the log locked renames it, so a second one does not rename the new, empty log.
    """
    fcntl.flock(fd, fcntl.LOCK_EX)
    if os.path.samestat(os.stat(path), os.fstat(fd)):
        os.rename(path, f"{path}.1")
