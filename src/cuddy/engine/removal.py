"""Removal: a container that does not run is out of sight at once, and then its files go."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import container, events
from cuddy.errors import SystemFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.container import Container, Status
    from cuddy.engine.home import Home


def discard(
    home: Home, container_id: str, *, volumes: bool = True, tell: Callable[[], object] = int
) -> None:
    """Take a container that does not run out of sight in one rename, then remove its files.

    `volumes`: its anonymous volumes go too, unless other containers use them. What only a sandbox
    stood on goes as well. `tell`: called when it is gone for everybody, though files are still to
    go. Raises SystemFailure if one cannot be removed: what is left is a dead container, to be
    removed again.
    """
    where = home.container_dir(container_id)
    aside = f"{home.tmp_dir}/{container_id}.{files.name_temporary()}"
    record = last_words(where, container_id)
    has_mounts = record is None or record.get("Mounts")
    mounted = volumes_of(home, container_id, record, kept=not volumes) if has_mounts else []
    layers = snapshots_of(home, record) if record and "Sandbox" in record else []
    with files.Lock(home.lock_path):
        try:
            os.rename(where, aside)
        except FileNotFoundError:
            return
        free_names(home, container_id, record)
    guests = call_guests(aside)
    try:
        if not mounted:
            note(home, container_id, record)
            tell()
        remove_files(home, container_id, aside, record)
    finally:
        for fd in guests:
            os.close(fd)  # what they have waited for does not come
    if mounted:
        from cuddy.engine import volume_use

        note(home, container_id, record)
        volume_use.leave(home, container_id, mounted)
    if layers:
        from cuddy.engine import sandbox_sweep

        sandbox_sweep.release(home, layers)


def note(home: Home, container_id: str, record: Container | None) -> None:
    """It is an event."""
    if record:
        events.emit_container(home, "destroy", record)
    else:
        events.emit(home, "container", "destroy", container_id)


def remove_files(home: Home, container_id: str, aside: str, record: Container | None) -> None:
    """The files of a container that is out of sight; then it is gone. Raises SystemFailure."""
    try:
        files.clear_directory(aside, but=("container.json", "status.json"))
        files.remove_tree(aside)
    except OSError as error:
        put_back(home, container_id, aside, record, error)
        raise SystemFailure.from_os(
            f"cannot remove container {container_id[:12]}", error,
            hint=f"it is dead: mend that, then 'cuddy rm {container_id[:12]}' removes the rest",
        ) from error  # fmt: skip


def call_guests(aside: str) -> list[int]:
    """Connections to those who wait for a container to begin that is being removed."""
    if not os.path.isdir(f"{aside}/waiting"):
        return []
    # Imported here: only clients of the API wait for a container to begin.
    from cuddy.engine import waiting_room

    return [fd for fd, _ in waiting_room.admit(f"{aside}/waiting")]


def free_names(home: Home, container_id: str, record: Container | None) -> None:
    """Its name is nobody's again, nor are the ids of its users if they are not the host's."""
    for name in names_of(home, record):
        container.unlink_name(home, name, container_id)
    if record and not record["HostConfig"].get("IDMappings"):
        return
    for name in files.list_directory(home.ids_dir):
        if name.endswith(f"-{container_id[:12]}"):
            os.unlink(f"{home.ids_dir}/{name}")


def put_back(
    home: Home, container_id: str, aside: str, record: Container | None, error: OSError
) -> None:
    """What is left of a container that could not be removed altogether is seen again, as dead."""
    path = f"{aside}/status.json"
    status: Status = files.read_json(path) if os.path.exists(path) else {}
    state = status.setdefault("State", container.initial_state())
    state |= container.ended("dead") | {"Dead": True, "Error": f"cannot be removed: {error}"}
    files.write_json(path, status, durable=False)
    with files.Lock(home.lock_path):
        os.rename(aside, home.container_dir(container_id))
        if record:
            try:
                os.symlink(container_id, f"{home.names_dir}{record['Name']}")
            except FileExistsError:
                pass  # somebody else has it by now; this one has its id


def volumes_of(home: Home, container_id: str, record: Container | None, *, kept: bool) -> list[str]:
    """The volumes of a container that is to go; `kept`: they are not to go with it."""
    # Imported here: few containers have any.
    from cuddy.engine import volume_use

    found = volume_use.names_of(record) if record else volume_use.used_by(home, container_id)
    if kept:
        volume_use.keep(home, found)
    return found


def snapshots_of(home: Home, record: Container) -> list[str]:
    """The layers of a sandbox that is to go."""
    # Imported here: most containers stand on their image alone.
    from cuddy.engine import sandbox_layers

    return sandbox_layers.claims(home, record)


def last_words(directory: str, container_id: str) -> Container | None:
    """The record of a container that is to go; None if it cannot be read."""
    try:
        record: Container = files.read_json(f"{directory}/container.json")
        container.check(record, container_id)
    except (OSError, ValueError):
        return None
    return record


def names_of(home: Home, record: Container | None) -> list[str]:
    """The names a container may have: its record's, or any if the record cannot be read."""
    if record:
        return [record["Name"]]
    return [f"/{name}" for name in files.list_directory(home.names_dir)]
