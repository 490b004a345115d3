"""Clients that are odd, slow, endless, or gone."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console import Cuddy, children_of, cpu_ticks, title_of, wait_until
from cuddy.api import connection as connections
from cuddy.api import http
from cuddy.api.connection import Connection, Peer
from cuddy.api.http import Call
from cuddy.engine.departure import ClientLeft
from cuddy.engine.home import Home
from cuddy.errors import CuddyError, InvalidArgument
from engine_api import Api

HEAD = b"Host: engine\r\n"


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_client_that_asks_first_is_told_to_go_on(api: Api) -> None:
    with api.connect() as sock:
        sock.sendall(
            b"POST /networks/create HTTP/1.1\r\n" + HEAD + b"Content-Type: application/json\r\n"
            b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"[]")
        assert b"HTTP/1.1 400 " in sock.recv(1000)


def test_a_client_that_waits_to_be_asked_hears_the_error_at_once(api: Api) -> None:
    with api.connect() as sock:
        sock.sendall(
            b"POST /nosuch HTTP/1.1\r\n" + HEAD + b"Expect: 100-continue\r\n"
            b"Content-Length: 2000000\r\n\r\n"
        )
        assert status_of(sock.recv(1000)) == 404
        assert sock.recv(1000) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"no request at all\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost : engine\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_is_answered_with_json(api: Api, data: bytes) -> None:
    answer = api.say(data)
    assert status_of(answer) == 400
    assert answer.partition(b"\r\n\r\n")[2].startswith(b'{"message":"malformed request: ')


def test_no_request_is_read_out_of_a_body_that_was_none(api: Api) -> None:
    inner = b"GET /nosuch HTTP/1.1\r\n" + HEAD + b"\r\n"
    for framing, body in (
        (b"Transfer-Encoding: chunked", b"zz\r\n" + inner),
        (b"Transfer-Encoding: chunked", b"2\r\n{}" + inner),
        (b"Content-Length: %d" % len(inner), inner),
    ):
        head = b"POST /networks/create HTTP/1.1\r\n" + HEAD + framing
        answer = api.say(head + b"\r\nContent-Type: application/json\r\n\r\n" + body)
        assert status_of(answer) == 400
        assert answer.count(b"HTTP/1.1 ") == 1


def test_requests_may_come_in_one_piece_or_in_many(api: Api) -> None:
    ask = b"GET /_ping HTTP/1.1\r\n" + HEAD + b"\r\n"
    post = b"POST /nosuch HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\n\r\nab"
    answer = api.say(ask + ask + post + ask + ask[:-2] + b"Connection: close\r\n\r\n" + ask)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"200", b"200", b"404", b"200", b"200"]
    assert answer.count(b"Connection: close") == 1
    with api.connect() as sock:
        for piece in (ask[:9], ask[9:30], ask[30:] + ask[:20], ask[20:]):
            sock.sendall(piece)
            time.sleep(0.01)
        sock.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: sock.recv(1 << 16), b""))
        assert answer.count(b"HTTP/1.1 200 OK") == 2


def test_a_client_of_http_1_0_gets_no_chunks_and_an_end(api: Api) -> None:
    for path in (b"/_ping", b"/events?until=1"):
        answer = api.say(b"GET " + path + b" HTTP/1.0\r\n\r\n")
        assert status_of(answer) == 200
        assert b"Connection: close" in answer
        assert b"chunked" not in answer
    assert b"chunked" in api.say(b"GET /events?until=1 HTTP/1.1\r\n" + HEAD + b"\r\n")


def test_heads_have_limits(api: Api) -> None:
    many = b"".join(b"X-%d: 1\r\n" % i for i in range(connections.MAX_HEADERS))
    assert status_of(api.say(b"GET /_ping HTTP/1.1\r\n" + HEAD + many + b"\r\n")) == 431
    long = b"X: " + b"a" * connections.MAX_HEAD_BYTES
    assert status_of(api.say(b"GET /_ping HTTP/1.1\r\n" + HEAD + long)) == 431


def document(data: bytes, headers: bytes = b"Content-Type: application/json\r\n") -> object:
    """What a handler gets of a body."""
    for ours, theirs in pair():
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % len(data)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 25)
        theirs.sendall(head + headers + b"\r\n" + data)
        connection = Connection(ours, Peer())
        request = connection.next_request()
        assert request
        return Call(Home(), connection, request, path="/", query="").document()
    return None


def test_a_document_is_an_object_or_nothing() -> None:
    assert document(b'{"a": 1}') == {"a": 1}
    assert document(b"null") == document(b"{}") == document(b"") == document(b"", b"") == {}
    assert document(b"{}", b"content-type: Application/JSON; charset=utf-8\r\n") == {}


@pytest.mark.parametrize(
    ("data", "headers", "message"),
    [
        (b"{", None, "invalid JSON: "),
        (b"[]", None, "invalid JSON: "),
        (b"{} {}", None, "invalid JSON: "),
        (b"\xff", None, "invalid JSON: "),
        (b"[" * 100_000, None, "invalid JSON: "),
        (b"{}", b"", "unsupported Content-Type header (): must be 'application/json'"),
        (b"{}", b"Content-Type: text/plain\r\n", "unsupported Content-Type header (text/plain): "),
    ],
)
def test_documents_that_are_none_are_refused(
    data: bytes, headers: bytes | None, message: str
) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(message)):
        document(data, *(() if headers is None else (headers,)))


def test_a_document_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_DOCUMENT_BYTES", 10)
    with pytest.raises(http.DocumentTooLarge):
        document(b'{"a": "%s"}' % (b"a" * 10))


def test_a_slow_head_and_a_slow_body_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.1)
    monkeypatch.setattr(connections, "BODY_S", 0.1)
    for sent in (b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"):
        for ours, theirs in pair():
            theirs.sendall(sent)
            connection = Connection(ours, Peer())
            with pytest.raises(connections.TooSlow):
                connection.next_request()
                list(connection.body())


def test_an_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_S", 0.1)
    for ours, _ in pair():
        assert Connection(ours, Peer()).next_request() is None


def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_are_a_surprise(data: bytes) -> None:
    for ours, theirs in pair():
        theirs.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + data)
        theirs.shutdown(socket.SHUT_WR)
        connection = Connection(ours, Peer())
        try:
            if connection.next_request():
                list(connection.body())
        except (CuddyError, ClientLeft):
            pass


def test_clients_that_leave_in_the_middle_leave_nothing(api: Api) -> None:
    assert not busy(api.pid)
    for sent in (
        b"GET /_pi",
        b"POST /containers/create HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n{",
        b"GET /info HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n",
    ):
        with api.connect() as sock:
            sock.sendall(sent)
            time.sleep(0.02)
    wait_until(lambda: not busy(api.pid))


def busy(pid: int) -> list[int]:
    """The processes that have left their post for a connection."""
    return [each for each in children_of(pid) if title_of(each) == "cuddy api"]


def test_a_handlers_process_holds_neither_listener_nor_others(api: Api) -> None:
    with ExitStack() as connections:
        # More than there are processes ready: some are made with a client waiting already.
        several = [connections.enter_context(api.connect()) for _ in range(6)]
        for sock in several:
            sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: a\r\n\r\n")
            assert sock.recv(1000)
        for sock in several:
            sock.sendall(b"GET /events?since=1 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert sock.recv(1000)
        pids = busy(api.pid)
        assert len(pids) == len(several)
        for pid in pids:
            targets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            assert sum(target.startswith("socket:") for target in targets) == 1  # its own
            assert not any("eventpoll" in target or "pipe:" in target for target in targets)
            for fd in os.listdir(f"/proc/{pid}/fd"):
                # what a request starts (ps, git, nft) must not hold a client's connection
                flags = Path(f"/proc/{pid}/fdinfo/{fd}").read_text().partition("flags:")[2].split()
                assert int(fd) < 3 or int(flags[0], 8) & os.O_CLOEXEC, fd


def test_what_a_client_starts_holds_nothing_of_the_connection(api: Api, cuddy: Cuddy) -> None:
    api("POST", "/containers/create", {"Image": "alpine", "Cmd": ["sleep", "9"]}, name="box")
    with api.connect() as sock:
        sock.sendall(b"POST /containers/box/start HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert status_of(sock.recv(1000)) == 204
        exec_id = api("POST", "/containers/box/exec", {"Cmd": ["sleep", "9"]}).json["Id"]
        assert api("POST", f"/exec/{exec_id}/start", {"Detach": True}).status == 200
        ours = sockets_of(api.pid)
        for pid in busy(api.pid):
            ours |= sockets_of(pid)
        others = [
            pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc")))
            if pid not in (1, os.getpid(), api.pid) and not title_of(pid).startswith("cuddy api")
        ]  # fmt: skip
        assert cuddy.pid("box") in others
        for pid in others:
            assert not ours & sockets_of(pid), Path(f"/proc/{pid}/cmdline").read_bytes()


def sockets_of(pid: int) -> set[str]:
    """The sockets that a process has open."""
    try:
        fds = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return set()  # it has ended
    return {each for each in fds if each.startswith("socket:")}


def test_a_list_that_takes_for_ever_ends_with_its_client(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "a" * 40, "alpine", "true")
    assert api("GET", "/containers/json", all=1, filters='{"name": ["^/(a+)+"]}').json
    with api.connect() as sock:
        evil = quote('{"name": ["(a+)+$b"]}')
        sock.sendall(f"GET /containers/json?all=1&filters={evil} HTTP/1.1\r\n".encode() + HEAD)
        sock.sendall(b"\r\n")
        wait_until(lambda: runs_long(api.pid))
    wait_until(lambda: not runs_long(api.pid))


def runs_long(pid: int) -> bool:
    """Whether a process of a server's does nothing but compute."""
    began = cpu_times(pid)
    time.sleep(0.2)
    return any(took - began.get(each, took) > 5 for each, took in cpu_times(pid).items())


def cpu_times(pid: int) -> dict[int, int]:
    """What each process of a server has computed for."""
    found = {}
    for each in children_of(pid):
        with suppress(FileNotFoundError):  # it has just ended
            found[each] = cpu_ticks(each)
    return found


@pytest.mark.parametrize("pattern", ["(", "a{99999999999}", "(" * 5000, "[[a]", "(?P<a", "*"])
@pytest.mark.parametrize("what", ["containers/json", "volumes", "networks"])
def test_a_pattern_that_is_none_is_refused(api: Api, what: str, pattern: str) -> None:
    answer = api("GET", f"/{what}", filters=json.dumps({"name": [pattern]}))
    assert answer.status == (200 if pattern == "[[a]" else 400)
    assert answer.status == 200 or "invalid filter 'name=" in answer.message
