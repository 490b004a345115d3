"""The containers whose namespaces a starting container joins: they must run, and stay.

A namespace is found by the pid of the other container's first process, which is believed only with
its start time.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import container, containers, egress_powers, sharing
from cuddy.errors import Conflict, NoSuchContainer, SystemFailure
from cuddy.kernel import mount, namespaces, process, resolve
from cuddy.runtime import state
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

LINKS = {"network": "net", "pid": "pid", "ipc": "ipc", "user": "user"}
SHM_FLAGS = mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOEXEC
TMPFS_MAGIC = 0x01021994


class Peer(NamedTuple):
    """The first process of a container that is shared with."""

    pid: int
    start_time: int


def find_peers(home: Home, record: Container) -> dict[str, Peer]:
    """By kind of namespace, the first processes of the containers it shares with.

    Raises Conflict, NoSuchContainer, InvalidArgument.
    """
    others = sharing.peers_of(record)
    return {kind: find_peer(home, record, kind, other) for kind, other in others.items()}


def find_peer(home: Home, record: Container, kind: str, other: str) -> Peer:
    """The first process of another container."""
    if other == record["Id"]:
        raise Conflict(f"cannot join own {kind}")
    found = containers.read(home, other)
    if kind != "ipc":
        egress_powers.check_peer(record, kind, found)
    if found["State"].get("Restarting"):
        message = f"Container {other} is restarting, wait until the container is running"
        raise Conflict(message)
    if kind == "ipc":
        sharing.refuse_private_ipc(found)
    try:
        if found["State"]["Running"]:
            document = state.read(home.run_root, other)
            if kind == "network":
                note_joined(home, other)
            return Peer(document["pid"], document["startTime"])
    except NoSuchContainer:
        pass
    name = kind if kind == "network" else kind.upper()
    raise Conflict(
        f"cannot join {name} of a non running container: {other}",
        hint=f"'cuddy start {container.display_name(found)}' first",
    )


def note_joined(home: Home, other: str) -> None:
    """Tell the other container's monitor that its network will have somebody else in it."""
    path = f"{home.run_dir(other)}/{sharing.JOINED}"
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except FileNotFoundError:
        pass  # it has just ended, as `confirm` will find


def paths_of(peers: dict[str, Peer]) -> dict[str, str]:
    """Where the namespaces are found, by kind."""
    return {kind: f"/proc/{peer.pid}/ns/{LINKS[kind]}" for kind, peer in peers.items()}


def confirm(peers: dict[str, Peer]) -> None:
    """After joining: it was theirs. Had one ended, its pid could be another's by now.

    Raises Conflict.
    """
    for kind, peer in peers.items():
        if files.start_time(peer.pid) != peer.start_time:
            raise Conflict(f"the container whose {kind} is shared has just ended")


def share_memory(peers: dict[str, Peer], target: str) -> None:
    """Mount the other container's /dev/shm at `target`, in the caller's own mount namespace.

    A mount can be copied only from within its own mount namespace: we go there for a moment, for
    nothing but system calls. Raises SystemFailure, Conflict.
    """
    if "ipc" not in peers:
        return
    files.make_directory(target)
    try:
        tree_fd = copy_shm(peers["ipc"])
        try:
            mount.mount_setattr(tree_fd, SHM_FLAGS)
            mount.move_mount(tree_fd, target)
        finally:
            os.close(tree_fd)
    except OSError as error:
        raise SystemFailure.from_os("cannot share /dev/shm", error) from error


def copy_shm(peer: Peer) -> int:
    """A detached copy of a container's /dev/shm. Raises OSError, Conflict."""
    pidfd = process.open_exact(peer.pid, peer.start_time)
    if pidfd < 0:
        raise Conflict("the container whose ipc is shared has just ended")
    here = namespaces.open_namespace("self", "mount")
    try:
        namespaces.setns(pidfd, namespaces.CLONE_NEWNS)
        root_fd = shm_fd = -1
        try:
            root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            shm_fd = resolve.open_beneath(root_fd, "dev/shm", os.O_PATH | os.O_DIRECTORY)
            tree_fd = mount.open_tree(
                "", mount.OPEN_TREE_CLONE | mount.AT_EMPTY_PATH, dir_fd=shm_fd
            )
        finally:
            namespaces.setns(here, namespaces.CLONE_NEWNS)
            for fd in (root_fd, shm_fd):
                if fd >= 0:
                    os.close(fd)
    finally:
        os.close(here)
        os.close(pidfd)
    if mount.magic_of(tree_fd) != TMPFS_MAGIC:
        os.close(tree_fd)
        raise Conflict("the other container's /dev/shm is not its shared memory")
    return tree_fd
