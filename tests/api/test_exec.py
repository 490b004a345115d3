"""Execs: made, started, looked at and resized by requests of their own."""

from __future__ import annotations

from typing import Any

import pytest

from console import Cuddy, wait_until
from engine_api import Api

BOTH = {"AttachStdout": True, "AttachStderr": True}


@pytest.fixture
def box(api: Api, cuddy: Cuddy) -> Cuddy:
    """A running container named `box`."""
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    return cuddy


def create(api: Api, *words: str, **options: Any) -> str:
    answer = api("POST", "/containers/box/exec", {"Cmd": words} | BOTH | options)
    assert answer.status == 201, answer
    exec_id = answer.json["Id"]
    assert isinstance(exec_id, str)
    return exec_id


def test_output_then_its_end_and_by_then_the_exit_code(api: Api, box: Cuddy) -> None:
    for code in range(6):
        exec_id = create(api, "sh", "-c", f"echo out; echo err >&2; exit {code}")
        with api.hijack(f"/exec/{exec_id}/start", {}) as stream:
            assert stream.read_frames() == {1: b"out\n", 2: b"err\n"}
            found = api.get(f"/exec/{exec_id}/json")
        assert (found["Running"], found["ExitCode"]) == (False, code)


def test_input_ends_with_the_clients_half(api: Api, box: Cuddy) -> None:
    exec_id = create(api, "sh", "-c", "cat; echo done", AttachStdin=True)
    with api.hijack(f"/exec/{exec_id}/start", {"Detach": False, "Tty": False}) as stream:
        stream.sock.sendall(b"x" * 500_000)
        stream.half_close()
        assert stream.read_frames() == {1: b"x" * 500_000 + b"done\n"}


def test_options_reach_the_program(api: Api, box: Cuddy) -> None:
    exec_id = create(
        api, "sh", "-c", "echo $WHAT; pwd; id -u", Env=["WHAT=this"], WorkingDir="/tmp", User="12"
    )
    with api.hijack(f"/exec/{exec_id}/start", {}, upgrade=False) as stream:
        assert stream.status == 200
        assert stream.read_frames() == {1: b"this\n/tmp\n12\n"}
    config = api.get(f"/exec/{exec_id}/json")["ProcessConfig"]
    assert config["user"] == "12"
    assert config["arguments"][0] == "-c"


def test_a_terminal_with_a_size_that_changes_and_keys_that_leave_it(api: Api, box: Cuddy) -> None:
    exec_id = create(api, "sh", AttachStdin=True, Tty=True, DetachKeys="ctrl-x")
    with api.hijack(f"/exec/{exec_id}/start", {"Tty": True, "ConsoleSize": [30, 100]}) as stream:
        stream.sock.sendall(b"stty size; echo a''b\r")
        assert b"30 100" in stream.expect(b"ab\r\n")
        assert api("POST", f"/exec/{exec_id}/resize", h=40, w=120).status == 200
        stream.sock.sendall(b"stty size; echo c''d\r")
        assert b"40 120" in stream.expect(b"cd\r\n")
        stream.sock.sendall(b"\x18")
        stream.read()
    found = api.get(f"/exec/{exec_id}/json")
    assert found["Running"]
    assert exec_id in box.inspect("box")["ExecIDs"]


def test_a_container_tells_of_those_that_wait_and_those_that_run(api: Api, box: Cuddy) -> None:
    def told() -> list[str]:
        return box.inspect("box")["ExecIDs"] or []

    waiting, running, ended = create(api, "true"), create(api, "sleep", "100"), create(api, "true")
    assert sorted(told()) == sorted([waiting, running, ended])
    assert api("POST", f"/exec/{running}/start", {"Detach": True}).status == 200
    with api.hijack(f"/exec/{ended}/start", {}) as stream:
        stream.read()
    wait_until(lambda: sorted(told()) == sorted([waiting, running]))
    box.ok("restart", "-t", "0", "box")
    assert told() == []


