"""The user's terminal comes back as it was, whatever happens; signals become things to read."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import Iterator

import pytest

from cuddy.cli import terminal


@pytest.fixture
def tty() -> Iterator[int]:
    master, slave = pty.openpty()
    yield slave
    os.close(slave)
    os.close(master)


def test_raw_mode_is_taken_back(tty: int) -> None:
    before = termios.tcgetattr(tty)
    with terminal.RawMode(tty):
        local = termios.tcgetattr(tty)[3]
        assert not local & (termios.ECHO | termios.ICANON | termios.ISIG)
    assert termios.tcgetattr(tty) == before


def test_raw_mode_is_taken_back_after_an_error(tty: int) -> None:
    before = termios.tcgetattr(tty)
    with pytest.raises(SystemExit), terminal.RawMode(tty):
        raise SystemExit(143)
    assert termios.tcgetattr(tty) == before


def test_raw_mode_can_be_taken_up_again_after_the_shell_had_its_own(tty: int) -> None:
    before = termios.tcgetattr(tty)
    with terminal.RawMode(tty) as raw:
        mine = termios.tcgetattr(tty)
        termios.tcsetattr(tty, termios.TCSANOW, before)
        raw.enter()
        assert termios.tcgetattr(tty) == mine
    assert termios.tcgetattr(tty) == before


def test_what_is_no_terminal_is_left_alone() -> None:
    read_end, write_end = os.pipe()
    with terminal.RawMode(read_end), terminal.RawMode(-1):
        pass
    os.close(read_end)
    os.close(write_end)


def test_the_size_is_that_of_the_window(tty: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl.ioctl(tty, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    size = os.get_terminal_size(tty)
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: size)
    assert terminal.size() == (40, 100)


def test_signals_are_read_instead_of_obeyed() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with terminal.Signals([signal.SIGUSR1, signal.SIGTERM]) as signals:
        assert signals.read() == b""
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert sorted(signals.read()) == [signal.SIGUSR1, signal.SIGTERM]
    assert signal.getsignal(signal.SIGUSR1) == before


def test_a_signal_that_was_ignored_from_the_start_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with terminal.Signals([signal.SIGHUP]) as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        assert signals.read() == b""
    signal.signal(signal.SIGHUP, before)


def test_what_is_passed_on_leaves_out_what_is_this_programs_own() -> None:
    own = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGWINCH}
    assert own.isdisjoint(terminal.PROXIED)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2, signal.SIGRTMAX):
        assert number in terminal.PROXIED
