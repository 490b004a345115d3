"""The flags of `run` and `create` become the options of a container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cuddy.cli import flags
from cuddy.cli.container import create, creation
from cuddy.engine.options import ContainerOptions
from cuddy.errors import CuddyError


def options(*words: str) -> ContainerOptions:
    return creation.read_options(flags.parse_command(create.COMMAND, list(words), "cuddy run"))


def test_only_what_is_said_differs_from_the_defaults() -> None:
    assert options("alpine") == ContainerOptions("alpine")
    assert options("alpine", "ls", "-l") == ContainerOptions("alpine", ("ls", "-l"))


def test_every_option_has_its_flag() -> None:
    words = (
        "--name n --entrypoint /e -e A=1 -w /w -u 1:2 -h host --domainname d -l a=b "
        "--stop-signal INT --stop-timeout 3 --init -i -t --rm -v /a:/b:ro --tmpfs /t:size=1m "
        "--read-only --shm-size 1m --network none --add-host x:1.2.3.4 --dns 1.1.1.1 "
        "--dns-search s --dns-option ndots:2 --pid host --privileged --cap-add NET_ADMIN "
        "--cap-drop ALL --security-opt no-new-privileges -m 64m --memory-swap -1 --cpus 1.5 "
        "-c 512 --cpuset-cpus 0-1 --pids-limit 9 --ulimit nofile=5:6 --pull never "
        "--platform linux/arm64 image command"
    )
    assert options(*words.split()) == ContainerOptions(
        image="image",
        command=("command",),
        name="n",
        entrypoint=("/e",),
        env=("A=1",),
        workdir="/w",
        user="1:2",
        hostname="host",
        domainname="d",
        labels=("a=b",),
        stop_signal="INT",
        stop_timeout_s=3,
        init=True,
        tty=True,
        interactive=True,
        auto_remove=True,
        volumes=("/a:/b:ro",),
        tmpfs=("/t:size=1m",),
        read_only=True,
        shm_size=1 << 20,
        network="none",
        add_hosts=("x:1.2.3.4",),
        dns=("1.1.1.1",),
        dns_search=("s",),
        dns_options=("ndots:2",),
        pid_mode="host",
        privileged=True,
        cap_add=("NET_ADMIN",),
        cap_drop=("ALL",),
        security_opt=("no-new-privileges",),
        memory=64 << 20,
        memory_swap=-1,
        nano_cpus=1_500_000_000,
        cpu_shares=512,
        cpuset_cpus="0-1",
        pids_limit=9,
        ulimits=("nofile=5:6",),
        pull="never",
        platform="linux/arm64",
    )


def test_an_empty_entrypoint_clears_the_images() -> None:
    assert options("--entrypoint", "", "alpine").entrypoint == ("",)


def test_a_bare_variable_takes_the_callers_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET", "yes")
    monkeypatch.delenv("UNSET", raising=False)
    assert options("-e", "SET", "-e", "UNSET", "-e", "C=", "alpine").env == (
        "SET=yes",
        "UNSET",
        "C=",
    )


def test_variables_of_files_come_before_those_of_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SET", "yes")
    monkeypatch.delenv("UNSET", raising=False)
    path = tmp_path / "env"
    path.write_bytes(b"\xef\xbb\xbfA=1\n# comment\n\n  B='2' # no\r\nSET\nUNSET\nC= x \n")
    words = ("-e", "Z=0", "--env-file", str(path), "alpine")
    assert options(*words).env == ("A=1", "B='2' # no", "SET=yes", "C= x ", "Z=0")


def test_an_env_file_may_be_a_pipe() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"A=1\n")
    os.close(write_end)
    assert options("--env-file", f"/dev/fd/{read_end}", "alpine").env == ("A=1",)
    os.close(read_end)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"A=1\nC D=3\n", "line 2: variable 'C D' contains whitespaces"),
        (b"=1\n", "line 1: no variable name on line '=1'"),
        (b"\xff=1\n", "line 1: not UTF-8"),
    ],
)
def test_a_broken_env_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "env"
    path.write_bytes(content)
    with pytest.raises(CuddyError) as caught:
        options("--env-file", str(path), "alpine")
    assert caught.value.message == f"invalid env file ({path}): {message}"


def test_labels_of_files_come_before_those_of_flags(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_text("a=1\nb\n")
    assert options("-l", "c=3", "--label-file", str(path), "alpine").labels == ("a=1", "b", "c=3")


def test_a_relative_source_is_relative_to_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("-v", "./a:/a", "-v", "../b:/b:ro", "-v", ".:/c", "-v", "name:/d", "alpine")
    parent = tmp_path.parent
    assert options(*words).volumes == (
        f"{tmp_path}/a:/a",
        f"{parent}/b:/b:ro",
        f"{tmp_path}:/c",
        "name:/d",
    )


def test_a_seccomp_profile_is_sent_as_its_content(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    words = ("--security-opt", f"seccomp={path}", "--security-opt", "seccomp=unconfined", "alpine")
    assert options(*words).security_opt == (
        'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',
        "seccomp=unconfined",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rm", "--restart", "always", "a"],
         "conflicting options: cannot specify both --restart and --rm"),
        (["--network", "", "a"], "no name set for network"),
        (["--security-opt", "x", "a"], 'Invalid --security-opt: "x"'),
        (["-v", "", "a"], "invalid empty volume spec"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(CuddyError) as caught:
        options(*words)
    assert caught.value.message == message
    assert max(caught.value.exit_code, 125) == 125


def test_a_file_that_is_not_there_is_the_systems_word() -> None:
    with pytest.raises(FileNotFoundError):
        options("--env-file", "/nowhere/at/all", "alpine")
