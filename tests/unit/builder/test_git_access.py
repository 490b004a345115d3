"""What git is told, and by what it may reach a repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuddy.builder import git_access, git_program, git_source
from cuddy.builder.git_program import PUBLIC, Access, Header
from cuddy.builder.git_source import Source
from cuddy.builder.options import BuildOptions
from cuddy.image.settings import Settings

SETTINGS = Settings(
    environment={"SSH_AUTH_SOCK": "/users/own", "SECRET": "x"},
    proxies={"https": "http://proxy:1", "no": "a,b"},
)


def configuration(found: dict[str, str]) -> dict[str, str]:
    count = int(found["GIT_CONFIG_COUNT"])
    return {found[f"GIT_CONFIG_KEY_{i}"]: found[f"GIT_CONFIG_VALUE_{i}"] for i in range(count)}


def source(text: str) -> Source:
    found = git_source.parse(text)
    assert found
    return found


def test_git_sees_nothing_of_the_machine() -> None:
    found = git_program.environment(source("https://x/y.git"), SETTINGS, PUBLIC)
    assert found["HOME"] == "/dev/null"
    assert found["GIT_CONFIG_GLOBAL"] == "/dev/null"
    assert found["GIT_TERMINAL_PROMPT"] == "0"
    assert found["https_proxy"] == "http://proxy:1"
    assert "SECRET" not in found
    assert "SSH_AUTH_SOCK" not in found
    assert configuration(found)["core.hooksPath"] == "/dev/null"
    assert "-F /dev/null" in found["GIT_SSH_COMMAND"]


def test_the_users_own_ssh_is_for_what_the_user_has_typed() -> None:
    access = git_access.of(BuildOptions("."), is_typed=True)
    found = git_program.environment(source("git@x:y"), SETTINGS, access)
    assert found["SSH_AUTH_SOCK"] == "/users/own"
    assert "/dev/null" not in found["GIT_SSH_COMMAND"]
    assert git_access.of(BuildOptions(".")) == PUBLIC


def test_agents_and_keys(tmp_path: Path) -> None:
    key = tmp_path / "a key"
    key.touch()
    environment = (("SSH_AUTH_SOCK", "/users/agent"),)
    by_agent = git_access.of(BuildOptions(".", ssh=("default",), environment=environment))
    assert by_agent == Access(agent="/users/agent")
    by_key = git_access.of(BuildOptions(".", ssh=(f"default={key}",)))
    assert f"-o 'IdentityFile={key}'" in git_program.ssh_command(SETTINGS, by_key)
    assert git_access.of(BuildOptions(".", ssh=(f"other={key}",))) == PUBLIC


@pytest.mark.parametrize(
    "url, name, value",
    [
        ("https://a.example/x.git", "http.https://a.example/x.git.extraHeader", "Bearer for a"),
        ("https://u@a.example/x.git", "http.https://u@a.example/x.git.extraHeader", "Bearer for a"),
        ("https://github.com/x/y.git", "http.https://github.com/.extraHeader", "basic "),
    ],
)
def test_tokens_go_where_they_are_meant_to(url: str, name: str, value: str) -> None:
    options = BuildOptions(
        ".",
        secrets=("id=GIT_AUTH_TOKEN,env=T", "id=GIT_AUTH_HEADER.a.example,env=A", "id=other,env=T"),
        environment=(("T", "token\n"), ("A", "Bearer for a")),
    )
    found = git_program.environment(source(url), SETTINGS, git_access.of(options))
    assert configuration(found)[name].startswith(f"Authorization: {value}")


def test_what_is_no_header_is_none() -> None:
    options = BuildOptions(
        ".",
        secrets=(
            "id=GIT_AUTH_HEADER,env=A",
            "id=GIT_AUTH_TOKEN,env=B",
            "id=GIT_AUTH_TOKEN.x,env=C",
        ),
        environment=(("A", "a\nInjected: b"), ("B", "")),
    )
    assert git_access.of(options).headers == ()
    assert Access(headers=(Header("x", "y"),)).header("z") == ""
