"""Sockets by `_socket`, the C half of `socket`: what that leaves to the half that costs an import.

Accepting a connection, and descriptors that travel with a message (unix(7), SCM_RIGHTS).
"""

from __future__ import annotations

import _socket
import os
import struct


def accept(listener: _socket.socket) -> _socket.socket:
    """The next connection. Raises OSError; BlockingIOError if there is none."""
    fd, _ = listener._accept()  # type: ignore[attr-defined]
    return _socket.socket(fileno=fd)


def rights(*fds: int) -> tuple[int, int, bytes]:
    """The ancillary data that sends descriptors along."""
    return _socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds)


class Directory:
    """`with Directory(path) as way:` a short path to a directory: that of a socket, which bind(2)
    and connect(2) want whole, holds at most 107 bytes. Raises OSError.
    """

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> str:
        return f"/proc/self/fd/{self._fd}"

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
