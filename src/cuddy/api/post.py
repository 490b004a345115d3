"""A worker's post: where it waits for clients, beside the others, until it leaves it for good.

The kernel wakes one of those that wait for each client that comes (EPOLLEXCLUSIVE, epoll_ctl(2)).
"""

from __future__ import annotations

import _signal
import os
import select
import socket
import time

from cuddy.api import board as boards
from cuddy.api.connection import refusal
from cuddy.engine.departure import unwind
from cuddy.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.api.board import Board, Count
    from cuddy.api.sockets import Listener, Visitor

MAX_CONNECTIONS = 1000
MAX_OF_ONE_PEER = 500
MAX_OF_ONE_ADDRESS, MAX_REMOTE = 250, 500
"""By TCP anybody may come, and keep a process until it is clear that he has no certificate: that
must leave room for others, and for who is on this machine.
"""
LEAST_FREE, MOST_FREE = 1, 3
"""Workers that wait: a client that comes again and again takes two in turns."""
TOO_MANY = refusal(503, "too many connections")
MAX_EVENTS = 4
"""At once: of more the next look tells."""
PAUSE_S = 0.1
RETIRE = _signal.SIGUSR1
"""Whoever waits ends; whoever has a connection ends with it. The kernel sends it when the server
has died, and the server when it may be needed no more."""
FREE_NAME, OWN_NAME = "cuddy api free", "cuddy api"
"""What ps(1) calls a worker at its post, and one that has left it for the sake of a connection."""


class Post:
    """`place`: the worker's on the board. `bell`: a descriptor that wakes the server. `outbox`: the
    way for clients that only listen (fanout.py).
    """

    def __init__(
        self,
        listeners: Sequence[Listener],
        board: Board,
        place: int,
        bell: int,
        outbox: socket.socket,
    ) -> None:
        self.outbox = outbox
        self._listeners = {each.socket.fileno(): each for each in listeners}
        self._board, self._place, self._bell = board, place, bell
        self._is_serving = self._is_retired = False
        self._ends_with_server = any(each.door for each in listeners)
        self._poll: select.epoll | None = select.epoll()
        for fd in self._listeners:
            self._poll.register(fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        # A signal that comes just before we wait wakes us as well.
        self._signals, self._wakeup = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._signals, select.EPOLLIN)
        _signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        _signal.signal(RETIRE, self._retire)
        process.set_name(FREE_NAME)

    def await_client(self) -> Visitor | None:
        """The next client; None when this worker is to end."""
        self._is_serving = False
        if self._poll:
            self._board.note_end()
            if self._board.count().free >= MOST_FREE:
                return None
            self._board.set(self._place, boards.FREE)
        while self._poll and not self._is_retired:
            for fd, _ in self._poll.poll(maxevents=MAX_EVENTS):
                if fd == self._signals:
                    os.read(fd, 64)  # what they were is known by now
                elif found := self._accept(self._listeners[fd]):
                    return found
        return None

    def _accept(self, listener: Listener) -> Visitor | None:
        """A client, unless there are too many, or another worker has it already."""
        self._board.set(self._place, boards.TAKEN)  # before: nobody must take us for idle
        try:
            found = listener.accept()
        except OSError:
            time.sleep(PAUSE_S)  # this machine has too much of something just now
            found = None
        if found:
            owner = boards.owner(found.peer)
            self._board.set(self._place, owner)
            count = self._board.count()
            if count.free < LEAST_FREE:
                self._ring()
            is_late = self._is_retired and self._ends_with_server
            if is_welcome(count, owner) and not is_late:
                self._is_serving = True
                if self._is_retired:
                    self.leave()
                return found
            turn_away(found.socket)
        self._board.set(self._place, boards.FREE)
        return None

    def _ring(self) -> None:
        try:
            os.write(self._bell, b"\0")
        except BlockingIOError:
            pass  # it has not come round to much that it has been told

    def _retire(self, *_: object) -> None:
        """Wait no more; what the server listens on ends with the server, and so does a connection
        that came through a door: the key to it was the server's.
        """
        self._is_retired = True
        if self._ends_with_server and self._is_serving:
            unwind(RETIRE, None)
        if self._is_serving:
            self.leave()

    def leave(self) -> None:
        """Give up all that is the server's: no process from here on may have any of it."""
        poll, self._poll = self._poll, None  # first: a signal may have us leave meanwhile
        if not poll:
            return
        process.set_name(OWN_NAME)
        poll.close()
        self.outbox.close()
        for listener in self._listeners.values():
            listener.socket.close()
        _signal.set_wakeup_fd(-1)
        for fd in (self._signals, self._wakeup, self._bell):
            os.close(fd)
        self._board.close()


def is_welcome(count: Count, owner: int) -> bool:
    """Whether there are not too many connections with the one that has just come. Pure."""
    if count.busy > MAX_CONNECTIONS:
        return False
    if owner < boards.REMOTE:
        return count.of(owner) <= MAX_OF_ONE_PEER
    return count.of(owner) <= MAX_OF_ONE_ADDRESS and count.remote <= MAX_REMOTE


def turn_away(client: socket.socket, answer: bytes = TOO_MANY) -> None:
    """Say why nobody serves a client, without waiting for anything."""
    with client:
        try:
            client.send(answer, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            pass  # it is gone
