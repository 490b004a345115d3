"""The gate that a created container's init waits at, and `start` opens: `exec.fifo`.

Who makes it of several creates has the id; who takes its name away of several starts may open it.
"""

from __future__ import annotations

import errno
import os

from cuddy import files
from cuddy.errors import Conflict
from cuddy.runtime import state


def make(state_root: str, directory: str) -> int:
    """Make the gate. Init reads it, so it gets a descriptor before pivot_root. Raises Conflict."""
    files.make_directory(state_root)
    files.make_directory(directory)
    path = os.path.join(directory, state.FIFO)
    try:
        refuse_existing(directory)
        os.mkfifo(path, 0o600)
    except FileExistsError:
        raise Conflict("container with given ID already exists") from None
    try:
        refuse_existing(directory)  # created, started and its gate gone, all since we looked
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except BaseException:
        os.unlink(path)
        raise
    os.set_blocking(fd, True)
    return fd


def refuse_existing(directory: str) -> None:
    """Raise Conflict if there is a container of that id."""
    if os.path.exists(os.path.join(directory, "state.json")):
        raise Conflict("container with given ID already exists")


def open_up(directory: str) -> None:
    """Let init go on. Raises Conflict when it has been let, or nobody waits."""
    path = os.path.join(directory, state.FIFO)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.unlink(path)
    except FileNotFoundError:
        raise Conflict("cannot start an already running container") from None
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise Conflict("cannot start a container that has stopped") from None
    os.write(fd, b"1")
    os.close(fd)
