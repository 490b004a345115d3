"""Logs over the API: framed, followed, cut, and never endless."""

from __future__ import annotations

import threading
import time

import pytest

from console import Cuddy
from engine_api import Answer, Api, UnixConnection, by_stream

PATH = "/containers/box/logs"
BOTH = {"stdout": 1, "stderr": 1}
SCRIPT = "for i in 1 2 3; do echo out$i; done; echo err >&2"


@pytest.fixture
def box(api: Api, cuddy: Cuddy) -> Cuddy:
    """A container named `box` that has written some lines."""
    cuddy.ok("run", "--name", "box", "-l", "a=b", "--log-opt", "labels=a", "alpine", "sh", "-c",
             SCRIPT)  # fmt: skip
    return cuddy


def test_lines_by_stream_each_in_a_frame(api: Api, box: Cuddy) -> None:
    answer = api("GET", PATH, **BOTH)
    assert by_stream(answer.data) == {1: b"out1\nout2\nout3\n", 2: b"err\n"}
    assert answer.data.count(b"\x01\0\0\0\0\0\0\x05") == 3
    assert answer.headers["Content-Type"] == "application/vnd.docker.multiplexed-stream"
    older = api("GET", f"/v1.41{PATH}", stderr=1)
    assert older.headers["Content-Type"] == "application/vnd.docker.raw-stream"
    assert by_stream(older.data) == {2: b"err\n"}


def test_the_last_lines_with_times_and_details(api: Api, box: Cuddy) -> None:
    def lines(**query: object) -> list[bytes]:
        return by_stream(api("GET", PATH, stdout=1, **query).data).get(1, b"").splitlines()

    assert lines(tail=2)[-1] == b"out3"
    assert len(lines(tail="all")) == len(lines(tail="what")) == len(lines(since=0)) == 3
    assert lines(tail=0) == []
    (stamped,) = lines(timestamps=1, tail=2, details=1)[-1:]
    moment, details, text = stamped.split()
    assert (details, text) == (b"a=b", b"out3")
    assert moment.endswith(b"Z")
    assert len(lines(since=f"{time.time() - 1000:.6f}")) == 3
    assert lines(since=int(time.time()) + 1000) == []
    assert lines(until=int(time.time()) - 1000) == []


def test_a_terminal_has_no_frames(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "-t", "--name", "box", "alpine", "echo", "out")
    cuddy.ok("wait", "box")
    answer = api("GET", PATH, stdout=1)
    assert answer.data == b"out\r\n"
    assert answer.headers["Content-Type"] == "application/vnd.docker.raw-stream"


def test_following_ends_with_the_container_and_misses_nothing(api: Api, cuddy: Cuddy) -> None:
    script = "for i in 1 2 3; do echo $i; sleep .1; done"
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sh", "-c", script)
    assert by_stream(api("GET", PATH, follow=1, **BOTH).data) == {1: b"1\n2\n3\n"}


def test_following_until_the_past_ends_at_once(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    answers: list[Answer] = []
    query = BOTH | {"follow": 1, "until": int(time.time()) - 100}
    asking = threading.Thread(target=lambda: answers.append(api("GET", PATH, **query)))
    asking.start()
    asking.join(10)
    assert answers[0].data == b""


def test_the_head_comes_before_the_first_line(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    connection = UnixConnection(api.path, 20)
    connection.request("GET", f"{PATH}?follow=1&stdout=1")
    assert connection.getresponse().status == 200
    connection.close()


def test_what_cannot_be_is_said(api: Api, box: Cuddy) -> None:
    answer = api("GET", PATH)
    assert (answer.status, answer.message) == (
        400, "Bad parameters: you must choose at least one stream",
    )  # fmt: skip
    assert api("GET", "/containers/none/logs", stdout=1).message == "No such container: none"
    assert api("GET", PATH, stdout=1, since="when").status == 400
