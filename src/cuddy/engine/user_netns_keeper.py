"""The process that keeps an ordinary user's network namespace, and what leads out of that.

It is itself on the host's network, where the program has its sockets. Containers are registered by
their first process; after the last one's end it waits a little and ends, and all of it with it: the
program is its child, and the namespace is nobody else's. Should it be killed, containers lose their
networks until they are started again.
"""

from __future__ import annotations

import _signal
import _socket
import os

from cuddy import files
from cuddy.engine import background, resolver_process, resolver_roll, rootless, session, way_out
from cuddy.engine.resolver_roll import Gate
from cuddy.errors import SystemFailure
from cuddy.kernel import mount, namespaces, process
from cuddy.kernel.poll import Poll
from cuddy.network import network as networks
from cuddy.network import user_mode
from cuddy.network.user_mode_options import Choice
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from cuddy.engine.home import Home
    from cuddy.engine.way_out import Program

TITLE = "cuddy user network"
LINGER_S = 1.0
"""Longer than the resolver, which is inside."""


class Keeper:
    """Gives the namespace away, and knows who is in it."""

    def __init__(self, home: Home, directory: str, listener: _socket.socket) -> None:
        self.home, self.directory, self.listener = home, directory, listener
        self.netns_fd = -1
        self.complaint = ""
        self.poll = Poll()
        self.pidfds: dict[tuple[int, int], int] = {}
        self.clients: set[_socket.socket] = set()

    def make(self, programs: Sequence[Program]) -> None:
        """The namespace, and its way out; or the reason why not."""
        try:
            path = way_out.make_namespace(self.directory)
            self.netns_fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            mac = networks.mac_of(user_mode.plan(Choice()).address)
            with Undo() as undo:
                way_out.lead(self.directory, programs, mac, (), undo)
        except SystemFailure as error:
            self.complaint = str(error)
        except OSError as error:
            self.complaint = error.strerror or "it cannot be made"

    def run(self) -> NoReturn:
        """Serve whoever comes."""
        self.listener.setblocking(False)
        self.poll.watch(self.listener.fileno(), self.accept)
        self.poll.after(LINGER_S, self.end)
        while True:
            self.poll.turn()

    def accept(self) -> None:
        """Somebody is about to ask."""
        if client := resolver_roll.accept(self.listener):
            self.clients.add(client)
            self.poll.watch(client.fileno(), lambda: self.serve(client))

    def serve(self, client: _socket.socket) -> None:
        """Who it is for, and the descriptor."""
        try:
            (pid, began), _ = resolver_roll.receive(client)
            if pid and not self.complaint:
                self.register(pid, began)
            fds = [self.netns_fd] if not self.complaint else []
            resolver_roll.send(client, self.complaint, fds)
        except (OSError, EOFError, ValueError, TypeError):
            pass  # its affair
        self.poll.forget(client.fileno())
        self.clients.discard(client)
        client.close()

    def register(self, pid: int, began: int) -> None:
        """A container is in it until that process ends."""
        whom = pid, began
        pidfd = process.open_exact(pid, began) if whom not in self.pidfds else -1
        if pidfd >= 0:
            self.pidfds[whom] = pidfd
            self.poll.watch(pidfd, lambda: self.strike(whom))

    def strike(self, whom: tuple[int, int]) -> None:
        """A container has ended."""
        pidfd = self.pidfds.pop(whom)
        self.poll.forget(pidfd)
        os.close(pidfd)
        if not self.pidfds:
            self.poll.after(LINGER_S, self.end)

    def end(self) -> None:
        """Nobody needs it any more, unless somebody is just coming: they hold the gate."""
        if self.pidfds:
            return
        try:
            gate = Gate(self.home)
            if not self.clients and gate.attempt():
                self.accept()
                if not self.clients:
                    way_out.end(self.directory)
                    files.remove_tree(self.directory)
                    os._exit(0)
                gate.close()
        except FileNotFoundError:
            os._exit(0)  # somebody has removed the Home
        self.poll.after(LINGER_S, self.end)


def main(home: Home, listener: _socket.socket, programs: Sequence[Program]) -> NoReturn:
    """Be the keeper. Called in a child of the process that needs it; never returns."""
    try:
        background.leave(TITLE, {listener.fileno()})
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        session.leave()
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mount.set_propagation("/", mount.MS_SLAVE | mount.MS_REC)
        resolver_process.leave_mounts(home)
        # Commands to come join our user namespace, without which ours is not theirs to enter.
        with files.Lock(f"{home.run_root}/{rootless.RECORD}") as lock:
            rootless.enrol(lock.fd)
        keeper = Keeper(home, f"{home.run_root}/user-network", listener)
        keeper.make(programs)
        keeper.run()
    finally:
        os._exit(1)
