"""The user's terminal: its size, raw mode that is always taken back, and signals as things to read.

Reference: termios(3), signal(7).
"""

from __future__ import annotations

import _signal
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Any

# Those a program cannot or should not take for itself: SIGKILL and SIGSTOP; the marks of its own
# faults; SIGCHLD, SIGPIPE, SIGURG and SIGWINCH, which are about this process; job control, which
# is between the shell and this process; 32 and 33, which belong to the C library.
_OWN = {4, 5, 6, 7, 8, 9, 11, 13, 17, 18, 19, 20, 21, 22, 23, 28, 31, 32, 33}
PROXIED = tuple(number for number in range(1, 65) if number not in _OWN)
ENDING = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM)


def size() -> tuple[int, int] | None:
    """Rows and columns of the terminal; None if there is none."""
    for fd in (1, 0):
        try:
            columns, rows = os.get_terminal_size(fd)
        except OSError:
            continue
        if rows and columns:
            return rows, columns
    return None


class RawMode:
    """A terminal whose every key goes to the container, inside `with`; nothing if it is none."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.before: list[Any] | None = None

    def __enter__(self) -> RawMode:
        if os.isatty(self.fd):
            import termios

            self.before = termios.tcgetattr(self.fd)
            self.enter()
        return self

    def enter(self) -> None:
        """Go raw (again: a shell sets its own mode when it stops and continues us)."""
        import termios

        if self.before is None:
            return
        mode = list(self.before)
        mode[0] &= ~(
            termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
            | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
        )  # fmt: skip
        mode[1] &= ~termios.OPOST
        mode[2] = mode[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        mode[6] = list(mode[6])
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self.fd, termios.TCSADRAIN, mode)

    def leave(self) -> None:
        """Give the terminal back as it was."""
        if self.before is None:
            return
        import termios

        before, self.before = self.before, None
        try:
            termios.tcsetattr(self.fd, termios.TCSADRAIN, before)
        except termios.error:  # the terminal is gone
            pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()


class Signals:
    """Inside `with`, these signals do nothing but make `fd` readable.

    Those that were ignored from the start (nohup) stay ignored.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self.numbers = [n for n in numbers if _signal.getsignal(n) != _signal.SIG_IGN]
        self.before: list[Any] = []
        self.fd = self.writer = -1

    def __enter__(self) -> Signals:
        self.fd, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        _signal.set_wakeup_fd(self.writer, warn_on_full_buffer=False)
        self.before = [_signal.signal(number, _do_nothing) for number in self.numbers]
        return self

    def read(self) -> bytes:
        """The numbers of the signals that came since, each as a byte."""
        try:
            return os.read(self.fd, 4096)
        except BlockingIOError:
            return b""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in zip(self.numbers, self.before):
            _signal.signal(number, handler)
        _signal.set_wakeup_fd(-1)
        os.close(self.fd)
        os.close(self.writer)


def _do_nothing(number: int, frame: object) -> None:
    """A handler, so that the signal is caught; the wake-up descriptor does the telling."""
