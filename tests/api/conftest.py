"""A server of the Engine API for the session's Home; one for each file of tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, wait_until
from engine_api import Api


@contextmanager
def serving(cuddy: Cuddy, path: Path, *flags: str) -> Iterator[Api]:
    """A server at a socket; it must end when told to, and say nothing but where it serves."""
    words = ["system", "serve", "--unix", str(path), *flags]
    log = path.with_suffix(".log")
    with (
        log.open("wb") as file,
        cuddy.start(
            *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file
        ) as process,
    ):
        wait_until(lambda: path.exists() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield Api(path, process.pid)
        process.terminate()
        process.wait(30)
    complaints = [line for line in log.read_text().splitlines() if "bug in cuddy" in line]
    assert not complaints


@pytest.fixture(scope="module")
def server(home: Cuddy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server that goes on through all tests of a file."""
    if ENGINE != "cuddy":
        pytest.skip(f"{ENGINE} has a server of its own")
    with serving(home, tmp_path_factory.mktemp("api") / "cuddy.sock") as api:
        yield api


@pytest.fixture
def api(server: Api, cuddy: Cuddy) -> Api:
    """The server; containers that a test makes are removed after it."""
    return server
