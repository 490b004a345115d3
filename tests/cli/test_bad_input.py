"""What a user gets wrong: one line that says what and what to do, the right code, nothing left."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console import ENGINE, Cuddy

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="the words are cuddy's own")


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        # flags and commands
        ([ "run", "--no-such-flag", "alpine"], 125, "--no-such-flag"),
        (["run", "-Z", "alpine"], 125, "Z"),
        (["run"], 1, "at least 1 argument"),
        (["run", "--memory", "alpine"], 125, "--memory"),
        (["run", "--memory", "much", "alpine"], 125, "much"),
        (["run", "--cpus", "-1", "alpine"], 125, "-1"),
        (["run", "--memory", "1k", "alpine"], 125, "6MB"),
        (["run", "--pids-limit", "x", "alpine"], 125, "x"),
        (["run", "--stop-signal", "SIGNOPE", "alpine"], 125, "SIGNOPE"),
        (["run", "--restart", "sometimes", "alpine"], 125, "sometimes"),
        (["run", "--security-opt", "nonsense", "alpine"], 125, "nonsense"),
        (["run", "--security-opt", "seccomp=/no/such", "alpine"], 125, "/no/such"),
        (["run", "--env-file", "/no/such", "alpine"], 125, "/no/such"),
        (["run", "--tmpfs", "relative", "alpine"], 125, "relative"),
        (["run", "--add-host", "nohost", "alpine"], 125, "nohost"),
        (["run", "--dns", "not-an-address", "alpine"], 125, "not-an-address"),
        (["run", "-w", "relative", "alpine"], 125, "relative"),
        (["run", "--name", "a/b", "alpine"], 125, "a/b"),
        (["run", "--name", "-x", "alpine"], 125, "-x"),
        (["run", "--name", "x" * 300, "alpine"], 125, "x"),
        (["run", "--hostname", "a b", "alpine"], 125, "a b"),
        (["run", "--hostname", "x" * 65, "alpine"], 125, "x"),
        (["run", "-e", "=x", "alpine"], 125, "=x"),
        (["no-such-command"], 1, "no-such-command"),
        (["--no-such-flag"], 125, "--no-such-flag"),
        (["container"], 0, ""),
        (["container", "fly"], 1, "fly"),
        (["stop"], 1, "at least 1"),
        (["stop", "-t", "soon", "x"], 125, "soon"),
        # names
        (["run", "case/UPPER"], 125, "UPPER"),
        (["run", "a//b"], 125, "a//b"),
        (["run", "alpine:"], 125, "alpine:"),
        (["run", "alpine@sha256:123"], 125, "sha256:123"),
        (["run", "x" * 300], 125, "x"),
        (["run", "--pull", "never", "no/such/image"], 125, "no/such/image"),
        (["run", "--pull", "sideways", "alpine"], 125, "sideways"),
        (["run", "--pull", "never", "--platform", "dos/z80", "alpine"], 125, "z80"),
        (["pull", ""], 1, ""),
        (["start", "missing"], 1, "missing"),
        (["stop", "missing"], 1, "missing"),
        (["kill", "missing"], 1, "missing"),
        (["rm", "missing"], 1, "missing"),
        (["wait", "missing"], 1, "missing"),
        (["logs", "missing"], 1, "missing"),
        (["exec", "missing", "true"], 1, "missing"),
        (["attach", "missing"], 1, "missing"),
        (["rmi", "missing"], 1, "missing"),
        (["logs", "../../etc/passwd"], 1, "passwd"),
        (["rm", ".."], 1, ".."),
        (["rm", "/"], 1, "/"),
        (["rm", ""], 1, ""),
        (["rm", "a\nb"], 1, "a"),
        (["kill", "-s", "NOPE", "x"], 1, "NOPE"),
        (["logs", "--tail", "few", "x"], 125, "few"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)  # fmt: skip
def test_it_is_one_line_with_the_right_code(
    cuddy: Cuddy, words: list[str], code: int, named: str
) -> None:
    result = cuddy(*words)
    assert result.code == code or (code == 125 and result.code == 1 and words[0] != "run"), (
        result.err
    )
    if code:
        assert named in result.complaint
        assert result.stdout == b""
    assert cuddy.ok("ps", "-aq") == ""


def test_a_name_that_is_taken(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "taken", "alpine")
    result = cuddy("run", "--name", "taken", "alpine", "true")
    assert result.code == 125
    assert "taken" in result.complaint
    assert "rm" in result.complaint
    assert len(cuddy.ok("ps", "-aq").split()) == 1


def test_a_prefix_that_fits_several(cuddy: Cuddy) -> None:
    ids = [cuddy.ok("create", "alpine") for _ in range(17)]
    first = [found[0] for found in ids]
    twice = next(letter for letter in first if first.count(letter) > 1)
    result = cuddy("rm", twice)
    assert result.code == 1
    assert result.complaint
    assert len(cuddy.ok("ps", "-aq").split()) == 17


@pytest.mark.parametrize("verb", ["run", "create"])
def test_a_cidfile_that_cannot_be_written_leaves_no_container(cuddy: Cuddy, verb: str) -> None:
    result = cuddy(verb, "--cidfile", "/no/such/id", "alpine", "true")
    assert result.code == 125
    said = "failed to create the container ID file /no/such/id: no such file or directory"
    assert said in result.complaint
    assert cuddy.ok("ps", "-aq") == ""


def test_a_cidfile_that_exists(cuddy: Cuddy, tmp_path: Path) -> None:
    (tmp_path / "id").touch()
    result = cuddy("run", "--cidfile", tmp_path / "id", "alpine", "true")
    assert result.code == 125
    assert str(tmp_path / "id") in result.complaint
    assert cuddy.ok("ps", "-aq") == ""


class TestRegistries:
    def test_one_that_is_down(self, cuddy: Cuddy) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            name = f"127.0.0.1:{unused.getsockname()[1]}/image"
            result = cuddy("run", "--rm", name, "true")
        assert result.code == 125
        last = result.err.splitlines()[-1]
        assert name.partition("/")[0] in last
        assert "Traceback" not in result.err
        assert "refused" in last

    def test_a_name_that_does_not_resolve(self, cuddy: Cuddy) -> None:
        result = cuddy("pull", "registry.invalid/image", timeout=60)
        assert result.code == 1
        assert "registry.invalid" in result.err.splitlines()[-1]
        assert "Traceback" not in result.err

    def test_an_image_that_is_not_there(self, cuddy: Cuddy, registry) -> None:
        result = cuddy("pull", registry.name("no/such"))
        assert result.code == 1
        assert "no/such" in result.err.splitlines()[-1]


NOBODY = """
import os, sys
from cuddy import suggest
from cuddy.cli import main
from cuddy.engine import rootless
import cuddy.cli.container.run
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.exit(main.main(sys.argv[1:]))
"""
"""Drops root when all is loaded: another user may not even read the interpreter here."""


def test_without_root_it_says_so(cuddy: Cuddy) -> None:
    environment = cuddy.environment | {"CUDDY_ROOT": "/tmp/x", "CUDDY_RUNROOT": "/tmp/y"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2] / "src")
    command = [sys.executable, "-c", NOBODY, "run", "alpine"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/")
    assert done.returncode == 125
    assert "root" in done.stderr
    assert len(done.stderr.splitlines()) == 1


class TestTheHome:
    def test_a_root_that_is_a_file(self, cuddy: Cuddy, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        environment = cuddy.environment | {"CUDDY_ROOT": str(tmp_path / "file")}
        result = cuddy("ps", env=environment)
        assert result.code in (1, 125)
        assert str(tmp_path / "file") in result.complaint

    def test_a_root_that_cannot_be_written(self, cuddy: Cuddy) -> None:
        environment = cuddy.environment | {"CUDDY_ROOT": "/proc/cuddy"}
        result = cuddy("ps", env=environment)
        assert result.code in (1, 125)
        assert "/proc/cuddy" in result.complaint

    def test_broken_records_are_named_and_do_not_stop_the_others(self, fresh: Cuddy) -> None:
        broken = fresh.ok("create", "--name", "broken", "alpine")
        fresh.ok("create", "--name", "whole", "alpine")
        (fresh.root / "containers" / broken / "container.json").write_text('{"half')
        result = fresh("ps", "-a", "--format", "{{.Names}}")
        assert "whole" in result.out.split()
        assert "Traceback" not in result.err
        assert fresh("rm", "-f", broken).code == 0

    def test_a_missing_standard_output_is_an_error_and_no_traceback(self, cuddy: Cuddy) -> None:
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [*cuddy.program, "version"],
                stdout=full,
                stderr=subprocess.PIPE,
                env=cuddy.environment,
            )
        assert done.returncode != 0
        assert b"Traceback" not in done.stderr
        assert b"space" in done.stderr


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system."""
    directory = tmp_path / "small"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", directory], check=True)
    yield directory
    subprocess.run(["umount", directory], check=True)