def test_frames_are_as_the_start_says_whatever_the_exec_has(api: Api, box: Cuddy) -> None:
    exec_id = create(api, "echo", "out", Tty=True)
    with api.hijack(f"/exec/{exec_id}/start", {"Tty": False}) as stream:
        assert stream.read_frames() == {1: b"out\r\n"}


def test_one_apart_answers_without_a_byte(api: Api, box: Cuddy) -> None:
    exec_id = create(api, "sh", "-c", "exit 9")
    answer = api("POST", f"/exec/{exec_id}/start", {"Detach": True})
    assert (answer.status, answer.data) == (200, b"")
    wait_until(lambda: api.get(f"/exec/{exec_id}/json")["ExitCode"] == 9)
    again = api("POST", f"/exec/{exec_id}/start", {})
    assert (again.status, again.message) == (409, f"Error: Exec command {exec_id} has already run")


@pytest.mark.parametrize(("program", "code"), [("no-such-command", 127), ("/etc", 126)])
def test_a_program_that_cannot_be_executed(api: Api, box: Cuddy, program: str, code: int) -> None:
    exec_id = create(api, program)
    with api.hijack(f"/exec/{exec_id}/start", {}) as stream:
        (text,) = stream.read_frames().values()
        assert text.startswith(b"OCI runtime exec failed: ")
        assert (b"executable file not found" in text) == (code == 127)
    assert api.get(f"/exec/{exec_id}/json")["ExitCode"] == code
    apart = create(api, program)
    assert api("POST", f"/exec/{apart}/start", {"Detach": True}).status == 400


def test_a_client_that_goes_leaves_it_running(api: Api, box: Cuddy) -> None:
    exec_id = create(api, "sh", "-c", "yes | head -c 3000000; exit 5")
    with api.hijack(f"/exec/{exec_id}/start", {}) as stream:
        stream.expect(b"y")
    wait_until(lambda: api.get(f"/exec/{exec_id}/json")["ExitCode"] == 5)


def test_what_cannot_be_is_said(api: Api, box: Cuddy) -> None:
    for path in ("/exec/0123/json", "/exec/../json", f"/exec/{'a' * 64}/json"):
        assert api("GET", path).status in (301, 404)
    assert api("GET", f"/exec/{'a' * 64}/json").message == f"No such exec instance: {'a' * 64}"
    assert api("POST", "/containers/nothing/exec", {"Cmd": ["true"]}).status == 404
    wrong = ({"Cmd": []}, {}, {"Cmd": [1]}, {"Cmd": ["a"], "Env": "x"}, {"Cmd": ["a"], "Tty": 1},
             {"Cmd": ["true"], "ConsoleSize": [1]}, {"Cmd": ["true"], "ConsoleSize": [-1, 2]},
             {"Cmd": ["true"], "DetachKeys": "?!"}, {"Cmd": ["a\0b"]})  # fmt: skip
    for body in wrong:
        assert api("POST", "/containers/box/exec", body).status == 400, body
    exec_id = create(api, "true")
    assert api("POST", f"/exec/{exec_id}/start", {"Detach": "yes"}).status == 400
    box.ok("pause", "box")
    assert api("POST", f"/exec/{exec_id}/start", {}).status == 409
    assert "is paused" in api("POST", "/containers/box/exec", {"Cmd": ["true"]}).message
    box.ok("kill", "box")
    box.ok("wait", "box")
    assert "is not running" in api("POST", "/containers/box/exec", {"Cmd": ["true"]}).message
    assert api("POST", f"/exec/{exec_id}/start", {}).status == 409


@pytest.mark.parametrize("letter", ["\x01", "\U0001f600"], ids=ascii)
def test_a_word_that_is_very_long_is_still_an_error(api: Api, box: Cuddy, letter: str) -> None:
    asked = {"Cmd": ["true"], "User": letter * 70_000}
    exec_id = api("POST", "/containers/box/exec", asked).json["Id"]
    answer = api("POST", f"/exec/{exec_id}/start", {"Detach": True})
    assert answer.status == 400
    assert "unable to find user" in answer.message
