"""Exec: one more process in a running container.

It ends with the container (its pid namespace is the container's), and has the container's limits,
seccomp profile and, unless told otherwise, user and powers. Its group is its own, below the
container's, so that it can be ended with all that it has started. With a terminal it gets one of
its own from the container's /dev/pts.
"""

from __future__ import annotations

import _socket
import os
import struct

from cuddy.engine import containers, names, nursery, relay
from cuddy.engine.exec_session import ExecSession
from cuddy.errors import Conflict, InvalidArgument, NotRunning, SystemFailure
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.options import ExecOptions


class Task(NamedTuple):
    """What a keeper (exec_keeper.py) is to run."""

    home: Home
    record: Container
    exec_id: str
    options: ExecOptions
    stdio: tuple[int, int, int] | None  # the process's ends; None: a terminal
    outputs: tuple[int, ...] = ()  # our ends of its output
    size: tuple[int, int] | None = None  # rows and columns of the command's window
    attached: bool = True  # False: nobody reads the output


def exec_attached(
    home: Home, name: str, options: ExecOptions, *, size: tuple[int, int] | None = None
) -> ExecSession:
    """Run a command in a container, connected to us. `size`: rows and columns of our window.

    Raises NotRunning, Conflict, CommandNotFound, CommandNotExecutable, SystemFailure.
    """
    check(options)
    record = find_running(home, name)
    if options.tty:
        stdio, streams = None, relay.Streams(-1, {}, tty=True)
    else:
        stdio, streams = make_pipes(interactive=options.interactive)
    task = Task(home, record, names.generate_id(), options, stdio, tuple(streams.outputs), size)
    keeper = spawn(task)
    for fd in set(stdio or ()):
        os.close(fd)
    try:
        warnings, master = hear_start(keeper)
    except BaseException:
        keeper.close()
        for fd in list(streams.outputs):
            streams.close_output(fd)
        streams.close_stdin()
        raise
    if options.tty:
        streams = relay.Streams(master, {master: 1}, tty=True)
    return ExecSession(keeper, streams, task, warnings)


def exec_detached(home: Home, name: str, options: ExecOptions) -> list[str]:
    """Run a command in a container and leave it to itself, its output going nowhere.

    Returns warnings when the program runs. Raises as `exec_attached`.
    """
    check(options)
    record = find_running(home, name)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    stdio = None if options.tty else (null, null, null)
    keeper = spawn(Task(home, record, names.generate_id(), options, stdio, attached=False))
    os.close(null)
    try:
        warnings, master = hear_start(keeper)
    finally:
        keeper.close()
    if master >= 0:
        os.close(master)
    return warnings


def check(options: ExecOptions) -> None:
    """What can be known to be wrong before anything is touched. Raises InvalidArgument."""
    if options.workdir and not options.workdir.startswith("/"):
        raise InvalidArgument(f"working directory {options.workdir!r} is not absolute")
    for text in (*options.command, options.workdir):
        if "\0" in text:
            raise InvalidArgument(f"NUL character in {text!r}")


def find_running(home: Home, name: str) -> Container:
    """The container, if a command can be run in it. Raises NotRunning, Conflict."""
    record = containers.find(home, name)
    state = record["State"]
    if state["Restarting"]:
        raise Conflict(f"Container {name} is restarting, wait until the container is running")
    if not state["Running"]:
        raise NotRunning(name)
    if state["Paused"]:
        raise Conflict(
            f"Container {name} is paused, unpause the container before exec",
            hint=f"'cuddy unpause {name}' does",
        )
    return record


def make_pipes(*, interactive: bool) -> tuple[tuple[int, int, int], relay.Streams]:
    """Pipes: the process's ends and ours."""
    our_stdin = -1
    if interactive:
        stdin, our_stdin = os.pipe()
    else:
        stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    our_stdout, stdout = os.pipe()
    our_stderr, stderr = os.pipe()
    streams = relay.Streams(our_stdin, {our_stdout: 1, our_stderr: 2}, tty=False)
    return (stdin, stdout, stderr), streams


def spawn(task: Task) -> _socket.socket:
    """Start a keeper; the socket on which it reports. It imports while we go on."""
    ours, theirs = _socket.socketpair(
        _socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC
    )
    if os.fork() == 0:
        ours.close()
        become_keeper(task, theirs)
    theirs.close()
    return ours


def become_keeper(task: Task, channel: _socket.socket) -> NoReturn:
    """The other half: never returns into the command's code."""
    try:
        from cuddy.engine import exec_keeper

        exec_keeper.main(task, channel)
    finally:
        os._exit(1)


def hear_start(keeper: _socket.socket) -> tuple[list[str], int]:
    """Wait until the program runs: warnings, and the terminal's master or -1.

    Raises what kept it from running.
    """
    room = _socket.CMSG_SPACE(struct.calcsize("i"))
    data, rights, _, _ = keeper.recvmsg(nursery.MAX_MESSAGE_BYTES, room, _socket.MSG_CMSG_CLOEXEC)
    if not data:
        raise SystemFailure("the process that should watch over the exec was killed")
    return nursery.read_report(data), struct.unpack("i", rights[0][2])[0] if rights else -1
