"""The process that looks at the engine for the live view, and what the two say to each other.

    view ── {"log": [id, serial]}  {"details": id} ──▶ feed         lines of JSON
         ◀─ ["look", ...] ["event", line] ["details", id, topics] ─
         ◀─ packets, see log_reader ──                 log reader   a child of the feed

It is forked before the view begins, which has threads and an event loop: with those nobody can
become root of a user namespace. When the view goes, however it goes, the sockets are closed, and
the feed goes too.
"""

from __future__ import annotations

import _signal
import os
import select
import socket
import time

from cuddy import files, unforeseen
from cuddy.cli.live import details
from cuddy.cli.live.log_reader import GONE, LogReader
from cuddy.engine import event_log, explain_facts
from cuddy.engine.home import Home, open_home
from cuddy.engine.samples import Look, Row, Sampler, Traffic
from cuddy.errors import CuddyError, SystemFailure
from cuddy.kernel import process
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

PERIOD_S = 1.0
SHARE = 6
"""Looking takes at most one part in so many of a processor's time, or happens more seldom."""
FIRST_S = 0.4
"""Between the first two looks."""
EVENTS = 200
"""Events of the past that are shown."""
CHUNK_BYTES = 1 << 16


class Link(NamedTuple):
    """The view's ends of the sockets."""

    pid: int
    control: socket.socket
    log: socket.socket

    def ask(self, **orders: object) -> None:
        """Send an order, unless the feed has ended, of which the view is told otherwise."""
        try:
            self.control.send(files.format_json(orders).encode() + b"\n")
        except OSError:
            pass

    def close(self) -> None:
        """End the feed."""
        self.control.close()
        self.log.close()
        os.kill(self.pid, _signal.SIGTERM)  # not waited for yet: the pid is still its own
        os.waitpid(self.pid, 0)


def start(places: Home) -> Link:
    """Start the feed and wait until it has opened the home. Raises CuddyError."""
    ours, theirs = socket.socketpair()
    log_ours, log_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if not pid:
        ours.close()
        log_ours.close()
        _live(places, theirs, log_theirs)
    theirs.close()
    log_theirs.close()
    first = next(receive(ours, bytearray()), None)
    if first != ["ready"]:
        os.waitpid(pid, 0)
        ours.close()
        log_ours.close()
        raise failure(first)
    return Link(pid, ours, log_ours)


def failure(message: Any) -> CuddyError:
    """What ended the feed, as it said itself or did not."""
    if not message or message[0] != "end":
        return SystemFailure("the process that looks at containers has ended", hint="try again")
    error = CuddyError(message[1], hint=message[2])
    error.exit_code = message[3]
    return error


def receive(control: socket.socket, rest: bytearray) -> Iterator[Any]:
    """The messages that have come; None at the end. `rest`: a message whose end is still to come.

    Waits for one, unless the socket does not block.
    """
    while True:
        try:
            data = control.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data:
            yield None
            return
        *lines, last = (bytes(rest) + data).split(b"\n")
        rest[:] = last
        for line in lines:
            yield files.parse_json(line)


def packet(data: bytes) -> tuple[int, list[Any], int]:
    """A packet of the log reader's: of which order, lines, and how many were left out."""
    serial, lines, left_out = files.parse_json(data)
    return serial, lines, left_out


def look_of(fields: list[Any]) -> Look:
    """A look that has come as JSON."""
    at_ns, cpus, memory_bytes, rows, problems = fields
    made = tuple(Row._make([*row[:-2], Traffic(*row[-2]), Traffic(*row[-1])]) for row in rows)
    return Look(at_ns, cpus, memory_bytes, made, tuple(problems))


def _live(places: Home, control: socket.socket, log: socket.socket) -> None:
    """Be the feed: never returns."""
    code = 1
    try:
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # a key of the view
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        for fd in range(3):
            os.dup2(null, fd)
        _tell(places, control, log)
        code = 0
    except GONE:
        pass
    finally:
        os._exit(code)


def _tell(places: Home, control: socket.socket, log: socket.socket) -> None:
    """Serve the view until it goes; what else goes wrong is told it. Raises what is GONE."""
    try:
        # Before an ordinary user's process becomes root elsewhere.
        outside = explain_facts.own_namespaces()
        if os.geteuid():
            from cuddy.engine import rootless

            rootless.become_root(places.run_root)
        process.set_title("cuddy top: feed")
        home = open_home(*places)
        with event_log.Reader(home, from_start=True) as events:
            serving = Feed(home, control, log, events, outside)
            try:
                serving.serve()
            finally:
                serving.follow("", 0)
    except CuddyError as error:
        message = ["end", error.message, error.hint, error.exit_code]
        control.sendall(files.format_json(message).encode() + b"\n")
    except GONE:
        raise
    except Exception as error:
        message = ["end", unforeseen.explain(error), "", 1]
        control.sendall(files.format_json(message).encode() + b"\n")


class Feed:
    """What the view has asked for, and the clock."""

    def __init__(
        self,
        home: Home,
        control: socket.socket,
        log: socket.socket,
        events: event_log.Reader,
        outside: Mapping[str, int],
    ) -> None:
        self._home = home
        self._control = control
        self._log = log
        self._events = events
        self._outside = outside
        self._sampler = Sampler(home)
        self._reader: LogReader | None = None
        self._rest = bytearray()

    def serve(self) -> None:
        """Look, again and again, until the view has gone. Raises what is GONE, CuddyError."""
        self._control.setblocking(True)
        self._send("ready")
        for event in list(self._events.read())[-EVENTS:]:
            self._send("event", event)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._events, select.POLLIN)
        due_s = self._look() - PERIOD_S + FIRST_S
        while True:
            left_s = max(0.0, due_s - time.monotonic())
            ready = {fd for fd, _ in poll.poll(process.poll_ms(left_s))}
            if self._control.fileno() in ready and not self._obey():
                return
            for event in self._events.read():
                self._send("event", event)
            if time.monotonic() >= due_s:
                due_s = self._look()

    def _look(self) -> float:
        """Send a look; when the next one is due."""
        began_s = time.monotonic()
        self._send("look", *self._sampler.look())
        took_s = time.monotonic() - began_s
        return began_s + max(PERIOD_S, took_s * SHARE)

    def _obey(self) -> bool:
        """Do what the view asks for; False: it has gone."""
        self._control.setblocking(False)
        orders = list(receive(self._control, self._rest))
        self._control.setblocking(True)
        for order in orders:
            if order is None:
                return False
            if "log" in order:
                self.follow(*order["log"])
            if "details" in order:
                identity = order["details"]
                self._send("details", identity, self._details(identity))
        return True

    def _details(self, container_id: str) -> details.Topics:
        try:
            return details.gather(self._home, container_id, self._outside)
        except CuddyError as error:
            return [("container", [("", error.message, "")])]

    def follow(self, container_id: str, serial: int) -> None:
        """Let another log be read, or none."""
        if self._reader:
            self._reader.close()
        self._reader = None
        if container_id:
            self._reader = LogReader(self._home, self._log, container_id, serial)

    def _send(self, *message: object) -> None:
        self._control.sendall(files.format_json(message).encode() + b"\n")
