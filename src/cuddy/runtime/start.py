"""Start: let a created container's program begin (runtime-spec, runtime.md "Start")."""

from __future__ import annotations

import errno
import os

from cuddy.errors import Conflict
from cuddy.runtime import state


def start(state_root: str, container_id: str) -> None:
    """Open the gate init waits at. Raises Conflict when it is open already or nobody waits.

    The name is taken away first: of two starts at once only one finds it.
    """
    fifo = os.path.join(state.directory(state_root, container_id), state.FIFO)
    try:
        fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.unlink(fifo)
    except FileNotFoundError:
        raise Conflict("cannot start an already running container") from None
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        raise Conflict("cannot start a container that has stopped") from None
    os.write(fd, b"1")
    os.close(fd)
