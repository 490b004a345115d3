"""A server of the Engine API for the session's Home; one for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console import ENGINE, Cuddy
from engine_api import Api, serving


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
