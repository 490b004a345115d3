"""exec: one more process in a running container, through the runtime's command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bundles import OTHER, PATH, Bundle, Runtime, end
from console import wait_until

LINKS = ("pid", "mnt", "uts", "ipc", "net", "cgroup")


@pytest.fixture
def running(runtime: Runtime, bundle: Bundle) -> Runtime:
    """A running container `box`."""
    bundle.config["hostname"] = "box"
    bundle.process["env"].append("OWN=1")
    runtime.started(bundle.script("sleep 1000"))
    return runtime


def process_file(runtime: Runtime, bundle: Bundle, **changes: Any) -> Path:
    """A process.json: the container's own process with these changes."""
    path = runtime.directory / "process.json"
    path.write_text(json.dumps(bundle.process | changes))
    return path


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_the_exit_code_is_the_commands(running: Runtime, code: int) -> None:
    assert running("exec", "box", "sh", "-c", f"exit {code}").code == code


def test_a_signalled_command_gives_128_and_its_number(running: Runtime) -> None:
    assert running("exec", "box", "sh", "-c", "kill -TERM $$").code == 128 + signal.SIGTERM


@pytest.mark.parametrize("program", ["no-such", "/no/such", "/etc", "/etc/passwd"])
def test_a_command_that_cannot_run_is_an_error_of_255(running: Runtime, program: str) -> None:
    result = running("exec", "box", program)
    assert result.code == 255
    assert program in result.err


def test_streams_pass_through(running: Runtime) -> None:
    script = "cat; echo err >&2"
    result = running("exec", "box", "sh", "-c", script, stdin=None, input=b"in\n")
    assert (result.stdout, result.stderr) == (b"in\n", b"err\n")


def test_it_is_in_every_namespace_and_cgroup_of_the_container(running: Runtime) -> None:
    init = running.pid()
    script = "; ".join(f"readlink /proc/self/ns/{link}" for link in LINKS)
    found = running.ok("exec", "box", "sh", "-c", f"{script}; hostname").split()
    assert found == [*(os.readlink(f"/proc/{init}/ns/{link}") for link in LINKS), "box"]
    process = subprocess.Popen(
        [*running.program, "exec", "box", "sleep", "77"], stdin=subprocess.DEVNULL
    )
    try:
        own = wait_until(lambda: find(b"sleep\x0077\0"))
        groups = [Path(f"/proc/{pid}/cgroup").read_text() for pid in (init, own)]
        assert groups[0] == groups[1]
        end(own)
        assert process.wait(5) == 128 + signal.SIGKILL
    finally:
        process.kill()
        process.wait()


