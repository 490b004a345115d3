"""The roll of the resolver: the containers that are registered, and the descriptors kept for each.

Keeper and worker have the same roll. What travels between them, and from a container's monitor to
the keeper, are packets of JSON with descriptors (unix(7), SCM_RIGHTS).
"""

from __future__ import annotations

import _socket
import fcntl
import os
import struct

from cuddy import files
from cuddy.kernel import sockets
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.kernel.poll import Poll

MAX_PACKET_BYTES = 1 << 16
MAX_DESCRIPTORS = 8
INT = struct.calcsize("i")
ID_LENGTH = 64
READY, END = "ready", "end"
SOCKET = "resolver.sock"
"""In the run root."""


class Gate(files.Lock):
    """Held by whoever starts the resolver or is about to speak to it, and by one that ends.

    The lock is on the run root itself, so no file is left of it.
    """

    def __init__(self, home: Home) -> None:
        super().__init__(home.run_root)

    def __enter__(self) -> Gate:
        self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self.fd, self.mode)
        return self

    def attempt(self) -> bool:
        """Take the lock if nobody has it."""
        self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self.fd, self.mode | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            return False
        return True


class Asker(NamedTuple):
    """A container that asks the resolver, as it is registered."""

    id: str
    pid: int
    began: int  # start time of the process
    servers: tuple[str, ...] = ()  # --dns: asked from the container's own namespace
    has_ndots: bool = False  # a name of one label is never asked of others
    egress: Any = None  # what the policy is made of, None: there is none


class Entry(NamedTuple):
    """A registered container, with its namespace, its first process, and the sockets inside."""

    asker: Asker
    netns: int
    pidfd: int
    udp: int
    tcp: int

    @property
    def descriptors(self) -> list[int]:
        """All of them."""
        return list(self[1:])


class Roll:
    """The registered containers; each is struck out when it ends."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def add(self, entry: Entry, poll: Poll) -> None:
        """Register a container, in the place of an earlier life of it."""
        self.strike(entry.asker.id, poll)
        self.entries[entry.asker.id] = entry

    def strike(self, container_id: str, poll: Poll) -> None:
        """Close what was kept for a container."""
        if entry := self.entries.pop(container_id, None):
            poll.forget(entry.pidfd)
            for fd in entry.descriptors:
                os.close(fd)

    def change(self, asker: Asker) -> Entry | None:
        """What is known of a life that is registered already; None if it is not."""
        held = self.entries.get(asker.id)
        if held is None or held.asker[:3] != asker[:3]:
            return None
        self.entries[asker.id] = changed = held._replace(asker=asker)
        return changed


def registration_path(home: Home, container_id: str) -> str:
    """Where a running container's registration stands, for a resolver that is started anew."""
    return f"{home.run_dir(container_id)}/resolver"


def send(socket: _socket.socket, document: Any, fds: Sequence[int] = ()) -> None:
    """Send a packet. Raises OSError."""
    data = files.format_json(document).encode()
    socket.sendmsg([data], [sockets.rights(*fds)] if fds else [], _socket.MSG_NOSIGNAL)


def receive(socket: _socket.socket) -> tuple[Any, list[int]]:
    """A packet and its descriptors. Raises EOFError at the end of all, OSError, ValueError."""
    room = _socket.CMSG_SPACE(MAX_DESCRIPTORS * INT)
    data, rights, _, _ = socket.recvmsg(MAX_PACKET_BYTES, room, _socket.MSG_CMSG_CLOEXEC)
    fds = [fd for _, _, packed in rights for (fd,) in struct.iter_unpack("i", packed)]
    if not data:
        raise EOFError
    return files.parse_json(data), fds


def accept(listener: _socket.socket) -> _socket.socket | None:
    """The next connection, if there is one."""
    try:
        return sockets.accept(listener)
    except OSError:
        return None


def read_asker(document: Any) -> Asker:
    """A container as its registration has it. Raises TypeError, ValueError."""
    asker = Asker(*document)
    if len(asker.id) != ID_LENGTH:
        raise ValueError("not the id of a container")
    return asker._replace(servers=tuple(asker.servers))
