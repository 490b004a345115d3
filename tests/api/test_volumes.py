"""Volumes over the API: made, listed, removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from console import Cuddy
from engine_api import Api


@pytest.fixture(autouse=True)
def no_volumes(cuddy: Cuddy) -> Iterator[None]:
    yield
    cuddy("volume", "prune", "-af")


def test_a_volume_is_the_same_wherever_it_is_shown(api: Api) -> None:
    body = {"Name": "data", "Labels": {"a": "b"}, "Driver": "local", "DriverOpts": None}
    made = api("POST", "/volumes/create", body)
    assert made.status == 201 and api("POST", "/volumes/create", body).json == made.json
    assert made.json["Labels"] == {"a": "b"} and made.json["Scope"] == "local"
    assert api.get("/volumes/data") == made.json
    assert api.get("/volumes") == {"Volumes": [made.json], "Warnings": None}
    for filters in ({"label": {"a": True}}, {"name": ["dat"]}, {"dangling": ["true"]}):
        assert api.get("/volumes", filters=json.dumps(filters))["Volumes"] == [made.json]
    assert api.get("/volumes", filters='{"label": ["a=c"]}')["Volumes"] == []


def test_a_volume_that_nobody_names_gets_a_name(api: Api) -> None:
    for body in (None, {}, {"Name": ""}):
        made = api("POST", "/volumes/create", body).json
        assert len(made["Name"]) == 64
        assert made["Labels"] == {"com.docker.volume.anonymous": ""}


def test_a_volume_goes_when_nobody_uses_it(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "c1", "-v", "data:/data", "alpine")
    in_use = api("DELETE", "/volumes/data")
    assert in_use.status == 409
    assert in_use.message.startswith("remove data: volume is in use - [")
    cuddy.ok("rm", "c1")
    assert api("DELETE", "/volumes/data").status == 204
    gone = api("DELETE", "/volumes/data")
    assert (gone.status, gone.message) == (404, "get data: no such volume")
    assert api("DELETE", "/volumes/data", force=1).status == 204


def test_a_driver_that_is_not_there_is_not_found(api: Api) -> None:
    answer = api("POST", "/volumes/create", {"Name": "data", "Driver": "nosuch"})
    assert answer.status == 404
    wanted = 'create data: error looking up volume plugin nosuch: plugin "nosuch" not found'
    assert answer.message == wanted


def test_prune_leaves_named_volumes_but_to_old_clients(api: Api) -> None:
    def names() -> set[str]:
        return {each["Name"] for each in api.get("/volumes")["Volumes"]}

    def prune(path: str, **query: str) -> list[str]:
        found = api("POST", path, **query).json
        assert found["SpaceReclaimed"] >= 0
        deleted: list[str] = found["VolumesDeleted"]
        return deleted

    api("POST", "/volumes/create", {"Name": "data"})
    anonymous = api("POST", "/volumes/create").json["Name"]
    assert prune("/volumes/prune") == [anonymous] and names() == {"data"}
    assert prune("/volumes/prune", filters='{"all": ["true"]}') == ["data"]
    api("POST", "/volumes/create", {"Name": "data"})
    assert prune("/v1.41/volumes/prune") == ["data"]


@pytest.mark.parametrize("name", ["a" * 300, "\u1e70\u033a" * 200])
def test_what_can_be_no_name_is_no_volume(api: Api, name: str) -> None:
    path = f"/volumes/{quote(name, safe='%')}"
    assert api("DELETE", path).status == 404
    assert api("DELETE", path, force=1).status == 204


def test_a_path_is_no_volume_however_it_is_removed(cuddy: Cuddy) -> None:
    container_id = cuddy.ok("create", "alpine", "true")
    cuddy("volume", "rm", "-f", f"../containers/{container_id}")
    assert cuddy.ok("ps", "-aq", "--no-trunc") == container_id
