"""`login` and `logout` against a real registry server that wants a name and a password."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

import images
from console import ENGINE, Cuddy
from registry import PASSWORD, USER, Registry

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="where docker writes is up to its user")


@pytest.fixture
def fresh(fresh: Cuddy, tmp_path: Path) -> Cuddy:
    """A user with a home directory of their own."""
    fresh.environment |= {"HOME": str(tmp_path)}
    return fresh


def kept(tmp_path: Path) -> Any:
    return json.loads((tmp_path / ".docker/config.json").read_text())


def log_in(cuddy: Cuddy, host: str, password: str = PASSWORD, **options: Any) -> Any:
    return cuddy(
        "login", "-u", USER, "--password-stdin", host, input=f"{password}\n".encode(), **options
    )


def test_what_login_keeps_lets_pull_and_push_in(
    fresh: Cuddy, private_registry: Registry, tmp_path: Path
) -> None:
    name = private_registry.name("alpine")
    assert fresh("pull", name).code == 1
    result = log_in(fresh, private_registry.host)
    assert (result.code, result.out) == (0, "Login Succeeded")
    assert f"stored unencrypted in '{tmp_path}/.docker/config.json'" in result.err
    fresh.ok("pull", name, timeout=60)
    fresh.ok("push", name, timeout=60)
    assert fresh.ok("tags", "-q", private_registry.name("alpine").partition(":latest")[0])
    assert fresh.ok("logout", private_registry.host) == (
        f"Removing login credentials for {private_registry.host}"
    )
    assert kept(tmp_path) == {"auths": {}}
    assert fresh("pull", name).code == 1


def test_the_file_is_the_user_s_alone_and_reads_as_docker_s(
    fresh: Cuddy, private_registry: Registry, tmp_path: Path
) -> None:
    log_in(fresh, private_registry.host)
    path = tmp_path / ".docker/config.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    word = private_registry.authorization.split()[1]
    assert path.read_text() == (
        f'{{\n\t"auths": {{\n\t\t"{private_registry.host}": {{\n'
        f'\t\t\t"auth": "{word}"\n\t\t}}\n\t}}\n}}'
    )


@pytest.mark.parametrize("indent", [2, 4, "\t", None])
def test_what_else_is_in_the_file_stays_as_it_is(
    fresh: Cuddy, private_registry: Registry, tmp_path: Path, indent: Any
) -> None:
    before = {
        "proxies": {"default": {"noProxy": "a"}}, "auths": {"other": {"auth": "eDp5"}},
        "unknown": [1.5, {"ü": None}], "HttpHeaders": {"X": "y"},
    }  # fmt: skip
    path = tmp_path / ".docker/config.json"
    path.parent.mkdir()
    text = json.dumps(before, indent=indent, ensure_ascii=False) + "\n"
    path.write_text(text)
    assert log_in(fresh, private_registry.host).code == 0
    added = before["auths"] | {
        private_registry.host: kept(tmp_path)["auths"][private_registry.host]
    }
    assert kept(tmp_path) == before | {"auths": added}
    fresh.ok("logout", private_registry.host)
    assert path.read_text() == text


def test_a_link_in_its_place_stays_one(
    fresh: Cuddy, private_registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").symlink_to(tmp_path / "dotfiles/config.json")
    assert log_in(fresh, private_registry.host).code == 0
    assert (tmp_path / ".docker/config.json").is_symlink()
    assert kept(tmp_path)["auths"]


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": 5}', "\xff"])
def test_a_broken_file_is_left_alone(
    fresh: Cuddy, private_registry: Registry, tmp_path: Path, text: str
) -> None:
    path = tmp_path / ".docker/config.json"
    path.parent.mkdir()
    path.write_text(text, encoding="latin-1")
    result = log_in(fresh, private_registry.host)
    assert result.code == 1
    assert "config.json" in result.complaint
    assert path.read_text(encoding="latin-1") == text


def test_wrong_credentials_are_not_kept(
    fresh: Cuddy, private_registry: Registry, tmp_path: Path
) -> None:
    result = log_in(fresh, private_registry.host, "wrong")
    assert result.code == 1
    assert f"login attempt to http://{private_registry.host}/v2/ failed" in result.complaint
    assert "401 Unauthorized" in result.complaint
    assert not (tmp_path / ".docker").exists()


def test_a_url_is_as_good_as_a_host(
    fresh: Cuddy, private_registry: Registry, tmp_path: Path
) -> None:
    log_in(fresh, f"https://{private_registry.host}/v2/")
    assert list(kept(tmp_path)["auths"]) == [private_registry.host]


def test_again_with_what_is_known(fresh: Cuddy, private_registry: Registry) -> None:
    log_in(fresh, private_registry.host)
    result = fresh("login", private_registry.host)
    assert (result.code, result.out) == (0, "Login Succeeded")
    assert f"Authenticating with existing credentials... [Username: {USER}]" in result.err
    assert "unencrypted" not in log_in(fresh, private_registry.host).err


def test_elsewhere_by_environment(fresh: Cuddy, private_registry: Registry, tmp_path: Path) -> None:
    for variable, value, path in (
        ("DOCKER_CONFIG", tmp_path / "a", tmp_path / "a/config.json"),
        ("REGISTRY_AUTH_FILE", tmp_path / "b/auth.json", tmp_path / "b/auth.json"),
    ):
        environment = fresh.environment | {variable: str(value)}
        assert log_in(fresh, private_registry.host, env=environment).code == 0
        assert private_registry.host in path.read_text()
        fresh.ok("pull", private_registry.name("alpine"), env=environment, timeout=60)
    assert not (tmp_path / ".docker").exists()


def test_skopeo_reads_what_we_write(
    fresh: Cuddy, private_registry: Registry, tmp_path: Path
) -> None:
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed: it is the judge")
    log_in(fresh, private_registry.host)
    command = ["skopeo", "inspect", "--raw", "--tls-verify=false", "--authfile",
               str(tmp_path / ".docker/config.json"),
               f"docker://{private_registry.name('alpine')}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True)
    assert images.digest_of(done.stdout) == images.alpine().digest, done.stderr


class TestHelpers:
    """Programs that keep secrets: docker-credential-NAME."""

    @pytest.fixture
    def vault(self, fresh: Cuddy, tmp_path: Path) -> Path:
        """A helper that keeps each secret in a file, and a log of what it was asked."""
        program = tmp_path / "bin/docker-credential-vault"
        program.parent.mkdir()
        vault = tmp_path / "vault"
        vault.mkdir()
        program.write_text(f"""#!/usr/bin/env python3