@pytest.fixture
def small(disk: Path, home_in: Callable[[Path], Cuddy]) -> Cuddy:
    """A Home on the small file system."""
    return home_in(disk)


class TestDiskFull:
    def fill(self, cuddy: Cuddy, *, leave: int = 0) -> Path:
        path = cuddy.root / "filler"
        free = os.statvfs(cuddy.root)
        size = free.f_bavail * free.f_bsize - leave
        with open(path, "wb") as file:
            file.write(bytes(max(0, size)))
        return path

    @pytest.mark.parametrize("leave", [0, 4096, 16384, 65536])
    def test_run_says_so_and_leaves_nothing(self, small: Cuddy, leave: int) -> None:
        small.ok("run", "--rm", "alpine", "true")
        filler = self.fill(small, leave=leave)
        result = small("run", "--rm", "alpine", "true")
        if result.code:
            assert result.code == 125
            assert "space" in result.complaint
        filler.unlink()
        assert small.ok("ps", "-aq") == ""
        assert small.ok("run", "--rm", "alpine", "echo", "again") == "again"

    def test_pull_says_so_and_leaves_nothing(self, small: Cuddy, registry) -> None:
        filler = self.fill(small, leave=200_000)
        result = small("pull", registry.name("alpine", "3.20"))
        assert result.code == 1
        assert "space" in result.err.splitlines()[-1]
        assert "Traceback" not in result.err
        filler.unlink()

    def test_a_container_that_fills_the_disk_can_still_be_removed(self, small: Cuddy) -> None:
        result = small("run", "--name", "filler", "alpine", "sh", "-c", "cat /dev/zero >/x")
        assert result.code != 0
        assert "No space" in result.err
        assert small.field("filler", "{{.State.Status}}") == "exited"
        small.ok("rm", "filler")
        assert small.ok("run", "--rm", "alpine", "echo", "again") == "again"
