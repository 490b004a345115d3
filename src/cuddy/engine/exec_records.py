"""Execs that somebody makes, and somebody else starts, looks at or resizes: as files.

    <container>/execs/<id>.json   what is to be run: made by `create`
                      <id>.life   it has been started: by whom; then its process, then its exit code
                      <id>.size   a socket of its keeper that takes sizes for its terminal

The keeper writes the exit code down before anybody can read the end of the output. An id begins as
the container's does, so that its files are found. They go with the container; what has ended goes
after some minutes.
"""

from __future__ import annotations

import _socket
import os
import time

from cuddy import files
from cuddy.engine import containers, exec, exec_process, names
from cuddy.engine.options import ExecOptions
from cuddy.errors import Conflict, InvalidArgument, NoSuchContainer, NoSuchExec, SystemFailure
from cuddy.kernel import sockets
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home

ID_LENGTH = 64
PREFIX_LENGTH = 24
KEPT_S = 300
"""How long an exec that has ended, or was never started, can be looked at: as with Docker."""
SWEEP_EVERY_S = 60
READY_S = 10
"""How long whoever resizes a terminal waits for it to be there."""
KILLED = 137


class ExecRecord(NamedTuple):
    """What is to be run."""

    id: str
    container_id: str
    name: str  # of the container, as the user typed it
    options: ExecOptions
    stdout: bool = True
    stderr: bool = True
    detach_keys: str = ""
    size: tuple[int, int] | None = None  # rows and columns


class Life(NamedTuple):
    """How far it is."""

    is_started: bool = False
    is_running: bool = False
    pid: int = 0
    exit_code: int | None = None


def create(
    home: Home, name: str, options: ExecOptions, *, stdout: bool = True, stderr: bool = True,
    detach_keys: str = "", size: tuple[int, int] | None = None,
) -> str:  # fmt: skip
    """Write down what is to be run; its id. Raises as `exec_attached` does before it starts."""
    if not options.command:
        raise InvalidArgument("No exec command specified")
    exec.check(options)
    container_id = containers.find_id(home, name)
    container = exec_process.find_running(home, container_id, name)
    room = home.execs_dir(container_id)
    files.make_directory(room)
    sweep(room)
    exec_id = container_id[:PREFIX_LENGTH] + names.generate_id()[PREFIX_LENGTH:]
    record = ExecRecord(exec_id, container_id, name, options, stdout, stderr, detach_keys, size)
    files.write_json(f"{room}/{exec_id}.json", list(record), durable=False)
    exec_process.note_creation(home, container, exec_id, options)
    return exec_id


def read(home: Home, exec_id: str) -> ExecRecord:
    """Raises NoSuchExec."""
    if len(exec_id) != ID_LENGTH or not exec_id.isalnum():
        raise NoSuchExec(exec_id)
    try:
        container_id = containers.find_id(home, exec_id[:PREFIX_LENGTH])
        record = ExecRecord(*files.read_json(f"{home.execs_dir(container_id)}/{exec_id}.json"))
    except (NoSuchContainer, InvalidArgument, OSError, ValueError):
        raise NoSuchExec(exec_id) from None
    return record._replace(options=ExecOptions(*record.options))


def read_life(room: str, exec_id: str) -> Life:
    """How far an exec is, believing in no process that is not there."""
    try:
        owner, began, pid, exit_code = files.read_json(f"{room}/{exec_id}.life")
    except (OSError, ValueError):
        return Life()
    is_running = exit_code is None and files.start_time(owner) == began
    if exit_code is None and not is_running:
        exit_code = KILLED
    return Life(True, is_running, pid, exit_code)


def claim(home: Home, record: ExecRecord) -> None:
    """Whoever is first may start it. Raises Conflict, NoSuchContainer, NotRunning."""
    exec_process.find_running(home, record.container_id, record.name)
    room = home.execs_dir(record.container_id)
    path = f"{room}/{record.id}"
    temporary = f"{path}.{files.name_temporary()}"
    files.write(temporary, _life(os.getpid()), durable=False)
    try:
        os.link(temporary, f"{path}.life")
    except FileExistsError:
        life = read_life(room, record.id)
        what = "is already running" if life.is_running else "has already run"
        raise Conflict(f"Error: Exec command {record.id} {what}") from None
    finally:
        os.unlink(temporary)


def note_life(room: str, exec_id: str, pid: int, exit_code: int | None = None) -> None:
    """The keeper: its process runs, or has ended. The container may be gone by then."""
    try:
        files.write(f"{room}/{exec_id}.life", _life(os.getpid(), pid, exit_code), durable=False)
    except OSError:
        pass


def _life(owner: int, pid: int = 0, exit_code: int | None = None) -> bytes:
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


def resize(home: Home, exec_id: str, rows: int, columns: int) -> None:
    """Give an exec's terminal another size; waits a moment for one that is just being started.

    Raises NoSuchExec, Conflict, SystemFailure.
    """
    record = read(home, exec_id)
    deadline_s = time.monotonic() + READY_S
    room = home.execs_dir(record.container_id)
    while not _send_size(room, record, f"{rows} {columns}".encode()):
        if read_life(room, exec_id).exit_code is not None:
            raise Conflict(f"exec {exec_id[:12]} is not running")
        if time.monotonic() > deadline_s:
            raise SystemFailure("timeout waiting for exec session ready")
        time.sleep(0.01)


def _send_size(room: str, record: ExecRecord, message: bytes) -> bool:
    if not record.options.tty and read_life(room, record.id).is_running:
        return True  # there is nothing to resize
    sender = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        with sockets.Directory(room) as way:
            sender.sendto(message, _socket.MSG_DONTWAIT, f"{way}/{record.id}.size")
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except BlockingIOError:
        pass  # so many sizes are on their way that one more says nothing
    finally:
        sender.close()
    return True


def document(home: Home, exec_id: str) -> dict[str, Any]:
    """Everything known of an exec, as Docker shows it. Raises NoSuchExec."""
    record = read(home, exec_id)
    life = read_life(home.execs_dir(record.container_id), exec_id)
    options = record.options
    program, *arguments = options.command
    user = {"user": options.user} if options.user else {}
    return {
        "ID": exec_id,
        "Running": life.is_running,
        "ExitCode": life.exit_code,
        "ProcessConfig": {
            "tty": options.tty, "entrypoint": program, "arguments": arguments,
            "privileged": options.privileged, **user,
        },
        "OpenStdin": options.interactive,
        "OpenStderr": record.stderr,
        "OpenStdout": record.stdout,
        "CanRemove": False,
        "ContainerID": record.container_id,
        "DetachKeys": record.detach_keys,
        "Pid": life.pid,
    }  # fmt: skip


def sweep(room: str) -> None:
    """Now and then, remove what nobody can want to look at any more."""
    stamp = f"{room}/swept"
    if (age := _age_s(stamp)) is not None and age < SWEEP_EVERY_S:
        return
    files.write(stamp, b"", durable=False)
    files.sweep_temporary(room)
    for name in files.list_directory(room):
        exec_id, _, kind = name.partition(".")
        if kind == "json" and _is_stale(room, exec_id):
            for end in (".size", ".life", ".json"):
                files.remove_tree(f"{room}/{exec_id}{end}")


def _is_stale(room: str, exec_id: str) -> bool:
    """Whether it has not run for long."""
    life = read_life(room, exec_id)
    age = _age_s(f"{room}/{exec_id}.{'life' if life.is_started else 'json'}")
    return not life.is_running and (age is None or age > KEPT_S)


def _age_s(path: str) -> float | None:
    """How long ago a file was written; None if it is not there."""
    try:
        return time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return None
