"""Execs that somebody makes, and somebody else starts, looks at or resizes: as files.

    <container>/execs/<id>.json   what is to be run: made by `create`
                      <id>.life   how far it is (exec_life.py)

An id begins as the container's does, so that its files are found. They go with the container; what
has ended goes after some minutes.
"""

from __future__ import annotations

import os
import time

from cuddy import files
from cuddy.engine import containers, exec, exec_life, exec_process, names
from cuddy.engine.options import ExecOptions
from cuddy.errors import Conflict, InvalidArgument, NoSuchContainer, NoSuchExec, SystemFailure
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


def claim(home: Home, record: ExecRecord) -> None:
    """Whoever is first may start it. Raises Conflict, NoSuchContainer, NotRunning."""
    exec_process.find_running(home, record.container_id, record.name)
    room = home.execs_dir(record.container_id)
    path = f"{room}/{record.id}"
    temporary = f"{path}.{files.name_temporary()}"
    files.write(temporary, exec_life.encode(os.getpid()), durable=False)
    try:
        os.link(temporary, f"{path}.life")
    except FileExistsError:
        life = exec_life.read(room, record.id)
        what = "is already running" if life.is_running else "has already run"
        raise Conflict(f"Error: Exec command {record.id} {what}") from None
    finally:
        os.unlink(temporary)


def resize(home: Home, exec_id: str, rows: int, columns: int) -> None:
    """Give an exec's terminal another size; waits a moment for one that is just being started.

    Raises NoSuchExec, Conflict, SystemFailure.
    """
    record = read(home, exec_id)
    deadline_s = time.monotonic() + READY_S
    room = home.execs_dir(record.container_id)
    while not exec_life.send_size(room, exec_id, rows, columns):
        life = exec_life.read(room, exec_id)
        if life.is_running and not record.options.tty:
            return  # there is nothing to resize
        if life.exit_code is not None:
            raise Conflict(f"exec {exec_id[:12]} is not running")
        if time.monotonic() > deadline_s:
            raise SystemFailure("timeout waiting for exec session ready")
        time.sleep(0.01)


def document(home: Home, exec_id: str) -> dict[str, Any]:
    """Everything known of an exec, as Docker shows it. Raises NoSuchExec."""
    record = read(home, exec_id)
    life = exec_life.read(home.execs_dir(record.container_id), exec_id)
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
    life = exec_life.read(room, exec_id)
    age = _age_s(f"{room}/{exec_id}.{'life' if life.is_started else 'json'}")
    return not life.is_running and (age is None or age > KEPT_S)


def _age_s(path: str) -> float | None:
    """How long ago a file was written; None if it is not there."""
    try:
        return time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return None
