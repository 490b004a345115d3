"""A process for a connection, forked before it comes: what a fork costs nobody waits for then.

    server                              worker
    fork ─────────────────────────────▶ answers a ping to itself, which touches its memory
                                        waits at its post for a client, with all others
          ◀──────────────────────────── "too few are left that wait"
                                        back at its post, if all it did was to look something up

A worker has one connection at a time. Before it does anything that may last it leaves its post, and
ends with that connection: what such a request may have changed in a process is gone with the
process, and no container's process holds what the server listens on.
"""

from __future__ import annotations

import os

from cuddy.api import dialogue, fork, log, preload, tls
from cuddy.api.connection import Connection
from cuddy.api.post import RETIRE, Post
from cuddy.engine.departure import ClientLeft
from cuddy.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from cuddy.api.board import Board
    from cuddy.api.sockets import Listener
    from cuddy.engine.home import Home


def hire(
    home: Home,
    listeners: Sequence[Listener],
    board: Board,
    place: int,
    leave: Callable[[], int],
    outbox: socket.socket,
) -> int:
    """Fork a worker; its pid. `leave`: closes what is the server's, and says how to wake it.
    `outbox`: leads to the fan-out process.

    Raises OSError when there is no room for one more.
    """
    server = os.getpid()

    def work(bell: int) -> None:
        process.set_title("cuddy api worker")
        preload.warm_up(home)
        post = Post(listeners, board, place, bell, outbox)
        process.prctl(process.PR_SET_PDEATHSIG, RETIRE)
        if os.getppid() == server:
            _work(home, post)

    return fork.begin(leave, work)


def _work(home: Home, post: Post) -> None:
    """One client after the other, as long as nothing is left of the last."""
    is_logged = log.is_wanted()
    while found := post.await_client():
        client, peer, context, door = found
        if context:
            post.leave()
            client, peer = tls.enter(client, peer, context)
        connection = Connection(client, peer, post.outbox)
        try:
            dialogue.converse(
                home, connection, before_change=post.leave, is_logged=is_logged, door=door
            )
        except ClientLeft:
            post.leave()
        connection.close()
