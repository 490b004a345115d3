"""A foreground command moves bytes, windows and signals, and gives the terminal back.

The command's side runs in a process of its own on real pipes or a real terminal; this process plays
the container's monitor at the other end of the socket, with the engine's own frames.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cuddy.engine import frames

SOURCE = Path(__file__).parents[3] / "src"
COMMAND = f"""
import _socket, os, sys
sys.path.insert(0, {str(SOURCE)!r})
from cuddy.cli import boundary, foreground
from cuddy.engine.attach import Attachment

fd, tty, stdin, forwarding = (int(word) for word in sys.argv[1:])
attachment = Attachment(_socket.socket(fileno=fd), tty=bool(tty))
forward = (lambda number: attachment._post(100, bytes([number]))) if forwarding else None
try:
    foreground.converse(attachment, stdin=bool(stdin), keys=b"\\x10\\x11", forward=forward)
except foreground.Detached:
    code = 77
except BrokenPipeError:
    code = 141
else:
    code = attachment.exit_code
os._exit(code) if code is not None else sys.exit(99)
"""
FORWARDED = 100  # a frame kind of this test: the command wants to pass a signal on
DEADLINE_S = 10


class Monitor:
    """The other end of the socket."""

    def __init__(self, end: socket.socket, command: subprocess.Popen[bytes]) -> None:
        self.end = end
        self.command = command
        self.decoder = frames.Decoder()
        self.waiting: list[frames.Frame] = []

    def write(self, stream: int, data: bytes) -> None:
        self.end.sendall(frames.encode(stream, data))

    def finish(self, code: int) -> int:
        self.end.sendall(frames.encode(frames.EXIT, b'{"ExitCode":%d}' % code))
        self.end.close()
        return self.command.wait(DEADLINE_S)

    def next(self) -> frames.Frame:
        self.end.settimeout(DEADLINE_S)
        while not self.waiting:
            data = self.end.recv(1 << 16)
            assert data, "the command is gone"
            self.waiting = self.decoder.feed(data)
        return self.waiting.pop(0)


Start = Callable[..., Monitor]


@pytest.fixture
def start() -> Iterator[Start]:
    monitors: list[Monitor] = []

    def begin(
        *, tty: bool = False, types: bool = True, forward: bool = False, **streams: Any
    ) -> Monitor:
        ours, theirs = socket.socketpair()
        words = [str(int(word)) for word in (theirs.fileno(), tty, types, forward)]
        command = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", COMMAND, *words],
            pass_fds=[theirs.fileno()],
            **streams,
        )
        theirs.close()
        monitors.append(Monitor(ours, command))
        return monitors[-1]

    yield begin
    for monitor in monitors:
        monitor.end.close()
        monitor.command.kill()
        monitor.command.wait()
        for stream in (monitor.command.stdin, monitor.command.stdout, monitor.command.stderr):
            if stream:
                stream.close()


@pytest.fixture
def window() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    set_size(slave, 24, 80)
    yield master, slave
    os.close(master)
    os.close(slave)


def set_size(fd: int, rows: int, columns: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_raw(fd: int) -> bool:
    return not termios.tcgetattr(fd)[3] & termios.ICANON


PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def test_output_keeps_its_streams_apart(start: Start) -> None:
    monitor = start(types=False, **PIPES)
    monitor.write(1, b"out\n")
    monitor.write(2, b"err\n")
    monitor.write(1, b"more")
    assert monitor.finish(3) == 3
    assert monitor.command.stdout.read() == b"out\nmore"
    assert monitor.command.stderr.read() == b"err\n"


def test_ten_megabytes_go_in_and_come_out_unchanged(start: Start, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 10
    (tmp_path / "in").write_bytes(data)
    with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as sink:
        monitor = start(stdin=source, stdout=sink)
        size = 0
        while (frame := monitor.next()).kind == frames.STDIN:
            size += len(frame.data)
            monitor.write(1, frame.data)
        assert frame.kind == frames.CLOSE_STDIN
        assert size == len(data)
        assert monitor.finish(0) == 0
    assert (tmp_path / "out").read_bytes() == data


def test_without_i_nothing_is_read(start: Start, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"keep")
    with (tmp_path / "in").open("rb") as source:
        monitor = start(types=False, **PIPES | {"stdin": source})
        assert monitor.finish(0) == 0
        assert os.lseek(source.fileno(), 0, os.SEEK_CUR) == 0


def test_the_terminal_is_raw_meanwhile_and_as_before_afterwards(
    start: Start, window: tuple[int, int]
) -> None:
    master, slave = window
    before = termios.tcgetattr(slave)
    monitor = start(tty=True, stdin=slave, stdout=slave, stderr=slave)
    until(lambda: is_raw(slave))
    os.write(master, b"\x03\r")  # ctrl-c is a key like any other
    assert monitor.next() == (frames.STDIN, b"\x03\r")
    assert monitor.finish(5) == 5
    assert termios.tcgetattr(slave) == before


def test_the_detach_keys_leave(start: Start, window: tuple[int, int]) -> None:
    master, slave = window
    before = termios.tcgetattr(slave)
    monitor = start(tty=True, stdin=slave, stdout=slave, stderr=slave)
    until(lambda: is_raw(slave))
    os.write(master, b"ls\x10")
    assert monitor.next() == (frames.STDIN, b"ls")
    os.write(master, b"\x11")
    assert monitor.command.wait(DEADLINE_S) == 77
    assert termios.tcgetattr(slave) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_a_signal_that_ends_the_command_finds_the_terminal_restored(
    start: Start, window: tuple[int, int], number: int
) -> None:
    _, slave = window
    before = termios.tcgetattr(slave)
    monitor = start(tty=True, stdin=slave, stdout=slave, stderr=slave)
    until(lambda: is_raw(slave))
    monitor.command.send_signal(number)
    assert monitor.command.wait(DEADLINE_S) == 128 + number
    assert termios.tcgetattr(slave) == before


def test_the_containers_window_follows_ours(start: Start, window: tuple[int, int]) -> None:
    _, slave = window
    monitor = start(tty=True, stdin=slave, stdout=slave, stderr=slave)
    until(lambda: is_raw(slave))
    set_size(slave, 50, 132)
    monitor.command.send_signal(signal.SIGWINCH)
    assert monitor.next() == (frames.RESIZE, frames.WINDOW.pack(50, 132))


def test_signals_are_passed_on(start: Start) -> None:
    monitor = start(forward=True, **PIPES)
    monitor.write(1, b"x")
    assert monitor.command.stdout.read(1) == b"x"  # it listens now
    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM):
        monitor.command.send_signal(number)
        assert monitor.next() == (FORWARDED, bytes([number]))
    assert monitor.finish(7) == 7


def test_the_third_interrupt_leaves_a_container_that_does_not_listen(start: Start) -> None:
    monitor = start(forward=True, **PIPES)
    monitor.write(1, b"x")
    assert monitor.command.stdout.read(1) == b"x"
    for _ in range(2):
        monitor.command.send_signal(signal.SIGINT)
        assert monitor.next() == (FORWARDED, bytes([signal.SIGINT]))
    monitor.command.send_signal(signal.SIGINT)
    assert monitor.command.wait(DEADLINE_S) == 1
    assert b"interrupted three times" in monitor.command.stderr.read()


def test_signals_get_through_while_nobody_reads_the_output(start: Start) -> None:
    monitor = start(forward=True, **PIPES)
    monitor.write(1, b"x")
    assert monitor.command.stdout.read(1) == b"x"
    monitor.end.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            monitor.end.send(frames.encode(1, b"x" * 60_000))
    monitor.command.send_signal(signal.SIGUSR1)
    assert monitor.next() == (FORWARDED, bytes([signal.SIGUSR1]))


def test_a_reader_that_went_away_ends_the_command_quietly(start: Start) -> None:
    monitor = start(**PIPES)
    monitor.command.stdout.close()
    monitor.write(1, b"x" * 10_000)
    assert monitor.command.wait(DEADLINE_S) == 141
    assert monitor.command.stderr.read() == b""


def test_input_that_ends_is_passed_on_once(start: Start) -> None:
    monitor = start(**PIPES)
    monitor.command.stdin.write(b"hello")
    monitor.command.stdin.close()
    assert monitor.next() == (frames.STDIN, b"hello")
    assert monitor.next() == (frames.CLOSE_STDIN, b"")
    assert not select.select([monitor.end], [], [], 0.05)[0]
    assert monitor.finish(0) == 0
