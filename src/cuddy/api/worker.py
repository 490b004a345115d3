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

import _signal
import os

from cuddy.api import dialogue, preload, tls
from cuddy.api.connection import Connection
from cuddy.api.post import RETIRE, Post
from cuddy.engine.departure import ClientLeft
from cuddy.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from cuddy.api.board import Board
    from cuddy.api.sockets import Listener
    from cuddy.engine.home import Home


def hire(
    home: Home, listeners: Sequence[Listener], board: Board, place: int, leave: Callable[[], int]
) -> int:
    """Fork a worker; its pid. `leave`: closes what is the server's, and says how to wake it.

    Raises OSError when there is no room for one more.
    """
    server = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        bell = leave()
        _set_signals()
        process.set_title("cuddy api worker")
        preload.warm_up(home)
        post = Post(listeners, board, place, bell)
        process.prctl(process.PR_SET_PDEATHSIG, RETIRE)
        if os.getppid() == server:
            _work(home, post)
        code = 0
    except OSError as error:
        dialogue.note(str(error))
    finally:
        os._exit(code)


def _set_signals() -> None:
    for number in (_signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, _unwind)
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # the server tells us
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)


def _work(home: Home, post: Post) -> None:
    """One client after the other, as long as nothing is left of the last."""
    is_logged = dialogue.is_debugging()
    while found := post.await_client():
        client, peer, context = found
        if context:
            post.leave()
            client, peer = tls.enter(client, peer, context)
        connection = Connection(client, peer)
        try:
            dialogue.converse(home, connection, before_change=post.leave, is_logged=is_logged)
        except ClientLeft:
            post.leave()
        connection.close()


def _unwind(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)
