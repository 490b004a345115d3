"""A small real stack: redis and its clients in containers, on one network, data in a volume."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import debian
import images
from console import Cuddy, kill, monitor_of, wait_until
from cuddy.image.storage import Storage

README = Path(__file__).parents[2] / "README.md"
SERVER = ("redis-server", "--dir", "/data", "--appendonly", "yes", "--protected-mode", "no")
PROGRAMS = ("redis-server", "redis-cli")


def readme() -> Iterator[tuple[list[str], str]]:
    """The commands of the README's example, and what it says that they print."""
    text = README.read_text()
    block = text[text.index("    cuddy network create shop") :].partition("\n\n")[0]
    for line in block.splitlines():
        command, _, comment = line.partition(" # ")
        yield shlex.split(command)[1:], comment.strip()


def answers(cuddy: Cuddy, name: str) -> bool:
    """Whether the server in a container is ready."""
    return cuddy("exec", name, "redis-cli", "ping").out == "PONG"


def test_the_example_in_the_readme(cuddy: Cuddy) -> None:
    for program in PROGRAMS:
        debian.find(program)
    printed = []
    for words, comment in readme():
        out = cuddy.ok(*words)
        if "redis-server" in words:
            wait_until(lambda: answers(cuddy, "db"))
        if "redis-cli" in words:
            assert out == comment
            printed.append(out)
    assert printed == ["OK", "hello"]


class TestRedis:
    @pytest.fixture
    def image(self, cuddy: Cuddy) -> str:
        images.install(Storage(str(cuddy.root)), debian.image(*PROGRAMS), "redis")
        return "redis"

    @pytest.fixture
    def stack(self, cuddy: Cuddy, image: str) -> Cuddy:
        cuddy.ok("network", "create", "shop")
        self.serve(cuddy, image)
        return cuddy

    def serve(self, cuddy: Cuddy, image: str, *more: str) -> None:
        words = ("--name", "db", "--network", "shop", "--network-alias", "store", *more)
        cuddy.ok("run", "-d", *words, "-v", "data:/data", image, *SERVER)
        wait_until(lambda: answers(cuddy, "db"))

    def ask(self, cuddy: Cuddy, host: str, *words: str, network: str = "shop") -> str:
        command = ("run", "--rm", "--network", network, "redis", "redis-cli", "-h", host, *words)
        return cuddy(*command).out

    def test_clients_find_it_by_each_of_its_names(self, stack: Cuddy) -> None:
        short = stack.field("db", "{{.Id}}")[:12]
        for name in ("db", "store", short, "DB"):
            assert self.ask(stack, name, "incr", "count").isdigit(), name
        assert self.ask(stack, "db", "get", "count") == "4"

    def test_its_data_outlives_it(self, stack: Cuddy, image: str) -> None:
        assert self.ask(stack, "db", "set", "greeting", "hello") == "OK"
        stack.ok("stop", "db")
        stack.ok("rm", "db")
        assert self.ask(stack, "db", "get", "greeting") == ""
        self.serve(stack, image)
        assert self.ask(stack, "db", "get", "greeting") == "hello"

    def test_it_comes_back_when_its_monitor_is_killed(self, stack: Cuddy, image: str) -> None:
        assert self.ask(stack, "db", "set", "greeting", "hello") == "OK"
        kill(monitor_of(stack, "db"))
        wait_until(lambda: not stack.ok("ps", "-q"))
        stack.ok("start", "db")
        wait_until(lambda: answers(stack, "db"))
        assert self.ask(stack, "db", "get", "greeting") == "hello"

    def test_a_client_that_was_there_before_finds_the_new_one(
        self, stack: Cuddy, image: str
    ) -> None:
        stack.ok("run", "-d", "--name", "client", "--network", "shop", image, "sleep", "1000")
        words = ("exec", "client", "redis-cli", "-h", "db")
        assert stack.ok(*words, "set", "greeting", "hello") == "OK"
        stack.ok("rm", "-f", "db")
        assert stack("exec", "client", "getent", "hosts", "db").code != 0
        stack.ok("run", "-d", "--name", "between", "--network", "shop", image, "sleep", "1000")
        self.serve(stack, image)
        assert stack.ok(*words, "get", "greeting") == "hello"

    def test_nobody_on_another_network_finds_it(self, stack: Cuddy, image: str) -> None:
        stack.ok("network", "create", "other")
        at = stack.field("db", "{{.NetworkSettings.Networks.shop.IPAddress}}")
        assert self.ask(stack, "db", "-t", "1", "ping", network="other") == ""
        script = f"timeout 2 redis-cli -h {at} ping"
        words = ("run", "--rm", "--network", "other", image, "sh", "-c", script)
        assert "PONG" not in stack(*words).out

    def test_the_outside_reaches_what_is_published(self, stack: Cuddy, image: str) -> None:
        stack.ok("rm", "-f", "db")
        self.serve(stack, image, "-p", "127.0.0.1:16379:6379")
        with socket.create_connection(("127.0.0.1", 16379), timeout=5) as client:
            client.sendall(b"PING\r\n")
            assert client.recv(100) == b"+PONG\r\n"
