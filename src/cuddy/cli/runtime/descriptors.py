"""Descriptors: what a call inherits and hands on to its container, and what it sends to others.

Callers (conmon, containerd's shim) leave descriptors of theirs open in us. They must not reach the
container, nor stay open in its init while it waits for `start`: conmon waits for their end.
"""

from __future__ import annotations

import _socket
import os

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import sockets

FIRST = 3


def inherited() -> list[int]:
    """What we have from our caller beyond the three streams: all else closes on exec."""
    numbers = map(int, os.listdir("/proc/self/fd"))
    return sorted(number for number in numbers if number >= FIRST and is_inherited(number))


def is_inherited(number: int) -> bool:
    """Whether a descriptor has survived our own execve(2)."""
    try:
        return os.get_inheritable(number)
    except OSError:  # the one that listed them
        return False


def check(skipped: int, count: int) -> None:
    """`count` are there to be handed on, after those of systemd. Raises InvalidArgument."""
    for index in range(count):
        if not is_inherited(FIRST + skipped + index):
            raise InvalidArgument(f"unable to stat preserved-fd {index} (of {count})")


def close_inherited(kept: int) -> None:
    """Close what we inherited but the first `kept` beyond the streams.

    After whatever is named /dev/fd/N has been opened, and before there is an init to inherit it.
    """
    for number in inherited():
        if number >= FIRST + kept:
            os.close(number)


class Receiver:
    """A socket on which somebody waits for a descriptor; nobody, if the path is empty."""

    def __init__(self, path: str, what: str) -> None:
        """Connected before anything is made. Raises SystemFailure."""
        self.path = path
        self.what = what
        self.socket: _socket.socket | None = None
        if path:
            self.socket = _socket.socket(
                _socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC
            )
            try:
                self.socket.connect(path)
            except OSError as error:
                raise self.failure(error) from error

    def __bool__(self) -> bool:
        return self.socket is not None

    def send(self, fd: int, name: str) -> None:
        """Hand over a descriptor (unix(7), SCM_RIGHTS). Raises SystemFailure."""
        assert self.socket
        try:
            self.socket.sendmsg([name.encode()], [sockets.rights(fd)])
        except OSError as error:
            raise self.failure(error) from error

    def failure(self, error: OSError) -> SystemFailure:
        """What to say when nobody is there."""
        return SystemFailure.from_os(f"cannot send the {self.what} to {self.path}", error)

    def close(self) -> None:
        if self.socket:
            self.socket.close()
            self.socket = None
