"""Servers that are killed, and several of them at once: containers do not notice, nor do others.

CUDDY_TESTS_CROWD is how many containers each client of the crowd makes: `make soak` makes it a
hundred.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import images
from console import ENGINE, TIME_FACTOR, Cuddy, children_of, pids_of, wait_until
from engine_api import Answer, Api, by_stream

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="others have one server")
ROUNDS = int(os.environ.get("CUDDY_TESTS_CROWD", "0")) or 2
SEED = int(os.environ.get("CUDDY_TESTS_SEED", "0")) or random.randrange(1 << 30)
CLIENTS, SERVERS = 3, 3
ALL = {"stream": 1, "stdout": 1, "stderr": 1}
BUILD = b"FROM alpine\nRUN sleep 1234\n"


@contextmanager
def server(cuddy: Cuddy, path: Path) -> Iterator[Api]:
    """One that may be killed."""
    with cuddy.start("system", "serve", "--unix", str(path)) as process:
        wait_until(lambda: answers(Api(path, process.pid)))
        yield Api(path, process.pid)
        if process.poll() is None:
            process.terminate()
            process.wait(20 * TIME_FACTOR)


def answers(api: Api) -> bool:
    try:
        return api("GET", "/_ping").status == 200
    except OSError:
        return False


def kill(api: Api, *, wholly: bool = True) -> None:
    """The server, and `wholly` the processes of all its connections as well."""
    children = children_of(api.pid)
    os.kill(api.pid, signal.SIGKILL)
    for pid in children if wholly else ():
        with suppress(ProcessLookupError):  # it may have ended by itself, without its server
            os.kill(pid, signal.SIGKILL)


def test_a_stream_goes_on_when_only_its_server_is_killed(cuddy: Cuddy, tmp_path: Path) -> None:
    cuddy.ok("run", "-di", "--name", "box", "alpine", "cat")
    with (
        server(cuddy, tmp_path / "a.sock") as api,
        api.hijack("/containers/box/attach", stdin=1, **ALL) as stream,
    ):
        kill(api, wholly=False)
        stream.sock.sendall(b"still here")
        stream.expect(b"still here")


def test_who_was_cut_off_has_done_no_harm(cuddy: Cuddy, tmp_path: Path) -> None:
    cuddy.ok("run", "-di", "--name", "box", "alpine", "cat")
    with server(cuddy, tmp_path / "a.sock") as api, ExitStack() as open_streams:
        made = api("POST", "/containers/box/exec", {"Cmd": ["sleep", "999"], "AttachStdout": True})
        streams = [
            open_streams.enter_context(api.hijack("/containers/box/attach", stdin=1, **ALL)),
            open_streams.enter_context(api.hijack(f"/exec/{made.json['Id']}/start", {})),
        ]
        socks = [stream.sock for stream in streams]
        for line in (
            "GET /containers/box/logs?follow=1&stdout=1", "GET /events",
            "GET /containers/box/stats", "POST /containers/box/wait",
        ):  # fmt: skip
            socks.append(open_streams.enter_context(api.connect()))
            socks[-1].sendall(f"{line} HTTP/1.1\r\nHost: engine\r\n\r\n".encode())
            assert socks[-1].recv(15).startswith(b"HTTP/1.1 200 OK")
        builder = threading.Thread(target=build, args=(api,))
        builder.start()
        wait_until(lambda: pids_of("sleep", "999") and pids_of("sleep", "1234"))
        kill(api)
        for sock in socks:
            assert ends(sock)
        builder.join(30)
        wait_until(lambda: not pids_of("sleep", "1234"))
    with server(cuddy, tmp_path / "a.sock") as api:  # its path is free again
        assert [each["State"] for each in api.get("/containers/json")] == ["running"]
        with api.hijack("/containers/box/attach", stdin=1, **ALL) as stream:
            stream.sock.sendall(b"still here")
            stream.expect(b"still here")


def build(api: Api) -> None:
    try:
        api("POST", "/build", data=images.tar(images.entry("Dockerfile", BUILD)))
    except (OSError, http.client.HTTPException):
        return
    raise AssertionError("the build has come to an end")


def ends(sock: Any) -> bool:
    """Whether a connection has come to its end."""
    try:
        while sock.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


class Crowd:
    """Servers at one Home of which now and then one is killed, and those who use them."""

    def __init__(self, cuddy: Cuddy, directory: Path, chance: random.Random) -> None:
        self.cuddy = cuddy
        self.paths = [directory / f"{number}.sock" for number in range(SERVERS)]
        self.chance = chance
        self.is_over = threading.Event()
        self.kills = 0

    def serve(self, path: Path) -> None:
        """One server after the other at the same place."""
        while not self.is_over.is_set():
            with server(self.cuddy, path) as api:
                self.is_over.wait(self.chance.uniform(0.3, 1.0) * TIME_FACTOR)
                if not self.is_over.is_set():
                    kill(api, wholly=False)
                    self.kills += 1

    def ask(self, method: str, path: str, body: object = None, **query: Any) -> Answer:
        """Whichever server answers."""
        deadline_s = time.monotonic() + 30 * TIME_FACTOR
        while True:
            try:
                return Api(self.chance.choice(self.paths), 0)(method, path, body, **query)
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline_s, "no server answers"
                time.sleep(0.01)

    def use(self, client: int) -> None:
        """One container after the other: by a server, another one, the command line."""
        for number in range(ROUNDS):
            name = f"c{client}-{number}"
            script = f"echo {name}; exec sleep 1000"
            body = {"Image": "alpine", "Cmd": ["sh", "-c", script]}
            assert self.ask("POST", "/containers/create", body, name=name).status in (201, 409)
            assert self.ask("POST", f"/containers/{name}/start").status in (204, 304)
            if self.chance.random() < 0.3:
                assert self.cuddy.ok("exec", name, "echo", "inside") == "inside"
            wait_until(lambda name=name: self.log(name) == {1: f"{name}\n".encode()})
            assert self.ask("POST", f"/containers/{name}/kill").status in (204, 409)
            assert self.ask("POST", f"/containers/{name}/wait").json["StatusCode"] == 137
            if self.chance.random() < 0.5:
                self.cuddy.ok("rm", name)
            else:
                assert self.ask("DELETE", f"/containers/{name}").status in (204, 404)

    def log(self, name: str) -> dict[int, bytes]:
        return by_stream(self.ask("GET", f"/containers/{name}/logs", stdout=1).data)


def test_several_servers_and_command_lines_at_once(cuddy: Cuddy, tmp_path: Path) -> None:
    print(f"CUDDY_TESTS_SEED={SEED}")
    crowd = Crowd(cuddy, tmp_path, random.Random(SEED))
    with ThreadPoolExecutor(CLIENTS + SERVERS) as pool:
        serving = [pool.submit(crowd.serve, path) for path in crowd.paths]
        wait_until(lambda: all(path.exists() for path in crowd.paths))
        try:
            for used in [pool.submit(crowd.use, client) for client in range(CLIENTS)]:
                used.result()
        finally:
            crowd.is_over.set()
        for each in serving:
            each.result()
    assert cuddy.ok("ps", "-aq") == ""
    told = cuddy.ok("events", "--since", "1h", "--until", "0s", "--format", "{{json .}}")
    actions = [json.loads(line)["Action"] for line in told.splitlines()]
    for action in ("create", "start", "die", "destroy"):
        assert actions.count(action) >= CLIENTS * ROUNDS
