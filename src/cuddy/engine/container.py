"""The record of a container: what was asked for (container.json, written once) and what became of
it (status.json, written at start and exit). Both in the shape of `docker inspect`.
"""

from __future__ import annotations

import errno
import os
import time

from cuddy import files
from cuddy.engine import host_config
from cuddy.errors import Conflict, CorruptContent, NoSuchContainer
from cuddy.shapes import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cuddy.engine.endpoint import EndpointConfig
    from cuddy.engine.exit_report import ExitReport
    from cuddy.engine.home import Home
    from cuddy.engine.mounts import MountPoint
    from cuddy.engine.sandboxes import Sandbox

PATIENCE_S = 30
MAX_PAUSE_S = 0.02
NEVER = "0001-01-01T00:00:00Z"
"""How Docker writes a time that has not come."""

FIELDS = {
    "Name": str, "Created": str, "Path": str, "Args": list, "Image": str, "Config": dict,
    "HostConfig": dict,
}  # fmt: skip
"""What every command looks at."""


class State(TypedDict, total=False):
    """The `State` section of docker inspect."""

    Status: str  # created, running, paused, restarting, removing, exited, dead
    Running: bool
    Paused: bool
    Restarting: bool
    OOMKilled: bool
    Dead: bool
    Pid: int
    ExitCode: int
    Error: str
    StartedAt: str
    FinishedAt: str
    Health: dict[str, Any]


class Container(TypedDict, total=False):
    """A container as docker inspect shows it."""

    Id: str
    Created: str
    Path: str
    Args: list[str]
    State: State
    Image: str
    Name: str  # with Docker's leading slash
    RestartCount: int
    Driver: str
    Platform: str
    ResolvConfPath: str
    HostnamePath: str
    HostsPath: str
    LogPath: str
    HostConfig: dict[str, Any]
    Config: dict[str, Any]
    Mounts: list[MountPoint]
    NetworkSettings: dict[str, Any]
    Networks: dict[str, EndpointConfig]  # ours: what is asked of each (endpoint.py)
    ExitReport: ExitReport  # ours, once a life has ended
    ChainIds: list[str]  # ours: the layers, lowest first, so that starting needs no image
    Sandbox: Sandbox  # ours, if it is one
    Creator: str  # ours: who made it, as `files.name_temporary` names a process


class Status(TypedDict, total=False):
    """status.json: the parts of the record that change."""

    State: State
    NetworkSettings: dict[str, Any]
    RestartCount: int
    RestartDelay: float  # seconds that the last restart waited; the next waits longer
    StopAskedBy: (
        str  # "user", "system" (it halts), "" nobody: who asked for it to stop, and stay so
    )
    ExitReport: ExitReport  # how the last life ended
    IsBeingRestarted: bool  # by `restart`: its end does not remove it, whatever --rm says


def initial_state() -> State:
    """The state of a container that never ran."""
    return {
        "Status": "created",
        "Running": False,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": 0,
        "ExitCode": 0,
        "Error": "",
        "StartedAt": NEVER,
        "FinishedAt": NEVER,
    }


def ended(status: str) -> State:
    """What all states have in common in which nothing runs."""
    return {"Status": status, "Running": False, "Paused": False, "Restarting": False, "Pid": 0}


def read(home: Home, container_id: str) -> Container:
    """The record with the status as last written. Raises NoSuchContainer, CorruptContent."""
    where = home.container_dir(container_id)
    try:
        record: Container = files.read_json(f"{where}/container.json")
        check(record, container_id)
        status = read_status(home, container_id)
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchContainer(container_id) from None
    except ValueError as error:
        hint = f"'cuddy rm -f {container_id[:12]}' removes it"
        raise CorruptContent(f"container {container_id[:12]}: {error}", hint=hint) from None
    record["HostConfig"] = host_config.DEFAULTS | record["HostConfig"]  # of an earlier version
    record["State"] = initial_state() | (status.get("State") or {})
    record["NetworkSettings"] = status.get("NetworkSettings", {})
    record["RestartCount"] = status.get("RestartCount", 0)
    if "ExitReport" in status:
        record["ExitReport"] = status["ExitReport"]
    return record


def check(record: object, container_id: str) -> None:
    """Whether a document is this container's record at all. Raises ValueError."""
    if not isinstance(record, dict) or record.get("Id") != container_id:
        raise ValueError("container.json is not its record")
    for field, kind in FIELDS.items():
        if not isinstance(record.get(field), kind):
            raise ValueError(f"container.json: {field} is missing or of the wrong type")


