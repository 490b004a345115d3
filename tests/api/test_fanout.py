"""Everybody who listens to events from now on, and the one process that tells them."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from console import Cuddy, children_of, cpu_ticks, title_of, wait_until
from cuddy.api import fanout
from engine_api import Api, serving

LISTENERS = 20


@contextmanager
def listening(api: Api, query: str = "", version: str = "1.1") -> Iterator[socket.socket]:
    with api.connect() as sock:
        sock.sendall(f"GET /events{query} HTTP/{version}\r\nHost: a\r\n\r\n".encode())
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 OK")
        yield sock


def of_process(pid: int) -> list[int]:
    """The fan-out process of a server."""
    return [each for each in children_of(pid) if title_of(each) == fanout.NAME[:15]]


def test_all_are_told_by_one_process_which_ends_with_the_last(api: Api, cuddy: Cuddy) -> None:
    wanted = '?filters={"volume":{"vol":true}}'
    with ExitStack() as stack:
        socks = [stack.enter_context(listening(api, wanted)) for _ in range(LISTENERS)]
        other = stack.enter_context(listening(api, '?filters={"volume":{"other":true}}'))
        old = stack.enter_context(listening(api, wanted, "1.0"))
        assert len(of_process(api.pid)) == 1
        cuddy.ok("volume", "create", "vol")
        cuddy.ok("volume", "create", "other")
        for sock in socks:
            size, chunk, *_ = sock.recv(1 << 16).split(b"\r\n")
            assert len(chunk) == int(size, 16)
            assert json.loads(chunk)["Actor"]["ID"] == "vol"
        assert json.loads(old.recv(1 << 16))["Actor"]["ID"] == "vol"  # which knows no chunks
        assert b'"other"' in other.recv(1 << 16)
    wait_until(lambda: not of_process(api.pid))
    cuddy.ok("volume", "rm", "vol", "other")


def test_one_that_is_killed_has_a_successor(api: Api, cuddy: Cuddy) -> None:
    with listening(api) as sock:
        (pid,) = of_process(api.pid)
        os.kill(pid, signal.SIGKILL)
        assert sock.recv(1000) == b""
    with listening(api) as sock:
        cuddy.ok("volume", "create", "vol")
        assert b'"vol"' in sock.recv(1 << 16)
    cuddy.ok("volume", "rm", "vol")


def test_who_does_not_read_is_waited_for_by_nobody_and_given_up() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        client = fanout.Client(fanout.Order(0, "", True, {}), ours)
        line, count = b"x" * 10_000, 1
        while client.send(line):
            count += 1
            assert count * len(line) < 2 * fanout.MAX_UNSENT_BYTES
        assert client.interests & select.POLLOUT
        assert len(theirs.recv(1 << 20)) > len(line)
        assert client.send(b"")  # it reads again
        client.close()


def test_a_server_is_not_idle_while_somebody_listens(home: Cuddy, tmp_path: Path) -> None:
    with serving(home, tmp_path / "cuddy.sock", "--idle-timeout", "1") as api:
        with listening(api) as sock:
            time.sleep(2.5)
            home.ok("volume", "create", "vol")
            assert b'"vol"' in sock.recv(1 << 16)
        home.ok("volume", "rm", "vol")


def test_it_goes_on_without_the_server_and_without_haste(home: Cuddy, tmp_path: Path) -> None:
    with serving(home, tmp_path / "cuddy.sock") as api, listening(api) as sock:
        (pid,) = of_process(api.pid)
        workers = {*children_of(api.pid)} - {pid}
        os.kill(api.pid, signal.SIGKILL)
        wait_until(lambda: not any(map(title_of, workers)))
        before = cpu_ticks(pid)
        time.sleep(0.3)
        assert cpu_ticks(pid) - before < 5
        home.ok("volume", "create", "vol")
        assert b'"vol"' in sock.recv(1 << 16)
    wait_until(lambda: not title_of(pid))
    home.ok("volume", "rm", "vol")


def test_too_many_filters_are_refused(api: Api) -> None:
    names = json.dumps({"container": ["x" * 200] * 400}).replace(" ", "")
    assert api("GET", f"/events?filters={names}").message == "the filters are too long"