import json, pathlib, sys
vault = pathlib.Path({str(vault)!r})
text = sys.stdin.read()
server = json.loads(text)["ServerURL"] if sys.argv[1] == "store" else text
file = vault / server.replace("/", "_")
with (vault / "log").open("a") as log:
    print(sys.argv[1], server, file=log)
if sys.argv[1] == "store":
    file.write_text(text)
elif not file.exists():
    print("credentials not found in native keychain")
    sys.exit(1)
elif sys.argv[1] == "get":
    print(file.read_text())
else:
    file.unlink()
""")
        program.chmod(0o755)
        fresh.environment["PATH"] = f"{program.parent}:{fresh.environment['PATH']}"
        return vault

    @pytest.mark.parametrize("which", ["credsStore", "credHelpers"])
    def test_they_keep_the_secret(
        self, fresh: Cuddy, private_registry: Registry, tmp_path: Path, vault: Path, which: str
    ) -> None:
        host = private_registry.host
        (tmp_path / ".docker").mkdir()
        config = {which: "vault" if which == "credsStore" else {host: "vault"}}
        (tmp_path / ".docker/config.json").write_text(json.dumps(config))
        result = log_in(fresh, host)
        assert (result.code, result.err) == (0, "")
        assert kept(tmp_path) == config | {"auths": {host: {}}}
        secret = {"ServerURL": host, "Username": USER, "Secret": PASSWORD}
        assert json.loads((vault / host).read_text()) == secret
        fresh.ok("pull", private_registry.name("alpine"), timeout=60)
        fresh.ok("logout", host)
        assert not (vault / host).exists()
        assert kept(tmp_path) == config | {"auths": {}}
        assert f"erase http://{host}" in (vault / "log").read_text()

    def test_one_that_is_missing(
        self, fresh: Cuddy, private_registry: Registry, tmp_path: Path
    ) -> None:
        (tmp_path / ".docker").mkdir()
        (tmp_path / ".docker/config.json").write_text('{"credsStore": "none"}')
        result = log_in(fresh, private_registry.host)
        assert result.code == 1
        assert "no credential helper docker-credential-none" in result.complaint


class TestFlags:
    def test_on_the_command_line_it_warns(self, fresh: Cuddy, private_registry: Registry) -> None:
        result = fresh("login", "-u", USER, "-p", PASSWORD, private_registry.host)
        assert result.code == 0
        assert result.err.startswith("WARNING! Using --password via the CLI is insecure.")

    @pytest.mark.parametrize(
        ("words", "match"),
        [
            (["--password-stdin"], "requires --username"),
            (["-u", "a", "-p", "b", "--password-stdin"], "cannot specify both"),
            ([], "non TTY device"),
            (["-u", "a"], "non TTY device"),
        ],
    )
    def test_what_makes_no_sense(self, fresh: Cuddy, words: list[str], match: str) -> None:
        result = fresh("login", *words, "127.0.0.1:1")
        assert result.code == 1
        assert match in result.complaint

    @pytest.mark.parametrize("server", ["-x", "a b", "UPPER_case", "a/../b", "\x1b[31m", "[::"])
    def test_servers_that_are_none(self, fresh: Cuddy, server: str) -> None:
        result = fresh("login", "-u", "a", "--password-stdin", "--", server, input=b"b")
        assert result.code == 1
        assert "\x1b" not in result.complaint

    def test_nothing_on_standard_input(self, fresh: Cuddy) -> None:
        result = fresh("login", "-u", "a", "--password-stdin", "127.0.0.1:1", input=b"\n")
        assert "password required" in result.complaint


class TestTerminal:
    def test_name_and_password_are_asked_for(
        self, fresh: Cuddy, private_registry: Registry
    ) -> None:
        with fresh.terminal("login", private_registry.host) as terminal:
            terminal.expect("Username: ")
            terminal.line(USER)
            terminal.expect("Password: ")
            terminal.line(PASSWORD)
            terminal.expect("Login Succeeded")
            assert terminal.ends() == 0
            assert PASSWORD not in "\n".join(terminal.screen())

    def test_only_the_password_if_the_name_is_known(
        self, fresh: Cuddy, private_registry: Registry
    ) -> None:
        with fresh.terminal("login", "-u", USER, private_registry.host) as terminal:
            terminal.expect("Password: ")
            terminal.line("wrong")
            terminal.expect("failed with status: 401 Unauthorized")
            assert terminal.ends() == 1

    def test_nobody_who_says_nothing(self, fresh: Cuddy, private_registry: Registry) -> None:
        with fresh.terminal("login", private_registry.host) as terminal:
            terminal.expect("Username: ")
            terminal.line("")
            terminal.expect("username required")
            assert terminal.ends() == 1


def test_docker_hub_is_filed_under_the_name_it_had_first(fresh: Cuddy, tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    auths = {"https://index.docker.io/v1/": {"auth": "eDp5"}, "other": {}}
    (tmp_path / ".docker/config.json").write_text(json.dumps({"auths": auths}))
    said = "Removing login credentials for https://index.docker.io/v1/"
    for words in ([], ["docker.io"]):
        assert fresh.ok("logout", *words) == said
        assert kept(tmp_path) == {"auths": {"other": {}}}
