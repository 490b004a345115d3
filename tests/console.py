"""Running the real program, as a user does: from a script, and at a terminal.

The program is the installed console script when `CUDDY` names it (as `make test` does), and the
source tree otherwise.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pexpect
import pyte

import userns_expected
from cuddy.engine.home import Home

ENGINE = os.environ.get("CUDDY_TESTS_ENGINE", "cuddy")
"""docker or podman: black-box tests run against them, which shows whether a test is right."""
TIME_FACTOR = int(os.environ.get("CUDDY_TESTS_TIME_FACTOR", "1"))
"""How much longer everything may take: on an emulated machine."""
DEADLINE_S = 240 * TIME_FACTOR
"""After which a test is taken to hang, unless it has `gone_on`."""
MAIN = Path(__file__).parent.parent / "src/cuddy/__main__.py"
PROGRAM = shlex.split(os.environ.get("CUDDY", "")) or [sys.executable, "-I", "-S", str(MAIN)]


class Result(NamedTuple):
    """How a command ended and what it wrote."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        """Standard output as text without its last newline."""
        return self.stdout.decode(errors="surrogateescape").removesuffix("\n")

    @property
    def err(self) -> str:
        return self.stderr.decode(errors="surrogateescape").removesuffix("\n")

    @property
    def complaint(self) -> str:
        """Standard error, which must be one line and no traceback."""
        assert "Traceback" not in self.err, self.err
        assert "bug in cuddy" not in self.err, self.err
        assert self.err, "nothing on standard error"
        assert len(self.err.splitlines()) == 1 or ENGINE != "cuddy", self.err
        return self.err


class Running(subprocess.Popen[bytes]):
    """A command whose deadlines are those of the machine it runs on."""

    def wait(self, timeout: float | None = None) -> int:
        return super().wait(timeout and timeout * TIME_FACTOR)

    def communicate(
        self, input: bytes | None = None, timeout: float | None = None
    ) -> tuple[bytes, bytes]:
        return super().communicate(input, timeout and timeout * TIME_FACTOR)


class Cuddy:
    """The command line with a Home. Calling it runs one command."""

    def __init__(self, root: Path, run_root: Path, program: Sequence[str] = PROGRAM) -> None:
        self.program = list(program)
        self.root = root
        self.run_root = run_root
        home = {"CUDDY_ROOT": str(root), "CUDDY_RUNROOT": str(run_root)}
        self.environment = {"PATH": os.environ["PATH"], "HOME": "/root", "TERM": "xterm"} | home
        if config := os.environ.get(userns_expected.ASKED_FOR):
            self.environment["CUDDY_CONFIG"] = config

    def __call__(
        self, *words: object, input: bytes | None = None, timeout: float = 60, **options: Any
    ) -> Result:
        """Run a command without a terminal."""
        stdin = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        done = subprocess.run(
            [*self.program, *map(str, words)],
            capture_output=True,
            timeout=timeout * TIME_FACTOR,
            **({"env": self.environment} | stdin | options),
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: object, **options: Any) -> str:
        """What a command prints that must succeed."""
        result = self(*words, **options)
        assert result.code == 0, f"exit code {result.code}: {result.err}"
        return result.out

    @contextmanager
    def start(self, *words: object, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """A command that goes on while the test does something else; killed at the end."""
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [*self.program, *map(str, words)]
        with Running(command, **({"env": self.environment} | pipes | options)) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    @contextmanager
    def terminal(self, *words: object, rows: int = 24, columns: int = 80) -> Iterator[Terminal]:
        """A command at a real terminal, as pexpect makes one."""
        command = [*self.program, *map(str, words)]
        child = pexpect.spawn(
            command[0],
            command[1:],
            env=self.environment,
            dimensions=(rows, columns),
            timeout=30 * TIME_FACTOR,
            encoding="utf-8",
        )
        child.delaybeforesend = None
        try:
            yield Terminal(child, rows, columns)
        finally:
            child.close(force=True)

    def inspect(self, name: str) -> Any:
        """The one document that `inspect` prints."""
        (document,) = json.loads(self.ok("inspect", name))
        return document

    def field(self, name: str, template: str) -> str:
        return self.ok("inspect", "--format", template, name)

    def pid(self, name: str) -> int:
        """A running container's first process, as the host numbers it."""
        return int(self.field(name, "{{.State.Pid}}"))

    def remove_all(self) -> None:
        if ids := self.ok("ps", "-aq").split():
            self.ok("rm", "-f", "-v", *ids, timeout=120)
        self.remove_volumes()
        self.remove_networks()

    def remove_networks(self) -> None:
        """Remove the networks that tests have made."""
        made = ["network", "ls", "-q", "--no-trunc", "--filter", "type=custom"]
        shelf = self.root / "networks"
        is_bare = ENGINE == "cuddy" and (not shelf.is_dir() or len(list(shelf.glob("*.json"))) < 2)
        if not is_bare and (ids := self.ok(*made).split()):
            self("network", "rm", *ids)  # a configuration goes once nobody uses it
            self.ok("network", "rm", "-f", *ids)

    def remove_volumes(self) -> None:
        """Remove what tests have put into volumes. Most have none: then nothing is run."""
        shelf = self.root / "volumes"
        is_empty = not shelf.is_dir() or not any(shelf.iterdir())
        if not (ENGINE == "cuddy" and is_empty) and (
            names := self.ok("volume", "ls", "-q").split()
        ):
            self.ok("volume", "rm", *names)


