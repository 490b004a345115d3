"""How far an exec is that one process has made and another started: files beside its record.

    <id>.life   who has started it; then its keeper, its process, its exit code
    <id>.size   a socket of the keeper's that takes sizes for its terminal

The keeper writes the exit code down before anybody can read the end of the output.
"""

from __future__ import annotations

import _socket
import os

from cuddy import files
from cuddy.kernel import sockets
from cuddy.shapes import NamedTuple

KILLED = 137


class Life(NamedTuple):
    """How far it is."""

    is_started: bool = False
    is_running: bool = False
    pid: int = 0
    exit_code: int | None = None


def read(room: str, exec_id: str) -> Life:
    """How far an exec is, believing in no process that is not there."""
    try:
        owner, began, pid, exit_code = files.read_json(f"{room}/{exec_id}.life")
    except (OSError, ValueError):
        return Life()
    is_running = exit_code is None and files.start_time(owner) == began
    if exit_code is None and not is_running:
        exit_code = KILLED
    return Life(True, is_running, pid, exit_code)


def note(room: str, exec_id: str, pid: int, exit_code: int | None = None) -> None:
    """The keeper: its process runs, or has ended. The container may be gone by then."""
    try:
        files.write(f"{room}/{exec_id}.life", encode(os.getpid(), pid, exit_code), durable=False)
    except OSError:
        pass


def encode(owner: int, pid: int = 0, exit_code: int | None = None) -> bytes:
    """What stands in the file. `owner`: whose death is the exec's end, if no code is written."""
    return files.format_json([owner, files.start_time(owner), pid, exit_code]).encode()


def listen_for_size(room: str, exec_id: str) -> _socket.socket:
    """The keeper's socket for sizes. Raises OSError."""
    kind = _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK
    listener = _socket.socket(_socket.AF_UNIX, kind)
    os.fchmod(listener.fileno(), 0o600)
    with sockets.Directory(room) as way:
        listener.bind(f"{way}/{exec_id}.size")
    return listener


def stop_listening(room: str, exec_id: str) -> None:
    """No more sizes are taken."""
    try:
        os.unlink(f"{room}/{exec_id}.size")
    except FileNotFoundError:
        pass


def send_size(room: str, exec_id: str, rows: int, columns: int) -> bool:
    """Give the terminal a size; False if there is no terminal now."""
    sender = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        with sockets.Directory(room) as way:
            sender.sendto(
                f"{rows} {columns}".encode(), _socket.MSG_DONTWAIT, f"{way}/{exec_id}.size"
            )
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except BlockingIOError:
        pass  # so many sizes are on their way that one more says nothing
    finally:
        sender.close()
    return True
