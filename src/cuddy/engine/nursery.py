"""Where monitors and keepers come from: a process forked before anybody knows for which container.

    command                                  nursery
    imports what both need
    fork ─────────────────────────────────▶  imports all that its trade needs
    reads flags, makes the container         waits
    order [+ descriptors] ────────────────▶  becomes the monitor, or the keeper of an exec
           ◀───────────────────────────────  report: warnings, or the error

The two halves of a start then run side by side on two processors, and the memory of what stays
holds nothing of the command line. A command that ends without an order takes its nursery with it.
"""

from __future__ import annotations

import _signal
import _socket
import os
import struct

from cuddy import errors, files
from cuddy.errors import CuddyError, SystemFailure
from cuddy.kernel import sockets
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NoReturn

    from cuddy.engine.home import Home

    Become = Callable[[list[Any], list[int], _socket.socket], NoReturn]

MAX_MESSAGE_BYTES = 1 << 16
MAX_DESCRIPTORS = 8
INT = struct.calcsize("i")
MONITOR, KEEPER = "monitor", "keeper"
SHARED = {
    MONITOR: (
        "cuddy.engine.container", "cuddy.engine.endpoint", "cuddy.engine.events",
        "cuddy.engine.frames", "cuddy.engine.limits", "cuddy.engine.liveness",
        "cuddy.engine.process", "cuddy.engine.sharing", "cuddy.engine.users",
        "cuddy.image.host", "cuddy.image.store", "cuddy.network.resolv", "cuddy.undo",
    ),
    KEEPER: ("cuddy.engine.containers", "cuddy.engine.options", "cuddy.kernel.pty"),
}  # fmt: skip
"""What both halves need and nobody before: imported before they part, it costs once."""


class Order(NamedTuple):
    """What a monitor is started with."""

    container_id: str
    wants: int = 0  # streams of the client that is there from the beginning: frames.WANT_*
    rows: int = 0  # of the client's window; 0: it has none
    columns: int = 0


class ExecOrder(NamedTuple):
    """What a keeper is started with, next to the options of its exec."""

    container_id: str
    name: str  # as the user typed it
    exec_id: str
    size: tuple[int, int] | None = None  # rows and columns of the command's window
    attached: bool = True  # False: nobody reads the output
    recorded: bool = False  # others want to know of it: exec_life.py


class Nursery:
    """The command's end, for one process of a trade: give it an order once, or `close`."""

    def __init__(self, trade: str = MONITOR) -> None:
        kind = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, kind)
        for module in SHARED[trade]:
            __import__(module)
        if os.fork() == 0:
            ours.close()
            wait_for_order(theirs, trade)
        theirs.close()
        self._socket = ours

    def order(self, document: list[Any], fds: Sequence[int] = ()) -> _socket.socket:
        """Say what is wanted; returns the socket on which the process will report.

        The order travels as a file: a packet is too short for a long command.
        """
        order_fd = os.memfd_create("cuddy-order")
        try:
            files.write_all(order_fd, files.format_json(document).encode())
            self._socket.sendmsg([b"!"], [sockets.rights(order_fd, *fds)])
        except BrokenPipeError:
            pass  # it was killed, which its silence will tell
        finally:
            os.close(order_fd)
        return self._socket

    def give(self, home: Home, order: Order, attached: int = -1) -> list[str]:
        """Have a monitor start its container; returns warnings when its program runs.

        `attached`: descriptor of a client's socket. Raises what kept the program from running.
        """
        channel = self.order([*home, *order], [attached] if attached >= 0 else [])
        try:
            return hear_report(channel, "the container's monitor died while starting it")[0]
        finally:
            channel.close()

    def close(self) -> None:
        """Without an order the process ends."""
        self._socket.close()


def hear_report(channel: _socket.socket, silence: str) -> tuple[list[str], int]:
    """Wait until the program runs: warnings, and a descriptor that came with them or -1.

    Raises what kept it from running; SystemFailure saying `silence` when nobody is there.
    """
    try:
        data, fds = receive(channel)
    except OSError:
        data, fds = b"", []
    if not data:
        raise SystemFailure(silence)
    return read_report(data), fds[0] if fds else -1


def receive(channel: _socket.socket) -> tuple[bytes, list[int]]:
    """A packet, empty at the end, and its descriptors. Raises OSError."""
    room = _socket.CMSG_SPACE(MAX_DESCRIPTORS * INT)
    data, rights, _, _ = channel.recvmsg(MAX_MESSAGE_BYTES, room, _socket.MSG_CMSG_CLOEXEC)
    fds = [fd for _, _, packed in rights for (fd,) in struct.iter_unpack("i", packed)]
    return data, fds


def read_report(data: bytes) -> list[str]:
    """The word of a monitor or keeper: warnings if all is well, else the error it met."""
    report = files.parse_json(data)
    if "error" not in report:
        warnings: list[str] = report["warnings"]
        return warnings
    kind, message, hint = report["error"]
    error = CuddyError.__new__(getattr(errors, kind, SystemFailure))
    CuddyError.__init__(error, message, hint=hint)
    raise error


def wait_for_order(channel: _socket.socket, trade: str) -> NoReturn:
    """The other half: never returns into the command's code."""
    try:
        # Ctrl-C is for the command, whose end is ours.
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        become = TRADES[trade]()
        packet, fds = receive(channel)
        if packet:
            order_fd, *others = fds
            document = files.parse_json(os.pread(order_fd, os.fstat(order_fd).st_size, 0))
            os.close(order_fd)
            become(document, others, channel)
    finally:
        os._exit(1)


def rear_monitor() -> Become:
    """Import what a monitor needs."""
    from cuddy.engine import monitor
    from cuddy.engine.home import Home

    def become(document: list[Any], fds: list[int], channel: _socket.socket) -> NoReturn:
        root, run_root, *order = document
        monitor.main(Home(root, run_root), Order(*order), fds[0] if fds else -1, channel)

    return become


def rear_keeper() -> Become:
    """Import what the keeper of an exec needs."""
    from cuddy.engine import exec_keeper
    from cuddy.engine.home import Home
    from cuddy.engine.options import ExecOptions

    def become(document: list[Any], fds: list[int], channel: _socket.socket) -> NoReturn:
        root, run_root, order, options = document
        home = Home(root, run_root)
        exec_keeper.main(home, ExecOrder(*order), ExecOptions(*options), fds, channel)

    return become


TRADES = {MONITOR: rear_monitor, KEEPER: rear_keeper}
