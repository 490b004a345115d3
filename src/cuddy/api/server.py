"""Who listens: one process, which has others ready for those who come, and reads none of it.

All state is files, so that several servers may serve one home, and each may be killed at any time:
containers do not notice. What a connection's process had begun ends with it, or is swept.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time

from cuddy.api import fanout, fork, worker
from cuddy.api.board import TAKEN, Board
from cuddy.api.post import LEAST_FREE, MAX_CONNECTIONS, MOST_FREE, RETIRE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.sockets import Listener
    from cuddy.engine.home import Home

END_S = 10
"""Until connections that were told to end are killed."""
PAUSE_S = 0.1
"""Before another try when there are too many processes, or when a worker could not even begin."""
RETIREMENT_S = 1
"""Until workers that wait for nobody have ended."""


class Server:
    """The listeners, and who has come."""

    def __init__(self, home: Home, listeners: list[Listener], *, idle_timeout_s: float) -> None:
        self.home = home
        self.listeners = listeners
        self.idle_timeout_s = idle_timeout_s
        self._board = Board(MAX_CONNECTIONS + MOST_FREE)
        self._places: dict[int, int] = {}  # of our processes on the board, by pid
        self._inbox, self._outbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._inbox.setblocking(False)
        self._fanout = 0  # the process that reads the inbox; 0: there is none
        self._stopping = False
        self._wakeup, self._bell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def serve(self) -> None:
        """Serve until a signal asks for an end, or nobody has come for long enough."""
        self._catch_signals()
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        while not self._stopping:
            left_s = self._idle_left_s()
            if left_s == 0 and self._is_wanted():
                left_s = PAUSE_S  # no worker has come so far yet, on a slow machine
            elif left_s == 0 and self._retire():
                return
            self._hire_ahead()
            poll.register(self._inbox, 0 if self._fanout else select.POLLIN)
            ready = poll.poll(None if left_s is None else left_s * 1000)
            self._clear_alarm()
            self._reap()
            if not self._fanout and any(fd == self._inbox.fileno() for fd, _ in ready):
                self._begin_fanout()

    def _catch_signals(self) -> None:
        def stop(*_: object) -> None:
            self._stopping = True

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # it wakes us up
        signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)

    def _clear_alarm(self) -> None:
        try:
            while os.read(self._wakeup, 4096):
                pass
        except BlockingIOError:
            pass

    def _idle_left_s(self) -> float | None:
        """How long nobody may come until we end; None: for ever."""
        if not self.idle_timeout_s:
            return None
        if self._board.count().busy:
            return self.idle_timeout_s
        return max(0.0, self._board.ended_s + self.idle_timeout_s - time.monotonic())

    def _is_wanted(self) -> bool:
        """Whether a client waits: systemd would start us again at once, for ever."""
        return bool(select.select([each.socket for each in self.listeners], [], [], 0)[0])

    def _hire_ahead(self) -> None:
        """Have workers ready, as far as there is room for processes."""
        while self._board.count().free < LEAST_FREE:
            place = self._board.find_place()
            if place is None:
                return
            try:
                pid = worker.hire(
                    self.home, self.listeners, self._board, place, self._leave_to_work, self._outbox
                )
            except OSError:
                self._board.vacate(place)
                time.sleep(PAUSE_S)
            else:
                self._places[pid] = place

    def _leave(self) -> int:
        """In a process of ours: what it has no use for. How it wakes us."""
        signal.set_wakeup_fd(-1)
        os.close(self._wakeup)
        return self._bell

    def _leave_to_work(self) -> int:
        self._inbox.close()
        return self._leave()

    def _begin_fanout(self) -> None:
        """Somebody is to be sent events, and nobody does that now."""
        place = self._board.find_place()
        if place is None:
            time.sleep(PAUSE_S)  # he goes on waiting, and would wake us at once
            return

        def leave() -> int:
            signal.signal(RETIRE, signal.SIG_IGN)  # whoever waits in the inbox has come already
            self._outbox.close()
            for listener in self.listeners:
                listener.socket.close()
            return self._leave()

        self._board.set(place, TAKEN)
        try:
            self._fanout = fork.begin(leave, lambda _: fanout.serve(self.home, self._inbox))
        except OSError:
            self._board.vacate(place)
            time.sleep(PAUSE_S)
        else:
            self._places[self._fanout] = place

    def _retire(self) -> bool:
        """Let all workers end; False if somebody has come to one just now."""
        for pid in self._places:
            os.kill(pid, RETIRE)
        self._await_end(RETIREMENT_S)
        return not self._places

    def _await_end(self, patience_s: float) -> None:
        deadline_s = time.monotonic() + patience_s
        while self._places and time.monotonic() < deadline_s:
            self._reap()
            time.sleep(0.01)

    def _reap(self) -> None:
        while self._places:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            if pid == self._fanout:
                self._fanout = 0
                if status:
                    time.sleep(PAUSE_S)  # it may have begun for nothing, with somebody waiting
            if pid in self._places:
                place = self._places.pop(pid)
                could_not_begin = status and self._board.is_free(place)
                self._board.vacate(place)
                if could_not_begin:
                    time.sleep(PAUSE_S)

    def close(self) -> None:
        """End the listeners, then the connections, and wait for them."""
        for listener in self.listeners:
            listener.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._places:
                os.kill(pid, number)
            self._await_end(END_S)
        signal.set_wakeup_fd(-1)
        os.close(self._wakeup)
        os.close(self._bell)
        self._inbox.close()
        self._outbox.close()
        self._board.close()
