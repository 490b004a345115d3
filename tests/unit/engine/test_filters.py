"""Filters of one name widen each other, different names narrow; labels always narrow."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import container, filters
from cuddy.engine.container import Container
from cuddy.engine.home import Home
from cuddy.errors import WrongArguments

HOME = Home("/nowhere", "/nowhere")


def make(name: str, **changes: Any) -> Container:
    found: Any = {
        "Id": name * 12,
        "Name": f"/{name}",
        "NetworkSettings": {"Ports": changes.get("ports", {})},
        "Created": "2024-01-01T00:00:00.000000000Z",
        "Image": "sha256:" + "ab" * 32,
        "State": {**container.initial_state(), **changes.get("State", {})},
        "Config": {"Image": changes.get("image", "alpine"), "Labels": changes.get("labels", {})},
        "HostConfig": {"NetworkMode": changes.get("network", "bridge")},
        "Mounts": changes.get("mounts", []),
    }
    return found


ALL = [
    make(
        "web-1",
        State={"Status": "running", "Running": True, "Health": {"Status": "healthy"}},
        labels={"a": "1", "b": "2"},
        ports={"80/tcp": [{"HostIp": "::", "HostPort": "8080"}], "53/udp": None},
    ),
    make(
        "web-2",
        State={"Status": "exited", "ExitCode": 3, "StartedAt": "2024-01-01T00:00:01Z"},
        labels={"a": "2"},
        network="none",
    ),
    make(
        "db",
        State={"Status": "exited", "ExitCode": 0, "StartedAt": "2024-01-01T00:00:01Z"},
        image="localhost:5000/db:9",
        mounts=[{"Type": "bind", "Source": "/srv", "Destination": "/data"}],
    ),
]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ([], "web-1 web-2 db"),
        ([("status", "exited")], "web-2 db"),
        ([("status", "exited"), ("status", "running")], "web-1 web-2 db"),
        ([("status", "exited"), ("exited", "3")], "web-2"),
        ([("exited", "0")], "db"),
        ([("name", "web")], "web-1 web-2"),
        ([("name", "web"), ("name", "db")], "web-1 web-2 db"),
        ([("name", "^web-1$")], "web-1"),
        ([("name", "/db")], "db"),
        ([("label", "a")], "web-1 web-2"),
        ([("label", "a=1")], "web-1"),
        ([("label", "a"), ("label", "b")], "web-1"),
        ([("id", "dbdb")], "db"),
        ([("ancestor", "not-here")], ""),
        ([("health", "healthy")], "web-1"),
        ([("health", "none")], "web-2 db"),
        ([("publish", "8080")], "web-1"),
        ([("publish", "80")], ""),
        ([("publish", "80"), ("expose", "80")], "web-1"),
        ([("expose", "50-60/udp")], "web-1"),
        ([("isolation", "default"), ("is-task", "false")], "web-1 web-2 db"),
        ([("is-task", "true")], ""),
        ([("network", "none")], "web-2"),
        ([("volume", "/data")], "db"),
        ([("volume", "/srv")], "db"),
    ],
)
def test_filters(wanted: list[tuple[str, str]], names: str) -> None:
    found = filters.select(HOME, ALL, wanted)
    assert [c["Name"][1:] for c in found] == names.split()


@pytest.mark.parametrize(
    "wanted",
    [
        ("shape", "round"), ("status", "gone"), ("exited", "x"), ("name", "("), ("health", "ill"),
        ("is-task", "x"), ("publish", "x"), ("publish", "9-8"), ("expose", "65536"), ("expose", ""),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused(wanted: tuple[str, str]) -> None:
    with pytest.raises(WrongArguments, match="invalid filter"):
        filters.select(HOME, ALL, [wanted])


def test_some_filters_are_about_containers_that_ended() -> None:
    assert filters.asks_for_stopped([("status", "exited")])
    assert not filters.asks_for_stopped([("name", "x")])
