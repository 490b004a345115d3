"""Images: lists and what is known of one, by version; names; removal."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import images
from console import Cuddy
from engine_api import Api

ALPINE = "alpine:latest"


@pytest.fixture(autouse=True)
def only_alpine(cuddy: Cuddy) -> Iterator[None]:
    """What a test makes goes with it."""
    yield
    cuddy.ok("image", "prune", "-af", "--filter", "label=of=tests")


def imported(api: Api, name: str = "") -> str:
    """An image of one file; its id."""
    archive = images.tar(images.entry("f", name.encode()))
    answer = api(
        "POST", "/images/create", data=archive, fromSrc="-", repo=name, changes="LABEL of=tests"
    )
    assert answer.status == 200, answer
    status = answer.lines[-1]["status"]
    assert isinstance(status, str)
    return status


def test_a_list_has_what_its_version_has(api: Api) -> None:
    nameless = imported(api)
    now, older = (
        {each["Id"]: each for each in api.get(f"{version}/images/json")}
        for version in ("", "/v1.42")
    )
    assert (now[nameless]["RepoTags"], now[nameless]["RepoDigests"]) == ([], [])
    assert older[nameless]["RepoTags"] == ["<none>:<none>"]
    assert older[nameless]["RepoDigests"] == ["<none>@<none>"]
    assert older[nameless]["VirtualSize"] == older[nameless]["Size"]
    assert "VirtualSize" not in now[nameless]
    assert now[nameless]["Labels"] == {"of": "tests"}
    assert (now[nameless]["SharedSize"], now[nameless]["Containers"]) == (-1, -1)
    assert isinstance(now[nameless]["Created"], int)
    assert [ALPINE] in [each["RepoTags"] for each in now.values()]


def test_a_list_is_filtered_in_both_encodings(api: Api) -> None:
    named = imported(api, "filtered:1")

    def ids(filters: object, **query: object) -> list[str]:
        found = api.get("/images/json", filters=json.dumps(filters), **query)
        return [each["Id"] for each in found]

    assert ids({"reference": ["filtered"]}) == [named]
    assert ids({"reference": {"filtered:1": True}}) == [named]
    assert ids({"label": ["of=tests", "of"]}) == [named]
    assert ids({"label": ["of=tests", "other"]}) == []
    assert named not in ids({"dangling": ["true"]})
    assert named not in ids({"until": ["1577836800"]})
    assert named in ids({"since": [ALPINE]})
    assert api.get("/images/json", filter="filtered")[0]["Id"] == named
    refused = api("GET", "/images/json", filters='{"nonsense":["1"]}')
    assert (refused.status, refused.message) == (400, "invalid filter 'nonsense'")


def test_the_size_that_is_shared_is_measured_when_it_is_asked_for(api: Api) -> None:
    found = api.get("/images/json", **{"shared-size": 1})
    assert all(each["SharedSize"] >= 0 for each in found)


def test_an_image_is_known_by_all_its_names(api: Api) -> None:
    found = api.get(f"/images/{ALPINE}/json")
    digits = found["Id"].partition(":")[2]
    for name in ("alpine", "docker.io/library/alpine", found["Id"], digits, digits[:12]):
        assert api.get(f"/v1.24/images/{name}/json")["Id"] == found["Id"]
    assert found["RepoTags"] == [ALPINE]
    assert found["RootFS"]["Type"] == "layers"
    assert isinstance(found["ContainerConfig"].get("Volumes"), (dict, type(None)))
    missing = api("GET", "/images/nosuch/name/json")
    assert (missing.status, missing.message) == (404, "No such image: nosuch/name:latest")


def test_the_history_has_the_latest_step_first(api: Api) -> None:
    image = imported(api, "told:1")
    steps = api.get("/images/told:1/history")
    assert (steps[0]["Id"], steps[0]["Tags"]) == (image, ["told:1"])
    assert steps[0]["Comment"] == "Imported from -"
    assert isinstance(steps[0]["Created"], int)


def test_a_name_is_given_and_taken(api: Api) -> None:
    image = imported(api, "first")
    answer = api("POST", "/images/first/tag", repo="docker.io/loc/second", tag="2", force=0)
    assert (answer.status, answer.data) == (201, b"")
    assert api.get("/images/loc/second:2/json")["Id"] == image
    assert api("POST", "/images/first/tag", repo="UPPER").status == 400
    assert api("POST", "/images/first/tag").status == 400
    assert api("POST", "/images/nosuch/tag", repo="third").status == 404
    several = api("DELETE", f"/images/{image}")
    assert several.status == 409
    assert several.message == (
        f"conflict: unable to delete {image[7:19]} (must be forced) - "
        "image is referenced in multiple repositories"
    )
    assert api("DELETE", "/images/loc/second:2").json == [{"Untagged": "loc/second:2"}]
    removed = api("DELETE", "/images/first").json
    assert removed[:2] == [{"Untagged": "first:latest"}, {"Deleted": image}]
    assert api("DELETE", "/images/first").status == 404


def test_a_container_keeps_its_image(api: Api, cuddy: Cuddy) -> None:
    container = cuddy.ok("create", "alpine", "true").strip()
    image = api.get(f"/images/{ALPINE}/json")["Id"]
    answer = api("DELETE", "/images/alpine")
    assert answer.status == 409
    assert answer.message == (
        f'conflict: unable to remove repository reference "{ALPINE}" (must force) - '
        f"container {container[:12]} is using its referenced image {image[7:19]}"
    )


def test_prune_removes_what_has_no_name_or_all_that_is_unused(api: Api) -> None:
    nameless, named = imported(api), imported(api, "unused:1")
    labelled = {"label": ["of=tests"]}
    pruned = api("POST", "/images/prune", filters=json.dumps(labelled)).json
    assert {"Deleted": nameless} in pruned["ImagesDeleted"]
    assert pruned["SpaceReclaimed"] > 0
    everything = json.dumps(labelled | {"dangling": {"false": True}})
    pruned = api("POST", "/images/prune", filters=everything).json
    assert pruned["ImagesDeleted"][:2] == [{"Untagged": "unused:1"}, {"Deleted": named}]
    assert api("POST", "/images/prune", filters=everything).json["ImagesDeleted"] is None
    assert api("POST", "/images/prune", filters='{"x":["1"]}').status == 400


def test_a_search_needs_a_word_and_a_limit_that_makes_sense(api: Api) -> None:
    assert api("GET", "/images/search").status == 400
    assert api("GET", "/images/search", term="x", limit=101).status == 400
    wrong = api("GET", "/images/search", term="x", filters='{"stars":["many"]}')
    assert (wrong.status, wrong.message) == (400, "invalid filter 'stars=many'")
