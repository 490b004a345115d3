"""Wait: the head at once, the code when it has come to that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from console import Cuddy, wait_until
from engine_api import Api, UnixConnection


@contextmanager
def waiting(api: Api, **query: str) -> Iterator[UnixConnection]:
    connection = UnixConnection(api.path, 60)
    words = "&".join(f"{key}={value}" for key, value in query.items())
    connection.request("POST", f"/containers/box/wait?{words}")
    yield connection
    connection.close()


@pytest.mark.parametrize("condition", ["next-exit", "removed"])
def test_the_head_comes_before_the_start_and_the_end_is_not_missed(
    api: Api, cuddy: Cuddy, condition: str
) -> None:
    cuddy.ok("create", "--rm", "--name", "box", "alpine", "sh", "-c", "exit 3")
    with waiting(api, condition=condition) as connection:
        answer = connection.getresponse()
        assert answer.status == 200
        cuddy.ok("start", "box")
        assert json.loads(answer.read()) == {"StatusCode": 3}
        if condition == "removed":
            assert not cuddy.ok("ps", "-aq")


@pytest.mark.parametrize("query", [{}, {"condition": ""}, {"condition": "not-running"}])
def test_what_does_not_run_is_told_at_once(api: Api, cuddy: Cuddy, query: dict[str, str]) -> None:
    cuddy("run", "--name", "box", "alpine", "sh", "-c", "exit 4")
    assert api("POST", "/v1.24/containers/box/wait", **query).json == {"StatusCode": 4}


def test_errors_come_before_the_head(api: Api, cuddy: Cuddy) -> None:
    assert api("POST", "/containers/box/wait").message == "No such container: box"
    cuddy.ok("create", "--name", "box", "alpine", "true")
    answer = api("POST", "/containers/box/wait", condition="never")
    assert (answer.status, answer.message) == (400, 'invalid condition: "never"')


def test_who_waits_no_longer_leaves_nothing(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "box", "alpine", "true")
    with waiting(api, condition="next-exit") as connection:
        connection.getresponse()
        assert list(cuddy.root.glob("containers/*/waiting/*"))
    wait_until(lambda: not list(cuddy.root.glob("containers/*/waiting/*")))


def test_an_end_at_the_moment_of_asking_is_not_missed(api: Api) -> None:
    for _ in range(6):
        made = api("POST", "/containers/create", {"Image": "alpine", "Cmd": ["true"]}).json["Id"]
        assert api("POST", f"/containers/{made}/start").status == 204
        assert api("POST", f"/containers/{made}/wait", timeout=10).json["StatusCode"] == 0
