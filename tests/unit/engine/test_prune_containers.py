"""Which containers a prune takes, and which it leaves to somebody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from cuddy import files
from cuddy.engine import prune_containers
from cuddy.engine.prune_filters import Filters

NOW = 1_700_000_000 * 10**9


@pytest.fixture
def somebody() -> Iterator[str]:
    """How a living process that is not this one calls itself."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    yield f"{pid}-{files.start_time(pid)}-0123456789ab.tmp"
    os.close(write)
    os.waitpid(pid, 0)


def container(status: str, age_s: float = 3600, creator: str = "", **labels: str) -> Any:
    return {
        "Created": files.format_time(NOW - int(age_s * 10**9)),
        "Creator": creator,
        "State": {"Status": status, "Running": status in ("running", "paused", "restarting")},
        "Config": {"Labels": labels},
    }


def may_go(record: Any, filters: Filters = Filters()) -> bool:  # noqa: B008 - it is a value
    return prune_containers.may_go(record, filters, NOW)


@pytest.mark.parametrize("status", ["running", "paused", "restarting", "removing"])
def test_what_lives_stays(status: str) -> None:
    assert not may_go(container(status))


@pytest.mark.parametrize("status", ["created", "exited", "dead"])
def test_what_does_not_goes(status: str) -> None:
    assert may_go(container(status))


def test_what_run_is_about_to_start_stays(somebody: str) -> None:
    assert not may_go(container("created", 1, somebody))
    assert may_go(container("exited", 1, somebody))


def test_what_is_never_started_does_not_stay_for_ever(somebody: str) -> None:
    assert may_go(container("created", 61, somebody))


def test_what_a_dead_command_has_made_goes_at_once(somebody: str) -> None:
    pid, _, rest = somebody.partition("-")
    assert may_go(container("created", 1, f"{pid}-1-{rest.partition('-')[2]}"))
    assert may_go(container("created", 1, files.name_temporary()))


@pytest.mark.parametrize(
    ("filters", "goes"),
    [
        (Filters(labels=("a",)), True),
        (Filters(labels=("a=1",)), True),
        (Filters(labels=("a=2",)), False),
        (Filters(labels=("a", "b")), False),
        (Filters(not_labels=("a",)), False),
        (Filters(not_labels=("a=2", "b")), True),
        (Filters(until_ns=NOW - 7200 * 10**9), False),
        (Filters(until_ns=NOW - 1800 * 10**9), True),
    ],
)
def test_filters(filters: Filters, goes: bool) -> None:
    assert may_go(container("exited", a="1"), filters) is goes
