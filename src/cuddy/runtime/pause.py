"""Pause and resume: every process of a container stops where it is, and goes on."""

from __future__ import annotations

from cuddy.errors import Conflict
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state


def pause(state_root: str, container_id: str) -> None:
    """Freeze the container's group. Raises NoSuchContainer, Conflict, NotPermitted."""
    document = state.current(state_root, container_id)
    if document["status"] not in ("created", "running"):
        raise Conflict(f"container not running: {document['status']}")
    group(document["cgroupPaths"]).freeze()


def resume(state_root: str, container_id: str) -> None:
    """Thaw it. Raises NoSuchContainer, Conflict, NotPermitted."""
    document = state.read(state_root, container_id)
    frozen = group(document["cgroupPaths"])
    if document["status"] == "stopped" or not frozen.is_frozen():
        raise Conflict("container not paused")
    frozen.thaw()


def group(paths: dict[str, str]) -> Cgroup:
    """The group to freeze. Raises Conflict for a container that has none."""
    if not paths:
        raise Conflict("the container has no cgroup to freeze")
    return Cgroup(paths)
