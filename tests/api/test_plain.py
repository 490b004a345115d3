"""Requests that only look something up leave their process as it was: it serves another client."""

from __future__ import annotations

import functools
import socket
from typing import Any

import process_state
from child import in_child
from console import Cuddy, kill, monitor_of, wait_until
from cuddy import files
from cuddy.api import errors, routes
from cuddy.api.connection import Connection, Peer
from cuddy.api.http import Call
from cuddy.engine import host_config
from cuddy.engine.home import Home

WRONG = '{"nothing":["a"]}'
PATHS = (
    "/_ping", "/version", "/info",
    "/containers/json?all=1", "/containers/json?all=1&size=1", "/containers/json?limit=x",
    f"/containers/json?filters={WRONG}", "/containers/json?filters=%7B",
    '/containers/json?filters={"ancestor":["alpine"],"volume":["x"]}',
    "/containers/json?filters={'name':['(']}".replace("'", '"'),
    "/containers/box/json", "/containers/box/json?size=1", "/containers/absent/json",
    "/containers/broken/json", "/containers/%00/json",
    "/images/json", "/images/json?all=1&digests=1", f"/images/json?filters={WRONG}",
    '/images/json?filters={"reference":["al*"],"before":["alpine"]}',
    "/images/alpine/json", "/images/absent/json", "/images/a%2F%2Fb:/json",
    "/networks", f"/networks?filters={WRONG}", '/networks?filters={"dangling":["true"]}',
    "/networks/front", "/networks/front?verbose=1", "/networks/absent", "/networks/bridge",
    "/volumes", f"/volumes?filters={WRONG}", '/volumes?filters={"dangling":["true"]}',
    "/volumes/data", "/volumes/absent", "/volumes/..",
)  # fmt: skip


def ask(home: Home, target: str) -> int:
    """Have a request answered here; the status of the answer."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(f"GET {target} HTTP/1.1\r\nHost: engine\r\n\r\n".encode())
        connection = Connection(ours, Peer())
        request = connection.next_request()
        assert request
        path, _, query = target.partition("?")
        handler, ref = routes.API.find("GET", path)
        assert handler in routes.PLAIN, target
        call = Call(home, connection, request, path=path, query=query)
        call.ref = ref.replace("%00", "\0").replace("%2F", "/")
        errors.attempt(call, handler)
        assert theirs.recv(12).startswith(b"HTTP/1.1 ")
        return call.status


def ask_all(home: Home) -> dict[str, tuple[int, dict[str, Any]]]:
    """The status of each answer, and what it has changed in this process."""
    ask(home, "/_ping")
    found = {}
    for path in PATHS:
        before = process_state.take()
        status = ask(home, path)
        found[path] = status, process_state.changes(before, process_state.take())
    return found


def ask_one(home: Home, path: str) -> tuple[int, dict[str, Any]]:
    ask(home, "/_ping")
    before = process_state.take()
    return ask(home, path), process_state.changes(before, process_state.take())


def furnish(cuddy: Cuddy) -> None:
    cuddy.ok("network", "create", "front")
    cuddy.ok("run", "-d", "--name", "box", "--network", "front", "-v", "data:/data", "-p",
             "127.0.0.1::80", "alpine", "sleep", "1000")  # fmt: skip
    cuddy.ok("run", "-d", "--name", "plain", "alpine", "sleep", "1000")


def kill_monitors(cuddy: Cuddy) -> None:
    monitors = [monitor_of(cuddy, name) for name in ("box", "plain")]
    for pid in monitors:
        kill(pid)
    wait_until(lambda: not any(map(files.start_time, monitors)))


def test_whatever_is_asked_and_however_it_ends(fresh: Cuddy) -> None:
    furnish(fresh)
    broken = fresh.ok("create", "--name", "broken", "alpine", "true")
    (fresh.root / "containers" / broken / "status.json").write_text("{")
    home = Home(str(fresh.root), str(fresh.run_root))
    found = in_child(functools.partial(ask_all, home))
    fresh.ok("rm", "-f", "broken")
    assert {path: changed for path, (_, changed) in found.items() if changed} == {}
    assert {status for status, _ in found.values()} == {200, 400, 404, 500}
    handlers = {routes.API.find("GET", path.partition("?")[0])[0] for path in PATHS}
    assert handlers == routes.PLAIN


def test_clearing_up_after_a_dead_monitor(fresh: Cuddy) -> None:
    home = Home(str(fresh.root), str(fresh.run_root))
    furnish(fresh)
    for path in ("/containers/json", "/containers/box/json", "/networks/front", "/info"):
        fresh("start", "box", "plain")
        kill_monitors(fresh)
        assert in_child(functools.partial(ask_one, home, path)) == (200, {})


def test_finishing_what_a_killed_update_has_begun(fresh: Cuddy) -> None:
    home = Home(str(fresh.root), str(fresh.run_root))
    container_id = fresh.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    marker = fresh.run_root / container_id / host_config.UNSETTLED
    marker.write_text("CpuShares")
    assert in_child(functools.partial(ask_one, home, "/containers/box/json")) == (200, {})
    assert not marker.exists()
