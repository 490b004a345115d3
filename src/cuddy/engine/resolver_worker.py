"""The process that answers: names of containers from the zones, others from the host's servers.

It has a `Desk` for each container, and one loop for all of them. It learns of containers from the
keeper (`resolver_process`), and of their ends from their pidfds.
"""

from __future__ import annotations

import _socket
import errno
import os
import time

from cuddy.engine import resolver_policy
from cuddy.engine.resolver_desk import Desk
from cuddy.kernel import namespaces
from cuddy.network import resolv, zones
from cuddy.network.upstream import Servers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.home import Home
    from cuddy.engine.resolver_roll import Entry
    from cuddy.kernel.poll import Poll
    from cuddy.network.dns_messages import Query

MAX_TURNS = 10_000


class Worker:
    """Everything that one worker knows; all of it is gone with it."""

    def __init__(self, home: Home, poll: Poll) -> None:
        self.poll = poll
        self.zones = zones.Zones(home.networks_dir, home.networks_run_dir)
        self.ranking = Servers()
        self.netns_fd = namespaces.open_namespace("self", "network")
        self._desks: dict[str, Desk] = {}
        self._turns: dict[tuple[str, int], int] = {}
        self._host_stamp = zones.Stamp(-1, 0, 0)
        self._host_servers: tuple[str, ...] = ()

    def add(self, entry: Entry) -> None:
        """Answer a container from now on. Raises OSError, SystemFailure."""
        self.drop(entry.asker.id)
        watched: list[int] = []

        def watch(fd: int, ready: Callable[[], None]) -> None:
            self.poll.watch(fd, ready)
            watched.append(fd)

        policy = resolver_policy.open_policy(entry.asker, entry.netns, watch)
        self._desks[entry.asker.id] = Desk(self, entry, policy, watched)

    def drop(self, container_id: str) -> None:
        """No more of a container."""
        if desk := self._desks.pop(container_id, None):
            desk.close()

    def close(self) -> None:
        """Let go of all sockets of its own."""
        for container_id in list(self._desks):
            self.drop(container_id)
        os.close(self.netns_fd)

    def turn_of(self, query: Query) -> int:
        """How often a name has been asked for, by which its addresses take turns."""
        key = (query.name, query.qtype)
        if len(self._turns) > MAX_TURNS:
            self._turns.clear()
        turn = self._turns[key] = self._turns.get(key, -1) + 1
        return turn

    def note(self, server: str, is_heard: bool) -> None:
        """Whether a server has answered."""
        if is_heard:
            self.ranking.forgive(server)
        else:
            self.ranking.note(server, time.monotonic())

    def host_servers(self) -> tuple[str, ...]:
        """Whom the host asks, as its file says now: laptops change networks."""
        try:
            stamp = zones.stamp_of(resolv.PATH)
            if stamp != self._host_stamp or not zones.is_old(stamp):
                with open(resolv.PATH, errors="replace") as file:
                    found = resolv.parse(file.read(resolv.MAX_TEXT)).nameservers
                self._host_servers = tuple(self.way_to(server) for server in found)
                self._host_stamp = stamp
        except OSError:
            self._host_servers = ()
        return self._host_servers or resolv.DEFAULT_SERVERS

    def way_to(self, server: str) -> str:
        """Where a server of the host's is: for an ordinary user's resolver, which is in the user's
        network namespace, one on loopback is at the address that leads there.
        """
        if namespaces.is_initial("user") or not resolv.is_loopback(server):
            return server
        from cuddy.network import user_mode, user_mode_options

        return user_mode.plan(user_mode_options.Choice()).name_server

    def make_socket(self, family: int, kind: int) -> _socket.socket:
        """A socket for a question; if there are too many, who has most of them gives one up."""
        kind |= _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
        try:
            return _socket.socket(family, kind)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
        greedy = max(self._desks.values(), key=lambda desk: len(desk.under_way))
        if not greedy.under_way:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        greedy.give_up_one()
        return _socket.socket(family, kind)