class Terminal:
    """A person at a terminal: types, and sees the screen."""

    def __init__(self, child: pexpect.spawn, rows: int, columns: int) -> None:
        self.child = child
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)
        self.written = ""
        """What came while `sees` was looking."""

    def type(self, text: str) -> None:
        self.child.send(text)

    def line(self, text: str) -> None:
        self.child.send(f"{text}\r")

    def expect(self, pattern: str, timeout: float = 30) -> re.Match[str]:
        """Wait for output that matches, and return the match."""
        self.child.expect(pattern, timeout=timeout * TIME_FACTOR)
        self._stream.feed(self.child.before + self.child.after)
        match = self.child.match
        assert isinstance(match, re.Match)
        return match

    def sees(self, pattern: str, timeout: float = 60) -> re.Match[str]:
        """Wait until the screen as a whole shows a pattern, whatever order it was drawn in."""
        deadline = time.monotonic() + timeout * TIME_FACTOR
        while True:
            screen = "\n".join(self.screen())
            if match := re.search(pattern, screen, re.MULTILINE):
                return match
            assert time.monotonic() < deadline, f"no {pattern!r} on\n{screen}"
            try:
                data = self.child.read_nonblocking(1 << 16, 0.1)
            except pexpect.TIMEOUT:
                continue
            self.written += data
            self._stream.feed(data)

    def ask(self, command: str) -> str:
        """Type a command to a shell; what it answers, between two marks it could not echo."""
        self.line(f"echo B''EGIN; {command}; echo E''ND")
        return self.expect(r"BEGIN\r\n(.*?)\r?\n?END\r\n")[1]

    def resize(self, rows: int, columns: int) -> None:
        self.child.setwinsize(rows, columns)
        self._screen.resize(rows, columns)

    def screen(self) -> list[str]:
        """The lines on the screen so far, without blanks at their ends."""
        return [line.rstrip() for line in self._screen.display]

    def ends(self, timeout: float = 30) -> int:
        """Wait for the command to end; its exit code."""
        self.child.expect(pexpect.EOF, timeout=timeout * TIME_FACTOR)
        self._stream.feed(self.child.before or "")
        self.child.wait()
        status = self.child.exitstatus
        return int(status) if status is not None else 128 + int(self.child.signalstatus or 0)

    def interrupt(self) -> None:
        self.type("\x03")


def gone_on() -> None:
    """A step of a long test is done, and the next may take as long as any test: so a busy machine
    makes it late, and only one that hangs makes it fail.
    """
    signal.alarm(DEADLINE_S)


def wait_until(condition: Callable[[], Any], timeout: float = 20, what: str = "") -> Any:
    """Poll until something is true; its value.

    `timeout` is for a machine that is busy with other things: nobody waits for it when all is well.
    """
    deadline = time.monotonic() + timeout * TIME_FACTOR
    while not (value := condition()):
        assert time.monotonic() < deadline, what or "it did not happen in time"
        time.sleep(0.01)
    return value


def sleeps(monitor: int) -> bool:
    """Whether a monitor has become the program that sleeps for it."""
    return os.readlink(f"/proc/{monitor}/exe").startswith("/memfd:cuddy")


def monitor_of(cuddy: Cuddy, name: str) -> int:
    """The process that watches over a container: the parent of its first one."""
    status = Path(f"/proc/{cuddy.pid(name)}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid"))


def bridge_of(cuddy: Cuddy) -> str:
    """The link of a Home's default network."""
    return Home(str(cuddy.root), str(cuddy.run_root)).bridge_link


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def children_of(pid: int) -> list[int]:
    """The processes that a process has made and not buried yet, in this order."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def descendants_of(pid: int) -> list[int]:
    """Its children, and theirs."""
    found, waiting = [], [pid]
    while waiting:
        with suppress(OSError):  # it has just ended
            children = children_of(waiting.pop())
            found += children
            waiting += children
    return found


def pids_of(*words: str) -> list[int]:
    """The processes that run just this."""
    wanted = "\0".join([*words, ""]).encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if (entry / "cmdline").read_bytes() == wanted:
                    found.append(int(entry.name))
    return found


def processes_called(words: str) -> list[int]:
    """The processes with these arguments, each ended by a NUL."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().decode(errors="replace") == words:
                found.append(int(path.parent.name))
        except OSError:
            continue  # it has ended
    return found


def title_of(pid: int) -> str:
    """What a process calls itself, as far as the kernel keeps it; "" if there is none."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def cpu_ticks(pid: int) -> int:
    """Hundredths of a second that a process has computed for: proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
