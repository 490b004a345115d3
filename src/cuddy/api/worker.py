"""A process for a connection, forked before it comes: what a fork costs nobody waits for then.

    server                              worker
    fork ─────────────────────────────▶ answers a ping to itself, which touches its memory
    a client, and who it is ──────────▶ its requests
          ◀──────────────────────────── free again, if all it did was to look something up

A worker has one connection at a time, and after any other request it ends with that: what such a
request may have changed in a process is gone with the process.
"""

from __future__ import annotations

import os
import signal
import socket

from cuddy import files
from cuddy.api import dialogue, tls
from cuddy.api.connection import Connection, Peer
from cuddy.engine.departure import ClientLeft
from cuddy.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from cuddy.engine.home import Home

MAX_ORDER_BYTES = 4096
FREE = b"."
BUSY_NAME, FREE_NAME = "cuddy api", "cuddy api free"
"""What ps(1) calls a worker that has a connection, and one that waits for one."""


class Worker:
    """The server's end."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.channel = channel
        self.owner = ""  # whose connection it has; '' if it has none

    def give(self, client: socket.socket, peer: Peer, number: int, owner: str) -> bool:
        """A client for it, from the listener of that number; False if it is dead."""
        order = files.format_json([number, *peer]).encode()
        try:
            socket.send_fds(self.channel, [order], [client.fileno()])
        except OSError:
            return False
        self.owner = owner
        return True

    def is_done(self) -> bool:
        """Hear what it says; whether it has become free again."""
        try:
            is_free = self.channel.recv(1, socket.MSG_DONTWAIT) == FREE
        except OSError:
            return False
        if is_free:
            self.owner = ""
        return is_free


def hire(
    home: Home, contexts: Sequence[ssl.SSLContext | None], leave: Callable[[], None]
) -> Worker:
    """Fork a worker. `contexts`: TLS of each listener; `leave`: closes what is the server's.

    Raises OSError when there is no room for one more.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        pid = os.fork()
    except OSError:
        ours.close()
        theirs.close()
        raise
    if pid:
        theirs.close()
        return Worker(pid, ours)
    code = 1
    try:
        ours.close()
        leave()
        _set_signals()
        process.set_title("cuddy api worker")
        _warm_up(home)
        _work(home, contexts, theirs)
        code = 0
    except OSError as error:
        dialogue.note(str(error))
    finally:
        os._exit(code)


def _set_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _unwind)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server tells us
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _warm_up(home: Home) -> None:
    """Memory is shared with the server until it is touched: touch it while nobody waits."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"GET /_ping HTTP/1.1\r\nHost: warm\r\nConnection: close\r\n\r\n")
        dialogue.converse(home, Connection(ours, Peer()), is_logged=False)


def _work(home: Home, contexts: Sequence[ssl.SSLContext | None], channel: socket.socket) -> None:
    """One client after the other, as long as nothing is left of the last."""
    is_free = True
    while is_free:
        process.set_name(FREE_NAME)
        order, fds, _, _ = socket.recv_fds(channel, MAX_ORDER_BYTES, 1)
        if not fds:
            return
        # A program that a request starts must not hold its client's connection.
        os.set_inheritable(fds[0], False)
        process.set_name(BUSY_NAME)
        number, *who = files.parse_json(order)
        client, peer = socket.socket(fileno=fds[0]), Peer(*who)
        context = contexts[number]
        if context:
            client, peer = tls.enter(client, peer, context, closing=channel)
        connection = Connection(client, peer)
        try:
            is_free = dialogue.converse(home, connection) and not context
        except ClientLeft:
            is_free = False
        connection.close()
        if is_free:
            channel.send(FREE)


def _unwind(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)
