"""Archives of images, sent both ways."""

from __future__ import annotations

import io
import json
import tarfile

from console import Cuddy
from engine_api import Api


def test_what_was_sent_is_taken_back(api: Api, cuddy: Cuddy) -> None:
    for name in ("kept:1", "kept:2"):
        cuddy.ok("tag", "alpine", name)
    answer = api("GET", "/images/get", names=["kept:1", "kept:2"])
    assert answer.headers["Content-Type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(answer.data)) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest
        assert json.load(manifest)[0]["RepoTags"] == ["kept:1", "kept:2"]
        assert "oci-layout" in archive.getnames()
    cuddy.ok("rmi", "kept:1", "kept:2")
    half = len(answer.data) // 2
    loaded = api("POST", "/images/load", data=iter([answer.data[:half], answer.data[half:]]))
    assert loaded.headers["Content-Type"] == "application/json"
    said = [line["stream"] for line in loaded.lines if "stream" in line]
    assert said == ["Loaded image: kept:1\n", "Loaded image: kept:2\n"]
    again = api("POST", "/images/load", data=answer.data, quiet=1)
    assert [line["stream"] for line in again.lines] == said
    cuddy.ok("rmi", "kept:1", "kept:2")


def test_an_image_by_its_id_goes_without_a_name(api: Api) -> None:
    image = api.get("/images/alpine/json")["Id"]
    data = api("GET", f"/images/{image}/get").data
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest
        assert json.load(manifest)[0]["RepoTags"] is None
    assert api("POST", "/images/load", data=data).lines[-1]["stream"] == (
        f"Loaded image ID: {image}\n"
    )


def test_what_is_not_there_cannot_be_sent(api: Api) -> None:
    missing = api("GET", "/images/nosuch/get")
    assert (missing.status, missing.message) == (404, "No such image: nosuch:latest")
    assert api("GET", "/images/get").status == 400
    assert api("GET", "/images/get", names=["alpine", "nosuch"]).status == 404


def test_what_is_wrong_with_an_archive_is_told_in_the_stream(api: Api) -> None:
    for data in (b"abc", b"", b"\0" * 10240, b"\x1f\x8b" + b"rubbish" * 100):
        answer = api("POST", "/images/load", data=data)
        assert answer.status == 200
        last = answer.lines[-1]
        assert last["error"] == last["errorDetail"]["message"]
    assert api("POST", "/images/load", data=b"", platform="foobar").status == 400
