"""Files of a container as archives: what is there, out of it, and into it."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import images
from console import Cuddy, wait_until
from engine_api import Answer, Api

STAT = "X-Docker-Container-Path-Stat"
DIRECTORY, LINK, SETUID, STICKY = 1 << 31, 1 << 27, 1 << 23, 1 << 20
SCRIPT = """
mkdir -p /srv/d/sub; echo hello > /srv/d/file; chown 12:34 /srv/d/file; chmod 4755 /srv/d/file
ln -s d /srv/link; ln -s /srv/d/file /srv/tofile; touch -d '2020-01-02 03:04:05' /srv/d/file
touch /srv/ready
"""


@pytest.fixture
def box(request: pytest.FixtureRequest, api: Api, cuddy: Cuddy) -> Cuddy:
    """A container named `box` with some files, that runs if the test says so."""
    is_running = getattr(request, "param", "") == "running"
    end, run = ("sleep 1000", ("run", "-d")) if is_running else ("true", ("run",))
    cuddy.ok(*run, "--name", "box", "alpine", "sh", "-c", f"{SCRIPT}{end}")
    if is_running:
        wait_until(lambda: not cuddy("exec", "box", "test", "-e", "/srv/ready").code)
    return cuddy


def stat_of(answer: Answer) -> dict[str, Any]:
    found = json.loads(base64.b64decode(answer.headers[STAT]))
    assert isinstance(found, dict)
    return found


def members(answer: Answer) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(answer.data)) as archive:
        return {member.name: member for member in archive}


def pack(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.uid, member.gid = len(content), 5, 6
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def read(api: Api, path: str) -> bytes:
    answer = api("GET", "/containers/box/archive", path=path)
    assert answer.status == 200, answer
    with tarfile.open(fileobj=io.BytesIO(answer.data)) as archive:
        file = archive.extractfile(archive.next() or "")
        assert file
        return file.read()


def test_what_is_there_is_told_in_a_header(api: Api, box: Cuddy) -> None:
    path = "/containers/box/archive"
    for method in ("HEAD", "GET"):
        file = stat_of(api(method, path, path="/srv/d/file"))
        assert (file["name"], file["size"], file["linkTarget"]) == ("file", 6, "")
        assert file["mode"] == 0o755 | SETUID
        assert file["mtime"].startswith("2020-01-02T03:04:05")
    assert stat_of(api("HEAD", path, path="/tmp"))["mode"] == DIRECTORY | STICKY | 0o777
    link = stat_of(api("HEAD", path, path="srv/tofile"))
    assert (link["mode"] & LINK, link["linkTarget"]) == (LINK, "/srv/d/file")
    assert stat_of(api("HEAD", path, path="/"))["name"] == "/"


@pytest.mark.parametrize("box", ["running", "stopped"], indirect=True)
def test_out_of_it(api: Api, box: Cuddy) -> None:
    answer = api("GET", "/containers/box/archive", path="/srv/d")
    assert answer.headers["Content-Type"] == "application/x-tar"
    found = members(answer)
    assert set(found) == {"d", "d/file", "d/sub"}
    assert (found["d/file"].uid, found["d/file"].mode) == (12, 0o4755)
    contents = members(api("GET", "/containers/box/archive", path="/srv/d/."))
    assert {name.removeprefix("./") for name in contents} >= {"file", "sub"}
    assert read(api, "srv/d/file") == b"hello\n"


@pytest.mark.parametrize("box", ["running", "stopped"], indirect=True)
def test_into_it_however_it_is_compressed(api: Api, box: Cuddy) -> None:
    compressors: list[Callable[[bytes], bytes]]
    compressors = [bytes, gzip.compress, bz2.compress, lzma.compress, images.compress_zstd]
    for number, compress in enumerate(compressors):
        data = compress(pack(**{f"new{number}": b"new\n", f"deep{number}/er": b"deep\n"}))
        answer = api("PUT", "/containers/box/archive", data=data, path="/srv/link")
        assert (answer.status, answer.data) == (200, b"")
    assert read(api, f"/srv/d/new{number}") == b"new\n"
    assert read(api, f"/srv/d/deep{number}/er") == b"deep\n"
    found = members(api("GET", "/containers/box/archive", path="/srv/d"))
    assert {found[f"d/new{each}"].uid for each in range(number + 1)} == {5}


def test_a_body_in_chunks_and_much_of_it(api: Api, box: Cuddy) -> None:
    data = pack(big=bytes(5_000_000))

    def chunks() -> Iterator[bytes]:
        for start in range(0, len(data), 100_000):
            yield data[start : start + 100_000]

    headers = {"Transfer-Encoding": "chunked"}
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in chunks()) + b"0\r\n\r\n"
    answer = api("PUT", "/containers/box/archive?path=tmp", data=body, headers=headers)
    assert answer.status == 200, answer
    assert stat_of(api("HEAD", "/containers/box/archive", path="/tmp/big"))["size"] == 5_000_000


def test_what_is_in_the_way(api: Api, box: Cuddy) -> None:
    path = "/containers/box/archive"
    data = pack(sub=b"now a file\n")
    kept = api("PUT", path, data=data, path="/srv/d", noOverwriteDirNonDir="true")
    assert "cannot overwrite directory" in kept.message
    assert api("PUT", path, data=data, path="/srv/d").status == 200
    assert read(api, "/srv/d/sub") == b"now a file\n"


@pytest.mark.parametrize("box", ["running", "stopped"], indirect=True)
def test_what_cannot_be_is_said(api: Api, box: Cuddy) -> None:
    path = "/containers/box/archive"
    missing = "Could not find the file /nothing in container box"
    for method in ("GET", "PUT"):
        answer = api(method, path, data=pack(a=b"") if method == "PUT" else None, path="/nothing")
        assert (answer.status, answer.message) == (404, missing)
    assert api("HEAD", path, path="/nothing").status == 404
    assert api("PUT", path, data=pack(a=b""), path="/srv/d/file").status == 400
    assert api("GET", path).status == 400
    assert api("GET", "/containers/none/archive", path="/").message == "No such container: none"
    for hostile in (b"no archive at all" * 100, pack(**{"../../out": b"x"}), pack(a=b"")[:300]):
        answer = api("PUT", path, data=hostile, path="/srv")
        assert answer.status >= 400
        assert answer.message


def test_a_root_that_is_read_only(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("create", "--read-only", "--name", "box", "alpine", "true")
    answer = api("PUT", "/containers/box/archive", data=pack(a=b""), path="/")
    assert (answer.status, answer.message) == (403, "container rootfs is marked read-only")


def test_files_of_the_containers_own_user(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("create", "--user", "77:88", "--name", "box", "alpine", "true")
    path = "/containers/box/archive"
    assert api("PUT", path, data=pack(a=b""), path="/tmp", copyUIDGID="true").status == 200
    found = members(api("GET", path, path="/tmp/a"))["a"]
    assert (found.uid, found.gid) == (77, 88)


@pytest.mark.parametrize("box", ["stopped", "running"], indirect=True)
def test_links_of_the_container_lead_nowhere_but_inside(
    api: Api, box: Cuddy, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("of the host")
    up = "../../../../../../../.."
    links = (("out", str(tmp_path)), ("up", up), ("p", "/proc/1/root"))
    planted = ("out/planted", f"up{tmp_path}/planted", "p/tmp/planted")
    data = images.tar(
        *(images.link(name, target) for name, target in links),
        *(images.entry(name, b"x") for name in planted),
    )
    path = "/containers/box/archive"
    assert api("PUT", path, data=data, path="/srv/d").status in (200, 400, 404)
    for place in ("/srv/d/out", f"/srv/d/up{tmp_path}", f"/srv/d/out/../../../../{tmp_path}"):
        for method in ("GET", "HEAD", "PUT"):
            asked = f"{place}/secret" if method != "PUT" else place
            answer = api(
                method, path, data=pack(planted=b"x") if method == "PUT" else None, path=asked
            )
            assert b"of the host" not in answer.data
            assert method == "PUT" or answer.status == 404
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]
    assert not Path("/tmp/planted").exists()


@pytest.mark.parametrize("path", ["/" + "a" * 256, "/a" * 2048])
def test_a_path_that_is_too_long_is_the_clients_mistake(api: Api, box: Cuddy, path: str) -> None:
    for method in ("GET", "HEAD", "PUT"):
        assert api(method, "/containers/box/archive", path=path).status == 400
