"""Networks over the API: made, listed, joined, left, removed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from console import Cuddy
from engine_api import Api

SUBNET = {"Config": [{"Subnet": "10.94.1.0/24", "Gateway": "10.94.1.9"}]}


@pytest.fixture
def network(api: Api, cuddy: Cuddy) -> Iterator[str]:
    """The id of a network that is called `front`."""
    body = {"Name": "front", "IPAM": SUBNET, "Labels": {"a": "b"}}
    made = api("POST", "/networks/create", body)
    assert made.status == 201 and made.json["Warning"] == ""
    yield made.json["Id"]
    cuddy("network", "rm", "front")


def test_a_network_is_as_it_was_asked_for(api: Api, network: str) -> None:
    found = api.get(f"/networks/{network[:12]}")
    assert (found["Name"], found["Id"], found["Driver"], found["Scope"]) == (
        "front", network, "bridge", "local",
    )  # fmt: skip
    assert found["IPAM"]["Config"] == SUBNET["Config"]
    assert found["Labels"] == {"a": "b"} and found["Containers"] == {}


def test_networks_are_listed_by_filters_in_both_ways_to_write_them(api: Api, network: str) -> None:
    assert {"bridge", "host", "none", "front"} <= {each["Name"] for each in api.get("/networks")}
    for filters in ({"label": ["a=b"]}, {"label": {"a=b": True}}, {"name": ["fro"]}):
        found = api.get("/networks", filters=json.dumps(filters))
        assert [each["Id"] for each in found] == [network]
    refused = api("GET", "/networks", filters='{"nosuch": ["x"]}')
    assert (refused.status, refused.message) == (400, "invalid filter 'nosuch'")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"Name": "front"}, 409, "network with name front already exists"),
        ({"Name": "bridge"}, 403, "operation is not permitted on predefined bridge network"),
        ({"Name": "n", "Driver": "nosuch"}, 404, 'plugin "nosuch" not found'),
        ({"Name": "n", "IPAM": {"Config": "x"}}, 400,
         "invalid JSON: Config must be a list, not a string"),
        ({"Name": ""}, 400, 'invalid name: ""'),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_dockers_words(
    api: Api, network: str, body: object, status: int, message: str
) -> None:
    answer = api("POST", "/networks/create", body)
    assert (answer.status, answer.message) == (status, message)


def test_a_container_joins_and_leaves(api: Api, cuddy: Cuddy, network: str) -> None:
    cuddy.ok("run", "-d", "--name", "c1", "alpine", "sleep", "1000")
    body = {"Container": "c1", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.94.1.77"}}}
    assert api("POST", "/networks/front/connect", body).status == 200
    (member,) = api.get("/networks/front")["Containers"].values()
    assert (member["Name"], member["IPv4Address"]) == ("c1", "10.94.1.77/24")
    again = api("POST", "/networks/front/connect", {"Container": "c1"})
    assert again.status == 403
    assert again.message == "endpoint with name c1 already exists in network front"
    in_use = api("DELETE", "/networks/front")
    assert in_use.status == 403 and "has active endpoints" in in_use.message
    leaving = {"Container": "c1", "Force": False}
    assert api("POST", "/networks/front/disconnect", leaving).status == 200
    assert api("POST", "/networks/front/disconnect", leaving).status == 403
    assert api.get("/networks/front")["Containers"] == {}


def test_a_network_goes_once(api: Api, network: str) -> None:
    assert api("DELETE", "/networks/front").status == 204
    gone = api("DELETE", "/networks/front")
    assert (gone.status, gone.message) == (404, "network front not found")
    assert api("GET", "/networks/front").status == 404
    kept = api("DELETE", "/networks/bridge")
    assert kept.status == 403
    assert kept.message == "bridge is a pre-defined network and cannot be removed"


def test_a_name_may_have_a_slash(api: Api) -> None:
    made = api("POST", "/networks/create", {"Name": "a/b"}).json["Id"]
    assert api.get("/networks/a/b")["Id"] == made
    assert api("DELETE", "/networks/a/b").status == 204


def test_prune_takes_what_nobody_is_on(api: Api, network: str) -> None:
    other = {"label": ["a=c"]}
    kept = api("POST", "/networks/prune", filters=json.dumps(other)).json
    assert kept == {"NetworksDeleted": None}
    assert api("POST", "/networks/prune").json == {"NetworksDeleted": ["front"]}
