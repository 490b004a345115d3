"""Exec: one more process in a running container.

It ends with the container (its pid namespace is the container's), and has the container's limits,
seccomp profile and, unless told otherwise, user and powers. Its group is its own, below the
container's, so that it can be ended with all that it has started. With a terminal it gets one of
its own from the container's /dev/pts.
"""

from __future__ import annotations

import _socket
import os

from cuddy.engine import containers, names, relay
from cuddy.engine.exec_session import ExecSession
from cuddy.engine.nursery import KEEPER, ExecOrder, Nursery, hear_report
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.engine.home import Home
    from cuddy.engine.options import ExecOptions


SILENCE = "the process that should watch over the exec was killed"


def exec_attached(
    home: Home,
    name: str,
    options: ExecOptions,
    *,
    size: tuple[int, int] | None = None,
    nursery: Nursery | None = None,
    recorded: str = "",
) -> ExecSession:
    """Run a command in a container, connected to us. `size`: rows and columns of our window.

    `nursery`: one for a keeper that has been opened earlier, to have it ready by now. `recorded`:
    the id under which it was created (exec_records.py).

    Raises NotRunning, Conflict, CommandNotFound, CommandNotExecutable, SystemFailure.
    """
    check(options)
    container_id = containers.find_id(home, name)
    if options.tty:
        stdio, streams = None, relay.Streams(-1, {}, tty=True)
    else:
        stdio, streams = make_pipes(interactive=options.interactive)
    exec_id = recorded or names.generate_id()
    order = ExecOrder(container_id, name, exec_id, size, attached=True, recorded=bool(recorded))
    keeper = spawn(home, order, options, (*(stdio or ()), *streams.outputs), nursery)
    for fd in set(stdio or ()):
        os.close(fd)
    try:
        warnings, master = hear_report(keeper, SILENCE)
    except BaseException:
        keeper.close()
        for fd in list(streams.outputs):
            streams.close_output(fd)
        streams.close_stdin()
        raise
    if options.tty:
        streams = relay.Streams(master, {master: 1}, tty=True)
    return ExecSession(home, order, keeper, streams, warnings)


def exec_detached(
    home: Home, name: str, options: ExecOptions, *, size: tuple[int, int] | None = None,
    nursery: Nursery | None = None, recorded: str = "",
) -> list[str]:  # fmt: skip
    """Run a command in a container and leave it to itself, its output going nowhere.

    Returns warnings when the program runs. Arguments and errors as of `exec_attached`.
    """
    check(options)
    container_id = containers.find_id(home, name)
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    fds = () if options.tty else (null, null, null)
    exec_id = recorded or names.generate_id()
    order = ExecOrder(container_id, name, exec_id, size, attached=False, recorded=bool(recorded))
    keeper = spawn(home, order, options, fds, nursery)
    os.close(null)
    try:
        warnings, master = hear_report(keeper, SILENCE)
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


def spawn(
    home: Home, order: ExecOrder, options: ExecOptions, fds: Sequence[int], nursery: Nursery | None
) -> _socket.socket:
    """Have a keeper run the command; the socket on which it reports.

    `fds`: the process's ends of its streams, then ours of its output; none for a terminal.
    """
    ready = nursery or Nursery(KEEPER)
    return ready.order([*home, list(order), list(options)], fds)
