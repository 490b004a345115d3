"""Downloads from hosts that behave, and from others."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.builder import remote
from cuddy.errors import (
    CorruptContent,
    CuddyError,
    InvalidArgument,
    NotFound,
    RegistryBusy,
    RegistryError,
    RegistryUnreachable,
    Unauthorized,
)
from cuddy.image.settings import Settings
from hostile_registry import Answer, Hostile
from images import digest_of

Serve = Callable[..., Hostile]
SETTINGS = Settings(timeout_s=0.4, retry_delay_s=0.01)
DATE = "Fri, 22 Mar 2013 19:35:42 GMT"


def get(
    url: str, where: Path, checksum: str = "", limit: int = 0,
    tell: Callable[[int, int], None] | None = None,
) -> Path:  # fmt: skip
    found = remote.download(
        url, str(where), "file", settings=SETTINGS, checksum=checksum, limit=limit, tell=tell
    )
    return Path(found)


def test_a_file_is_private_and_as_old_as_the_server_says(tmp_path: Path, hostile: Serve) -> None:
    server = hostile(
        {"/a": [Answer(body=b"data", headers={"Last-Modified": DATE})], "/b": [Answer(body=b"")]}
    )
    heard: list[tuple[int, int]] = []
    path = get(f"http://{server.host}/a", tmp_path, tell=lambda *each: heard.append(each))
    assert path.read_bytes() == b"data"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_mtime == 1363980942
    assert heard[-1] == (4, 4)
    path.unlink()
    assert get(f"http://{server.host}/b", tmp_path).stat().st_mtime == 0


def test_checksums(tmp_path: Path, hostile: Serve) -> None:
    server = hostile({"/a": [Answer(body=b"data")]})
    url = f"http://{server.host}/a"
    get(url, tmp_path, checksum=digest_of(b"data")).unlink()
    with pytest.raises(CorruptContent, match="digest mismatch"):
        get(url, tmp_path, checksum=digest_of(b"other"))
    for checksum in ("sha256:1", "md5:" + "0" * 32, "x"):
        with pytest.raises(InvalidArgument, match="invalid checksum"):
            get(url, tmp_path, checksum=checksum)
    assert os.listdir(tmp_path) == ["log0"]


def test_who_is_busy_is_asked_again(tmp_path: Path, hostile: Serve) -> None:
    cut = Answer(body=b"data", cut=2)
    server = hostile({"/a": [Answer(503), cut, Answer(body=b"data")], "/b": [Answer(503)]})
    assert get(f"http://{server.host}/a", tmp_path).read_bytes() == b"data"
    (tmp_path / "file").unlink()
    with pytest.raises(RegistryBusy, match="the server answers 503"):
        get(f"http://{server.host}/b", tmp_path)
    assert len(server.asked("/b")) == remote.ATTEMPTS


@pytest.mark.parametrize(
    "answer, error, words",
    [
        (Answer(404), NotFound, "the server answers 404"),
        (Answer(204), NotFound, "the server answers 204"),
        (Answer(401), Unauthorized, "the server answers 401"),
        (Answer(body=b"x" * 2000), CorruptContent, "more than 1000 bytes"),
        (Answer(body=b"x" * 2000, endless=True), CorruptContent, "more than 1000 bytes"),
        (Answer(body=b"x" * 10, length=20), RegistryBusy, "broke off"),
        (Answer(body=b"x" * 50, trickle_s=0.1), RegistryBusy, "next to nothing"),
        (Answer(302, headers={"Location": "http://HOST/a"}), RegistryError, "without end"),
        (Answer(302, headers={"Location": "file:///etc/passwd"}), RegistryError, "not plain http"),
        (Answer(302, headers={"Location": "ftp://HOST/a"}), RegistryError, "not plain http"),
        (Answer(302, headers={"Location": "http://[::"}), RegistryError, "no URL"),
    ],
)
def test_whatever_goes_wrong_leaves_nothing(
    tmp_path: Path, hostile: Serve, answer: Answer, error: type[CuddyError], words: str
) -> None:
    server = hostile({"/a": [answer]})
    with pytest.raises(error, match=words):
        get(f"http://{server.host}/a", tmp_path, limit=1000)
    assert os.listdir(tmp_path) == ["log0"]


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(
        RegistryUnreachable, match="cannot download http://127.0.0.1:1: no connection"
    ):
        get("http://127.0.0.1:1", tmp_path)


def test_credentials_stay_at_home_and_are_not_shown(tmp_path: Path, hostile: Serve) -> None:
    other = hostile({"/b": [Answer(404)]})
    to_other = Answer(302, headers={"Location": f"http://{other.host}/b"})
    server = hostile({"/a": [to_other]})
    with pytest.raises(NotFound) as caught:
        get(f"http://us%40er:secret@{server.host}/a", tmp_path)
    assert "secret" not in str(caught.value)
    assert server.asked("/a")[0]["Authorization"] == "Basic dXNAZXI6c2VjcmV0"
    assert "Authorization" not in other.asked("/b")[0]


@pytest.mark.parametrize(
    "url", ["http://", "http:///x", "https://a b/", "http://x:99999/", "http://\n/", "http://é/"]
)
def test_what_is_no_url(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidArgument, match="is not a URL of http or https"):
        get(url, tmp_path)


def test_paths_are_quoted(tmp_path: Path, hostile: Serve) -> None:
    server = hostile({"/*": [Answer(body=b"data")]})
    get(f"HTTP://{server.host}/a b/é%20?x=y z#part", tmp_path)
    assert [path for path, _ in server.requests()] == ["/a%20b/%C3%A9%20?x=y%20z"]


@given(st.text(max_size=40))
def test_any_date_is_a_moment(text: str) -> None:
    assert remote.last_modified(text) >= 0
    assert remote.last_modified(f"{DATE}{text}") >= 0


@given(st.text(max_size=60))
def test_any_url_is_read_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"http://x/{text}"):
        try:
            place = remote.find_place(url)
        except InvalidArgument:
            continue
        assert place.url.isascii()
        assert " " not in place.url
