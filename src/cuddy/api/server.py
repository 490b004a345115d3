"""Who listens: one process, which forks another for each connection and knows nothing of it.

All state is files, so that several servers may serve one home, and each may be killed at any time:
containers do not notice. What a connection's process had begun ends with it, or is swept.
"""

from __future__ import annotations

import os
import select
import signal
import time

from cuddy.api import dialogue, tls
from cuddy.api.connection import ClientLeft, Connection, refusal
from cuddy.errors import SystemFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    import ssl
    from typing import NoReturn

    from cuddy.api.connection import Peer
    from cuddy.api.sockets import Listener
    from cuddy.engine.home import Home

MAX_CONNECTIONS = 1000
MAX_OF_ONE_PEER = 500
END_S = 10
"""Until connections that were told to end are killed."""


class Server:
    """The listeners, and who has come."""

    def __init__(self, home: Home, listeners: list[Listener], *, idle_timeout_s: float) -> None:
        self.home = home
        self.listeners = listeners
        self.idle_timeout_s = idle_timeout_s
        self._peers: dict[int, str] = {}  # by the pid of a connection's process: whose it is
        self._stopping = False
        self._idle_since_s = time.monotonic()
        self._wakeup, self._alarm = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def serve(self) -> None:
        """Serve until a signal asks for an end, or nobody has come for long enough."""
        self._catch_signals()
        poll = select.poll()
        for fd in (self._wakeup, *(each.socket.fileno() for each in self.listeners)):
            poll.register(fd, select.POLLIN)
        while not self._stopping and (left_s := self._idle_left_s()) != 0:
            poll.poll(None if left_s is None else left_s * 1000)
            self._clear_alarm()
            self._reap()
            for listener in self.listeners:
                self._accept(listener)

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
        if not self.idle_timeout_s or self._peers:
            return None
        return max(0.0, self._idle_since_s + self.idle_timeout_s - time.monotonic())

    def _accept(self, listener: Listener) -> None:
        """Give every client that waits a process."""
        while not self._stopping:
            try:
                found = listener.accept()
            except OSError as error:
                raise SystemFailure.from_os("cannot accept connections", error) from error
            if not found:
                return
            client, peer = found
            with client:
                if not self._is_welcome(peer):
                    _turn_away(client)
                elif pid := os.fork():
                    self._peers[pid] = _owner(peer)
                else:
                    self._become_connection(client, peer, listener.tls)

    def _is_welcome(self, peer: Peer) -> bool:
        own = sum(1 for owner in self._peers.values() if owner == _owner(peer))
        return len(self._peers) < MAX_CONNECTIONS and own < MAX_OF_ONE_PEER

    def _become_connection(
        self, client: socket.socket, peer: Peer, context: ssl.SSLContext | None
    ) -> NoReturn:
        """The process of one connection, from its first step to its last."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, _unwind)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server tells us
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self._wakeup)
            os.close(self._alarm)
            for listener in self.listeners:
                listener.socket.close()
            if context:
                client, peer = tls.enter(client, peer, context)
            connection = Connection(client, peer)
            try:
                dialogue.converse(self.home, connection)
            except ClientLeft:
                pass
            connection.close()
            code = 0
        except OSError as error:
            dialogue.note(f"{peer}: {error}")
        finally:
            os._exit(code)

    def _reap(self) -> None:
        while self._peers:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._peers.pop(pid, None)
            self._idle_since_s = time.monotonic()

    def close(self) -> None:
        """End the listeners, then the connections, and wait for them."""
        for listener in self.listeners:
            listener.close()
        for number, patience_s in ((signal.SIGTERM, END_S), (signal.SIGKILL, END_S)):
            for pid in self._peers:
                os.kill(pid, number)
            deadline_s = time.monotonic() + patience_s
            while self._peers and time.monotonic() < deadline_s:
                self._reap()
                time.sleep(0.01)
        signal.set_wakeup_fd(-1)
        os.close(self._wakeup)
        os.close(self._alarm)


def _owner(peer: Peer) -> str:
    """Whose connections count together."""
    return peer.address or str(peer.uid)


def _turn_away(client: socket.socket) -> None:
    """Say that there are too many, without waiting for anything."""
    try:
        client.setblocking(False)
        client.send(refusal(503, "too many connections"))
    except OSError:
        pass


def _unwind(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)
