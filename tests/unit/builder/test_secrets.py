"""`--secret` and `--ssh`: where they are."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.builder import run as runs
from cuddy.builder import secrets, ssh, ssh_messages
from cuddy.builder.secrets import Secret, Secrets
from cuddy.errors import InvalidArgument, NotFound


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("id=a,src=/f", Secret("a", "/f")),
        ("id=a,source=/f,type=file", Secret("a", "/f")),
        ("type=file,id=a", Secret("a", "a")),
        ("id=a,env=B", Secret("a", variable="B")),
        ("type=env,id=a,src=B", Secret("a", variable="B")),
        ("type=env,id=a", Secret("a", variable="a")),
        ("id=KNOWN", Secret("KNOWN", variable="KNOWN")),
        ("id=unknown", Secret("unknown", "unknown")),
        ('"id=a,b",env=C', Secret("a,b", variable="C")),
    ],
)
def test_where_a_secret_is(text: str, secret: Secret) -> None:
    assert secrets.parse(text, {"KNOWN": "1"}) == secret


@pytest.mark.parametrize("text", ["", "src=/f", "id=a,what=x", "id", "id=a,type=vault", '"'])
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(InvalidArgument):
        secrets.parse(text, {})


def test_a_secret_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    kept = Secrets((f"id=a,src={path}", "id=b,env=B", "id=c,env=C"), {"B": "value"})
    with pytest.raises(NotFound):
        kept.check()
    path.write_bytes(b"\0\1")
    kept.check()
    assert [kept.read(name) for name in "abcd"] == [b"\0\1", b"value", None, None]
    path.write_bytes(bytes(secrets.MAX_BYTES + 1))
    with pytest.raises(InvalidArgument):
        kept.read("a")


def test_where_an_agent_is(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        assert ssh.parse("default", {"SSH_AUTH_SOCK": "/s"}) == ssh.Agent("default", "/s")
        assert ssh.parse(f"=  {key}".replace(" ", ""), {}) == ssh.Agent("default", keys=(str(key),))
        assert ssh.parse(f"x={tmp_path}/sock", {}) == ssh.Agent("x", f"{tmp_path}/sock")
        for wrong in ("default", "x=", f"x={tmp_path}/sock,{key}", f"x={tmp_path}/sock,/nowhere"):
            with pytest.raises((InvalidArgument, NotFound)):
                ssh.parse(wrong, {})


@given(st.lists(st.binary(min_size=1, max_size=50)), st.integers(1, 9))
def test_messages_are_cut_however_they_arrive(bodies: list[bytes], size: int) -> None:
    whole = [len(body).to_bytes(4, "big") + body for body in bodies]
    stream, reader, found = b"".join(whole), ssh_messages.Reader(), []
    for start in range(0, len(stream), size):
        found += reader.feed(stream[start : start + size])
    assert found == whole


@given(st.binary())
def test_no_bytes_make_a_message_that_is_none(data: bytes) -> None:
    try:
        found = ssh_messages.Reader().feed(data)
    except ValueError:
        return
    for message in found:
        assert 4 < len(message) <= ssh_messages.MAX_BYTES + 4
        ssh_messages.is_question(message)


WORDS = st.sampled_from(
    ["id", "src", "env", "type", "name", "required", "vendor.com/x=1", "=", ",", '"', "\0", "é"]
)
TEXTS = st.one_of(st.text(), st.lists(WORDS).map("".join))


@given(TEXTS)
def test_whatever_is_written_is_a_secret_a_device_or_refused(text: str) -> None:
    try:
        found = secrets.parse(text, {})
        assert bool(found.path) != bool(found.variable)
    except InvalidArgument:
        pass
    try:
        ssh.parse(text, {"SSH_AUTH_SOCK": "/s"})
    except (InvalidArgument, NotFound):
        pass
    try:
        runs.parse_device(text, str)
    except InvalidArgument:
        pass
