"""The springboard and the small init, really run: this machine's, and the other's by qemu."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from console import wait_until
from cuddy.kernel import process, springboard
from cuddy.kernel.syscall import MACHINE

STATUS_FD = 9
ENVIRONMENT = ["A=1", "PATH=/usr/bin:/bin"]
ENV = shutil.which("env") or "/usr/bin/env"
SH = "/bin/sh"


class Outcome(NamedTuple):
    """How a program ended, what it wrote, and what came out of the status descriptor."""

    code: int
    output: str
    status: bytes


class Machine(NamedTuple):
    """A way to run the assembled programs of an architecture."""

    name: str
    emulator: str

    def execute(
        self, path: str, arguments: list[str], *, as_init: bool, alone: bool = False
    ) -> None:
        """Become the program; returns only by an exception."""
        if not self.emulator:
            fd = springboard.prepare(STATUS_FD, as_init=as_init, alone=alone)
            springboard.leap(springboard.aim(fd, path, arguments, ENVIRONMENT))
        file = Path(f"/proc/self/fd/{os.memfd_create('program', 0)}")
        program = springboard.assemble(STATUS_FD, self.name, as_init=as_init, alone=alone)
        file.write_bytes(program)
        variables = dict(variable.split("=", 1) for variable in ENVIRONMENT)
        command = [self.emulator, "-0", path, str(file), *arguments]
        os.execve(self.emulator, command, variables)

    def start(
        self, path: str, *arguments: str, as_init: bool = False, alone: bool = False
    ) -> Running:
        """A child that is executing; arguments begin with the program's own name."""
        out_read, out_write = os.pipe()
        status_read, status_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setsid()
                # As pid 1 is by nature: orphans come to it.
                process.prctl(process.PR_SET_CHILD_SUBREAPER, 1)
                os.dup2(out_write, 1)
                os.dup2(status_write, STATUS_FD)
                if alone:
                    adopt_orphans()
                self.execute(path, list(arguments), as_init=as_init, alone=alone)
            finally:
                os._exit(99)
        os.close(out_write)
        os.close(status_write)
        return Running(pid, out_read, status_read)

    def run(self, path: str, *arguments: str, as_init: bool = False) -> Outcome:
        return self.start(path, *arguments, as_init=as_init).finish()


class Running:
    """A started program, of which we hold the other ends."""

    def __init__(self, pid: int, out_fd: int, status_fd: int) -> None:
        self.pid = pid
        self._out = os.fdopen(out_fd)
        self._status = os.fdopen(status_fd, "rb")

    def line(self) -> str:
        return self._out.readline().rstrip("\n")

    def finish(self) -> Outcome:
        output, status = self._out.read(), self._status.read()
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self._out.close()
        self._status.close()
        return Outcome(code, output, status)


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    name = request.param
    if name == MACHINE:
        return Machine(name, "")
    emulator = shutil.which(f"qemu-{name}-static") or shutil.which(f"qemu-{name}")
    if not emulator:
        pytest.skip(f"no qemu-{name} to run its programs with")
    return Machine(name, emulator)


