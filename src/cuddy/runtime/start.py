"""Start: let a created container's program begin (runtime-spec, runtime.md "Start")."""

from __future__ import annotations

import errno
import os

from cuddy.errors import Conflict
from cuddy.runtime import hooks, state


def start(state_root: str, container_id: str) -> list[str]:
    """Open the gate init waits at, run the poststart hooks. Returns warnings.

    Raises NoSuchContainer; Conflict when the gate is open already or nobody waits behind it. Its
    name is taken away first: of two starts at once only one finds it.
    """
    document = state.read(state_root, container_id)
    fifo = os.path.join(state.directory(state_root, container_id), state.FIFO)
    if "listener" in document and document["status"] == "created":
        from cuddy.runtime import listener  # few containers have one

        listener.hand_over(state.directory(state_root, container_id), document)
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
    document["status"] = "running"
    return hooks.run_late("poststart", document)
