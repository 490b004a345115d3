"""What a container uses, over the API."""

from __future__ import annotations

import json

from console import Cuddy
from engine_api import Api, UnixConnection

PATH = "/containers/box/stats"
KEYS = {"read", "preread", "networks", "precpu_stats", "cpu_stats", "memory_stats", "blkio_stats"}


def test_one_reading_with_the_second_before(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    found = api.get(PATH, stream=0)
    assert set(found) >= KEYS
    assert found["name"] == "/box"
    assert found["precpu_stats"]["system_cpu_usage"] < found["cpu_stats"]["system_cpu_usage"]
    once = api.get(PATH, **{"stream": 0, "one-shot": 1})
    assert once["preread"] == "0001-01-01T00:00:00Z"
    assert once["memory_stats"]["usage"] > 0


def test_one_a_second_until_the_client_leaves(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    connection = UnixConnection(api.path, 20)
    connection.request("GET", PATH)
    answer = connection.getresponse()
    first, second = (json.loads(answer.readline()) for _ in range(2))
    assert first["read"] == second["preread"]
    connection.close()


def test_what_does_not_run_uses_nothing(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "box", "alpine", "true")
    assert api.get(PATH, stream=0)["memory_stats"] == {}
    assert api("GET", "/containers/none/stats").status == 404
