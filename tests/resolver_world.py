"""A Home with a resolver, and network namespaces that are registered as containers."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import netns
from console import TIME_FACTOR, wait_until
from cuddy.engine import resolver
from cuddy.engine.container import Container as Record
from cuddy.engine.home import Home
from cuddy.kernel import rtnetlink
from cuddy.network import dns_messages as messages

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
        made.settimeout(5 * TIME_FACTOR)
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
