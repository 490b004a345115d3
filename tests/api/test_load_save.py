"""Archives of images, sent both ways."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable

import pytest

from archives import pack
from console import Cuddy
from engine_api import Api
from images import compress_zstd


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


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, compress_zstd])
def test_an_archive_may_be_compressed(
    api: Api, cuddy: Cuddy, compress: Callable[[bytes], bytes]
) -> None:
    root = pack({"file": b"text"})
    imported = api("POST", "/images/create", data=compress(root), fromSrc="-", repo="made", tag="1")
    assert imported.status == 200
    saved = api("GET", "/images/made:1/get").data
    cuddy.ok("rmi", "made:1")
    assert api("POST", "/images/load", data=compress(saved)).lines[-1]["stream"] == (
        "Loaded image: made:1\n"
    )
    cuddy.ok("rmi", "made:1")


def test_a_client_may_wait_until_its_archive_is_wanted(api: Api, cuddy: Cuddy) -> None:
    """As curl does with what is large."""
    data = api("GET", "/images/alpine/get").data
    with api.connect() as sock:
        head = ("POST /images/load HTTP/1.1", "Host: engine", "Expect: 100-continue",
                "Connection: close", f"Content-Length: {len(data)}")  # fmt: skip
        sock.sendall("\r\n".join([*head, "", ""]).encode())
        answer = sock.recv(1 << 16)
        sock.sendall(data)
        answer += b"".join(iter(lambda: sock.recv(1 << 16), b""))
    leave, final, body = answer.split(b"\r\n\r\n", 2)
    assert leave.startswith(b"HTTP/1.1 100 ")
    assert final.startswith(b"HTTP/1.1 200 ")
    assert b"Loaded image" in body


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
