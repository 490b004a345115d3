"""What is there before the first connection comes: everything that a request may need.

A connection's process then starts with it, and shares its memory with all others.
"""

from __future__ import annotations

import gc
import importlib
import os
import socket

from cuddy import builder, engine, image, kernel, network, runtime
from cuddy.api import dialogue
from cuddy.api.connection import Connection, Peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

OWN_REQUESTS = (
    b"GET /_ping HTTP/1.1\r\nHost: warm\r\n\r\n",
    b"POST /_ping HTTP/1.1\r\nHost: warm\r\nContent-Length: 2\r\n\r\n{}",
)


def preload(home: Home) -> None:
    """Import the floors below, and leave what is there out of all looking for cycles."""
    for package in (kernel, image, network, runtime, engine, builder):
        for name in sorted(os.listdir(package.__path__[0])):
            module = f"{package.__name__}.{name.removesuffix('.py')}"
            if name.endswith(".py"):
                importlib.import_module(module)
    warm_up(home)
    gc.collect()
    gc.freeze()


def warm_up(home: Home) -> None:
    """Answer requests of our own: a usual one, and one that h11 has to read.

    Code prepares itself when it first runs: in the server that is done once, for all workers. And a
    worker shares memory with the server until it touches it, which it does while nobody waits.
    """
    for request in OWN_REQUESTS:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(request)
            theirs.shutdown(socket.SHUT_WR)
            connection = Connection(ours, Peer())
            dialogue.converse(home, connection, before_change=lambda: None, is_logged=False)
