"""Delete: remove what is left of a stopped container (runtime-spec, runtime.md "Delete")."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import Conflict, NoSuchContainer
from cuddy.kernel import process
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import hooks, state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.spec import Scope, State

SIGKILL = 9
KILLED_S = 10


def delete(state_root: str, container_id: str, *, force: bool = False) -> list[str]:
    """Kill what still runs, remove cgroups and state, run the poststop hooks. Returns warnings.

    Raises NoSuchContainer, Conflict.

    A container that was created and never started is deleted, as runc does; a running one only
    with `force`, and then an absent one is no error either.
    """
    try:
        document = state.read(state_root, container_id)
    except NoSuchContainer:
        if not force:
            raise
        files.remove_tree(state.directory(state_root, container_id))
        return []
    if document["status"] == "running" and not force:
        raise Conflict(
            f"cannot delete container {container_id} that is not stopped: {document['status']}"
        )
    if paths := document["cgroupPaths"]:
        remove_cgroup(Cgroup(paths), document.get("scope"))
    else:
        kill_first(document)
    take_root_away(document.get("rootMount", {}))
    files.remove_tree(state.directory(state_root, container_id))
    document["status"] = "stopped"
    return hooks.run_poststop(document)


def remove_cgroup(group: Cgroup, scope: Scope | None) -> None:
    """Kill every process in a container's cgroup and remove it. Raises InUse, SystemFailure."""
    group.kill()
    if scope:
        # Imported here: a client of D-Bus, which hardly anybody needs.
        from cuddy.runtime import systemd_scope

        systemd_scope.stop(scope)
    group.remove()


def take_root_away(root_mount: dict[str, int]) -> None:
    """What a container has left among its caller's mounts. Raises OSError."""
    if root_mount:
        from cuddy.runtime import shared_mounts  # hardly any shares them

        shared_mounts.take_away(root_mount)


def kill_first(document: State) -> None:
    """What can be done for a container without a cgroup: its pid namespace dies with its init."""
    import select

    pidfd = process.open_exact(document["pid"], document["startTime"])
    if pidfd >= 0:
        try:
            process.pidfd_send_signal(pidfd, SIGKILL)
            select.select([pidfd], [], [], KILLED_S)
        except ProcessLookupError:
            pass
        finally:
            os.close(pidfd)