@pytest.fixture(params=[False, True], ids=["springboard", "init"])
def as_init(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


class TestBoth:
    """What springboard and small init have in common."""

    def test_the_program_runs_and_its_exit_code_is_ours(
        self, machine: Machine, as_init: bool
    ) -> None:
        outcome = machine.run(SH, "sh", "-c", "echo ran; exit 42", as_init=as_init)
        assert outcome == Outcome(42, "ran\n", b"")

    def test_arguments_and_environment_arrive_byte_for_byte(
        self, machine: Machine, as_init: bool
    ) -> None:
        words = ["", "a b", "ünï", "\n", "x" * 60_000, *map(str, range(1000))]
        script = "import sys; sys.stdout.write(chr(1).join(sys.argv[1:]))"
        outcome = machine.run(sys.executable, "python", "-I", "-c", script, *words, as_init=as_init)
        assert outcome.output.split("\1") == words
        shown = machine.run(ENV, "env", as_init=as_init).output
        assert sorted(shown.splitlines()) == ENVIRONMENT

    def test_the_name_of_the_program_is_its_own_affair(
        self, machine: Machine, as_init: bool
    ) -> None:
        outcome = machine.run(SH, "-a name of its own", "-c", "echo $0", as_init=as_init)
        assert outcome.output == "-a name of its own\n"

    @pytest.mark.parametrize(
        ("path", "code"),
        [("/no/such", errno.ENOENT), ("/etc/passwd/x", errno.ENOTDIR), ("/etc", errno.EACCES)],
    )
    def test_a_program_that_cannot_be_executed_is_reported(
        self, machine: Machine, as_init: bool, path: str, code: int
    ) -> None:
        outcome = machine.run(path, "x", as_init=as_init)
        assert outcome == Outcome(127, "", struct.pack("<q", -code))

    def test_the_program_does_not_inherit_the_status_descriptor(
        self, machine: Machine, as_init: bool
    ) -> None:
        script = f"[ -e /proc/self/fd/{STATUS_FD} ] && echo there || echo gone"
        assert machine.run(SH, "sh", "-c", script, as_init=as_init).output == "gone\n"


class TestSpringboard:
    def test_the_program_is_the_same_process(self, machine: Machine) -> None:
        running = machine.start(SH, "sh", "-c", "echo $$")
        assert running.line() == str(running.pid)
        running.finish()

    def test_it_cannot_be_changed(self) -> None:
        fd = springboard.prepare(STATUS_FD)
        try:
            before = Path(f"/proc/self/fd/{fd}").read_bytes()
            again = os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
            for attempt in (
                lambda: os.pwrite(again, b"x", 0),
                lambda: os.ftruncate(again, 0),
                lambda: os.ftruncate(again, 1 << 20),
            ):
                with pytest.raises(PermissionError):
                    attempt()
            os.close(again)
            assert Path(f"/proc/self/fd/{fd}").read_bytes() == before
            assert not os.get_inheritable(fd)
        finally:
            os.close(fd)

    def test_a_program_that_names_its_executor_gets_the_springboard(self, tmp_path: Path) -> None:
        """CVE-2019-5736: with `#!/proc/self/exe` the kernel would hand out the host's Python.

        The script then executes the springboard, which executes the script, and so on for ever.
        """
        script = tmp_path / "script"
        script.write_text("#!/proc/self/exe\n")
        script.chmod(0o755)
        running = Machine(MACHINE, "").start(str(script), "script")
        own = os.path.realpath(sys.executable)
        seen: list[str] = []
        while sum(path != own for path in seen) < 50:
            seen.append(os.readlink(f"/proc/{running.pid}/exe").removesuffix(" (deleted)"))
            time.sleep(0.001)
        os.kill(running.pid, signal.SIGKILL)
        assert running.finish().code == -signal.SIGKILL
        assert {path for path in seen if path != own} == {"/memfd:cuddy"}


class TestSmallInit:
    def test_the_program_is_its_child_with_a_group_of_its_own(self, machine: Machine) -> None:
        running = machine.start(SH, "sh", "-c", "echo $$ $PPID; ps -o pgid= -p $$", as_init=True)
        own, parent = running.line().split()
        assert int(parent) == running.pid
        assert int(own) == int(running.line())
        running.finish()

    def test_it_ends_with_the_programs_signal(self, machine: Machine) -> None:
        outcome = machine.run(SH, "sh", "-c", "kill -TERM $$", as_init=True)
        assert outcome.code == 128 + signal.SIGTERM

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, 35])
    def test_signals_are_passed_on(self, machine: Machine, number: int) -> None:
        if machine.emulator and number > 31:
            pytest.skip("qemu keeps real-time signals for itself")
        script = (
            f"import signal, sys; signal.signal({int(number)}, lambda *_: sys.exit(7));"
            "print('ready', flush=True); signal.pause()"
        )
        running = machine.start(sys.executable, "python", "-I", "-S", "-c", script, as_init=True)
        assert running.line() == "ready"
        os.kill(running.pid, number)
        assert running.finish().code == 7

    def test_the_programs_signals_are_not_blocked(self, machine: Machine) -> None:
        outcome = machine.run(SH, "sh", "-c", "grep SigBlk /proc/self/status", as_init=True)
        assert outcome.output.split() == ["SigBlk:", "0" * 16]

    def test_orphans_are_buried_and_none_is_taken_for_the_program(self, machine: Machine) -> None:
        orphan = "sleep 0.02; grep PPid: /proc/$$/status"
        script = f"for n in 1 2 3; do (sh -c '{orphan}' &); done; exec sleep 1000"
        running = machine.start(SH, "sh", "-c", script, as_init=True)
        assert {running.line() for _ in range(3)} == {f"PPid:\t{running.pid}"}
        wait_until(lambda: len(children(running.pid)) == 1)
        os.kill(running.pid, signal.SIGTERM)
        assert running.finish().code == 128 + signal.SIGTERM

    def test_alone_it_starts_nothing_and_ends_by_one_signal_only(self, machine: Machine) -> None:
        running = machine.start(SH, "sh", "-c", "echo never", alone=True)
        assert {running.line() for _ in range(3)} == {"orphan"}
        os.kill(running.pid, signal.SIGUSR1)
        wait_until(lambda: not children(running.pid), what="an orphan was not buried")
        os.kill(running.pid, signal.SIGTERM)
        assert running.finish() == (128 + signal.SIGTERM, "", b"")


def adopt_orphans() -> None:
    """Children whom we shall have without knowing of them, some dead already."""
    for delay_s in (0, 0.1, 0.3):
        if os.fork() == 0:
            if os.fork() == 0:
                time.sleep(delay_s)
                os.write(1, b"orphan\n")
            os._exit(0)


def children(pid: int) -> list[str]:
    """Its children, dead ones too."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