def find(command: bytes) -> int:
    """The pid of a process by its command line, 0 if there is none."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if Path(f"/proc/{pid}/cmdline").read_bytes() == command:
                return int(pid)
        except OSError:
            continue
    return 0


class TestProcess:
    def test_it_begins_with_the_containers_own(self, running: Runtime) -> None:
        lines = running.ok("exec", "box", "sh", "-c", "pwd; env").splitlines()
        assert lines[0] == "/"
        assert "OWN=1" in lines

    def test_another_working_directory(self, running: Runtime) -> None:
        assert running.ok("exec", "--cwd", "/tmp", "box", "pwd") == "/tmp"

    def test_a_file_says_everything(self, running: Runtime, bundle: Bundle) -> None:
        file = process_file(
            running, bundle, args=["sh", "-c", "id -u; id -G; env; umask; pwd"], cwd="/var",
            user={"uid": 7, "gid": 8, "additionalGids": [9], "umask": 0o077}, env=["A=1", PATH],
        )  # fmt: skip
        lines = running.ok("exec", "--process", file, "box").splitlines()
        assert lines[0] == "7"
        assert set(lines[1].split()) == {"8", "9"}
        assert {"A=1", "0077", "/var"} <= set(lines)
        assert "OWN=1" not in lines

    def test_its_powers_are_those_given(self, running: Runtime, bundle: Bundle) -> None:
        file = process_file(
            running, bundle, args=["cat", "/proc/self/status"], noNewPrivileges=True,
            capabilities={name: ["CAP_KILL"] for name in ("bounding", "effective", "permitted")},
            rlimits=[{"type": "RLIMIT_NOFILE", "soft": 4, "hard": 5}],
        )  # fmt: skip
        status = running.ok("exec", "--process", file, "box").splitlines()
        fields = {line.split(":")[0]: line.split(":")[1].strip() for line in status if ":" in line}
        assert int(fields["CapBnd"], 16) == int(fields["CapEff"], 16) == 1 << 5
        assert int(fields["CapInh"], 16) == 0
        assert fields["NoNewPrivs"] == "1"

    @pytest.mark.skipif(bool(OTHER), reason="our words")
    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "{}", '{"args": []}', '{"args": ["x"], "cwd": "relative"}',
                 '{"args": "x", "cwd": "/"}', '{"args": ["a\\u0000b"], "cwd": "/"}']
    )  # fmt: skip
    def test_a_file_that_makes_no_sense_is_one_line(self, running: Runtime, text: str) -> None:
        file = running.directory / "process.json"
        file.write_text(text)
        result = running("exec", "--process", file, "box")
        assert result.code == 255
        assert len(result.err.splitlines()) == 1
        assert "bug" not in result.err


class TestClosedDoors:
    def test_no_descriptor_but_the_three(self, running: Runtime) -> None:
        directory = os.open("/", os.O_RDONLY)
        try:
            out = running.ok("exec", "box", "ls", "/proc/self/fd", pass_fds=[directory])
        finally:
            os.close(directory)
        assert out.split() == ["0", "1", "2", "3"]

    @pytest.mark.parametrize("number", [3, 4, 5, 6, 7, 8, 9, 100])
    def test_a_descriptor_of_the_runtime_is_no_way_out(self, running: Runtime, number: int) -> None:
        """CVE-2024-21626."""
        leaked = os.open("/", os.O_RDONLY)
        os.dup2(leaked, 100)
        os.close(leaked)
        try:
            result = running(
                "exec", "--cwd", f"/proc/self/fd/{number}", "box", "ls", pass_fds=[100]
            )
        finally:
            os.close(100)
        assert result.code != 0
        assert result.stdout == b""

    def test_nobody_inside_can_look_into_it_while_it_enters(
        self, running: Runtime, bundle: Bundle
    ) -> None:
        """CVE-2016-9962: descriptors of the joining process, opened through its /proc."""
        with watching(running, bundle) as watcher:
            for _ in range(5):
                running.ok("exec", "box", "true")
        assert str(running.directory) not in watcher.seen
        assert "python" not in watcher.seen

    def test_a_shebang_of_proc_self_exe_gets_a_sealed_copy_of_nothing(
        self, running: Runtime, bundle: Bundle
    ) -> None:
        """CVE-2019-5736: `exec` of a script whose interpreter is whoever executes it.

        It executes itself for ever, so it has to be killed.
        """
        trap = bundle.program("trap", "#!/proc/self/exe\n")
        with watching(running, bundle) as watcher:
            entering = subprocess.Popen([*running.program, "exec", "box", trap], **QUIET)
            while not child_of(entering.pid) and entering.poll() is None:
                time.sleep(0.001)
            time.sleep(0.5)  # the first child is the guide, who goes at once
            if pid := child_of(entering.pid):
                end(pid)
            entering.communicate()
        assert "python" not in watcher.seen
        assert OTHER or "/memfd:cuddy" in watcher.seen


QUIET: Any = {
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.DEVNULL,
    "stderr": subprocess.DEVNULL,
}


def child_of(parent: int) -> int:
    """The pid of a process's child, 0 if it has none."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(children[-1]) if children else 0


class Watcher:
    seen = ""


@contextmanager
def watching(runtime: Runtime, bundle: Bundle) -> Iterator[Watcher]:
    """Somebody inside reads every link in /proc over and over; what was seen is in `seen`."""
    bundle.program("watch", WATCH)
    command = [*runtime.program, "exec", "box", "/watch"]
    watcher = Watcher()
    with subprocess.Popen(command, **QUIET | {"stdout": subprocess.PIPE}) as process:
        assert process.stdout
        assert process.stdout.readline() == b"watching\n"
        yield watcher
        (bundle.rootfs / "stop").touch()
        watcher.seen = process.communicate()[0].decode()


WATCH = """#!/bin/sh
echo watching
while [ ! -e /stop ]; do
    for p in /proc/[0-9]*; do
        [ $p = /proc/1 ] || [ $p = /proc/$$ ] || ls -l $p/exe $p/cwd $p/fd 2>/dev/null
    done
done
"""


class TestStates:
    def test_in_what_has_stopped_nothing_runs(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.wait(runtime.started(bundle.runs("true")))
        result = runtime("exec", "box", "true")
        assert result.code != 0
        assert "stopped" in result.err

    def test_in_what_is_not_there_neither(self, runtime: Runtime) -> None:
        assert runtime("exec", "box", "true").code != 0

    def test_it_ends_with_the_container(self, running: Runtime) -> None:
        process = subprocess.Popen(
            [*running.program, "exec", "box", "sleep", "66"], stdin=subprocess.DEVNULL
        )
        wait_until(lambda: find(b"sleep\x0066\0"))
        end(running.pid())
        assert process.wait(5) == 128 + signal.SIGKILL

    def test_detached_it_goes_on_and_its_pid_is_in_the_file(self, running: Runtime) -> None:
        file = running.directory / "pid"
        with open(running.directory / "out", "wb") as out:
            options = {"capture_output": False, "stdout": out, "stderr": out}
            words = ("exec", "--detach", "--pid-file", file, "box", "sleep", "55")
            assert running(*words, **options).code == 0
        pid = int(file.read_text())
        assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x0055\0"
        end(pid)
        os.waitpid(pid, 0)
