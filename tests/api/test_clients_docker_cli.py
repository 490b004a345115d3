"""docker's own command line drives cuddy, where it is installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import Cuddy
from engine_api import Api

DOCKER = shutil.which("docker")
pytestmark = pytest.mark.skipif(not DOCKER, reason="needs docker's command line")


@pytest.fixture
def docker(api: Api, cuddy: Cuddy, tmp_path: Path) -> Iterator[Cuddy]:
    """The other program, at the same Home."""
    program = Cuddy(cuddy.root, cuddy.run_root, [DOCKER or ""])
    program.environment = {
        "PATH": os.environ["PATH"],
        "TERM": "xterm",
        "HOME": str(tmp_path),
        "DOCKER_HOST": f"unix://{api.path}",
        "DOCKER_BUILDKIT": "0",
    }
    yield program


def test_programs_run_and_their_status_comes_back(docker: Cuddy) -> None:
    assert docker.ok("run", "--rm", "alpine", "echo", "hello") == "hello"
    both = docker("run", "--rm", "alpine", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (both.code, both.out, both.err) == (7, "out", "err")
    assert docker("run", "--rm", "-i", "alpine", "wc", "-c", input=b"x" * 300_000).out == "300000"
    assert docker("run", "--rm", "alpine", "nothing").code == 127
    assert docker("run", "--rm", "alpine", "/etc").code == 126
    assert docker.ok("ps", "-aq") == ""


def test_a_shell_at_a_terminal(docker: Cuddy) -> None:
    with docker.terminal("run", "--rm", "-it", "alpine", rows=30, columns=101) as terminal:
        terminal.expect("/ # ")
        terminal.line("stty size")
        terminal.expect("30 101")
        terminal.resize(40, 90)
        terminal.line("sleep 0.3; stty size")
        terminal.expect("40 90")
        terminal.line("exit 5")
        assert terminal.ends() == 5


def test_a_second_shell_and_one_that_is_left(docker: Cuddy) -> None:
    with docker.terminal("run", "--name", "left", "-it", "alpine") as terminal:
        terminal.expect("/ # ")
        with docker.terminal("exec", "-it", "left", "sh") as second:
            second.expect("/ # ")
            second.line("exit 3")
            assert second.ends() == 3
        terminal.type("\x10\x11")  # ^P ^Q
        terminal.ends()
    assert docker.field("left", "{{.State.Running}}") == "true"
    docker.ok("rm", "-f", "left")


def test_what_is_written_before_anyone_could_come_is_seen(docker: Cuddy) -> None:
    for number in range(5):
        assert docker.ok("run", "--rm", "alpine", "echo", number) == str(number)


def test_a_container_is_looked_after(docker: Cuddy, tmp_path: Path) -> None:
    ran = docker.ok("run", "-d", "--name", "kept", "alpine", "sh", "-c", "echo up; sleep 100")
    assert len(ran) == 64
    assert "kept" in docker.ok("ps")
    assert docker.ok("logs", "kept") == "up"
    assert "sleep 100" in docker.ok("top", "kept")
    assert "kept" in docker.ok("stats", "--no-stream", "kept")
    (tmp_path / "given").write_text("given")
    docker.ok("cp", tmp_path / "given", "kept:/tmp/")
    assert docker.ok("exec", "kept", "cat", "/tmp/given") == "given"
    assert "A /tmp/given" in docker.ok("diff", "kept")
    docker.ok("commit", "kept", "changed:1")
    assert docker.ok("run", "--rm", "changed:1", "cat", "/tmp/given") == "given"
    docker.ok("rmi", "changed:1")
    docker.ok("kill", "kept")
    assert docker.ok("wait", "kept") == "137"
    docker.ok("rm", "kept")


def test_images_are_built_and_listed(docker: Cuddy, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text('FROM alpine\nRUN echo 1 > /one\nCMD ["cat", "/one"]\n')
    docker.ok("build", "-t", "made:1", tmp_path)
    assert docker.ok("run", "--rm", "made:1") == "1"
    assert "made:1" in docker.ok("images", "--format", "{{.Repository}}:{{.Tag}}")
    docker.ok("rmi", "made:1")
