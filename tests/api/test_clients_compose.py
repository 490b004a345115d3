"""`cuddy compose`: the tool that is installed, against a server of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import Cuddy, wait_until
from cuddy.cli import compose

HAS_PLUGIN = any(Path(place, compose.NAME).exists() for place in compose.PLUGINS)

PROJECT = """\
services:
  store:
    image: alpine
    command: ["sh", "-c", "echo started; touch /ready; exec sleep 100"]
    healthcheck: {test: ["CMD", "test", "-e", "/ready"], interval: 1s}
    volumes: ["kept:/data"]
    stop_grace_period: 1s
  asks:
    build: .
    depends_on: {store: {condition: service_healthy}}
    command: ["sh", "-c", "ping -c1 -W2 store && exec sleep 100"]
    stop_grace_period: 1s
volumes:
  kept: {}
"""
STAND_IN = """#!/bin/sh
echo "$*|$DOCKER_HOST|$DOCKER_BUILDKIT|$DOCKER_CONTEXT"
[ -S "${DOCKER_HOST#unix://}" ] || exit 9
[ "$1" = wait ] && { read line; sleep 60 & trap "kill $!; exit 41" TERM; echo "read $line"; wait; }
exit 7
"""


@pytest.fixture
def stand_in(tmp_path: Path, cuddy: Cuddy) -> Iterator[None]:
    """A program that has only a compose tool's name, so that what it is given can be seen."""
    program = tmp_path / "cli-plugins/docker-compose"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    before = cuddy.environment
    cuddy.environment = before | {"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "elsewhere"}
    yield
    cuddy.environment = before
    wait_until(lambda: not list(cuddy.run_root.glob("compose.*")))


@pytest.mark.usefixtures("stand_in")
class TestWhatTheToolIsGiven:
    def test_words_variables_and_status(self, cuddy: Cuddy) -> None:
        result = cuddy("compose", "-f", "x.yml", "--help", "up")
        assert result.code == 7
        words, host, buildkit, context = result.out.split("|")
        assert words == "-f x.yml --help up"
        assert host.startswith(f"unix://{cuddy.run_root}/compose.")
        assert (buildkit, context) == ("0", "")

    def test_input_and_signals(self, cuddy: Cuddy) -> None:
        with cuddy.start("compose", "wait") as process:
            assert process.stdin and process.stdout
            process.stdin.write(b"typed\n")
            process.stdin.flush()
            assert process.stdout.readline().endswith(b"|0|\n")
            assert process.stdout.readline() == b"read typed\n"
            process.terminate()
            assert process.wait(10) == 41

    def test_the_server_ends_with_a_tool_that_is_killed(self, cuddy: Cuddy) -> None:
        with cuddy.start("compose", "wait") as process:
            assert process.stdout
            process.stdout.readline()
            process.kill()
            process.wait(10)


@pytest.mark.skipif(HAS_PLUGIN, reason="docker's plugin is installed")
def test_no_tool_is_an_error_that_says_what_to_install(cuddy: Cuddy, tmp_path: Path) -> None:
    nothing = {"DOCKER_CONFIG": str(tmp_path), "PATH": str(tmp_path)}
    result = cuddy("compose", "up", env=cuddy.environment | nothing)
    assert result.code == 1
    assert result.complaint.startswith("cuddy: no compose tool is installed (install docker")


@pytest.mark.skipif(
    not (HAS_PLUGIN or shutil.which("docker-compose")), reason="needs docker-compose"
)
def test_a_project_from_up_to_down(cuddy: Cuddy, tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(f'version: "3.8"\n{PROJECT}')
    (tmp_path / "Dockerfile").write_text("FROM alpine\nRUN touch /built\n")
    compose = ("compose", "-p", "few", "-f", str(tmp_path / "compose.yml"))
    try:
        cuddy.ok(*compose, "up", "-d")
        assert "started" in cuddy.ok(*compose, "logs", "store")
        assert cuddy.ok(*compose, "exec", "-T", "asks", "ls", "/built") == "/built"
        assert cuddy(*compose, "exec", "-T", "asks", "sh", "-c", "exit 6").code == 6
    finally:
        cuddy.ok(*compose, "down", "-v", "--rmi", "local")
    assert cuddy.ok("ps", "-aq") == ""
    assert cuddy.ok("volume", "ls", "-q") == ""
