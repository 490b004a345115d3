"""The proxies of Docker's config.json reach containers, as docker has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console import ENGINE, Cuddy

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="where docker reads is up to its user")


def variables(cuddy: Cuddy, home: Path, document: object, *flags: str, **more: str) -> Any:
    """The variables of a new container that a config.json of its own leads to."""
    (home / ".docker").mkdir(exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document)
    (home / ".docker/config.json").write_text(text)
    environment = cuddy.environment | {"HOME": str(home)} | more
    out = cuddy.ok("run", "--rm", "--network=none", *flags, "alpine", "env", env=environment)
    found = dict(line.partition("=")[::2] for line in out.splitlines())
    return {name: value for name, value in found.items() if "proxy" in name.lower()}


DEFAULT = {"default": {"httpProxy": "http://p:1", "noProxy": "a,b", "allProxy": ""}}


def test_in_capitals_and_in_small_letters(cuddy: Cuddy, tmp_path: Path) -> None:
    assert variables(cuddy, tmp_path, {"proxies": DEFAULT}) == {
        "HTTP_PROXY": "http://p:1", "http_proxy": "http://p:1",
        "NO_PROXY": "a,b", "no_proxy": "a,b",
    }  # fmt: skip


def test_unless_the_user_says_otherwise(cuddy: Cuddy, tmp_path: Path) -> None:
    flags = ("-e", "http_proxy=mine", "-e", "NO_PROXY=")
    assert variables(cuddy, tmp_path, {"proxies": DEFAULT}, *flags) == {
        "HTTP_PROXY": "http://p:1", "http_proxy": "mine", "NO_PROXY": "", "no_proxy": "a,b",
    }  # fmt: skip


def test_one_daemon_may_have_its_own(cuddy: Cuddy, tmp_path: Path) -> None:
    proxies = DEFAULT | {"tcp://there": {"ftpProxy": "f"}}
    assert variables(cuddy, tmp_path, {"proxies": proxies}, DOCKER_HOST="tcp://there") == {
        "FTP_PROXY": "f", "ftp_proxy": "f",
    }  # fmt: skip


@pytest.mark.parametrize("document", ["", "{", {}, {"proxies": None}, {"proxies": {"x": {}}}, []])
def test_a_file_that_says_nothing(cuddy: Cuddy, tmp_path: Path, document: object) -> None:
    assert variables(cuddy, tmp_path, document) == {}
