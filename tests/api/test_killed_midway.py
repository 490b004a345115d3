"""SIGKILL while an image is made, fetched or sent: of all that a server is, of the process that has
the connection, of the server alone. Nothing is left of it, and the same request is answered next.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

import images
from console import (
    ENGINE,
    Cuddy,
    children_of,
    descendants_of,
    is_alive,
    pids_of,
    title_of,
    wait_until,
)
from engine_api import Api, serving
from hostile_registry import Hostile, serve_image

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="others have one server")
SIZE = 4 << 20
"""More than fits into any buffer between."""
NAME = "midway"
BUILD = f"FROM alpine\nCOPY sleeps /\nRUN [ ! -s /sleeps ] || sleep 1234\nLABEL of={NAME}\n"


class Work(NamedTuple):
    """What is asked for. `first`: the body of the request that is killed, of which `sent` bytes are
    sent; `again`: of the one after it.
    """

    request: str
    is_midway: Callable[[socket.socket], object]
    first: bytes = b""
    sent: int = 0
    again: bytes = b""


class Room(NamedTuple):
    """What a work needs."""

    cuddy: Cuddy
    hostile: Callable[..., Hostile]

    def makes_something(self, _: socket.socket) -> bool:
        """Whether there is something that nobody sees yet."""
        return any((self.cuddy.root / "tmp").iterdir())


def pull(room: Room) -> Work:
    layer = images.layer(images.tar(images.entry("noise", os.urandom(SIZE))))
    routes = serve_image(images.image([layer]))
    (path,) = (path for path, answers in routes.items() if answers[0].body == layer.data)
    routes[path] = [routes[path][0]._replace(trickle_s=30), *routes[path]]
    registry = room.hostile(routes)
    return Work(
        f"POST /images/create?fromImage={registry.host}/x&tag=latest",
        lambda _: registry.asked(path),
    )


def load(room: Room) -> Work:
    noise = images.tar(images.entry("noise", os.urandom(SIZE)))
    room.cuddy.ok("import", "-", "noise", input=noise)
    archive = room.cuddy.root.parent / "noise.tar"
    room.cuddy.ok("save", "-o", archive, "noise")
    room.cuddy.ok("rmi", "noise")
    return sent("POST /images/load", archive.read_bytes(), has_begun)


def import_(room: Room) -> Work:
    noise = images.tar(images.entry("noise", os.urandom(SIZE)))
    return sent(f"POST /images/create?fromSrc=-&repo={NAME}", noise, room.makes_something)


def build_of_half_a_context(room: Room) -> Work:
    return sent(f"POST /build?t={NAME}", context(b""), room.makes_something)


def build_in_a_step(room: Room) -> Work:
    first = context(b"1")
    return Work(
        f"POST /build?t={NAME}", lambda _: pids_of("sleep", "1234"), first, len(first),
        context(b""),
    )  # fmt: skip


def commit(room: Room) -> Work:
    run(room.cuddy)
    return Work(f"POST /commit?container=box&repo={NAME}", room.makes_something)


def export(room: Room) -> Work:
    run(room.cuddy)
    return Work("GET /containers/box/export", has_begun)


def save(room: Room) -> Work:
    noise = images.tar(images.entry("noise", os.urandom(SIZE)))
    room.cuddy.ok("import", "-", "noise", input=noise)
    return Work("GET /images/noise/get", has_begun)


WORKS = (pull, load, import_, build_of_half_a_context, build_in_a_step, commit, export, save)


def sent(request: str, body: bytes, is_midway: Callable[[socket.socket], object]) -> Work:
    """One that stands still in the middle of its body."""
    return Work(request, is_midway, body, len(body) // 2, body)


def has_begun(sock: socket.socket) -> bool:
    """Whether there is some of the answer, of which more is to come than anybody reads."""
    return bool(sock.recv(1, socket.MSG_PEEK))


def context(flag: bytes) -> bytes:
    """Of a build that sleeps if it finds the flag."""
    files = {"Dockerfile": BUILD.encode(), "sleeps": flag, "noise": os.urandom(SIZE)}
    return images.tar(*(images.entry(name, data) for name, data in files.items()))


def run(cuddy: Cuddy) -> None:
    """A container that runs, with a file that takes its time."""
    script = f"head -c {SIZE} /dev/urandom > /big; echo made; exec sleep 1000"
    cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sh", "-c", script)
    wait_until(lambda: cuddy.ok("logs", "box") == "made")


@pytest.fixture
def room(cuddy: Cuddy, hostile: Callable[..., Hostile]) -> Iterator[Room]:
    """What images there are before are there after."""
    before = images_of(cuddy)
    yield Room(cuddy, hostile)
    cuddy.remove_all()
    for image_id in images_of(cuddy) - before:
        cuddy.ok("rmi", "-f", image_id)


def images_of(cuddy: Cuddy) -> set[str]:
    return set(cuddy.ok("images", "-aq", "--no-trunc").split())


def ask(api: Api, request: str, body: bytes, sent: int) -> socket.socket:
    """A request, with as much of its body."""
    head = f"{request} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n"
    if body:
        head += f"Content-Type: application/x-tar\r\nContent-Length: {len(body)}\r\n"
    sock = api.connect()
    sock.sendall(f"{head}\r\n".encode() + body[:sent])
    return sock


def read(sock: socket.socket) -> bytes:
    """The answer to its end."""
    with sock:
        return b"".join(iter(lambda: sock.recv(1 << 20), b""))


def kill_all(api: Api) -> None:
    """The server, and each connection's process; what these have begun ends by itself."""
    workers = children_of(api.pid)
    for pid in (api.pid, *workers):
        with suppress(ProcessLookupError):  # it has ended without its server
            os.kill(pid, signal.SIGKILL)