def read_status(home: Home, container_id: str) -> Status:
    """status.json, or nothing for a container that never ran. Raises ValueError."""
    try:
        status: Status = files.read_json(f"{home.container_dir(container_id)}/status.json")
    except FileNotFoundError:
        return {}
    if not is_status(status):
        raise ValueError("status.json is no status")
    return status


def is_status(status: object) -> bool:
    """Whether all that others rely on has the type it should have."""
    if not isinstance(status, dict):
        return False
    state, settings = status.get("State", {}), status.get("NetworkSettings", {})
    if not isinstance(state, dict) or not isinstance(settings, dict):
        return False
    health = state.get("Health", {})
    known: dict[str, object] = {**initial_state()}
    return (
        type(status.get("RestartCount", 0)) is int
        and all(type(state[field]) is type(known[field]) for field in known if field in state)
        and isinstance(health, dict)
        and isinstance(health.get("Status", ""), str)
        and isinstance(health.get("Log") or [], list)
    )


def write_status(home: Home, container_id: str, status: Status, *, durable: bool) -> None:
    """Replace status.json. An exit is durable; a start means nothing after a reboot anyway."""
    path = f"{home.container_dir(container_id)}/status.json"
    try:
        files.write_json(path, status, durable=durable)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        # What has ended must not look alive because the disk is full.
        files.overwrite(path, files.format_json(status).encode() + b"\n")


def change_status(
    home: Home, container_id: str, change: Callable[[Status], None], *, durable: bool
) -> Status:
    """Let `change` alter the status, alone among all who do so: monitor, pause, health, remains.

    Taken after the container's `lock` where both are held. Raises NoSuchContainer.
    """
    try:
        with files.Lock(f"{home.container_dir(container_id)}/status.lock"):
            status = read_status(home, container_id)
            change(status)
            write_status(home, container_id, status, durable=durable)
            return status
    except FileNotFoundError:
        raise NoSuchContainer(container_id) from None


def change_record(
    home: Home, container_id: str, change: Callable[[Container], None], *, durable: bool = True
) -> None:
    """Let `change` alter container.json: rename and update do. The caller has the `lock`."""
    path = f"{home.container_dir(container_id)}/container.json"
    record: Container = files.read_json(path)
    change(record)
    files.write_json(path, record, durable=durable)


def display_name(container: Container) -> str:
    """The name as the user typed it."""
    return container["Name"].removeprefix("/")


class ContainerLock(files.Lock):
    """One container's lock. Whoever has it may be at work for long: `cp` into one that has ended.

    `name`: what the user calls it. Raises NoSuchContainer, Conflict when patience ends.
    """

    def __init__(self, home: Home, container_id: str, name: str) -> None:
        super().__init__(f"{home.container_dir(container_id)}/lock")
        self.name = name

    def __enter__(self) -> ContainerLock:
        deadline, pause_s = 0.0, 0.001
        while not self.attempt():
            deadline = deadline or time.monotonic() + PATIENCE_S
            if time.monotonic() > deadline:
                raise Conflict(
                    f"container {self.name} is in use by another command",
                    hint="let it end, such as a 'cuddy cp', and try again",
                )
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, MAX_PAUSE_S)
        return self

    def attempt(self) -> bool:
        """Take the lock if nobody has it."""
        try:
            return super().attempt()
        except (FileNotFoundError, NotADirectoryError):
            raise NoSuchContainer(self.name) from None


def lock(home: Home, container_id: str, name: str = "") -> ContainerLock:
    """The lock under which a container is started and removed; it is taken by `with`.

    `name`: what the user called it, for errors.
    """
    return ContainerLock(home, container_id, name or container_id[:12])


def restart_lock(home: Home, container_id: str) -> files.Lock:
    """Held by `restart` between stop and start, so that followers of the log can wait for its end.

    Raises NoSuchContainer.
    """
    where = home.container_dir(container_id)
    if not os.path.isdir(where):
        raise NoSuchContainer(container_id)
    return files.Lock(f"{where}/restart.lock")


def unlink_name(home: Home, name: str, container_id: str) -> None:
    """Free the name, if it is still this container's."""
    link = f"{home.names_dir}{name}"
    try:
        if os.readlink(link) == container_id:
            os.unlink(link)
    except FileNotFoundError:
        pass
