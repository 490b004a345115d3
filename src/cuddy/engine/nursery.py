"""Where monitors come from: a process forked before anybody knows for which container.

    command                                  nursery
    fork ─────────────────────────────────▶  imports all that a monitor needs
    reads flags, makes the container         waits
    order [+ a client's socket] ──────────▶  becomes the monitor, gives birth
           ◀───────────────────────────────  report: warnings, or the error

The two halves of a start then run side by side on two processors, and the monitor's memory holds
nothing of the command line. A command that ends without an order takes its nursery with it.
"""

from __future__ import annotations

import _signal
import _socket
import os
import struct

from cuddy import errors, files
from cuddy.errors import CuddyError, SystemFailure
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.engine.home import Home

MAX_MESSAGE_BYTES = 1 << 16


class Order(NamedTuple):
    """What a monitor is started with."""

    container_id: str
    wants: int = 0  # streams of the client that is there from the beginning: frames.WANT_*
    rows: int = 0  # of the client's window; 0: it has none
    columns: int = 0


class Nursery:
    """The command's end. `give` an order once, or `close`."""

    def __init__(self) -> None:
        kind = _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, kind)
        if os.fork() == 0:
            ours.close()
            wait_for_order(theirs)
        theirs.close()
        self._socket = ours

    def give(self, home: Home, order: Order, attached: int = -1) -> list[str]:
        """Have the container started; returns warnings when its program runs.

        `attached`: descriptor of a client's socket. Raises what kept the program from running.
        """
        packet = files.format_json([*home, *order]).encode()
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", attached))]
        try:
            self._socket.sendmsg([packet], rights if attached >= 0 else [])
            data = self._socket.recv(MAX_MESSAGE_BYTES)
        except OSError:
            data = b""
        finally:
            self.close()
        return read_report(data)

    def close(self) -> None:
        """Without an order the process ends."""
        self._socket.close()


def read_report(data: bytes) -> list[str]:
    """The monitor's word: warnings if all is well, else the error it met."""
    if not data:
        raise SystemFailure("the container's monitor died while starting it")
    report = files.parse_json(data)
    if "error" not in report:
        warnings: list[str] = report["warnings"]
        return warnings
    kind, message, hint = report["error"]
    error = CuddyError.__new__(getattr(errors, kind, SystemFailure))
    CuddyError.__init__(error, message, hint=hint)
    raise error


def wait_for_order(socket: _socket.socket) -> NoReturn:
    """The other half: never returns into the command's code."""
    try:
        # Ctrl-C is for the command, whose end is ours.
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        from cuddy.engine import monitor
        from cuddy.engine.home import Home

        room = _socket.CMSG_SPACE(struct.calcsize("i"))
        packet, rights, _, _ = socket.recvmsg(MAX_MESSAGE_BYTES, room, _socket.MSG_CMSG_CLOEXEC)
        if packet:
            root, run_root, *order = files.parse_json(packet)
            attached = struct.unpack("i", rights[0][2])[0] if rights else -1
            monitor.main(Home(root, run_root), Order(*order), attached, socket)
    finally:
        os._exit(1)
