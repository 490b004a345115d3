"""Kill: send a signal to a container's first process (runtime-spec, runtime.md "Kill")."""

from __future__ import annotations

import os

from cuddy.errors import Conflict
from cuddy.kernel import process
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.spec import Linux

SIGKILL = 9


def end(state_root: str, container_id: str) -> None:
    """SIGKILL to a container of which the config was kept: to all its processes, if the kernel does
    not end them with the first. Raises as `kill_all`.
    """
    if has_own_pids(state.read_config(state_root, container_id)["linux"]):
        kill(state_root, container_id, SIGKILL)
    else:
        kill_all(state_root, container_id)


def has_own_pids(linux: Linux) -> bool:
    """Whether the first process is that of a pid namespace, without which no other lives. Pure."""
    return any(e["type"] == "pid" and not e.get("path") for e in linux.get("namespaces", []))


def kill_all(state_root: str, container_id: str) -> None:
    """End every process of a container, even if its first has ended before.

    Raises NoSuchContainer, Conflict("container not running").
    """
    group = Cgroup(state.read(state_root, container_id)["cgroupPaths"])
    if group.pids():
        group.kill()
    else:
        kill(state_root, container_id, SIGKILL)


def kill(state_root: str, container_id: str, signal: int, *, all: bool = False) -> None:
    """Send `signal` to init, or with `all` to every process of the cgroup.

    Raises NoSuchContainer, Conflict("container not running").
    """
    document = state.read(state_root, container_id)
    if "runtime" in document:
        # Imported here: most containers have ours.
        from cuddy.runtime import other

        other.kill(document, state.directory(state_root, container_id), signal)
        return
    group = Cgroup(document["cgroupPaths"])
    if all:
        group.signal(signal)
        return
    pidfd = process.open_exact(document["pid"], document["startTime"])
    if pidfd < 0:
        raise Conflict("container not running")
    try:
        process.pidfd_send_signal(pidfd, signal)
        group.let_die(signal)
    except ProcessLookupError:
        raise Conflict("container not running") from None
    finally:
        os.close(pidfd)
