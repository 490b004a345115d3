"""Who listens: one process, which gives each connection a process of its own and reads none of it.

All state is files, so that several servers may serve one home, and each may be killed at any time:
containers do not notice. What a connection's process had begun ends with it, or is swept.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import time

from cuddy.api import worker
from cuddy.api.connection import refusal
from cuddy.errors import SystemFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from cuddy.api.connection import Peer
    from cuddy.api.sockets import Listener
    from cuddy.api.worker import Worker
    from cuddy.engine.home import Home

MAX_CONNECTIONS = 1000
MAX_OF_ONE_PEER = 500
LEAST_FREE, MOST_FREE = 1, 3
"""Workers that wait: a client that comes again and again takes two in turns."""
END_S = 10
"""Until connections that were told to end are killed."""
MOST_AT_ONCE = 64
"""Clients that are let in before workers are heard: who comes again and again holds up nobody."""
BROKEN = (errno.EBADF, errno.EINVAL, errno.ENOTSOCK)
"""What no waiting mends. Everything else passes: too many files or processes, a network's moods."""
PAUSE_S = 0.1


class Server:
    """The listeners, and who has come."""

    def __init__(self, home: Home, listeners: list[Listener], *, idle_timeout_s: float) -> None:
        self.home = home
        self.listeners = listeners
        self.idle_timeout_s = idle_timeout_s
        self._workers: dict[int, Worker] = {}  # by pid
        self._by_channel: dict[int, Worker] = {}  # by descriptor
        self._poll = select.poll()
        self._stopping = False
        self._idle_since_s = time.monotonic()
        self._wakeup, self._alarm = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def serve(self) -> None:
        """Serve until a signal asks for an end, or nobody has come for long enough."""
        self._catch_signals()
        for fd in (self._wakeup, *(each.socket.fileno() for each in self.listeners)):
            self._poll.register(fd, select.POLLIN)
        while not self._stopping and (left_s := self._idle_left_s()) != 0:
            self._hire_ahead()
            ready = self._poll.poll(None if left_s is None else left_s * 1000)
            self._clear_alarm()
            self._reap()
            for fd, _ in ready:
                if fd in self._by_channel:
                    self._hear(self._by_channel[fd])
            for number, listener in enumerate(self.listeners):
                self._accept(number, listener)

    def _catch_signals(self) -> None:
        def stop(*_: object) -> None:
            self._stopping = True

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # it wakes us up
        signal.set_wakeup_fd(self._alarm, warn_on_full_buffer=False)

    def _clear_alarm(self) -> None:
        try:
            while os.read(self._wakeup, 4096):
                pass
        except BlockingIOError:
            pass

    def _idle_left_s(self) -> float | None:
        """How long nobody may come until we end; None: for ever."""
        if not self.idle_timeout_s or any(each.owner for each in self._workers.values()):
            return None
        return max(0.0, self._idle_since_s + self.idle_timeout_s - time.monotonic())

    def _free(self) -> list[Worker]:
        return [each for each in self._workers.values() if not each.owner]

    def _hire_ahead(self) -> None:
        """Have workers ready, as far as there is room for processes."""
        try:
            while len(self._free()) < LEAST_FREE:
                self._hire()
        except OSError as error:
            _wait_for_room(error)

    def _hire(self, client: socket.socket | None = None) -> Worker:
        """Another worker. `client`: one that nobody has yet, of which it gets no second copy."""

        def leave() -> None:
            self._leave()
            if client:
                client.close()

        hired = worker.hire(self.home, [each.tls for each in self.listeners], leave)
        self._workers[hired.pid] = hired
        self._by_channel[hired.channel.fileno()] = hired
        self._poll.register(hired.channel, select.POLLIN)
        return hired

    def _leave(self) -> None:
        """In a worker: nothing of the server's stays open."""
        signal.set_wakeup_fd(-1)
        os.close(self._wakeup)
        os.close(self._alarm)
        for listener in self.listeners:
            listener.socket.close()
        for other in self._workers.values():
            other.channel.close()

    def _hear(self, one: Worker) -> None:
        """A worker that has become free waits for the next client, or goes where there are enough.

        One whose channel has ended is on its way out: to be woken by that again would help nobody.
        """
        if not one.is_done():
            self._dismiss(one)
            return
        self._idle_since_s = time.monotonic()
        if len(self._free()) > MOST_FREE:
            self._dismiss(one)

    def _dismiss(self, one: Worker) -> None:
        """Close its channel, at which it ends."""
        if self._by_channel.pop(one.channel.fileno(), None):
            self._poll.unregister(one.channel)
            one.channel.close()
        one.owner = one.owner or "nobody"

    def _accept(self, number: int, listener: Listener) -> None:
        """Give clients that wait a process."""
        for _ in range(MOST_AT_ONCE):
            try:
                found = None if self._stopping else listener.accept()
            except OSError as error:
                _wait_for_room(error)
                return
            if not found:
                return
            client, peer = found
            with client:
                if not self._is_welcome(peer) or not self._give(client, peer, number):
                    _turn_away(client)

    def _is_welcome(self, peer: Peer) -> bool:
        owners = [each.owner for each in self._workers.values() if each.owner]
        return len(owners) < MAX_CONNECTIONS and owners.count(_owner(peer)) < MAX_OF_ONE_PEER

    def _give(self, client: socket.socket, peer: Peer, number: int) -> bool:
        """Give a client to a worker; False if there is none and no room for one."""
        for one in self._free():
            if one.give(client, peer, number, _owner(peer)):
                return True
            self._dismiss(one)  # somebody has killed it
        try:
            return self._hire(client).give(client, peer, number, _owner(peer))
        except OSError as error:
            _wait_for_room(error)
            return False

    def _reap(self) -> None:
        while self._workers:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            if gone := self._workers.pop(pid, None):
                self._dismiss(gone)
                self._idle_since_s = time.monotonic()

    def close(self) -> None:
        """End the listeners, then the connections, and wait for them."""
        for listener in self.listeners:
            listener.close()
        for number, patience_s in ((signal.SIGTERM, END_S), (signal.SIGKILL, END_S)):
            for pid in self._workers:
                os.kill(pid, number)
            deadline_s = time.monotonic() + patience_s
            while self._workers and time.monotonic() < deadline_s:
                self._reap()
                time.sleep(0.01)
        signal.set_wakeup_fd(-1)
        os.close(self._wakeup)
        os.close(self._alarm)


def _wait_for_room(error: OSError) -> None:
    """A machine with too many processes or files gets a moment. Raises SystemFailure."""
    if error.errno in BROKEN:
        raise SystemFailure.from_os("cannot accept connections", error) from error
    time.sleep(PAUSE_S)


def _owner(peer: Peer) -> str:
    """Whose connections count together."""
    return peer.address or f"uid {peer.uid}"


def _turn_away(client: socket.socket) -> None:
    """Say that there are too many, without waiting for anything."""
    try:
        client.setblocking(False)
        client.send(refusal(503, "too many connections"))
    except OSError:
        pass
