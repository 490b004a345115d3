"""What a server of a repository is told, and what it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cuddy.image import auth
from cuddy.image.auth import Challenge
from cuddy.image.credentials import Credentials
from cuddy.image.endpoints import Endpoint
from cuddy.image.reference import Reference
from cuddy.image.server import Server
from cuddy.image.settings import Settings

HOST = "registry.example"


def server(tmp_path: Path, scheme: str, *insecure: str) -> Server:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"auths": {HOST: {"auth": "bWU6c2VjcmV0"}}}))
    settings = Settings(auth_files=(str(path),), insecure=insecure)
    return Server(settings, Reference(HOST, "x"), Endpoint(HOST, "x", (scheme,), True, True))


def test_credentials_are_not_told_in_the_open(tmp_path: Path) -> None:
    """A mirror in daemon.json may be written with http://, which alone does not allow that."""
    assert server(tmp_path, "http").credentials() is None
    assert server(tmp_path, "https").credentials() == Credentials("me", "secret")
    assert server(tmp_path, "http", HOST).credentials() == Credentials("me", "secret")


@pytest.mark.parametrize(
    ("where", "is_home"),
    [
        ("blobs/x", True), ("/v2/", True), (f"https://{HOST}/up", True),
        (f"https://{HOST}:443/up", True), (f"http://{HOST}/up", False),
        (f"https://{HOST}:444/up", False), ("https://registry.example.evil/up", False),
        (f"https://{HOST.upper()}/", True),
    ],
)  # fmt: skip
def test_which_places_are_the_registry_s_own(tmp_path: Path, where: str, is_home: bool) -> None:
    assert server(tmp_path, "https").is_home(where) is is_home


def test_scopes_are_what_we_are_about_to_do_and_what_is_asked_for() -> None:
    ours = ("repository:b:pull,push", "repository:a:pull")
    for asked, expected in (
        ("", ours),
        ("repository:b:pull", ours),
        ("repository:c:pull", (*ours, "repository:c:pull")),
    ):
        challenge = Challenge("bearer", {"scope": asked} if asked else {})
        assert auth.wanted_scopes(challenge, ours) == expected


def test_an_identity_token_asks_for_all_scopes_in_one_word() -> None:
    challenge = Challenge("bearer", {"realm": "https://t/t", "service": "s"})
    known = Credentials(identity_token="again")
    ask = auth.token_request(challenge, ("repository:a:pull", "repository:b:pull,push"), known)
    assert ask.url == "https://t/t"
    assert b"scope=repository%3Aa%3Apull+repository%3Ab%3Apull%2Cpush" in ask.body
    assert not ask.authorization
