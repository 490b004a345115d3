"""Networks under attack, and after accidents: what is another one's never comes to be reached."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

import netns
from console import ENGINE, TIME_FACTOR, Cuddy, bridge_of, wait_until
from outside import Outside
from serving import SERVE, ask

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it is about how we do it")


def run(cuddy: Cuddy, name: str, *flags: str, command: str = "sleep 1000") -> None:
    cuddy.ok("run", "-d", "--name", name, *flags, "alpine", "sh", "-c", command)


def address_on(cuddy: Cuddy, name: str, network: str) -> str:
    found: str = cuddy.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"]
    return found


def test_a_wire_network_never_takes_a_link_of_others_with_it(cuddy: Cuddy) -> None:
    cuddy.ok("network", "create", "bridged")
    run(cuddy, "box", "--network", "bridged")
    settings = cuddy.inspect("box")["NetworkSettings"]["Networks"]["bridged"]
    network_id = settings["NetworkID"]
    for number, parent in enumerate((f"cud-{network_id[:11]}", settings["HostLink"])):
        cuddy.ok(
            "network", "create", "-d", "macvlan", "-o", f"parent={parent}",
            "--subnet", f"10.92.{number}.0/24", "wire",
        )  # fmt: skip
        cuddy.ok("network", "rm", "wire")
        assert parent in {name for _, name in socket.if_nameindex()}


class TestAnAddressGivenBack:
    """Its next holder gets nothing that was meant for the one before."""

    def test_by_the_proxy_of_ports(self, cuddy: Cuddy, outside: Outside) -> None:
        cuddy.ok("network", "create", "--subnet", "10.91.1.0/24", "front")
        cuddy.ok("network", "create", "--subnet", "10.91.2.0/24", "back")
        run(cuddy, "old", "--network", "front", "-p", "[::1]:8080:7000", command=SERVE)
        address = address_on(cuddy, "old", "front")
        assert ask("::1", 8080) == "served"
        cuddy.ok("network", "disconnect", "front", "old")
        theirs = SERVE.replace("served", "mine")
        run(cuddy, "new", "--network", "front", "--ip", address, command=theirs)
        wait_until(lambda: ask(address, 7000) == "mine")
        assert not ask_once("::1", 8080)
        cuddy.ok("network", "connect", "back", "old")
        assert ask("::1", 8080) == "served"

    def test_by_a_connect_that_failed_halfway(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "--subnet", "10.91.2.0/24", "back")
        run(cuddy, "old", "-p", "8080:7000", command=SERVE)
        assert ask("127.0.0.1", 8080) == "served"
        blocker = Path(cuddy.run_root, "resolver.sock")
        blocker.mkdir()
        try:
            failed = cuddy("network", "connect", "--gw-priority", "1", "back", "old")
            assert failed.code
        finally:
            blocker.rmdir()
        assert ask("127.0.0.1", 8080) == "served"

    def test_by_a_connect_that_was_killed_halfway(self, cuddy: Cuddy) -> None:
        """The ports led to the new address already, and `system check` gives that back."""
        cuddy.ok("network", "create", "--subnet", "10.91.2.0/24", "back")
        run(cuddy, "old", "-p", "8080:7000", command=SERVE)
        found = cuddy.inspect("old")
        address = found["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        theirs = cuddy.ok("network", "inspect", "-f", "{{.Id}}", "back").strip()
        lease = {"addresses": ["10.91.2.77"], "names": ["old"]}
        path = cuddy.run_root / "networks" / f"{theirs}.json"
        path.write_text(json.dumps({"last": {}, "leases": {found["Id"]: lease}}))
        nft(f"delete element inet cuddy {bridge_of(cuddy)}-ports {{ tcp . 8080 }}")
        ports = f"cud-{theirs[:11]}-ports"
        nft(f"add element inet cuddy {ports} {{ tcp . 8080 : 10.91.2.77 . 7000 }}")
        cuddy("system", "check", "--repair")
        assert "10.91.2.77" not in nft(f"list map inet cuddy {ports}")
        assert address in nft(f"list map inet cuddy {bridge_of(cuddy)}-ports")
        assert ask("127.0.0.1", 8080) == "served"

    def test_by_who_goes_on_in_the_network(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "-d", "macvlan", "--subnet", "10.93.0.0/24", "wire")
        run(cuddy, "old", "--network", "wire")
        run(cuddy, "joined", "--network", "container:old")
        address = address_on(cuddy, "old", "wire")
        assert address in cuddy.ok("exec", "joined", "ip", "addr")
        cuddy.ok("rm", "-f", "old")
        run(cuddy, "new", "--network", "wire", "--ip", address)
        assert address not in cuddy.ok("exec", "joined", "ip", "addr")

    def test_by_what_the_kernel_remembers_of_datagrams(self, cuddy: Cuddy) -> None:
        """Who goes on sending reaches who has the port now, whoever had the address before."""
        cuddy.ok("network", "create", "--subnet", "10.91.1.0/24", "front")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", 8080))
            client.send(b"before anybody is there")
            publish = ("--network", "front", "-p", "8080:7000/udp")
            run(cuddy, "old", *publish)
            with datagrams(cuddy, "old") as server:
                assert reaches(client, server)
            address = address_on(cuddy, "old", "front")
            cuddy.ok("rm", "-f", "old")
            run(cuddy, "new", "--network", "front", "--ip", address)
            with datagrams(cuddy, "new") as stranger:
                assert not reaches(client, stranger)
                run(cuddy, "old", *publish)
                with datagrams(cuddy, "old") as server:
                    assert reaches(client, server)
                    cuddy.ok("network", "disconnect", "front", "old")
                    assert not reaches(client, server)


def datagrams(cuddy: Cuddy, name: str) -> socket.socket:
    """A server's socket in a container."""
    with netns.entered(cuddy.pid(name)):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("0.0.0.0", 7000))
    made.settimeout(0.3)
    return made


def reaches(client: socket.socket, server: socket.socket) -> bool:
    """Whether a datagram arrives."""
    for _ in range(3):
        try:
            client.send(b"hello")
            return server.recv(100) == b"hello"
        except OSError:
            continue
    return False


def nft(script: str) -> str:
    return subprocess.run(["nft", script], check=True, capture_output=True, text=True).stdout


def ask_once(address: str, port: int) -> str:
    """What a server says; "" if there is none."""
    try:
        with socket.create_connection((address, port), timeout=1) as client:
            return client.recv(100).decode().strip()
    except OSError:
        return ""


def test_a_container_cannot_hold_commands_up_by_its_files(cuddy: Cuddy) -> None:
    cuddy.ok("network", "create", "back")
    run(cuddy, "box")
    path = cuddy.inspect("box")["HostsPath"]
    child = os.fork()
    if not child:
        try:
            signal.signal(signal.SIGIO, signal.SIG_IGN)
            fd = os.open(path, os.O_RDWR)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            signal.pause()
        finally:
            os._exit(0)
    try:
        time.sleep(0.2)
        began = time.monotonic()
        cuddy.ok("network", "connect", "back", "box")
        cuddy.ok("network", "disconnect", "back", "box")
        assert time.monotonic() - began < 10 * TIME_FACTOR
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
