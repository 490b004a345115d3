"""The resolver's two processes, keeper and worker: each brings the other back when it is killed.

    monitor ── register ──▶ keeper ── entry, descriptors ──▶ worker ◀── questions ── containers
            ◀── "ready" ───        ◀────── its id ──────────

The keeper takes registrations, makes the sockets inside, and forks a worker, which answers. Both
have all descriptors, so whichever is killed the other forks anew, and no socket was ever closed. If
both are killed, the next container that starts brings back the resolver, and the resolver all the
containers that run, from what `resolver.begin` wrote into their run directories.
"""

from __future__ import annotations

import _signal
import _socket
import os
import time

from cuddy import files
from cuddy.engine import background, resolver_roll, session
from cuddy.engine.resolver_roll import END, READY, SOCKET, Entry, Gate, Roll
from cuddy.engine.resolver_worker import Worker
from cuddy.errors import SystemFailure
from cuddy.kernel import mount, namespaces, process
from cuddy.kernel.poll import Poll
from cuddy.network import redirect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from cuddy.engine.home import Home
    from cuddy.engine.resolver_roll import Asker

TITLE = "cuddy resolver"
LINGER_S = 0.5
"""After the last container: the next one may be there in a moment."""
SHORT_LIFE_S = 1.0
FIRST_PAUSE_S = 0.02
MAX_PAUSE_S = 0.5


class Role:
    """Either process: `run` returns in a child that is to be the other one, as which it goes on."""

    def __init__(self, home: Home, listener: _socket.socket, roll: Roll) -> None:
        self.home = home
        self.listener = listener  # the worker only keeps it, for a keeper to come
        self.roll = roll
        self.poll = Poll()
        self.channel: _socket.socket | None = None
        self.successor: Role | None = None
        self.began = time.monotonic()  # when the other process did, at the latest
        self.pause_s = 0.0

    def run(self) -> Role:
        """Go on until this process is another role's."""
        while self.successor is None:
            self.poll.turn()
        return self.successor

    def other(self, channel: _socket.socket) -> Role:
        """What the other process is, when it has to be made."""
        raise NotImplementedError

    def beget(self) -> None:
        """Have the other process, and talk with it."""
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        self.began = time.monotonic()
        if os.fork() == 0:
            ours.close()
            self.let_go()
            self.successor = self.other(theirs)
            return
        theirs.close()
        self.talk(ours)

    def talk(self, channel: _socket.socket) -> None:
        """The other process is at the other end."""
        self.channel = channel
        self.poll.watch(channel.fileno(), self.hear)

    def hear(self) -> None:
        """Something has come from the other process, or its end."""
        assert self.channel
        try:
            document, fds = resolver_roll.receive(self.channel)
        except (OSError, EOFError):
            self.hang_up()
            # One that dies again and again does so at leisure.
            is_short = time.monotonic() - self.began < SHORT_LIFE_S
            self.pause_s = min(self.pause_s * 2 + FIRST_PAUSE_S, MAX_PAUSE_S) if is_short else 0
            self.poll.after(self.pause_s, self.beget)
            return
        self.take(document, fds)

    def take(self, document: Any, fds: list[int]) -> None:
        """What has come."""
        raise NotImplementedError

    def tell(self, document: Any, fds: Sequence[int] = ()) -> None:
        """Say something to the other process; the next one knows it by birth."""
        try:
            if self.channel:
                resolver_roll.send(self.channel, document, fds)
        except OSError:
            pass

    def hang_up(self) -> None:
        """The other process is gone."""
        if self.channel:
            self.poll.forget(self.channel.fileno())
            self.channel.close()
            self.channel = None

    def let_go(self) -> None:
        """In a child: close what was the parent's own."""
        self.poll.close()
        self.hang_up()


