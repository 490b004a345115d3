"""Networks of all kinds as a user makes them: who is reached at which address."""

from __future__ import annotations

import errno
import os
import socket
import subprocess

import pytest

from console import ENGINE, Cuddy, wait_until
from outside import LINK, Outside
from serving import SERVE, ask

ours = pytest.mark.skipif(ENGINE != "cuddy", reason="it is about how we do it")


@pytest.fixture
def both(cuddy: Cuddy) -> str:
    """A network of both layers."""
    cuddy.ok("network", "create", "--ipv6", "--subnet", "fd00:77::/64", "both")
    return "both"


def serve(cuddy: Cuddy, *words: str, name: str = "server") -> None:
    cuddy.ok("run", "-d", "--name", name, *words, "alpine", "sh", "-c", SERVE)


def place(cuddy: Cuddy, name: str, network: str) -> dict[str, str]:
    found: dict[str, str] = cuddy.inspect(name)["NetworkSettings"]["Networks"][network]
    return found


def reaches(cuddy: Cuddy, name: str, address: str, port: int = 7000, tries: int = 4) -> bool:
    """Whether a running container gets an answer; the server may need a moment to listen again."""
    script = (
        f"for i in $(seq {tries}); do nc -w 1 {address} {port} && exit; sleep 0.1; done; exit 1"
    )
    return "served" in cuddy("exec", name, "sh", "-c", script).out


def test_ports_are_published_in_both_layers(cuddy: Cuddy, both: str) -> None:
    serve(cuddy, "--network", both, "-p", "8080:7000", "-p", "127.0.0.1:8081:7000")
    found = cuddy.inspect("server")["NetworkSettings"]["Ports"]["7000/tcp"]
    assert found == [
        {"HostIp": "0.0.0.0", "HostPort": "8080"},
        {"HostIp": "::", "HostPort": "8080"},
        {"HostIp": "127.0.0.1", "HostPort": "8081"},
    ]
    assert ask("127.0.0.1", 8080) == "served"
    assert ask("127.0.0.1", 8081) == "served"
    address = place(cuddy, "server", both)["GlobalIPv6Address"]
    assert address.startswith("fd00:77::")
    assert ask(address, 7000) == "served"
    assert ask("::1", 8080) == "served"
    gateway = place(cuddy, "server", both)["IPv6Gateway"]
    assert ask(gateway, 8080) == "served"
    assert "7000/tcp -> [::]:8080" in cuddy.ok("port", "server").splitlines()
    assert "[::]:8080->7000/tcp" in cuddy.ok("ps", "--format", "{{.Ports}}")


def test_an_ipv6_address_of_the_host_leads_to_a_container_of_ipv4(
    cuddy: Cuddy, outside: Outside
) -> None:
    serve(cuddy, "-p", "[::1]:8080:7000", "-p", "[::]:8081:7000")
    assert ask("::1", 8080) == "served"
    assert ask("::1", 8081) == "served"
    for _ in range(3):
        cuddy.ok("restart", "-t", "0", "server")
        assert ask("::1", 8080) == "served"
    cuddy.ok("kill", "server")
    wait_until(lambda: is_refused("::1", 8080) and is_refused("::1", 8081))


def is_refused(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6) as client:
        client.settimeout(1)
        return client.connect_ex((address, port)) == errno.ECONNREFUSED


def test_networks_do_not_reach_each_other(cuddy: Cuddy, both: str) -> None:
    cuddy.ok("network", "create", "other")
    serve(cuddy, "--network", both)
    cuddy.ok("run", "-d", "--name", "friend", "--network", both, "alpine", "sleep", "100")
    cuddy.ok("run", "-d", "--name", "foe", "--network", "other", "alpine", "sleep", "100")
    address = place(cuddy, "server", both)["IPAddress"]
    assert reaches(cuddy, "friend", address)
    assert not reaches(cuddy, "foe", address, tries=1)


