"""Processes that wait for clients: how many, for whom, and what becomes of them."""

from __future__ import annotations

import errno
import os
import signal
import socket
from pathlib import Path

import pytest

from console import Cuddy, children_of, title_of, wait_until
from cuddy.api import board as boards
from cuddy.api import post as posts
from cuddy.api.board import Board
from cuddy.api.connection import Peer
from cuddy.api.sockets import listen
from engine_api import Api, serving

PING = b"GET /_ping HTTP/1.1\r\nHost: a\r\n\r\n"
EVENTS = b"GET /events?since=1 HTTP/1.1\r\nHost: a\r\n\r\n"


def is_over(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_board_has_room_for_so_many() -> None:
    board = Board(2)
    first, other = board.find_place(), board.find_place()
    assert first is not None
    assert other is not None
    assert board.find_place() is None
    board.set(first, 1000)
    assert board.count()[:2] == (1, 1)
    assert (board.count().of(1000), board.count().of(0)) == (1, 0)
    before_s = board.ended_s
    board.vacate(other)
    assert board.ended_s == before_s  # it had nobody
    board.vacate(first)
    assert board.ended_s > before_s
    assert board.count()[:2] == (0, 0)
    assert board.find_place() == first
    board.close()


def test_users_and_addresses_count_apart() -> None:
    owners = {boards.owner(peer) for peer in (Peer(uid=0), Peer(uid=1), Peer(address="::1"))}
    assert len(owners) == 3
    assert min(owners) >= 0


def test_those_who_come_by_tcp_leave_room_for_others() -> None:
    many, addresses = posts.MAX_OF_ONE_ADDRESS, [boards.REMOTE + i for i in range(4)]
    full = boards.Count(1, many, [addresses[0]] * many)
    assert posts.is_welcome(full, addresses[0])
    over = boards.Count(1, many + 1, [*full.owners, addresses[0]])
    assert not posts.is_welcome(over, addresses[0])
    assert posts.is_welcome(over, 0)
    crowd = [each for each in addresses for _ in range(many)][: posts.MAX_REMOTE + 1]
    assert not posts.is_welcome(boards.Count(1, len(crowd), crowd), addresses[-1])
    assert posts.is_welcome(boards.Count(1, len(crowd), crowd), 1000)
    assert not posts.is_welcome(boards.Count(1, posts.MAX_CONNECTIONS + 1, []), 1000)


def test_a_user_with_too_many_connections_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "MAX_OF_ONE_PEER", 1)
    listener = listen(str(tmp_path / "s"), gid=None)
    board = Board(3)
    mine, other = board.find_place(), board.find_place()
    assert mine is not None
    assert other is not None
    board.set(other, os.getuid())
    bell, outbox = os.open(os.devnull, os.O_WRONLY), socket.socket()
    pid = os.fork()
    if pid == 0:
        try:
            found = posts.Post([listener], board, mine, bell, outbox).await_client()
            assert found
            found[0].sendall(b"welcome")
        finally:
            os._exit(0)
    for number, said in ((os.getuid(), b"HTTP/1.1 503 "), (boards.VACANT, b"welcome")):
        board.set(other, number)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(tmp_path / "s"))
            assert sock.recv(100).startswith(said)
    assert os.waitpid(pid, 0)[1] == 0
    listener.close()
    outbox.close()
    os.close(bell)


def test_a_worker_goes_back_to_its_post_unless_something_may_have_changed(api: Api) -> None:
    with api.connect() as sock:
        sock.sendall(PING)
        assert sock.recv(1000)
    before = children_of(api.pid)
    for _ in range(20):
        with api.connect() as sock:
            sock.sendall(PING)
            assert sock.recv(1000)
    assert before[0] in children_of(api.pid)
    assert len(children_of(api.pid)) <= len(before) + posts.MOST_FREE
    with api.connect() as sock:
        sock.sendall(EVENTS)
        assert sock.recv(1000)
        (own,) = (pid for pid in children_of(api.pid) if title_of(pid) == posts.OWN_NAME)
    wait_until(lambda: own not in children_of(api.pid))


def test_a_worker_that_was_killed_is_replaced(api: Api) -> None:
    for pid in children_of(api.pid):
        os.kill(pid, signal.SIGKILL)
    assert api("GET", "/_ping").status == 200


def test_nobody_listens_once_the_server_is_dead(home: Cuddy, tmp_path: Path) -> None:
    path = tmp_path / "cuddy.sock"
    with home.start("system", "serve", "--unix", str(path)) as process:
        wait_until(lambda: not is_refused(path))
        api = Api(path, process.pid)
        with api.connect() as kept, api.connect() as other:
            for sock in (kept, other):
                sock.sendall(PING)
                assert sock.recv(1000)
            pids = children_of(process.pid)
            other.close()
            process.kill()
            process.wait()
            wait_until(lambda: sum(map(is_over, pids)) == len(pids) - 1)  # but for the one kept
            wait_until(lambda: is_refused(path))  # that one lets go as well
            with serving(home, path) as anew:
                assert anew.get("/version")
                kept.sendall(PING)
                assert kept.recv(1000).startswith(b"HTTP/1.1 200 ")
        wait_until(lambda: all(map(is_over, pids)))


def is_refused(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) in (errno.ECONNREFUSED, errno.ENOENT)


def test_an_idle_server_that_ends_loses_no_client(home: Cuddy, tmp_path: Path) -> None:
    path = tmp_path / "cuddy.sock"
    with home.start("system", "serve", "--idle-timeout", "1", "--unix", str(path)) as process:
        wait_until(lambda: not is_refused(path))
        api = Api(path, process.pid)
        with api.connect() as sock:
            sock.sendall(PING)
            assert sock.recv(1000)
            for pid in children_of(process.pid):
                os.kill(pid, posts.RETIRE)  # as if it had taken us all for idle
            sock.sendall(PING)
            assert sock.recv(1000)
            assert api("GET", "/_ping").status == 200
        assert process.wait(10) == 0