class Keeper(Role):
    """Takes registrations; has a worker."""

    def __init__(self, home: Home, listener: _socket.socket, roll: Roll) -> None:
        super().__init__(home, listener, roll)
        self.clients: set[_socket.socket] = set()
        self.waiting: dict[str, list[_socket.socket]] = {}

    def other(self, channel: _socket.socket) -> Role:
        """A worker, which knows of the roll by being born with it."""
        made = Answering(self.home, self.listener, self.roll)
        made.talk(channel)
        return made

    def run(self) -> Role:
        """Take up what is there, then what comes."""
        self.poll.watch(self.listener.fileno(), self.accept)
        for entry in self.roll.entries.values():
            self.watch(entry)
        self.adopt()
        self.poll.after(LINGER_S, self.end)
        if not self.channel:
            self.beget()
        return super().run()

    def take(self, document: Any, fds: list[int]) -> None:
        """A container is served, or cannot be."""
        container_id, problem = document
        if problem:
            self.roll.strike(container_id, self.poll)
        for client in self.waiting.pop(container_id, []):
            self.answer(client, problem or READY)

    def accept(self) -> None:
        """Somebody is going to register a container."""
        if client := resolver_roll.accept(self.listener):
            self.clients.add(client)
            self.poll.watch(client.fileno(), lambda: self.read(client))

    def read(self, client: _socket.socket) -> None:
        """A registration, or the end of somebody who has waited for its answer."""
        try:
            document, fds = resolver_roll.receive(client)
            asker = resolver_roll.read_asker(document)
            self.waiting.setdefault(asker.id, []).append(client)
            self.register(asker, *fds)
        except EOFError:
            self.dismiss(client)
        except SystemFailure as error:
            self.answer(client, str(error))
        except (OSError, ValueError, TypeError):
            self.answer(client, "the container has ended")

    def register(self, asker: Asker, netns_fd: int) -> None:
        """Serve a container from now on. Raises SystemFailure, OSError."""
        entry = self.roll.change(asker)
        if entry:
            os.close(netns_fd)
        else:
            entry = self.prepare(asker, netns_fd)
            self.roll.add(entry, self.poll)
            self.watch(entry)
        self.tell([*asker], entry.descriptors)

    def prepare(self, asker: Asker, netns_fd: int) -> Entry:
        """The descriptors of a container. Raises SystemFailure, OSError."""
        pidfd = process.open_exact(asker.pid, asker.began)
        try:
            if pidfd < 0:
                raise ProcessLookupError
            return Entry(asker, netns_fd, pidfd, *redirect.open_sockets(netns_fd))
        except (OSError, SystemFailure):
            for fd in {netns_fd, pidfd} - {-1}:
                os.close(fd)
            raise

    def watch(self, entry: Entry) -> None:
        """Strike it out at its end."""

        def end() -> None:
            self.roll.strike(entry.asker.id, self.poll)
            if not self.roll.entries:
                self.poll.after(LINGER_S, self.end)

        self.poll.watch(entry.pidfd, end)

    def adopt(self) -> None:
        """Containers that run and are not on the roll: those who knew of them were killed."""
        for container_id in files.list_directory(self.home.run_root):
            if len(container_id) != resolver_roll.ID_LENGTH or container_id in self.roll.entries:
                continue
            try:
                document = files.read_json(resolver_roll.registration_path(self.home, container_id))
                asker = resolver_roll.read_asker(document)
                if files.start_time(asker.pid) == asker.began:
                    self.register(asker, namespaces.open_namespace(asker.pid, "network"))
            except (OSError, ValueError, TypeError, SystemFailure):
                continue

    def answer(self, client: _socket.socket, text: str) -> None:
        """The one word for a client."""
        try:
            resolver_roll.send(client, text)
        except OSError:
            pass
        self.dismiss(client)

    def dismiss(self, client: _socket.socket) -> None:
        """A client is done."""
        for waiting in self.waiting.values():
            if client in waiting:
                waiting.remove(client)
        if client in self.clients:
            self.clients.remove(client)
            self.poll.forget(client.fileno())
            client.close()

    def end(self) -> None:
        """Nobody needs a resolver any more, unless somebody is just coming: they hold the gate."""
        if self.roll.entries:
            return
        try:
            gate = Gate(self.home)
            if not self.clients and gate.attempt():
                self.accept()
                if not self.clients:
                    os.unlink(f"{self.home.run_root}/{SOCKET}")
                    self.leave()
                gate.close()
        except FileNotFoundError:
            self.leave()  # somebody has removed the Home
        self.poll.after(LINGER_S, self.end)

    def leave(self) -> NoReturn:
        """Both processes end."""
        self.tell(END)
        os._exit(0)

    def let_go(self) -> None:
        """In a child: nobody waits for it."""
        super().let_go()
        for client in self.clients:
            client.close()
        self.clients.clear()
        self.waiting.clear()


