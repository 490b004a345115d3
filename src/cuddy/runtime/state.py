"""state.json: what is known of a container, and what the kernel says of it now.

Kept as `<state root>/<id>/state.json`, beside `exec.fifo`, the gate that `start` opens. The status
is never stored but computed: a pid counts only together with its start time (runtime-spec,
runtime.md "State").
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import InvalidArgument, NoSuchContainer
from cuddy.kernel.cgroup import Cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.spec import Config, State

FIFO = "exec.fifo"
ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")
OWN = (
    "startTime", "cgroupPaths", "scope", "hooks", "listener", "rootMount", "runtime", "attendants",
)  # fmt: skip
"""Fields of state.json that are nobody else's affair."""


def check_id(container_id: str) -> None:
    """Refuse a container id that could be anything but one path component."""
    if container_id in ("", ".", "..") or not ID_CHARACTERS.issuperset(container_id):
        raise InvalidArgument(f"invalid container ID format: {container_id!r}")


def directory(state_root: str, container_id: str) -> str:
    """Where a container's state lives. Raises InvalidArgument for an id that leads elsewhere."""
    check_id(container_id)
    return os.path.join(state_root, container_id)


def write(state_root: str, state: State) -> None:
    """Replace a container's state.json. Not fsynced: it is worth nothing after a reboot."""
    path = os.path.join(directory(state_root, state["id"]), "state.json")
    files.write_json(path, state, durable=False)


def keep_config(state_root: str, container_id: str, config: Config) -> None:
    """Keep the config as it was at the creation: the bundle may change or go."""
    path = os.path.join(directory(state_root, container_id), "config.json")
    files.write_json(path, config, durable=False)


def read_config(state_root: str, container_id: str) -> Config:
    """The config that `keep_config` kept. Raises NoSuchContainer."""
    try:
        config: Config = files.read_json(
            os.path.join(directory(state_root, container_id), "config.json")
        )
    except FileNotFoundError:
        raise NoSuchContainer(container_id) from None
    return config


def read(state_root: str, container_id: str) -> State:
    """A container's state with its current status. Raises NoSuchContainer."""
    where = directory(state_root, container_id)
    try:
        state: State = files.read_json(os.path.join(where, "state.json"))
    except FileNotFoundError:
        raise NoSuchContainer(container_id) from None
    state["status"] = status(state, where)
    return state


def current(state_root: str, container_id: str) -> State:
    """The same, in which what runs may be paused: who uses the runtime as a program asks this."""
    document = read(state_root, container_id)
    if document["status"] == "running" and Cgroup(document["cgroupPaths"]).is_frozen():
        document["status"] = "paused"
    return document


def forget(state_root: str, container_id: str) -> None:
    """Remove state.json alone: the container may be created again in the same directory."""
    os.unlink(os.path.join(directory(state_root, container_id), "state.json"))


def public(document: State) -> State:
    """A state as the specification has it: without what is our own, and no pid once it stopped."""
    shown: State = {key: value for key, value in document.items() if key not in OWN}  # type: ignore
    if document["status"] == "stopped":
        shown["pid"] = 0
    return shown


def status(state: State, where: str) -> str:
    """creating, created, running or stopped."""
    pid = state.get("pid", 0)
    if not pid:
        return "creating"
    if files.start_time(pid) != state["startTime"]:
        return "stopped"
    return "created" if os.path.exists(os.path.join(where, FIFO)) else "running"
