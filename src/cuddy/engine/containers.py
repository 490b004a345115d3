"""All containers: find one by what the user typed, list them, and believe nothing the kernel
denies.

A container runs if its monitor runs. The monitor's pid and start time stand in `<run dir>/monitor`
from its first moment, so whatever a killed monitor left is found by that file and cleaned by the
next command that looks (`reconcile`).
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import container, liveness
from cuddy.errors import CorruptContent, InvalidArgument, NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.memory import Memory
    from cuddy.errors import CuddyError

ID_LENGTH = 64


def find_id(home: Home, name: str) -> str:
    """Full id, name, unique beginning of an id, or another's link -> full id.

    Raises NoSuchContainer.
    """
    bare = name.removeprefix("/")
    if not bare or "\0" in bare or bare in (".", ".."):
        raise NoSuchContainer(name)
    if "/" in bare:
        return _follow_link(home, bare)
    if len(bare) == ID_LENGTH and os.path.isdir(home.container_dir(bare)):
        return bare
    try:
        named = os.readlink(f"{home.names_dir}/{bare}")
        if os.path.isdir(home.container_dir(named)):
            return named
    except OSError:
        pass
    found = [entry for entry in files.list_directory(home.containers_dir) if entry.startswith(bare)]
    if len(found) > 1:
        hint = "type more of the id"
        raise InvalidArgument(f"container id prefix {name!r} is ambiguous", hint=hint)
    if not found:
        raise NoSuchContainer(name)
    return found[0]


def _follow_link(home: Home, path: str) -> str:
    """The container that NAME/ALIAS means: what another one calls it. Raises NoSuchContainer."""
    name, _, alias = path.partition("/")
    try:
        record = container.read(home, find_id(home, name))
        for text in record["HostConfig"].get("Links") or ():
            other, _, called = text.partition(":/")
            if called == alias:
                return find_id(home, other)
    except NoSuchContainer:
        pass  # the one or the other is gone: what was asked for is told below
    raise NoSuchContainer(path)


def find(home: Home, name: str) -> Container:
    """A container by name, id or prefix, with its true state. Raises NoSuchContainer."""
    return read(home, find_id(home, name))


def read(home: Home, container_id: str, *, locked: bool = False) -> Container:
    """A container's record with its true state. `locked`: the caller has the container's lock."""
    record = container.read(home, container_id)
    if not is_consistent(home, record):
        # Imported here: it takes the network and cgroups apart, and hardly ever has to.
        from cuddy.engine import remains

        remains.reconcile(home, container_id, locked=locked)
        record = container.read(home, container_id)
    return record


def is_consistent(home: Home, record: Container, boot: str = "") -> bool:
    """Whether the record's claim about running agrees with what is there.

    `boot`: as `liveness.boot_id` has it, from whoever has asked already.
    """
    run_dir = home.run_dir(record["Id"])
    if record["State"]["Running"]:
        return liveness.monitor_lives(run_dir, boot)
    return not os.path.exists(run_dir) or liveness.monitor_lives(run_dir, boot)


def list_containers(
    home: Home, *, all: bool = False, unreadable: list[CuddyError] | None = None
) -> list[Container]:
    """Running containers, or all, newest first; those that cannot be read as `read_all` has it."""
    found = read_all(home, unreadable=unreadable)
    return found if all else [each for each in found if is_up(each)]


def is_up(record: Container) -> bool:
    """Whether it runs, or will again in a moment."""
    return record["State"]["Running"] or bool(record["State"].get("Restarting"))


def read_all(
    home: Home, *, unreadable: list[CuddyError] | None = None, memory: Memory | None = None
) -> list[Container]:
    """All containers with their true states, newest first.

    One that cannot be read is left out, and what is wrong with it goes into `unreadable`. `memory`:
    of records read before; what the kernel knows is asked every time.
    """
    found = []
    running = {name for name in files.list_directory(home.run_root) if len(name) == ID_LENGTH}
    container_ids = ids(home)  # listed second, since containers are there before they run
    if not running.issubset(container_ids):
        # A monitor was killed while it removed its container, or just does so.
        from cuddy.engine import remains

        remains.sweep(home)
    boot = liveness.boot_id() if running else ""
    for container_id in container_ids:
        try:
            record = _look_up(home, container_id, memory)
            may_run = record["State"]["Running"] or container_id in running
            if may_run and not is_consistent(home, record, boot):
                record = read(home, container_id)
            found.append(record)
        except NoSuchContainer:
            continue
        except CorruptContent as error:
            if unreadable is not None:
                unreadable.append(error)
    if memory:
        memory.forget_others(container_ids)
    return sorted(found, key=lambda record: (record["Created"], record["Id"]), reverse=True)


def _look_up(home: Home, container_id: str, memory: Memory | None) -> Container:
    """The record as it was last written. Raises NoSuchContainer, CorruptContent."""
    if memory is None:
        return container.read(home, container_id)
    where = home.container_dir(container_id)
    paths = (f"{where}/container.json", f"{where}/status.json")
    return memory.recall(container_id, paths, lambda: container.read(home, container_id))


def ids(home: Home) -> list[str]:
    """The ids of all containers."""
    return files.list_directory(home.containers_dir)