class Answering(Role):
    """Has a keeper, and the worker that answers."""

    def __init__(self, home: Home, listener: _socket.socket, roll: Roll) -> None:
        super().__init__(home, listener, roll)
        self.worker = Worker(home, self.poll)

    def other(self, channel: _socket.socket) -> Role:
        """A keeper with the same roll, for this worker."""
        made = Keeper(self.home, self.listener, self.roll)
        made.talk(channel)
        return made

    def run(self) -> Role:
        """Serve whoever is on the roll, then whoever comes."""
        for entry in list(self.roll.entries.values()):
            self.serve(entry)
        return super().run()

    def take(self, document: Any, fds: list[int]) -> None:
        """Another container, or the order to end."""
        if document == END:
            os._exit(0)
        entry = Entry(resolver_roll.read_asker(document), *fds)
        self.worker.drop(entry.asker.id)
        self.roll.add(entry, self.poll)
        self.serve(entry)

    def serve(self, entry: Entry) -> None:
        """Answer a container until its end."""
        problem = ""
        try:
            self.worker.add(entry)
            self.poll.watch(entry.pidfd, lambda: self.drop(entry.asker.id))
        except (OSError, SystemFailure) as error:
            problem = str(error)
            self.drop(entry.asker.id)
        self.tell([entry.asker.id, problem])

    def drop(self, container_id: str) -> None:
        """No more of a container."""
        self.worker.drop(container_id)
        self.roll.strike(container_id, self.poll)

    def let_go(self) -> None:
        """In a child: a keeper answers nobody."""
        super().let_go()
        self.worker.close()


def main(home: Home, listener: _socket.socket) -> NoReturn:
    """Be the resolver. Called in a child of the process that needs it; never returns."""
    try:
        background.leave(TITLE, {listener.fileno()})
        _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)  # nobody waits for whoever was killed
        session.leave()
        leave_mounts(home)
        raise_limit()
        role: Role = Keeper(home, listener, Roll())
        while True:
            role = role.run()
    except BaseException as error:
        note_crash(home, error)
        raise
    finally:
        os._exit(1)


def leave_mounts(home: Home) -> None:
    """Out of the view of a monitor that has forked us: its container's mounts are to go with it."""
    rooms = (f"{home.containers_dir}/", f"{home.run_root}/")
    if not any(point.target.startswith(rooms) for point in mount.list_mounts()):
        return
    namespaces.unshare(namespaces.CLONE_NEWNS)
    for point in mount.list_mounts():
        if point.target.startswith(rooms):
            try:
                mount.umount(point.target, mount.MNT_DETACH)
            except OSError:
                pass  # it went with the one that it was mounted on


def raise_limit() -> None:
    """As many descriptors as this user may have: four for each container, one for each question."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def note_crash(home: Home, error: BaseException) -> None:
    """A mistake of ours: keep the traceback where a bug report finds it."""
    import traceback

    text = "".join(traceback.format_exception(error))
    files.write(f"{home.run_root}/resolver.crash", text.encode(), durable=False)
