"""Pulls, pushes and what a registry says, with a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import images
from console import Cuddy, wait_until
from engine_api import Api
from registry import Registry


@pytest.fixture(autouse=True)
def cleared(registry: Registry, other_registry: Registry, cuddy: Cuddy) -> Iterator[None]:
    """What came from a registry goes."""
    yield
    for host in (registry.host, other_registry.host):
        names = cuddy.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        for name in names:
            if name.startswith(host):
                cuddy.ok("rmi", "-f", name)


def test_a_pull_tells_what_it_does(api: Api, registry: Registry) -> None:
    name = f"{registry.host}/alpine"
    answer = api("POST", "/images/create", fromImage=name, tag="3.20")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.data.endswith(b"}\r\n")
    lines = answer.lines
    assert lines[0] == {"status": "Pulling from alpine", "id": "3.20"}
    states = [line["status"] for line in lines if len(line.get("id", "")) == 12]
    assert states[0] == "Pulling fs layer"
    assert states[-1] in ("Pull complete", "Already exists")
    moving = [line for line in lines if line["status"] in ("Downloading", "Extracting")]
    assert all(line["progressDetail"]["total"] > 0 and line["progress"] for line in moving)
    assert lines[-2]["status"].startswith("Digest: sha256:")
    assert lines[-1] == {"status": f"Status: Downloaded newer image for {name}:3.20"}
    again = api("POST", "/images/create", fromImage=f"{name}:3.20").lines
    assert again[-1] == {"status": f"Status: Image is up to date for {name}:3.20"}
    digest = lines[-2]["status"].removeprefix("Digest: ")
    by_digest = api("POST", "/images/create", fromImage=name, tag=digest).lines
    assert by_digest[-1]["status"].endswith(f"for {name}@{digest}")
    assert f"{name}@{digest}" in api.get(f"/images/{name}@{digest}/json")["RepoDigests"]


def test_without_a_tag_all_tags_come(api: Api, other_registry: Registry) -> None:
    for tag in ("a", "b"):
        other_registry.push(images.image([images.layer(images.tar())]), "several", tag)
    lines = api("POST", "/images/create", fromImage=f"{other_registry.host}/several").lines
    assert [line["id"] for line in lines if "Pulling from" in line["status"]] == ["a", "b"]
    assert sum(line["status"].startswith("Status: ") for line in lines) == 1


def test_a_platform_is_chosen_or_refused(api: Api, registry: Registry) -> None:
    name = f"{registry.host}/busybox"
    other = "arm64" if images.ARCHITECTURE == "amd64" else "amd64"
    pulled = api("POST", "/images/create", fromImage=name, tag="latest", platform=f"linux/{other}")
    assert pulled.status == 200
    assert api.get(f"/images/{name}/json")["Architecture"] == other
    wrong = api("POST", "/images/create", fromImage=name, tag="latest", platform="foobar")
    assert (wrong.status, wrong.message) == (
        400, '"foobar": unknown operating system or architecture: invalid argument',
    )  # fmt: skip


def test_what_is_not_there_is_told_before_the_stream(api: Api, registry: Registry) -> None:
    name = f"{registry.host}/nosuch"
    answer = api("POST", "/images/create", fromImage=name, tag="latest")
    expected = f"manifest for {name}:latest not found: manifest unknown: manifest unknown"
    assert (answer.status, answer.message) == (404, expected)
    assert api("POST", "/images/create", fromImage="127.0.0.1:1/x", tag="y").status == 500
    assert api("POST", "/images/create", fromImage="UPPER", tag="y").status == 400
    assert api("POST", "/images/create").status == 400


def test_a_push_tells_what_it_does(api: Api, other_registry: Registry) -> None:
    name = f"{other_registry.host}/my/foo"
    assert api("POST", "/images/alpine/tag", repo=name, tag="1").status == 201
    lines = api("POST", f"/images/{name}/push", tag="1", headers={"X-Registry-Auth": "e30="}).lines
    assert lines[0] == {"status": f"The push refers to repository [{name}]"}
    states = [line["status"] for line in lines if "id" in line]
    assert states[0] == "Preparing"
    assert states[-1] in ("Pushed", "Layer already exists")
    manifest, _ = other_registry.manifest("my/foo", "1")
    aux = {"Tag": "1", "Digest": images.digest_of(manifest), "Size": len(manifest)}
    assert lines[-1] == {"progressDetail": {}, "aux": aux}
    said = f"1: digest: {aux['Digest']} size: {aux['Size']}"
    assert lines[-2] == {"status": said}
    inspected = api.get(f"/distribution/{name}:1/json")
    assert inspected["Descriptor"]["digest"] == aux["Digest"]
    assert inspected["Platforms"] == [{"architecture": images.ARCHITECTURE, "os": "linux"}]


def test_an_image_that_is_not_here_cannot_be_pushed(api: Api, other_registry: Registry) -> None:
    name = f"{other_registry.host}/nothing"
    answer = api("POST", f"/images/{name}/push", tag="latest")
    assert answer.status == 200
    message = f"An image does not exist locally with the tag: {name}"
    assert answer.lines[-1] == {"errorDetail": {"message": message}, "error": message}


def test_an_index_says_for_which_platforms_it_is(api: Api, registry: Registry) -> None:
    found = api.get(f"/distribution/{registry.host}/busybox/json")
    assert found["Descriptor"]["mediaType"] in (images.OCI_INDEX, images.DOCKER_LIST)
    assert {"architecture": images.ARCHITECTURE, "os": "linux"} in found["Platforms"]
    missing = api("GET", f"/distribution/{registry.host}/nosuch/json")
    assert missing.status == 404
    assert "manifest unknown" in missing.message


def test_an_image_is_made_of_an_archive(api: Api, cuddy: Cuddy) -> None:
    archive = images.tar(images.entry("hello", b"hi"))
    lines = api(
        "POST", "/images/create", data=iter([archive[:700], archive[700:]]), fromSrc="-",
        repo="made/here:1", message="by hand", changes=["CMD [\"x\"]\nUSER me", "ENV A=b"],
    ).lines  # fmt: skip
    found = api.get("/images/made/here:1/json")
    assert lines == [{"status": found["Id"]}]
    assert (found["Config"]["Cmd"], found["Config"]["User"]) == (["x"], "me")
    assert found["Config"]["Env"] == ["A=b"]
    assert found["Comment"] == "by hand"
    cuddy.ok("rmi", "made/here:1")
    assert api("POST", "/images/create", data=b"rubbish" * 100, fromSrc="-").status == 400
    assert api("POST", "/images/create", data=archive, fromSrc="-", changes="RUN x").status == 400
    assert api("POST", "/images/create", fromSrc="file:///etc/passwd").status == 400


def test_a_client_that_leaves_ends_the_pull(api: Api, registry: Registry, cuddy: Cuddy) -> None:
    noise = images.layer(images.tar(images.entry("noise", bytes(1 << 24))), "")
    name = registry.push(images.image([noise]), "noise")
    for _ in range(3):
        with api.connect() as sock:
            asked = f"POST /images/create?fromImage={name} HTTP/1.1\r\nHost: x\r\n\r\n"
            sock.sendall(asked.encode())
            assert sock.recv(1 << 12).startswith(b"HTTP/1.1 200")
        wait_until(lambda: not list((cuddy.root / "tmp").iterdir()))
    assert api("POST", "/images/create", fromImage=name).status == 200  # whatever was left
    assert json.loads(cuddy.ok("inspect", name))
