"""A connection that is no more HTTP, but bytes both ways."""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
import time

HEAD_PATIENCE_S = 0.25


class Hijacked(socket.socket):
    """A connection that is no more HTTP. `unread`: what the client has sent on it already."""

    unread = b""
    always_reads = False

    def wants_write(self) -> bool:
        """Whether something waits until the client takes it: never, here."""
        return False

    def flush(self) -> bool:
        """Send what waits; whether nothing does any more."""
        return True

    def await_reader(self) -> None:
        """Until the client has read the head, or does not for a while.

        docker-py reads heads through a buffer of its own, and loses what has come along with one.
        """
        if self.family != socket.AF_UNIX:
            return
        deadline_s = time.monotonic() + HEAD_PATIENCE_S
        while _unread_bytes(self) and time.monotonic() < deadline_s:
            time.sleep(0.0005)


def _unread_bytes(sock: socket.socket) -> int:
    """What the other side has not read yet, and what the kernel needs for that (unix(7))."""
    answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(answer, sys.byteorder)
