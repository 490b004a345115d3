"""What the creator of a container and its init say to each other.

    creator                                init
    clone ─────────────────────────────▶  (born: new namespaces, nothing set up)
    ids mapped                             enters its cgroups
    "tree" number + mount ─────────────▶  keeps it              those it could not open itself
    "go" ──────────────────────────────▶  mounts
           ◀─────────────────────────────  "shared" number      of a root mounted among others'
           ◀─────────────────────────────  "source" number      of a mount that others have to
    "tree" number + mount ─────────────▶  attaches it           precede: trees.py
           ◀─────────────────────────────  "mounted"            only if there are hooks
    createRuntime hooks
    "go" ──────────────────────────────▶  createContainer hooks, pivot_root
           ◀─────────────────────────────  "warning" text       any number, at any time
           ◀─────────────────────────────  "ready" [+ terminal]
    byte in exec.fifo (`start`) ───────▶  credentials, seccomp, execve
           ◀─────────────────────────────  end of file: the program runs

At any point init may say "error" and die. After `execve` began, the springboard says why it failed
with eight raw bytes, -errno. A message is one packet of a SOCK_SEQPACKET pair: JSON, perhaps with a
descriptor attached.
"""

from __future__ import annotations

import _socket
import errno
import os
import struct

from cuddy import files
from cuddy.errors import CommandNotExecutable, CommandNotFound, CuddyError, SystemFailure
from cuddy.kernel import sockets
from cuddy.shapes import NamedTuple

MAX_MESSAGE_BYTES = 16384
MAX_TEXT = 1024  # characters; one outside the BMP takes twelve bytes of JSON


EXEC_HINTS = {
    errno.ENOENT: "the file, or the interpreter it names, does not exist in the image",
    errno.ENOEXEC: "built for another architecture, or no '#!' line?",
    errno.E2BIG: "arguments and environment are longer than the kernel takes: execve(2)",
    errno.ELOOP: "the interpreters of scripts are scripts themselves, too many in a row",
    errno.ETXTBSY: "somebody has the file open for writing",
}
"""For who cannot look into the container; the engine does."""


class Message(NamedTuple):
    """One packet: its kind, its text, and the descriptor that came with it or -1."""

    kind: str
    text: str = ""
    number: int = 0
    fd: int = -1


END = Message("end")


class Channel:
    """One end of the conversation."""

    def __init__(self, socket: _socket.socket) -> None:
        self._socket = socket

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, kind: str, text: str = "", number: int = 0, fd: int = -1) -> None:
        """Say one thing. Raises OSError when nobody listens any more."""
        packet = files.format_json([kind, text[:MAX_TEXT], number]).encode()
        attached = [] if fd < 0 else [sockets.rights(fd)]
        self._socket.sendmsg([packet], attached, _socket.MSG_NOSIGNAL)

    def receive(self) -> Message:
        """The next message, or END when the other side is gone."""
        room = _socket.CMSG_SPACE(struct.calcsize("i"))
        try:
            packet, attached, _, _ = self._socket.recvmsg(
                MAX_MESSAGE_BYTES, room, _socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionResetError:
            return END
        if not packet:
            return END
        if len(packet) == 8 and packet[:1] != b"[":
            return Message("exec", number=-struct.unpack("=q", packet)[0])
        kind, text, number = files.parse_json(packet)
        fd = struct.unpack("i", attached[0][2])[0] if attached else -1
        return Message(kind, text, number, fd)


def pair() -> tuple[Channel, Channel]:
    """Both ends: the creator's and init's."""
    kind = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
    first, second = _socket.socketpair(_socket.AF_UNIX, kind)
    return Channel(first), Channel(second)


def failure(message: Message, program: str) -> CuddyError:
    """The error that an "error" or "exec" message or a silent death stands for."""
    if message.kind == "exec":
        return exec_failure(message.number, program)
    if message.kind == "not found":
        return CommandNotFound(message.text)
    if message.kind == "not executable":
        return CommandNotExecutable(message.text)
    if message.kind == "error":
        return SystemFailure(message.text)
    return SystemFailure("the container's init died while it was being set up")


def exec_failure(code: int, program: str) -> CuddyError:
    """Why execve(2) refused the program, with docker's exit codes 126 and 127."""
    text = f"exec {program}: {os.strerror(code).lower()}"
    if code in (errno.ENOENT, errno.ENOTDIR):
        return CommandNotFound(text, hint=EXEC_HINTS[errno.ENOENT])
    return CommandNotExecutable(text, hint=EXEC_HINTS.get(code, ""))
