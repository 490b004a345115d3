"""A client that is gone in the middle of each kind of stream leaves nothing behind: no process that
works for it, no half of anything. What there is of that besides is in the files of each endpoint.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest

import images
from console import Cuddy, descendants_of, title_of, wait_until
from engine_api import Api
from hostile_registry import Answer, Hostile

SIZE = 16 << 20
"""More than fits into any buffer between."""
FREE = "cuddy api free"


def working(pid: int) -> list[str]:
    """The processes of connections, and theirs."""
    titles = {each: title_of(each) for each in descendants_of(pid)}
    return [f"{each} {title}" for each, title in titles.items() if title not in ("", FREE)]


def die(sock: socket.socket) -> None:
    """As a client whose process is killed: nothing is said, nothing is waited for."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def begin(api: Api, request: str, body: bytes = b"", *, wanted: bytes = b"") -> socket.socket:
    """A request, sent as far as it goes, and its answer up to `wanted`."""
    sock = api.connect()
    sock.sendall(f"{request} HTTP/1.1\r\nHost: engine\r\n".encode() + body)
    heard = b""
    while wanted not in heard:
        piece = sock.recv(1 << 16)
        assert piece, heard
        heard += piece
    return sock


def nothing_works(api: Api, cuddy: Cuddy) -> None:
    wait_until(lambda: not working(api.pid))
    assert not list((cuddy.root / "tmp").iterdir())


@pytest.fixture
def big(cuddy: Cuddy) -> Cuddy:
    """A container that runs, with a file larger than buffers are."""
    script = f"head -c {SIZE} /dev/urandom > /big; echo made; exec sleep 1000"
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sh", "-c", script)
    wait_until(lambda: cuddy.ok("logs", "box") == "made")
    return cuddy


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /containers/box/archive?path=/big",
        "GET /containers/box/export",
        "GET /containers/box/logs?follow=1&stdout=1",
        "GET /containers/box/stats",
        "GET /events?since=1",
        "POST /containers/box/wait",
        "POST /containers/box/attach?stream=1&stdout=1&logs=1",
    ],
)
def test_one_that_reads(api: Api, big: Cuddy, request_line: str) -> None:
    for delay_s in (0, 0.01):
        sock = begin(api, request_line, b"\r\n", wanted=b"\r\n\r\n")
        time.sleep(delay_s)
        die(sock)
    nothing_works(api, big)
    assert big.field("box", "{{.State.Running}}") == "true"


def test_one_that_saves_an_image(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("import", "-", "noise", input=images.tar(images.entry("noise", bytes(SIZE))))
    for request_line in ("GET /images/noise/get", "GET /images/get?names=noise,alpine"):
        die(begin(api, request_line, b"\r\n", wanted=b"\r\n\r\n"))
    nothing_works(api, cuddy)
    cuddy.ok("rmi", "noise")


@pytest.mark.parametrize(
    "request_line",
    [
        "PUT /containers/box/archive?path=/tmp",
        "POST /images/load",
        "POST /images/create?fromSrc=-&repo=half",
        "POST /build?t=half",
        "POST /containers/create",
    ],
)
@pytest.mark.parametrize("part", [0, 100, 5000])
def test_one_that_sends(api: Api, cuddy: Cuddy, request_line: str, part: int) -> None:
    cuddy.ok("create", "--name", "box", "alpine", "true")
    data = images.tar(images.entry("Dockerfile", bytes(SIZE)))[:part]
    kind = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    sock = begin(api, request_line, kind + (b"%x\r\n%b" % (SIZE, data) if part else b""))
    time.sleep(0.02)
    die(sock)
    nothing_works(api, cuddy)
    assert "half" not in cuddy.ok("images", "--format", "{{.Repository}}")


SLOW = Answer(body=b"{}", trickle_s=30)


@pytest.mark.parametrize(
    "request_line",
    [
        "POST /images/create?fromImage={host}/x&tag=1",
        "POST /images/{host}/x/push?tag=1",
        "GET /distribution/{host}/x/json",
        "GET /distribution/{host}/x:1/json",
    ],
)
def test_one_that_waits_for_a_registry(
    api: Api, cuddy: Cuddy, hostile: Callable[..., Hostile], request_line: str
) -> None:
    server = hostile({"/v2/*": [SLOW], "HEAD /v2/*": [SLOW], "POST /v2/*": [SLOW]})
    cuddy.ok("tag", "alpine", f"{server.host}/x:1")
    sock = begin(api, request_line.format(host=server.host), b"\r\n")
    wait_until(lambda: bool(server.requests()))
    die(sock)
    nothing_works(api, cuddy)
    cuddy.ok("rmi", f"{server.host}/x:1")


def test_one_that_builds_of_something_slow(
    api: Api, cuddy: Cuddy, hostile: Callable[..., Hostile]
) -> None:
    server = hostile({"/*": [SLOW]})
    sock = begin(api, f"POST /build?remote=http://{server.host}/Dockerfile", b"\r\n")
    wait_until(lambda: bool(server.requests()))
    die(sock)
    nothing_works(api, cuddy)


def test_one_whose_exec_goes_on(api: Api, big: Cuddy) -> None:
    made: dict[str, Any] = api(
        "POST", "/containers/box/exec", {"Cmd": ["cat"], "AttachStdin": True, "AttachStdout": True}
    ).json
    with api.hijack(f"/exec/{made['Id']}/start", {}) as stream:
        stream.sock.sendall(b"x" * 100_000)
        stream.expect(b"xxx")
        die(stream.sock)
    nothing_works(api, big)
    assert api.get(f"/exec/{made['Id']}/json")["Running"] in (True, False)
