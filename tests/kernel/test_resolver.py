"""The resolver of user networks, asked from inside network namespaces as containers would."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import netns
from console import wait_until
from cuddy.engine import resolver
from cuddy.engine.container import Container as Record
from cuddy.engine.home import Home
from cuddy.kernel import program, rtnetlink
from cuddy.network import dns_messages as messages

pytestmark = pytest.mark.skipif(not program.find("nft"), reason="nft is not installed")

NET = "a" * 64
SERVER = ("127.0.0.11", 53)


def query(name: str, qtype: int = messages.A, *, identity: int = 7, flags: int = 0x0100) -> bytes:
    head = messages.HEADER.pack(identity, flags, 1, 0, 0, 0)
    return head + messages.write_name(name) + struct.pack("!HH", qtype, messages.IN)


class Container:
    """A process in a network namespace of its own, registered with the resolver."""

    def __init__(self, home: Home, number: int) -> None:
        self.home = home
        self.id = f"{number:064x}"
        self.netns = netns.Netns()
        with self.netns.inside():
            rtnetlink.loopback_up()
            self.process = subprocess.Popen(["sleep", "1000"])
        Path(home.run_dir(self.id)).mkdir(parents=True)

    def begin(self, *, dns: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> None:
        config = {"Dns": list(dns), "DnsOptions": list(options) or ["ndots:0"]}
        record: Record = {"Id": self.id, "HostConfig": config}
        resolver.begin(self.home, record, self.netns.fd, self.process.pid)

    def socket(self, kind: int = socket.SOCK_DGRAM) -> socket.socket:
        with self.netns.inside():
            made = socket.socket(socket.AF_INET, kind)
        made.settimeout(5)
        made.connect(SERVER)
        return made

    def ask(self, name: str, qtype: int = messages.A) -> tuple[int, list[str]]:
        """Code and addresses of an answer by UDP."""
        with self.socket() as asking:
            asking.send(query(name, qtype))
            return read(name, qtype, asking.recv(65535))

    def ask_by_tcp(self, name: str, qtype: int = messages.A) -> tuple[int, list[str]]:
        with self.socket(socket.SOCK_STREAM) as asking, asking.makefile("rwb") as stream:
            question = query(name, qtype)
            stream.write(len(question).to_bytes(2) + question)
            stream.flush()
            return read(name, qtype, stream.read(int.from_bytes(stream.read(2))))

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.netns.close()


def read(name: str, qtype: int, data: bytes) -> tuple[int, list[str]]:
    answer = messages.read_answer(messages.read_query(query(name, qtype)), 7, data)
    return answer.code, list(answer.addresses)


class World:
    """A Home with a resolver, and containers on its networks."""

    def __init__(self, directory: Path) -> None:
        self.home = Home(str(directory / "root"), str(directory / "run"))
        self.containers: list[Container] = []
        self.leases: dict[str, dict[str, Any]] = {}
        for path in (self.home.networks_dir, f"{self.home.run_root}/networks"):
            Path(path).mkdir(parents=True)
        self.network(NET, "mynet")

    def network(self, network_id: str, name: str, *, internal: bool = False) -> None:
        path = Path(self.home.networks_dir, f"{network_id}.json")
        path.write_text(json.dumps({"id": network_id, "name": name, "internal": internal}))
        self.leases[network_id] = {}
        self.write(network_id)

    def write(self, network_id: str) -> None:
        path = Path(self.home.run_root, "networks", f"{network_id}.json")
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"last": {}, "leases": self.leases[network_id]}))
        temporary.rename(path)

    def lease(
        self, container_id: str, *addresses: str, names: tuple[str, ...], network_id: str = NET
    ) -> None:
        self.leases[network_id][container_id] = {"addresses": addresses, "names": names}
        self.write(network_id)

    def container(self, *names: str, begin: bool = True, network_id: str = NET) -> Container:
        number = len(self.containers) + 1
        made = Container(self.home, number)
        self.containers.append(made)
        address = f"172.18.0.{number + 1}"
        self.lease(made.id, address, names=names or (f"c{number}",), network_id=network_id)
        if begin:
            made.begin()
        return made

    def processes(self) -> list[int]:
        """The resolver's, the newest last; found by the socket that they all have open."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and (entry / "comm").read_text() == "cuddy resolver\n":
                    found.append(int(entry.name))
        return sorted(found)

    def close(self) -> None:
        for container in self.containers:
            container.end()
        wait_until(lambda: not self.processes())


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_a_name_of_a_neighbour_is_answered_by_udp_and_tcp(world: World) -> None:
    web = world.container("web", "0123456789ab")
    assert web.ask("web") == (messages.NOERROR, ["172.18.0.2"])
    assert web.ask("WEB.MyNet") == (messages.NOERROR, ["172.18.0.2"])
    assert web.ask_by_tcp("0123456789ab") == (messages.NOERROR, ["172.18.0.2"])


