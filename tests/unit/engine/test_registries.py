"""Registries are reached as the machine's and the user's own files say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cuddy.engine import registries
from cuddy.errors import InvalidArgument
from cuddy.image.settings import Mirror, Rule, Settings


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries, "DAEMON_JSON", str(tmp_path / "daemon.json"))
    monkeypatch.setattr(registries, "REGISTRIES_CONF", str(tmp_path / "registries.conf"))


def settings(tmp_path: Path, **environment: str) -> Settings:
    return registries.settings({"HOME": str(tmp_path / "home"), **environment})


def test_a_bare_machine_has_no_settings(tmp_path: Path) -> None:
    found = settings(tmp_path)
    assert (found.mirrors, found.insecure, found.proxies) == ({"docker.io": ()}, (), {})
    assert found.auth_files == (
        f"{tmp_path}/home/.docker/config.json",
        "/run/containers/auth.json",
        f"{tmp_path}/home/.config/containers/auth.json",
    )


def test_mirrors_come_from_registries_conf_and_daemon_json(tmp_path: Path) -> None:
    (tmp_path / "registries.conf").write_text("""
        [[registry]]
        location = "docker.io"
        [[registry.mirror]]
        location = "localhost:5000/hub"
        [[registry.mirror]]
        location = "other:1"
        insecure = true
        [[registry]]
        location = "lan:5000"
        insecure = true
        [[registry]]
        prefix = "quay.io"
        location = "lan:5000/quay"
    """)
    (tmp_path / "registries.conf.d").mkdir()
    (tmp_path / "registries.conf.d/x.conf").write_text(
        '[[registry]]\nlocation = "more:1"\ninsecure = true'
    )
    (tmp_path / "daemon.json").write_text(
        '{"registry-mirrors": ["http://m:1"], "insecure-registries": ["10.0.0.0/8"]}'
    )
    found = settings(tmp_path)
    assert found.mirrors == {"docker.io": ("http://m:1",)}
    assert found.rules == (
        Rule("docker.io", "docker.io", (Mirror("localhost:5000/hub"), Mirror("other:1"))),
        Rule("lan:5000", "lan:5000"),
        Rule("quay.io", "lan:5000/quay"),
        Rule("more:1", "more:1"),
    )
    assert found.insecure == ("other:1", "lan:5000", "more:1", "10.0.0.0/8")


def test_mirrors_may_be_for_digests_or_tags_only(tmp_path: Path) -> None:
    (tmp_path / "registries.conf").write_text("""
        [[registry]]
        prefix = "*.example.com"
        blocked = true
        [[registry]]
        location = "a"
        mirror-by-digest-only = true
        mirror = [{location = "b"}, {location = "c", pull-from-mirror = "tag-only"}]
    """)
    assert settings(tmp_path).rules == (
        Rule("*.example.com", "", (), True),
        Rule("a", "a", (Mirror("b", "digest-only"), Mirror("c", "tag-only"))),
    )


def test_a_later_file_replaces_a_rule(tmp_path: Path) -> None:
    (tmp_path / "registries.conf").write_text('[[registry]]\nprefix="a"\nlocation="b"')
    (tmp_path / "registries.conf.d").mkdir()
    (tmp_path / "registries.conf.d/1.conf").write_text('[[registry]]\nprefix="a"\nlocation="c"')
    assert settings(tmp_path).rules == (Rule("a", "c"),)


@pytest.mark.parametrize(
    "text",
    [
        "[[registry]]\n",
        '[[registry]]\nlocation = "https://a"',
        '[[registry]]\nlocation = "a/"',
        "[[registry]]\nlocation = 5",
        'registry = ["a"]',
        '[[registry]]\nlocation = "a"\n[[registry.mirror]]\ninsecure = true',
        '[[registry]]\nlocation = "a"\nmirror = [{location="b", pull-from-mirror="some"}]',
        '[[registry]]\nlocation = "a"\nmirror = ["b"]',
    ],
)
def test_rules_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "registries.conf").write_text(text)
    with pytest.raises(InvalidArgument, match=r"registries\.conf"):
        settings(tmp_path)


def test_docker_s_files_name_proxies_after_the_environment(tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_text('{"proxies": {"http-proxy": "http://d:1"}}')
    (tmp_path / "home/.docker").mkdir(parents=True)
    config = {"default": {"httpProxy": "http://u:1", "httpsProxy": "http://u:2", "noProxy": "x"}}
    config["tcp://there:1"] = {"httpsProxy": "http://t:1"}
    (tmp_path / "home/.docker/config.json").write_text(json.dumps({"proxies": config}))
    assert settings(tmp_path).proxies == {
        "http": "http://d:1", "https": "http://u:2", "no": "x",
    }  # fmt: skip
    assert settings(tmp_path, http_proxy="http://e:1").proxies["http"] == "http://e:1"
    there = settings(tmp_path, DOCKER_HOST="tcp://there:1").proxies
    assert there == {"http": "http://d:1", "https": "http://t:1"}


def test_the_users_registries_conf_replaces_the_machines(tmp_path: Path) -> None:
    (tmp_path / "registries.conf").write_text('[[registry]]\nlocation = "a"\ninsecure = true')
    own = tmp_path / "home/.config/containers"
    own.mkdir(parents=True)
    (own / "registries.conf").write_text('[[registry]]\nlocation = "b"\ninsecure = true')
    assert settings(tmp_path).insecure == ("b",)
    named = str(tmp_path / "registries.conf")
    assert settings(tmp_path, CONTAINERS_REGISTRIES_CONF=named).insecure == ("a",)


def test_the_environment_names_credentials_and_proxies(tmp_path: Path) -> None:
    found = settings(tmp_path, DOCKER_CONFIG="/d", HTTPS_PROXY="http://p:1", no_proxy="lan")
    assert found.auth_files[0] == "/d/config.json"
    assert found.proxies == {"https": "http://p:1", "no": "lan"}
    assert settings(tmp_path, REGISTRY_AUTH_FILE="/a").auth_files == ("/a",)
    both = settings(tmp_path, all_proxy="http://q:1", http_proxy="http://p:1")
    assert both.proxies == {"http": "http://p:1", "https": "http://q:1"}


@pytest.mark.parametrize(
    ("name", "text"), [("daemon.json", "{"), ("daemon.json", "[]"), ("registries.conf", "x")]
)
def test_a_broken_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidArgument, match=f"{name} cannot be read"):
        settings(tmp_path)


def test_the_environment_limits_what_a_layer_unpacks_to(tmp_path: Path) -> None:
    assert settings(tmp_path).max_layer_bytes == 0
    assert settings(tmp_path, CUDDY_MAX_LAYER_SIZE="2g").max_layer_bytes == 2 << 30
    with pytest.raises(InvalidArgument, match="CUDDY_MAX_LAYER_SIZE: .*16g"):
        settings(tmp_path, CUDDY_MAX_LAYER_SIZE="much")
