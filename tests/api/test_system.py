"""The engine itself, over the API."""

from __future__ import annotations

from console import Cuddy
from engine_api import Api


def test_info_is_what_the_command_line_says(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("create", "alpine")
    info = api.get("/info")
    assert info["Containers"] == 1
    assert info["Swarm"]["LocalNodeState"] == "inactive"
    assert info["IndexServerAddress"] == "https://index.docker.io/v1/"
    assert info["RegistryConfig"]["IndexConfigs"]["docker.io"]["Official"]
    assert cuddy.ok("info", "--format", "{{.ID}}") == info["ID"]


def test_what_takes_room_is_told(api: Api, cuddy: Cuddy) -> None:
    made = cuddy.ok(
        "run", "-v", "stock:/in", "alpine", "sh", "-c", "echo hello > /written; echo > /in/x"
    )
    assert made == ""
    found = api.get("/system/df")
    (container,) = found["Containers"]
    assert container["SizeRw"] > 0
    assert container["SizeRootFs"] > container["SizeRw"]
    (volume,) = found["Volumes"]
    assert volume["Name"] == "stock"
    assert volume["UsageData"]["RefCount"] == 1
    assert found["LayersSize"] > 0
    assert [each for each in found["Images"] if "alpine:latest" in each["RepoTags"]]
    assert all(each["Containers"] >= 0 and each["SharedSize"] >= 0 for each in found["Images"])
    assert api.get("/system/df", type="volume")["Images"] is None
    assert api("GET", "/system/df", type="x").status == 400


def test_there_is_no_swarm_and_no_plugin(api: Api) -> None:
    for method, path in (("GET", "/swarm"), ("GET", "/nodes"), ("POST", "/services/create")):
        answer = api(method, f"/v1.40{path}")
        assert answer.status == 503
        assert answer.message.startswith("This node is not a swarm manager. Use ")
    answer = api("POST", "/swarm/leave", force="True")
    assert (answer.status, answer.message) == (503, "This node is not part of a swarm")
    assert api("POST", "/swarm/init", {}).status == 501
    assert api.get("/plugins") == []
    answer = api("GET", "/plugins/a/b:1/json")
    assert (answer.status, answer.message) == (404, 'plugin "a/b:1" not found')


def test_buildkit_is_told_that_it_is_not_here(api: Api) -> None:
    for path in ("/session", "/grpc"):
        headers = {"Connection": "Upgrade", "Upgrade": "h2c"}
        answer = api("POST", path, headers=headers)
        assert (answer.status, answer.message) == (404, "page not found")