def test_a_name_without_ipv6_is_not_refused_when_ipv6_is_asked_for(world: World) -> None:
    assert world.container("web").ask("web", messages.AAAA) == (messages.NOERROR, [])


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(Path(f"/proc/{pid}/cwd").exists() for pid in pids))


class TestKilled:
    """kill -9 at any moment."""

    def test_either_of_its_processes_is_brought_back_by_the_other(self, world: World) -> None:
        web = world.container("web")
        for victim in (0, 1, 0, 1, 1, 0):
            before = world.processes()
            assert len(before) == 2
            kill(before[victim])
            wait_until(lambda: len(world.processes()) == 2)
            assert web.ask("web") == (messages.NOERROR, ["172.18.0.2"])
            assert world.container().ask("web") == (messages.NOERROR, ["172.18.0.2"])

    def test_after_both_the_next_container_brings_back_all(self, world: World) -> None:
        web, other = world.container("web"), world.container("other")
        kill(*world.processes())
        with pytest.raises(OSError):
            web.ask("web")
        third = world.container("third")
        for container in (web, other, third):
            assert container.ask("other") == (messages.NOERROR, ["172.18.0.3"])

    def test_a_question_under_way_survives_the_keeper(self, world: World) -> None:
        web = world.container("web")
        with web.socket() as asking:
            kill(world.processes()[0])
            asking.send(query("web"))
            assert read("web", messages.A, asking.recv(512))[0] == messages.NOERROR


class TestLife:
    """There is one process for all containers, as long as there are any."""

    def test_it_ends_after_the_last_container(self, world: World) -> None:
        web, other = world.container("web"), world.container("other")
        pids = world.processes()
        assert len(pids) == 2
        web.process.kill()
        assert other.ask("other")[1]
        assert world.processes() == pids
        other.process.kill()
        wait_until(lambda: not world.processes())
        assert not Path(world.home.run_root, "resolver.sock").exists()

    def test_it_is_there_again_for_the_next(self, world: World) -> None:
        world.container("web").process.kill()
        wait_until(lambda: not world.processes())
        assert world.container("next").ask("next")[1] == ["172.18.0.3"]

    def test_a_container_that_ends_leaves_no_namespace_behind(self, world: World) -> None:
        web, _ = world.container("web"), world.container("other")
        inode = os.fstat(web.netns.fd).st_ino
        web.process.kill()

        def held() -> bool:
            links = set()
            for pid in world.processes():
                for link in Path(f"/proc/{pid}/fd").iterdir():
                    with suppress(FileNotFoundError):
                        links.add(os.readlink(link))
            return f"net:[{inode}]" in links

        wait_until(lambda: not held())
        fds = [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in world.processes()]
        assert max(fds) < 20

    def test_it_keeps_nothing_of_who_started_it(self, world: World) -> None:
        read_end, write_end = os.pipe()
        os.set_inheritable(write_end, True)
        web = world.container("web")
        os.close(write_end)
        assert os.read(read_end, 1) == b""
        os.close(read_end)
        for pid in world.processes():
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            assert int(stat[3]) != os.getsid(0)  # session
            assert stat[4] == "0"  # terminal
            assert os.readlink(f"/proc/{pid}/cwd") == "/"
            assert b"cuddy resolver" in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert web.ask("web")[1]

    def test_registering_again_changes_what_is_known(self, world: World) -> None:
        web = world.container("web")
        web.begin(dns=("192.0.2.1",))
        web.begin(options=("ndots:2",))
        assert web.ask("web")[1] == ["172.18.0.2"]
        assert web.ask("nobody") == (messages.NOERROR, [])  # ndots: not asked of others

    def test_fifty_containers_register_at_once(self, world: World) -> None:
        made = [world.container(begin=False) for _ in range(50)]
        children = []
        for container in made:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    container.begin()
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 50
        assert len(world.processes()) == 2
        for container in made:
            assert container.ask("c50")[1] == ["172.18.0.51"]
