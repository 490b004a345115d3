"""Whoever asked for something has left: what is done for them unwinds, whatever it waits for.

For those who serve others over a socket: the API, and the process behind the Python library.
"""

from __future__ import annotations

import _signal
import fcntl
import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any, NoReturn


class ClientLeft(BaseException):
    """The client is gone, and what was done for it unwinds as it does for Ctrl-C."""


def has_left(sock: _socket.socket, *, wholly: bool = False) -> bool:
    """Whether the other end has closed the connection, or, unless `wholly`, its half of it."""
    poll = select.poll()
    poll.register(sock, 0 if wholly else select.POLLRDHUP)
    return bool(poll.poll(0))


def unwind_once() -> None:
    """Whoever raises what unwinds calls it before: no signal interrupts what is taken back then."""
    for number in (_signal.SIGIO, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, lambda *_: None)  # no SIG_IGN, which programs would inherit


def unwind(number: int, frame: object) -> NoReturn:
    """For a signal that ends a process: what it does is taken back."""
    unwind_once()
    raise SystemExit(128 + number)


class UntilClientLeaves:
    """Inside `with`, ClientLeft unwinds whatever waits once the client has gone, or, unless
    `wholly`, has ended its half.

    The kernel tells by a signal, since what waits may be anything.
    """

    def __init__(self, sock: _socket.socket, *, wholly: bool = False) -> None:
        self._socket = sock
        self._wholly = wholly
        self._before: Any = _signal.SIG_DFL

    def _look(self, *_: object) -> None:
        if has_left(self._socket, wholly=self._wholly):
            unwind_once()
            raise ClientLeft

    def __enter__(self) -> None:
        self._before = _signal.signal(_signal.SIGIO, self._look)
        try:
            flags = fcntl.fcntl(self._socket, fcntl.F_GETFL)
            fcntl.fcntl(self._socket, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(self._socket, fcntl.F_SETFL, flags | os.O_ASYNC)
            self._look()  # it may have left before
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()
        _signal.signal(_signal.SIGIO, self._before)

    def stop(self) -> None:
        """Look no more. Raises ClientLeft if it has left just before."""
        _signal.signal(_signal.SIGIO, _signal.SIG_IGN)
        flags = fcntl.fcntl(self._socket, fcntl.F_GETFL)
        fcntl.fcntl(self._socket, fcntl.F_SETFL, flags & ~os.O_ASYNC)
