"""Events over the API, as they come and as they came."""

from __future__ import annotations

import json
import time

from console import Cuddy
from engine_api import Api, UnixConnection


def test_they_come_as_they_happen_after_the_head(api: Api, cuddy: Cuddy) -> None:
    connection = UnixConnection(api.path, 20)
    filters = json.dumps({"container": ["box"], "event": {"create": True, "destroy": True}})
    connection.request("GET", f"/events?filters={filters.replace(' ', '')}")
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == "application/json"
    cuddy.ok("create", "--name", "box", "-l", "a=b", "alpine", "true")
    cuddy.ok("rm", "box")
    for action in ("create", "destroy"):
        event = json.loads(answer.readline())
        assert (event["status"], event["Action"], event["Type"]) == (action, action, "container")
        assert event["from"] == "alpine"
        assert event["id"] == event["Actor"]["ID"]
        assert event["Actor"]["Attributes"] == {"a": "b", "image": "alpine", "name": "box"}
        assert event["timeNano"] // 10**9 == event["time"]
    connection.close()


def test_those_of_the_past_then_the_end(api: Api, cuddy: Cuddy) -> None:
    since = time.time()
    cuddy.ok("run", "--rm", "--name", "box", "alpine", "true")
    found = api("GET", "/events", since=f"{since:.9f}", until=f"{time.time():.9f}").lines
    actions = [event["Action"] for event in found if event["Type"] == "container"]
    assert actions == ["create", "attach", "start", "die", "destroy"]
    assert "status" not in next(event for event in found if event["Type"] == "network")


def test_what_a_client_does_to_a_container_is_told(api: Api, cuddy: Cuddy) -> None:
    since = time.time()
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    exec_id = api("POST", "/containers/box/exec", {"Cmd": ["true"]}).json["Id"]
    with api.hijack(f"/exec/{exec_id}/start", {}) as stream:
        stream.read()
    api("GET", "/containers/box/archive?path=/etc/hostname")
    api("GET", "/containers/box/top")
    found = api("GET", "/events", since=f"{since:.9f}", until=f"{time.time():.9f}").lines
    actions = [event["Action"] for event in found if event["Type"] == "container"]
    assert actions[2:] == ["exec_create: true ", "exec_start: true ", "exec_die", "archive-path",
                           "top"]  # fmt: skip


def test_what_cannot_be_is_said(api: Api) -> None:
    assert api("GET", "/events", filters='{"what": ["a"]}').message == "invalid filter 'what'"
    assert api("GET", "/events", filters="{").status == 400
    assert api("GET", "/events", since=20, until=10).status == 400
    assert api("GET", "/events", since="when").status == 400
