"""The program that sleeps for a monitor, really run: this machine's, and the other's by qemu."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from console import wait_until
from cuddy.kernel import process, small_sleeper, springboard
from cuddy.kernel.syscall import MACHINE

ECHO = ["/bin/sh", "-c", 'echo woken "$1" "$NAME"', "sh", "a b"]
NOTHING = ["/no/such/program", "x"]


class World:
    """A sleeper as the child of ours, parent of a process that it watches."""

    def __init__(self, name: str, emulator: str, directory: Path) -> None:
        self.name, self.emulator = name, emulator
        self.exit_path = directory / "exit"
        self.listener, self.knock = os.pipe()
        self.stream, self.writer = os.pipe()
        self.said, self.out = os.pipe()
        self.pid = 0
        self.started = directory / "pid"

    def begin(self, script: str, waking: Sequence[str] = ECHO, **options: Any) -> None:
        """Fork; what is watched is a shell with a script, its output the stream."""
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.be_sleeper(script, list(waking), options)
            finally:
                os._exit(99)
        os.close(self.writer)
        wait_until(lambda: self.started.exists() and self.started.read_text())

    def be_sleeper(self, script: str, waking: list[str], options: dict[str, Any]) -> None:
        os.set_blocking(self.stream, False)
        child = os.fork()
        if child == 0:
            os.dup2(self.writer, 1)
            os.execv("/bin/sh", ["sh", "-c", script])
        os.close(self.writer)
        own = [process.pidfd_open(child), self.listener, self.stream]
        for fd in own:
            os.set_inheritable(fd, True)
        os.dup2(self.out, 1)
        program = small_sleeper.assemble(own, [], str(self.exit_path), machine=self.name, **options)
        self.started.write_text(str(child))
        environment = {"NAME": "value", "PATH": "/usr/bin:/bin"}
        if not self.emulator:
            os.execve(springboard.seal(program), waking, environment)
        file = f"/proc/self/fd/{os.memfd_create('program', 0)}"
        Path(file).write_bytes(program)
        os.execve(self.emulator, [self.emulator, "-0", waking[0], file, *waking[1:]], environment)

    def outcome(self) -> tuple[int, bytes]:
        """How it ended, and what was said by what it woke."""
        os.close(self.out)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        return code, os.read(self.said, 1000)

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.started.exists() and (text := self.started.read_text()):
            try:
                os.kill(int(text), signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has ended
        for fd in (self.listener, self.knock, self.stream, self.writer, self.said, self.out):
            try:
                os.close(fd)
            except OSError:
                pass  # a test has done so


@pytest.fixture(params=["x86_64", "aarch64"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    name, emulator = request.param, ""
    if name != MACHINE:
        emulator = shutil.which(f"qemu-{name}-static") or shutil.which(f"qemu-{name}") or ""
        if not emulator:
            pytest.skip(f"no qemu-{name} to run its programs with")
    made = World(name, emulator, tmp_path)
    yield made
    made.close()


class TestItWakes:
    def test_when_the_process_has_ended(self, world: World) -> None:
        world.begin("exit 3")
        assert world.outcome() == (0, b"woken a b value\n")

    def test_when_somebody_knocks(self, world: World) -> None:
        world.begin("exec sleep 1000")
        os.write(world.knock, b"!")
        assert world.outcome() == (0, b"woken a b value\n")

    def test_when_something_is_written(self, world: World) -> None:
        world.begin("echo text; exec sleep 1000")
        assert world.outcome() == (0, b"woken a b value\n")
        assert os.read(world.stream, 100) == b"text\n"

    def test_when_its_time_has_come(self, world: World) -> None:
        world.begin("exec sleep 1000", timeout_s=0.2)
        assert world.outcome() == (0, b"woken a b value\n")


class TestWhenNothingCanBeWoken:
    @pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
    def test_how_the_process_ends_is_written_down(
        self, world: World, script: str, code: int
    ) -> None:
        world.begin(f"yes | head -c 300000; {script}", NOTHING)
        assert world.outcome()[0] == 1
        assert small_sleeper.exit_code(world.exit_path.read_bytes()) == code

    def test_a_process_does_not_go_on_that_is_not_to(self, world: World) -> None:
        world.begin("echo; exec sleep 1000", NOTHING, goes_on=False)
        assert world.outcome()[0] == 1
        assert not world.exit_path.exists()


def test_what_was_cut_off_is_no_exit_code() -> None:
    cases: list[bytes] = [b"", b"3", bytes(128), b"x" * 128]
    for data in cases:
        with pytest.raises(ValueError, match="siginfo"):
            small_sleeper.exit_code(data)


def test_it_shows_under_the_name_of_a_monitor(tmp_path: Path) -> None:
    world = World(MACHINE, "", tmp_path)
    try:
        world.begin("exec sleep 1000")
        comm = Path(f"/proc/{world.pid}/comm")
        wait_until(lambda: comm.read_text() == "cuddy monitor\n")
    finally:
        world.close()
