"""What everything takes on disk, over the API."""

from __future__ import annotations

from console import Cuddy
from engine_api import Api


def test_everything_is_counted(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("run", "--name", "c1", "-v", "data:/data", "alpine", "sh", "-c", "echo hi > /x")
    found = api.get("/system/df")
    (image,) = (each for each in found["Images"] if "alpine:latest" in each["RepoTags"])
    assert image["Containers"] == 1
    assert found["LayersSize"] >= image["Size"] > 0
    (container,) = found["Containers"]
    assert container["Names"] == ["/c1"] and container["SizeRw"] > 0
    (volume,) = found["Volumes"]
    assert volume["Name"] == "data" and volume["UsageData"]["RefCount"] == 1
    assert isinstance(found["BuildCache"], list) and found["BuilderSize"] >= 0
    cuddy.ok("rm", "c1")
    cuddy.ok("volume", "rm", "data")


def test_only_what_is_asked_for(api: Api) -> None:
    found = api.get("/system/df", type=["volume", "build-cache"])
    assert (found["Volumes"], found["Images"], found["LayersSize"]) == ([], None, 0)
    answer = api("GET", "/system/df", type="nosuch")
    assert (answer.status, answer.message) == (400, "unknown object type: nosuch")
