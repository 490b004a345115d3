"""Names that are nobody's on a container's networks: the resolver asks others, and minds whom."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import name_server
import netns
from console import TIME_FACTOR
from cuddy.kernel import program
from cuddy.network import dns_messages as messages
from name_server import GOOD, REFUSING, SECOND, SILENT, NameServer
from resolver_world import World, query, read

pytestmark = pytest.mark.skipif(not program.find("nft"), reason="nft is not installed")

RESOLV_CONF = Path("/etc/resolv.conf")
OTHER = "b" * 64


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


@pytest.fixture(autouse=True)
def server(host: None) -> Iterator[NameServer]:
    made = NameServer()
    yield made
    made.close()


@pytest.fixture
def world(server: NameServer, tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@contextmanager
def host_asks(*servers: str) -> Iterator[None]:
    """The host's resolv.conf, which is the test session's own."""
    before = RESOLV_CONF.read_text()
    RESOLV_CONF.write_text("".join(f"nameserver {each}\n" for each in servers))
    try:
        yield
    finally:
        RESOLV_CONF.write_text(before)


def test_other_names_are_asked_of_the_hosts_servers(world: World) -> None:
    web = world.container("web")
    assert web.ask("a.example") == (messages.NOERROR, ["192.0.2.1"])
    assert web.ask_by_tcp("a.example") == (messages.NOERROR, ["192.0.2.1"])
    assert web.ask("a.example", messages.AAAA) == (messages.NOERROR, [])
    assert web.ask("nobody.example") == (messages.NXDOMAIN, [])


def test_a_large_answer_comes_by_tcp(world: World) -> None:
    web = world.container("web")
    with web.socket() as asking:
        asking.send(query("many.example"))
        assert messages.HEADER.unpack_from(asking.recv(65535))[1] & messages.TC
    assert len(web.ask_by_tcp("many.example")[1]) == messages.MAX_ANSWERS


@pytest.mark.parametrize("name", ["garbage.example", "guess.example", "late.example"])
def test_only_the_answer_of_who_was_asked_is_believed(world: World, name: str) -> None:
    assert world.container("web").ask(name) == (messages.NOERROR, ["192.0.2.2"])


@pytest.mark.parametrize("name", ["endless.example", "cut.example"])
def test_a_stream_that_is_no_answer_is_a_failure(world: World, name: str) -> None:
    assert world.container("web").ask_by_tcp(name) == (messages.SERVFAIL, [])


def test_the_next_server_is_asked_when_one_says_nothing_or_refuses(world: World) -> None:
    web = world.container("web")
    with host_asks(REFUSING, SECOND):
        assert web.ask("a.example")[0] == messages.NOERROR
    with host_asks(REFUSING):
        assert web.ask("a.example")[0] == messages.SERVFAIL
    with host_asks(SILENT, "198.51.100.99", SECOND):
        began = time.monotonic()
        assert web.ask("a.example")[0] == messages.NOERROR
        assert 1.5 < time.monotonic() - began < 4.5 * TIME_FACTOR
        began = time.monotonic()
        assert web.ask("a.example")[0] == messages.NOERROR
        assert time.monotonic() - began < 1 * TIME_FACTOR  # by now it knows who is silent


def test_the_host_may_change_its_servers_meanwhile(world: World) -> None:
    web = world.container("web")
    assert web.ask("broken.example")[0] == messages.SERVFAIL
    with host_asks(REFUSING):
        assert web.ask("a.example")[0] == messages.SERVFAIL
    assert web.ask("a.example")[0] == messages.NOERROR


def test_a_question_that_is_repeated_is_asked_once(world: World) -> None:
    web = world.container("web")
    with web.socket() as asking:
        for _ in range(20):
            asking.send(query("late.example"))
        assert read("late.example", messages.A, asking.recv(512))[0] == messages.NOERROR
        asking.settimeout(0.3)
        with pytest.raises(TimeoutError):
            asking.recv(512)


class TestUsersServers:
    """--dns: reached as the container itself reaches them."""

    def test_they_are_asked_in_the_containers_namespace(self, world: World) -> None:
        web = world.container("web", begin=False)
        with web.netns.inside():
            own = NameServer(("127.0.0.1",), on_loopback=False)
        web.begin(dns=("127.0.0.1",))
        try:
            count = web.ask("count.example")[1]
            assert count == ["10.0.0.1"]  # nobody else has asked that one
            assert web.ask_by_tcp("a.example")[1] == ["192.0.2.1"]
            assert web.ask("web")[1] == ["172.18.0.2"]
        finally:
            own.close()

    def test_a_container_can_have_a_name_server_of_its_own(self, world: World) -> None:
        web = world.container("web", begin=False)
        with web.netns.inside():
            own = NameServer(("0.0.0.0",), on_loopback=False)
        web.begin()
        try:
            assert web.ask("web")[1] == ["172.18.0.2"]
            assert web.ask_by_tcp("web")[1] == ["172.18.0.2"]
            with web.netns.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.settimeout(5)
                asking.sendto(query("count.example"), ("127.0.0.1", 53))
                found = read("count.example", messages.A, asking.recv(512))
                assert found == (messages.NOERROR, ["10.0.0.1"])
        finally:
            own.close()


class TestInternalNetworks:
    """A container that reaches nobody outside cannot have the resolver talk to them either."""

    def test_nothing_is_asked_of_the_hosts_servers(self, world: World) -> None:
        world.network(OTHER, "inner", internal=True)
        web = world.container("web", network_id=OTHER)
        assert web.ask("a.example") == (messages.SERVFAIL, [])
        assert web.ask("web")[1] == ["172.18.0.2"]
        world.lease(web.id, "172.19.0.2", names=("web",))
        assert web.ask("a.example")[0] == messages.NOERROR  # connected to another one as well
        del world.leases["a" * 64][web.id]
        world.write("a" * 64)
        assert web.ask("a.example")[0] == messages.SERVFAIL


class TestGreed:
    """What one container does is not felt by others."""

    def test_a_flood_of_one_does_not_starve_another(self, world: World) -> None:
        greedy, modest = world.container("greedy"), world.container("modest")
        child = os.fork()
        if child == 0:
            try:
                flood(greedy.socket())
            finally:
                os._exit(0)
        try:
            time.sleep(0.3)
            for name, limit_s in (("modest", 0.5), ("a.example", 4)):
                for _ in range(30):
                    began = time.monotonic()
                    assert modest.ask(name)[0] == messages.NOERROR
                    assert time.monotonic() - began < limit_s * TIME_FACTOR, name
        finally:
            os.kill(child, 9)
            os.waitpid(child, 0)

    def test_connections_that_say_nothing_do_not_keep_others_out(self, world: World) -> None:
        greedy, modest = world.container("greedy"), world.container("modest")
        held = [greedy.socket(socket.SOCK_STREAM) for _ in range(200)]
        assert modest.ask_by_tcp("a.example")[0] == messages.NOERROR
        assert greedy.ask("a.example")[0] == messages.NOERROR
        for each in held:
            each.close()

    def test_so_many_questions_and_no_more_are_under_way(self, world: World) -> None:
        web = world.container("web")
        with web.socket() as asking:
            for number in range(1500):
                asking.send(query("never.example", identity=number))
                if number % 100 == 0:
                    time.sleep(0.01 * TIME_FACTOR)  # what nobody has received yet is dropped
            codes = [read_code(asking.recv(512)) for _ in range(100)]
        assert set(codes) == {messages.SERVFAIL}
        assert web.ask("web")[1] == ["172.18.0.2"]
        worker = world.processes()[1]
        assert len(os.listdir(f"/proc/{worker}/fd")) < 250


def flood(asking: socket.socket) -> None:
    asking.setblocking(False)
    number = 0
    while True:
        number = (number + 1) % 65536
        try:
            asking.send(query(f"never{number}.example", identity=number))
        except OSError:
            pass


def read_code(data: bytes) -> int:
    return int(messages.HEADER.unpack_from(data)[1]) & 0xF


def test_the_server_in_these_tests_is_where_the_host_looks(world: World) -> None:
    assert f"nameserver {GOOD}" in RESOLV_CONF.read_text()
    assert name_server.GOOD in name_server.ADDRESSES
