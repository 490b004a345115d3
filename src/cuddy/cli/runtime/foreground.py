"""A process in the foreground: its terminal on ours, our signals to it, until it ends.

Without a terminal it has our own streams, and nothing is copied.
"""

from __future__ import annotations

import _signal
import os
import select
import termios

from cuddy.cli import terminal
from cuddy.kernel import process, pty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.spec import Process

EOT = b"\x04"  # what Ctrl-D types
CHUNK = 1 << 16


def fit(spec: Process) -> None:
    """Let a process's terminal be as large as ours from its first moment."""
    if window := terminal.size():
        spec["consoleSize"] = {"height": window[0], "width": window[1]}


def plain_lines(master: int) -> None:
    """A program that reads our output instead of a person gets lines without carriage returns."""
    if not os.isatty(1):
        mode = termios.tcgetattr(master)
        mode[1] &= ~termios.ONLCR
        termios.tcsetattr(master, termios.TCSANOW, mode)


def listen() -> terminal.Signals:
    """Keep signals for a process yet to come: as soon as it runs, they are meant for it."""
    return terminal.Signals({*terminal.PROXIED, _signal.SIGCHLD, _signal.SIGWINCH})


def accompany(pid: int, pidfd: int, master: int, signals: terminal.Signals) -> int:
    """Stay with a child of ours until it ends; its exit code.

    `master`: of its terminal, or -1. `signals`: of `listen`, since before it was started.
    """
    forward = Forwarding(pidfd)
    if master < 0:
        return process.exit_code(wait(pid, pidfd, signals, forward))
    from cuddy.cli import foreground

    forward.all_of(signals)
    foreground.converse(Terminal(master, pidfd), stdin=True, keys=b"", forward=forward)
    _, status = os.waitpid(pid, 0)
    return process.exit_code(status)


def wait(pid: int, pidfd: int, signals: terminal.Signals, forward: Forwarding) -> int:
    """Pass on signals and bury whom we have inherited, until `pid` ends: its wait status."""
    poll = select.poll()
    poll.register(signals.fd, select.POLLIN)
    poll.register(pidfd, select.POLLIN)
    while True:
        poll.poll()
        forward.all_of(signals)
        while True:
            found, status = os.waitpid(-1, os.WNOHANG)
            if found == pid:
                return status
            if not found:
                break


class Forwarding:
    """Sends signals to one process, which may have ended."""

    def __init__(self, pidfd: int) -> None:
        self.pidfd = pidfd

    def __call__(self, number: int) -> None:
        try:
            process.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            pass

    def all_of(self, signals: terminal.Signals) -> None:
        """Those that came since the last look."""
        for number in signals.read():
            if number != _signal.SIGCHLD:
                self(number)


class Terminal:
    """The master of a terminal as something to converse with, until its process ends.

    Others may keep the slave open for longer, so its end alone does not tell.
    """

    tty = True

    def __init__(self, master: int, pidfd: int) -> None:
        self.master = master
        self.pidfd = pidfd
        os.set_blocking(master, False)
        self.either = select.epoll(flags=select.EPOLL_CLOEXEC)
        self.either.register(master, select.EPOLLIN)
        self.either.register(pidfd, select.EPOLLIN)

    def fileno(self) -> int:
        return self.either.fileno()

    def receive(self) -> list[tuple[int, bytes]]:
        """What it wrote. Raises EOFError when it has ended and nothing is left."""
        ended = any(fd == self.pidfd for fd, _ in self.either.poll(0))
        try:
            data = os.read(self.master, CHUNK)
        except BlockingIOError:
            data = b""
        except OSError:  # EIO: nobody has the slave
            self.either.unregister(self.master)
            os.set_blocking(self.pidfd, True)
            select.select([self.pidfd], [], [])
            raise EOFError from None
        if not data and ended:
            raise EOFError
        return [(1, data)] if data else []

    def send(self, data: bytes) -> int:
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0
        except OSError:  # the process has ended, and we shall hear of it
            return len(data)

    def wants_write(self) -> bool:
        return False

    def write_fileno(self) -> int:
        return self.master

    def flush(self) -> None:
        pass

    def close_stdin(self) -> None:
        self.send(EOT)

    def resize(self, rows: int, columns: int) -> None:
        pty.set_size(self.master, pty.Size(rows, columns))

    def detach(self) -> None:
        pass

    def close(self) -> None:
        self.either.close()
        os.close(self.master)
