"""Attach as clients of Docker's do it: upgraded or not, framed or raw, and before the start."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from console import Cuddy, wait_until
from engine_api import Api, Hijacked, by_stream

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
DOCKER = "Docker-Client/28.2.2 (linux)"
ALL = {"stream": 1, "stdout": 1, "stderr": 1}


def create(cuddy: Cuddy, *words: str) -> None:
    cuddy.ok("create", "--name", "box", *words)


def test_the_first_byte_of_a_container_that_is_started_later(api: Api, cuddy: Cuddy) -> None:
    create(cuddy, "alpine", "sh", "-c", "echo out; echo err >&2")
    with api.hijack("/v1.45/containers/box/attach", **ALL) as stream:
        assert stream.status == 101
        assert stream.headers["Content-Type"] == MULTIPLEXED
        assert stream.headers["Upgrade"] == "tcp"
        cuddy.ok("start", "box")
        assert stream.read_frames() == {1: b"out\n", 2: b"err\n"}


def test_older_clients_ask_for_no_upgrade_and_know_no_type(api: Api, cuddy: Cuddy) -> None:
    create(cuddy, "alpine", "echo", "out")
    path = "/v1.41/containers/box/attach"
    with api.hijack(path, {"stream": True}, upgrade=False, **ALL) as stream:
        assert stream.status == 200
        assert stream.headers["Content-Type"] == RAW
        assert not {"Content-Length", "Transfer-Encoding"} & set(stream.headers)
        cuddy.ok("start", "box")
        assert stream.read_frames() == {1: b"out\n"}


def test_input_ends_with_the_clients_half_and_output_goes_on(api: Api, cuddy: Cuddy) -> None:
    create(cuddy, "-i", "alpine", "sh", "-c", "cat; sleep .2; echo done")
    with api.hijack("/containers/box/attach", stdin=1, **ALL) as stream:
        begun = threading.Thread(target=lambda: cuddy.ok("start", "box"))
        begun.start()
        stream.sock.sendall(b"x" * 3_000_000)
        stream.half_close()
        assert stream.read_frames() == {1: b"x" * 3_000_000 + b"done\n"}
        begun.join()


def test_a_client_sees_what_it_asked_for(api: Api, cuddy: Cuddy) -> None:
    create(cuddy, "alpine", "sh", "-c", "echo out; echo err >&2")
    with api.hijack("/containers/box/attach", stream=1, stderr=1) as stream:
        cuddy.ok("start", "box")
        assert stream.read_frames() == {2: b"err\n"}


def test_what_was_written_before_then_the_end(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("run", "--name", "box", "alpine", "sh", "-c", "echo out; echo err >&2")
    with api.hijack("/containers/box/attach", logs=1, stdout=1, stderr=1, stream=0) as stream:
        assert stream.read_frames() == {1: b"out\n", 2: b"err\n"}


def test_a_terminal_is_raw_and_its_keys_leave_it(api: Api, cuddy: Cuddy) -> None:
    create(cuddy, "-it", "alpine", "sh")
    query = ALL | {"stdin": 1, "detachKeys": "ctrl-x,y"}
    with api.hijack("/containers/box/attach", **query) as stream:
        assert stream.headers["Content-Type"] == RAW
        cuddy.ok("start", "box")
        assert api("POST", "/containers/box/resize", h=40, w=120).status == 200
        stream.sock.sendall(b"stty size; echo a''b\r")
        assert b"40 120" in stream.expect(b"ab\r\n")
        stream.sock.sendall(b"\x18y")
        stream.read()
    assert cuddy.field("box", "{{.State.Running}}") == "true"
    events = cuddy.ok("events", "--since", "1h", "--until", "0s", "-f", "container=box")
    for action in ("attach", "resize", "detach"):
        assert f"container {action} " in events


def test_a_client_that_goes_does_no_harm(api: Api, cuddy: Cuddy) -> None:
    script = "while :; do echo 0123456789012345678901234567890123456789; done | head -c 4000000"
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sh", "-c", f"sleep .3; {script}; sleep .5")
    with api.hijack("/containers/box/attach", **ALL) as stream:
        stream.expect(b"0123")
    assert cuddy.ok("wait", "box") == "0"


def test_two_clients_and_one_that_reads_late(api: Api, cuddy: Cuddy) -> None:
    create(cuddy, "alpine", "sh", "-c", "head -c 600000 /dev/zero")
    with (
        api.hijack("/containers/box/attach", **ALL) as quick,
        api.hijack("/containers/box/attach", **ALL) as late,
    ):
        cuddy.ok("start", "box")
        found: list[dict[int, bytes]] = []
        reader = threading.Thread(target=lambda: found.append(quick.read_frames()))
        reader.start()
        cuddy.ok("wait", "box")
        assert late.read_frames() == {1: bytes(600_000)}
        reader.join(20)
        assert found == [{1: bytes(600_000)}]


def test_what_cannot_be_is_said_before_the_connection_is_given_up(api: Api, cuddy: Cuddy) -> None:
    assert api("POST", "/containers/nothing/attach", stream=1).message == (
        "No such container: nothing"
    )
    create(cuddy, "alpine", "sleep", "100")
    answer = api("POST", "/containers/box/attach", stream=1, detachKeys="what")
    assert answer.status == 400
    assert api("POST", "/containers/box/resize", h=1, w=1).status == 409
    for size in ({}, {"h": 1}, {"h": "x", "w": 1}, {"h": -1, "w": 1}, {"h": 1, "w": 1 << 70}):
        assert api("POST", "/containers/box/resize", **size).status == 400
    cuddy.ok("start", "box")
    cuddy.ok("pause", "box")
    assert api("POST", "/containers/box/attach", stream=1).status == 409


@pytest.mark.parametrize("command", ["no-such-command", "true"])
def test_who_waits_hears_the_end_of_what_never_begins(api: Api, cuddy: Cuddy, command: str) -> None:
    create(cuddy, "alpine", command)
    with api.hijack("/containers/box/attach", **ALL) as stream:
        if command == "true":
            cuddy.ok("rm", "box")
        else:
            assert cuddy("start", "box").code == 1
        assert stream.read() == b""


def test_a_connection_of_one_who_waits_ends_with_the_client(api: Api, cuddy: Cuddy) -> None:
    create(cuddy, "-i", "alpine", "cat")
    with api.hijack("/containers/box/attach", stdin=1, **ALL) as stream:
        stream.sock.sendall(b"x" * 200_000)
        wait_until(lambda: list(cuddy.root.glob("containers/*/waiting/*")))
        stream.sock.shutdown(socket.SHUT_RDWR)
        stream.sock.close()
        wait_until(lambda: not list(cuddy.root.glob("containers/*/waiting/*")))


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--log-driver", "local"),
        ("--log-opt", "max-size=64k", "--log-opt", "max-file=500", "--log-opt", "compress=true"),
    ],
    ids=["json-file", "local", "rotated and compressed"],
)
def test_nothing_is_twice_or_missing_between_the_log_and_the_stream(
    api: Api, cuddy: Cuddy, options: tuple[str, ...]
) -> None:
    script = "seq 1 20000 >&2 & seq 1 50000; until [ -e /all ]; do sleep .05; done; printf end"
    cuddy.ok("run", "-d", "--name", "box", *options, "alpine", "sh", "-c", script)
    arrived: list[int] = []
    found: list[dict[int, bytes]] = []

    def attend() -> None:
        with api.hijack("/containers/box/attach", logs=1, **ALL) as stream:
            arrived.append(stream.status)
            found.append(stream.read_frames())

    clients = [threading.Thread(target=attend) for _ in range(6)]
    for client in clients:
        client.start()
        time.sleep(0.05)
    wait_until(lambda: len(arrived) == len(clients))
    cuddy.ok("exec", "box", "touch", "/all")
    for client in clients:
        client.join(60)
    assert len(found) == len(clients)
    for each in found:
        assert each[1] == numbers(50_000) + b"end"
        assert each[2] == numbers(20_000)


def numbers(last: int) -> bytes:
    """What seq(1) prints."""
    return b"".join(b"%d\n" % number for number in range(1, last + 1))


def test_a_line_without_an_end_is_seen_by_who_comes_before_its_end(api: Api, cuddy: Cuddy) -> None:
    script = "echo first; printf un; printf err >&2; read -r _; echo finished"
    create(cuddy, "-i", "alpine", "sh", "-c", script)
    query = ALL | {"logs": 1}
    with api.hijack("/containers/box/attach", **query) as early:
        cuddy.ok("start", "box")
        early.expect(b"err")
        with api.hijack("/containers/box/attach", stdin=1, **query) as late:
            seen = late.expect(b"err")
            late.sock.sendall(b"\n")
            seen += late.read()
            assert by_stream(seen) == {1: b"first\nunfinished\n", 2: b"err"}
    with api.hijack("/containers/box/attach", logs=1, stdout=1, stderr=1) as after:
        assert after.read_frames() == {1: b"first\nunfinished\n", 2: b"err"}


def test_docker_sees_the_prompt_when_its_windows_size_is_set(api: Api, cuddy: Cuddy) -> None:
    """It watches for other sizes only from then on."""
    for _ in range(5):  # a machine may pause at the wrong moment
        create(cuddy, "-it", "alpine", "sh", "-c", "echo prompt; read -r _; stty size")
        query = ALL | {"stdin": 1}
        with api.hijack("/containers/box/attach", agent=DOCKER, **query) as stream:
            seen: list[float] = []

            def watch(stream: Hijacked = stream, seen: list[float] = seen) -> None:
                stream.expect(b"prompt")
                seen.append(time.monotonic())

            watcher = threading.Thread(target=watch)
            watcher.start()
            assert api("POST", "/containers/box/start").status == 204
            assert api("POST", "/containers/box/resize", h=40, w=120).status == 200
            sized = time.monotonic()
            watcher.join(60)
            stream.sock.sendall(b"\r")
            assert b"40 120" in stream.read()
        cuddy.ok("rm", "-f", "box")
        if seen[0] >= sized:
            return
    raise AssertionError("it has seen the prompt before it could set the size")


def test_docker_sees_what_comes_where_it_sets_no_size(api: Api, cuddy: Cuddy) -> None:
    create(cuddy, "-t", "alpine", "sh", "-c", "echo prompt; sleep 100")
    with api.hijack("/containers/box/attach", agent=DOCKER, **ALL) as stream:
        cuddy.ok("start", "box")
        stream.expect(b"prompt")
