"""Where clients wait for a container to begin: sockets in its directory, one for each.

    client (guest.py)                    monitor, before the program is there
    `enter`: listens there               `admit`: connects to everybody who listens, and serves them
    becomes an Attachment when           as clients from the first byte on
    somebody comes

A socket's name says who listens (pid and start time) and what that one wants, so that the monitor
need not wait until it is told. Whoever enters holds the container's lock, as does who starts it:
nobody comes in between. A removal calls them as well, and hangs up without a word.
"""

from __future__ import annotations

import _socket
import os

from cuddy import files
from cuddy.kernel import sockets

MAX_GUESTS = 128


def enter(room: str, wants: int) -> tuple[_socket.socket, str]:
    """Listen in the room; the socket, and its path. Under the container's lock. Raises OSError."""
    files.make_directory(room)
    sweep(room)
    name = f"{files.name_temporary().removesuffix('.tmp')}-{wants}"
    listener = new_socket()
    try:
        os.fchmod(listener.fileno(), 0o600)  # what bind(2) gives the file
        with sockets.Directory(room) as directory:
            listener.bind(f"{directory}/{name}")
        listener.listen(1)
    except BaseException:
        listener.close()
        raise
    return listener, f"{room}/{name}"


def admit(room: str) -> list[tuple[int, int]]:
    """Everybody who waits: a connected descriptor and what it wants. The room is gone then."""
    guests = []
    with sockets.Directory(room) as directory:
        for name in files.list_directory(room)[:MAX_GUESTS]:
            guest = new_socket()
            try:
                wants = int(name.rpartition("-")[2])
                guest.connect(f"{directory}/{name}")
                guests.append((guest.detach(), wants))
            except (OSError, ValueError):  # it has gone, or is nobody's
                guest.close()
            leave(f"{room}/{name}")
    try:
        os.rmdir(room)
    except OSError:
        pass
    return guests


def sweep(room: str) -> None:
    """Clear what the dead left."""
    for name in files.list_directory(room):
        own, _, _ = name.rpartition("-")
        if files.is_abandoned(f"{own}.tmp"):
            leave(f"{room}/{name}")


def leave(path: str) -> None:
    """Take a socket out of the room."""
    try:
        os.unlink(path)
    except OSError:
        pass


def new_socket() -> _socket.socket:
    """A socket that waits for nobody."""
    kind = _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
    return _socket.socket(_socket.AF_UNIX, kind)
