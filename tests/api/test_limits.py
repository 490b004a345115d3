"""Too many clients, too few descriptors, and clients that take their time."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from console import Cuddy, wait_until
from engine_api import Api, serving

PING = b"GET /_ping HTTP/1.1\r\nHost: a\r\n\r\n"
FEW = """
import sys
from cuddy.api import post
from cuddy.cli.main import main
post.MAX_CONNECTIONS, post.MAX_OF_ONE_PEER = {all}, {each}
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def serving_few(home: Cuddy, path: Path, *, all: int, each: int) -> Iterator[Api]:
    """A server with room for few."""
    program = [sys.executable, "-c", FEW.format(all=all, each=each)]
    with serving(Cuddy(home.root, home.run_root, program), path) as api:
        yield api


def ask(sock: socket.socket) -> bytes:
    """The first line of the answer to a ping."""
    sock.sendall(PING)
    return sock.recv(1 << 16).partition(b"\r\n")[0]


def enter_all(stack: ExitStack, api: Api, count: int) -> list[bytes]:
    """What so many clients are answered, all of whom stay."""
    return [ask(stack.enter_context(api.connect())) for _ in range(count)]


@pytest.mark.parametrize(("all", "each"), [(20, 3), (3, 20)])
def test_one_too_many_is_told_so_and_let_in_when_another_leaves(
    home: Cuddy, tmp_path: Path, all: int, each: int
) -> None:
    with serving_few(home, tmp_path / "s.sock", all=all, each=each) as api:
        with ExitStack() as stack:
            assert enter_all(stack, api, 3) == [b"HTTP/1.1 200 OK"] * 3
            for _ in range(2):
                with api.connect() as sock:
                    answer = b"".join(iter(lambda: sock.recv(1 << 16), b""))
                assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
                assert answer.endswith(b'{"message":"too many connections"}\n')
        wait_until(lambda: api("GET", "/_ping").status == 200)


def test_a_server_needs_no_descriptor_for_a_client(home: Cuddy, tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -n 20; exec "$@"', "sh", *home.program]
    engine = Cuddy(home.root, home.run_root, limited)
    with serving(engine, tmp_path / "s.sock") as api, ExitStack() as stack:
        clients = [stack.enter_context(api.connect()) for _ in range(30)]
        for sock in clients:
            sock.sendall(PING)
        wait_until(lambda: answered(clients) == len(clients))


def answered(clients: list[socket.socket]) -> int:
    """How many have been let in."""
    return sum(b" 200 OK" in peek(sock) for sock in clients)


def peek(sock: socket.socket) -> bytes:
    try:
        return sock.recv(100, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return b""