def kill_worker(api: Api) -> None:
    """The processes of connections; the server goes on."""
    for pid in children_of(api.pid):
        if title_of(pid) == "cuddy api":
            os.kill(pid, signal.SIGKILL)


def check_nothing_is_left(cuddy: Cuddy, pids: list[int]) -> None:
    """Of what the processes have begun. Whoever comes next sweeps."""
    wait_until(lambda: not any(map(is_alive, pids)))
    assert "box" in cuddy.ok("ps", "--format", "{{.Names}}") or not cuddy.ok("ps", "-aq")
    assert not list((cuddy.root / "tmp").iterdir())
    assert NAME not in cuddy.ok("images", "--format", "{{.Repository}}")
    cuddy.ok("system", "check")


@pytest.mark.parametrize("kill", [kill_all, kill_worker])
@pytest.mark.parametrize("make", WORKS)
def test_what_is_killed_in_the_middle_leaves_nothing(
    room: Room, tmp_path: Path, make: Callable[[Room], Work], kill: Callable[[Api], None]
) -> None:
    work, cuddy = make(room), room.cuddy
    path = tmp_path / "a.sock"
    with serving(cuddy, path) as api:
        with ask(api, work.request, work.first, work.sent) as sock:
            wait_until(lambda: work.is_midway(sock))
            pids = descendants_of(api.pid)
            kill(api)
        if kill is kill_all:
            check_nothing_is_left(cuddy, pids)
        else:
            wait_until(lambda: not working(api))
            check_nothing_is_left(cuddy, [])
            again(api, work)
    with serving(cuddy, path) as api:
        again(api, work)


def working(api: Api) -> list[int]:
    """Whatever works for a client."""
    return [pid for pid in descendants_of(api.pid) if title_of(pid) != "cuddy api free"]


def again(api: Api, work: Work) -> None:
    """The same request, to its end."""
    answer = read(ask(api, work.request, work.again, len(work.again)))
    assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")), answer[:2000]
    assert b"errorDetail" not in answer, answer[-2000:]
    assert answer.endswith(b"0\r\n\r\n") or b"Content-Length" in answer
    assert api.get("/containers/json") is not None


@pytest.mark.parametrize("make", [load, import_, build_of_half_a_context, save])
def test_what_loses_its_server_comes_to_its_end(
    room: Room, tmp_path: Path, make: Callable[[Room], Work]
) -> None:
    work = make(room)
    with serving(room.cuddy, tmp_path / "a.sock") as api:
        sock = ask(api, work.request, work.first, work.sent)
        wait_until(lambda: work.is_midway(sock))
        os.kill(api.pid, signal.SIGKILL)
        sock.sendall(work.first[work.sent :])
        answer = read(sock)
    assert answer.startswith(b"HTTP/1.1 200"), answer[:2000]
    assert b"errorDetail" not in answer, answer[-2000:]
    assert not list((room.cuddy.root / "tmp").iterdir())