def test_an_internal_network_leads_nowhere(cuddy: Cuddy, outside: Outside) -> None:
    cuddy.ok("network", "create", "--internal", "inner")
    serve(cuddy, "--network", "inner", "-p", "8080:7000")
    assert cuddy.ok("exec", "server", "ip", "route").splitlines()[0].startswith("172.")
    assert "default" not in cuddy.ok("exec", "server", "ip", "route")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", 8080), timeout=1)
    assert not reaches(cuddy, "server", outside.address, 80, tries=1)
    cuddy.ok("run", "-d", "--name", "friend", "--network", "inner", "alpine", "sleep", "100")
    assert reaches(cuddy, "friend", place(cuddy, "server", "inner")["IPAddress"])


@pytest.mark.usefixtures("outside")
def test_a_macvlan_container_is_on_the_wire(cuddy: Cuddy) -> None:
    words = ("-d", "macvlan", "--subnet", "198.51.100.0/24", "--gateway", "198.51.100.2")
    cuddy.ok("network", "create", *words, "-o", f"parent={LINK}", "wire")
    mac = "92:d0:c6:0a:29:33"
    words = ("--network", "wire", "--ip", "198.51.100.77", "--mac-address", mac)
    cuddy.ok("run", "-d", "--name", "box", *words, "alpine", "sleep", "100")
    found = place(cuddy, "box", "wire")
    assert (found["IPAddress"], found["Gateway"]) == ("198.51.100.77", "198.51.100.2")
    script = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 198.51.100.2 80"
    out = cuddy.ok("exec", "box", "sh", "-c", script)
    assert out.splitlines()[-1] == "you are 198.51.100.77"
    assert mac in cuddy.ok("exec", "box", "ip", "link", "show", "eth0")


@ours
def test_links_on_the_host_say_whose_they_are(cuddy: Cuddy, both: str) -> None:
    container_id = cuddy.ok("run", "-d", "--network", both, "alpine", "sleep", "100")
    shown = subprocess.check_output(["ip", "-d", "link"], text=True)
    assert f"alias cuddy {container_id}" in shown
    assert f"alias cuddy {cuddy.root}/networks" in shown


def test_links_in_containers_are_named_as_the_network_says(cuddy: Cuddy) -> None:
    option = "com.docker.network.container_iface_prefix=lan"
    cuddy.ok("network", "create", "-o", option, "named")
    cuddy.ok("network", "create", "plain")
    words = ("--network", "named", "--network", "plain")
    out = cuddy.ok("run", "--rm", *words, "alpine", "ls", "/sys/class/net")
    assert "lan0" in out.split()
    assert cuddy.ok("run", "--rm", *words, "alpine", "ip", "route").startswith("default via")


def test_options_that_make_no_sense_are_refused(cuddy: Cuddy) -> None:
    for words, message in (
        (("-o", "com.docker.network.bridge.gateway_mode_ipv4=open"), "unknown gateway mode open"),
        (("-d", "macvlan", "-o", "parent=lo"), "loopback interface is not a valid macvlan parent"),
        (("-d", "macvlan", "-o", "parent=nolink"), "invalid subinterface vlan name nolink"),
    ):
        result = cuddy("network", "create", *words, "bad")
        assert result.code == 1
        assert message in result.err
    assert "bad" not in cuddy.ok("network", "ls", "--format", "{{.Name}}").split()


@ours
def test_a_port_that_a_program_has_names_the_program(cuddy: Cuddy) -> None:
    with socket.create_server(("127.0.0.1", 8080)):
        result = cuddy("run", "-d", "-p", "8080:80", "alpine", "true")
    assert result.code == 125
    assert "Bind for 0.0.0.0:8080 failed: port is already allocated" in result.err
    assert f"(pid {os.getpid()}) has it" in result.complaint
    result = cuddy("run", "-d", "-p", "8080:80", "-p", "8080:81", "alpine", "true")
    assert "it is asked for twice" in result.complaint


@ours
def test_what_others_have_in_the_firewall_stays_as_it_is(cuddy: Cuddy, both: str) -> None:
    def others() -> str:
        shown = subprocess.check_output(["nft", "-s", "list", "ruleset"], text=True)
        tables = shown.split("\ntable ")
        return "\n".join(table for table in tables if "inet cuddy" not in table[:30])

    before = others()
    serve(cuddy, "--network", both, "-p", "8080:7000", "-p", "53:53/udp")
    assert others() == before
