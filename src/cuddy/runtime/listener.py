"""Who is asked about calls with SCMP_ACT_NOTIFY: an agent that listens at the profile's
`listenerPath` (config-linux.md, "The Container Process State").

    start, or exec                         the process
    connects to the agent
    the agent's socket and a text ──────▶  has given up its power
                                           loads the filter, which makes the listener
                                           text + listener ────────────▶  the agent
                                           becomes the program

The last message passes a door (`seccomp.Door`): the profile may forbid sendmsg(2), or ask the agent
about it before it knows anything. A container's init gets its letter through a socket in the
container's state directory, since its creator may be gone; a process of `exec` from its maker.
"""

from __future__ import annotations

import _socket
import os
import struct

from cuddy import files
from cuddy.errors import SystemFailure
from cuddy.kernel import sockets
from cuddy.kernel.seccomp import Door
from cuddy.kernel.syscall import address_of, syscall
from cuddy.runtime import state
from cuddy.runtime.bundle import OCI_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cuddy.runtime.spec import State

GATE = "listener"
MAX_TEXT_BYTES = 64 * 1024
KIND = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC


class Letter:
    """What is to be said to the agent, all in memory, but for the listener itself."""

    def __init__(self, agent_fd: int, text: bytes) -> None:
        # struct msghdr with one iovec and one cmsghdr (sendmsg(2), cmsg(3))
        self.agent_fd = agent_fd
        self.text = bytearray(text)
        self.part = bytearray(struct.pack("=QQ", address_of(self.text), len(text)))
        self.rights = bytearray(
            struct.pack("=QiiiI", 20, _socket.SOL_SOCKET, _socket.SCM_RIGHTS, -1, 0)
        )
        self.header = bytearray(
            struct.pack(
                "=QIIQQQQII", 0, 0, 0, address_of(self.part), 1, address_of(self.rights), 24, 0, 0
            )
        )
        self.arguments = agent_fd, address_of(self.header), _socket.MSG_NOSIGNAL

    def door(self) -> Door:
        """The one call that `send` makes."""
        return Door("sendmsg", self.arguments)

    def send(self, listener_fd: int) -> None:
        """Say it, with the listener. Raises OSError."""
        struct.pack_into("=i", self.rights, 16, listener_fd)
        syscall("sendmsg", *self.arguments, about="seccomp agent")


def open_gate(directory: str) -> _socket.socket:
    """Where a container's init will be handed its letter: in its state directory.

    Raises SystemFailure.
    """
    gate = _socket.socket(_socket.AF_UNIX, KIND)
    try:
        at_gate(directory, gate.bind)
        os.chmod(os.path.join(directory, GATE), 0o600)
        gate.listen(1)
    except BaseException:
        gate.close()
        raise
    return gate


def at_gate(directory: str, call: Callable[[str], None]) -> None:
    """Call with the gate's address, which is short however long the directory's path is."""
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        call(f"/proc/self/fd/{fd}/{GATE}")
    finally:
        os.close(fd)


def hand_over(directory: str, document: State) -> None:
    """At `start`: connect to the agent, and let init have the connection.

    Raises SystemFailure; init still waits then.
    """
    agent = connect(document["listener"]["listenerPath"])
    box = _socket.socket(_socket.AF_UNIX, KIND)
    try:
        at_gate(directory, box.connect)
        shown = state.public(document)
        shown["status"] = "creating"
        deliver(box, agent, text_of(document["listener"], document["pid"], shown))
    finally:
        box.close()
        agent.close()


class Post:
    """The way of a letter to a process of `exec`, made before the process is."""

    def __init__(self, asked: Mapping[str, str]) -> None:
        """Raises SystemFailure if the agent does not answer."""
        self.asked = asked
        self.agent = connect(asked["listenerPath"])
        self.ours, self.box = _socket.socketpair(_socket.AF_UNIX, KIND)

    def send(self, pid: int, document: State) -> None:
        """Let the process have its letter. Raises SystemFailure."""
        deliver(self.ours, self.agent, text_of(self.asked, pid, state.public(document)))

    def close(self) -> None:
        """Ours of it all."""
        for socket in (self.agent, self.ours, self.box):
            socket.close()


def connect(path: str) -> _socket.socket:
    """The agent. Raises SystemFailure."""
    agent = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        agent.connect("\0" + path[1:] if path.startswith("@") else path)
    except OSError as error:
        agent.close()
        what = f"failed to connect with seccomp agent specified in the seccomp profile: {path}"
        raise SystemFailure.from_os(what, error) from error
    return agent


def text_of(asked: Mapping[str, str], pid: int, document: State) -> bytes:
    """The container process state. Raises SystemFailure if it is too long for one message."""
    said: dict[str, Any] = {
        "ociVersion": OCI_VERSION,
        "fds": ["seccompFd"],
        "pid": pid,
        "metadata": asked["listenerMetadata"],
        "state": document,
    }
    if not said["metadata"]:
        del said["metadata"]
    text = files.format_json(said).encode()
    if len(text) > MAX_TEXT_BYTES:
        raise SystemFailure("the container's state is too long for its seccomp agent")
    return text


def deliver(box: _socket.socket, agent: _socket.socket, text: bytes) -> None:
    """Hand a process its letter. Raises SystemFailure."""
    try:
        box.sendmsg([text], [sockets.rights(agent.fileno())], _socket.MSG_NOSIGNAL)
    except OSError as error:
        raise SystemFailure.from_os("cannot hand over the seccomp agent", error) from error


def collect(box: _socket.socket) -> Letter:
    """The letter that somebody delivers; waits for it. Raises SystemFailure."""
    if box.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN):
        box = sockets.accept(box)
    room = _socket.CMSG_SPACE(struct.calcsize("i"))
    text, attached, _, _ = box.recvmsg(MAX_TEXT_BYTES, room, _socket.MSG_CMSG_CLOEXEC)
    if not attached:
        raise SystemFailure("nobody has handed over the seccomp agent")
    (agent_fd,) = struct.unpack("i", attached[0][2])
    return Letter(agent_fd, text)
