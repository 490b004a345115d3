"""A server of the Engine API for the session's Home, and a dashboard; one for a file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import dashboard as dashboards
from browser import Browser, Page, browsing
from console import ENGINE, Cuddy
from dashboard import Dashboard
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


@pytest.fixture(scope="module")
def dashboard(home: Cuddy) -> Iterator[Dashboard]:
    """A dashboard that goes on through all tests of a file."""
    with dashboards.serving(home) as found:
        yield found


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser of the test's own."""
    with browsing() as found:
        yield found


@pytest.fixture
def page(browser: Browser, dashboard: Dashboard, cuddy: Cuddy) -> Page:
    """The dashboard in it. What a test makes is removed after it."""
    opened = browser.open(dashboard.url)
    opened.await_text("containers", "#summary")
    return opened
