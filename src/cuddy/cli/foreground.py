"""A container in the foreground: the user's streams joined to it until it ends or is left.

One loop over poll(2) that never waits in a write, so that signals, resizes and both directions keep
moving while any one of them is stuck.
"""

from __future__ import annotations

import _signal
import os
import select
import stat

from cuddy.cli import boundary, terminal
from cuddy.engine.detach_keys import DetachKeys
from cuddy.errors import NoSuchContainer, NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.attach import Attachment, Streams
    from cuddy.engine.home import Home

_CHUNK = 1 << 16
_ROOM = 4096  # what a pipe takes at once whenever poll(2) says it is writable: PIPE_BUF
FORCED = 1
KILLED = 128 + 9
OUT_OF_MEMORY = (
    "the kernel killed what ran in the container for want of memory; -m sets its limit, "
    "and 'cuddy ps -a --report' tells what it had used"
)
"""Told to people at a terminal only: to a script docker says nothing either."""
PATIENCE = 3  # so many SIGINT or SIGTERM, and the user wants out whatever the container does


class Detached(Exception):
    """The user typed the detach keys."""


def accompany(
    home: Home, container_id: str, streams: Streams, *, stdin: bool, keys: bytes, proxy: bool
) -> bool:
    """Stay with a container until its output ends (True) or the user leaves it (False).

    `proxy`: pass signals on to the container, unless it has a terminal, which makes its own.
    """

    def forward(number: int) -> None:
        from cuddy.engine import kill

        kill.kill(home, container_id, signal=number, by="the command in the foreground")

    try:
        forwarding = forward if proxy and not streams.tty else None
        converse(streams, stdin=stdin, keys=keys, forward=forwarding)
    except Detached:
        os.write(2, b"read escape sequence\n")
        streams.detach()
        return False
    finally:
        streams.close()
    return True


def exit_code(home: Home, container_id: str, attachment: Attachment) -> int:
    """How a container ended whose output has ended."""
    if attachment.exit_code is not None:
        if attachment.exit_code and attachment.out_of_memory and os.isatty(2):
            boundary.warn([OUT_OF_MEMORY])
        return attachment.exit_code
    from cuddy.engine import wait

    try:
        return wait.wait(home, container_id)
    except NoSuchContainer:
        return KILLED  # with --rm, and its monitor was killed: whoever saw that has removed it


def converse(
    streams: Streams,
    *,
    stdin: bool,
    keys: bytes,
    forward: Callable[[int], None] | None = None,
) -> None:
    """Copy until the container's output ends. `forward` passes a signal on to the container.

    Raises Detached, and SystemExit when a signal ends this program.
    """
    typed = stdin and streams.tty
    numbers = set(terminal.PROXIED) if forward else set()
    if streams.tty:
        numbers |= {*terminal.ENDING, _signal.SIGWINCH, _signal.SIGCONT}
    raw = terminal.RawMode(0 if typed else -1)
    with terminal.Signals(numbers) as signals, raw:
        copy = _Copy(streams, signals, raw, keys if typed else b"", forward)
        copy.run(stdin=stdin)


class _Copy:
    """The state of one conversation: what was read and waits to be written, both ways."""

    def __init__(
        self,
        streams: Streams,
        signals: terminal.Signals,
        raw: terminal.RawMode,
        keys: bytes,
        forward: Callable[[int], None] | None,
    ) -> None:
        self.streams = streams
        self.signals = signals
        self.raw = raw
        self.keys = DetachKeys(keys) if keys else None
        self.forward = forward
        self.typed = memoryview(b"")  # on its way into the container
        self.output: list[tuple[int, memoryview]] = []  # on its way to fd 1 and 2
        self.reading = False  # whether standard input has more to come
        self.closing = False  # whether the container must be told that it has not
        self.interrupts = 0
        self.room = {fd: _room(fd) for fd in (1, 2)}

    def run(self, *, stdin: bool) -> None:
        self.reading = stdin
        try:
            while True:
                self.turn()
        except EOFError:
            pass

    def turn(self) -> None:
        """Wait for whatever comes first, and deal with all that has come."""
        ready = self.wait()
        if self.signals.fd in ready:
            self.take_signals()
        if self.output:
            self.write_output()
        elif self.streams.fileno() in ready:
            received = self.streams.receive()
            self.output = [(stream, memoryview(data)) for stream, data in received]
            self.write_output()
        if 0 in ready:
            self.read_input()
        self.send_input()

    def wait(self) -> set[int]:
        """The descriptors that have something to say, or room for what waits."""
        poll = select.poll()
        poll.register(self.signals.fd, select.POLLIN)
        if self.output:
            poll.register(self.output[0][0], select.POLLOUT)
        else:
            poll.register(self.streams.fileno(), select.POLLIN)
        if self.typed or self.streams.wants_write():
            fd = self.streams.write_fileno()
            reads = fd == self.streams.fileno() and not self.output
            poll.register(fd, select.POLLOUT | (select.POLLIN if reads else 0))
        elif self.reading:
            poll.register(0, select.POLLIN)
        return {fd for fd, _ in poll.poll()}

    def write_output(self) -> None:
        """Write what fits without waiting."""
        while self.output and _is_writable(self.output[0][0]):
            fd, data = self.output[0]
            try:
                written = os.write(fd, data[: self.room[fd]])
            except BlockingIOError:
                return
            if written == len(data):
                self.output.pop(0)
            else:
                self.output[0] = fd, data[written:]

    def read_input(self) -> None:
        try:
            data = os.read(0, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # the terminal is gone
            data = b""
        if not data:
            self.reading, self.closing = False, True
            return
        detached = False
        if self.keys:
            data, detached = self.keys.feed(data)
        self.typed = memoryview(data)
        if detached:
            self.send_input()
            raise Detached

    def send_input(self) -> None:
        """Pass on what was typed, and in the end that nothing more will come."""
        try:
            if self.streams.wants_write():
                self.streams.flush()
            if self.typed:
                self.typed = self.typed[self.streams.send(bytes(self.typed)) :]
            if self.closing and not self.typed:
                self.closing = False
                self.streams.close_stdin()
        except (BrokenPipeError, ConnectionResetError):
            # The container reads no more; what it wrote before is still to come.
            self.reading, self.closing, self.typed = False, False, memoryview(b"")

    def take_signals(self) -> None:
        for number in self.signals.read():
            if number == _signal.SIGCONT:
                self.raw.enter()
            if number in (_signal.SIGWINCH, _signal.SIGCONT):
                if window := terminal.size():
                    self.streams.resize(*window)
            elif self.forward is None:
                raise SystemExit(128 + number)
            else:
                self.pass_on(number, self.forward)

    def pass_on(self, number: int, forward: Callable[[int], None]) -> None:
        self.interrupts += number in (_signal.SIGINT, _signal.SIGTERM)
        if self.interrupts >= PATIENCE:
            os.write(2, b"cuddy: interrupted three times: leaving the container as it is\n")
            raise SystemExit(FORCED)
        try:
            forward(number)
        except (NotRunning, NoSuchContainer):  # it has ended meanwhile
            pass


def _room(fd: int) -> int:
    return _CHUNK if stat.S_ISREG(os.fstat(fd).st_mode) else _ROOM


def _is_writable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(0))
