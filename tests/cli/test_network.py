"""bridge, none and host: what a container can reach."""

from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path

import pytest

from console import Cuddy, bridge_of, wait_until
from outside import Outside


def address(cuddy: Cuddy, name: str) -> str:
    return cuddy.field(name, "{{.NetworkSettings.IPAddress}}")


def fetch(address: str) -> str:
    """A script that gets a page. Not by wget: a static busybox of glibc's crashes in it."""
    return f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {address} 80"


class TestBridge:
    def test_the_container_has_an_address_a_gateway_and_a_loopback(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
        found = cuddy.inspect("box")["NetworkSettings"]
        inside = cuddy.ok("exec", "box", "ip", "-4", "-o", "addr")
        lines = {line.split()[1]: line.split()[3] for line in inside.splitlines()}
        assert lines["lo"] == "127.0.0.1/8"
        assert lines["eth0"] == f"{found['IPAddress']}/{found['IPPrefixLen']}"
        route = cuddy.ok("exec", "box", "ip", "route")
        assert f"default via {found['Gateway']} dev eth0" in route
        assert found["MacAddress"] in cuddy.ok("exec", "box", "ip", "link", "show", "eth0")

    def test_it_reaches_its_gateway(self, cuddy: Cuddy) -> None:
        script = "ping -c 1 -W 2 $(ip route | awk '/default/ {print $3}')"
        assert cuddy("run", "--rm", "alpine", "sh", "-c", script).code == 0

    def test_the_first_packet_is_not_lost(self, cuddy: Cuddy, outside: Outside) -> None:
        script = fetch(outside.address)
        for _ in range(5):
            assert "you are" in cuddy.ok("run", "--rm", "alpine", "sh", "-c", script)

    def test_two_containers_talk(self, cuddy: Cuddy) -> None:
        script = "echo served | nc -l -p 7000"
        cuddy.ok("run", "-d", "--name", "server", "alpine", "sh", "-c", script)
        target = address(cuddy, "server")
        wait_until(
            lambda: ":1B58" in cuddy.ok("exec", "server", "cat", "/proc/net/tcp", "/proc/net/tcp6")
        )
        out = cuddy.ok("run", "--rm", "alpine", "nc", "-w", "2", target, "7000")
        assert out == "served"

    def test_addresses_differ_and_are_given_back(self, cuddy: Cuddy) -> None:
        for name in ("one", "two", "three"):
            cuddy.ok("run", "-d", "--name", name, "alpine", "sleep", "1000")
        found = {address(cuddy, name) for name in ("one", "two", "three")}
        assert len(found) == 3
        cuddy.remove_all()
        for number in range(4):
            cuddy.ok("run", "--name", f"again{number}", "alpine", "true")

    def test_the_host_reaches_it_and_it_the_host(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
        target = address(cuddy, "box")
        subprocess.run(
            ["busybox", "ping", "-c", "1", "-W", "2", target], check=True, capture_output=True
        )

    def test_its_address_is_masked_outside(self, cuddy: Cuddy, outside: Outside) -> None:
        out = cuddy.ok("run", "--rm", "alpine", "sh", "-c", fetch(outside.address))
        assert out.splitlines()[-1] == f"you are {outside.our_address}"

    def test_names_are_resolved_by_the_hosts_server(self, cuddy: Cuddy, outside: Outside) -> None:
        words = ["--dns", outside.address, "alpine", "nslookup", outside.name]
        found = cuddy("run", "--rm", *words).out
        assert outside.address in found.partition(outside.name)[2]

    def test_resolv_conf_has_what_was_asked_for(self, cuddy: Cuddy) -> None:
        words = ["--dns", "192.0.2.1", "--dns", "192.0.2.2", "--dns-search", "example.com"]
        words += ["--dns-option", "ndots:2"]
        out = cuddy.ok("run", "--rm", *words, "alpine", "cat", "/etc/resolv.conf")
        lines = [line for line in out.splitlines() if line and not line.startswith("#")]
        assert "nameserver 192.0.2.1" in lines
        assert "nameserver 192.0.2.2" in lines
        assert "search example.com" in lines
        assert "options ndots:2" in lines

    def test_resolv_conf_has_no_loopback_servers(self, cuddy: Cuddy) -> None:
        out = cuddy.ok("run", "--rm", "alpine", "cat", "/etc/resolv.conf")
        servers = [line.split()[1] for line in out.splitlines() if line.startswith("nameserver")]
        assert servers
        assert not any(ipaddress.ip_address(server).is_loopback for server in servers)

    def test_hosts_can_be_added(self, cuddy: Cuddy) -> None:
        words = ["--add-host", "db:192.0.2.7", "alpine", "cat", "/etc/hosts"]
        assert "192.0.2.7\tdb" in cuddy.ok("run", "--rm", *words)

    def test_it_cannot_see_or_change_the_hosts_links(self, cuddy: Cuddy) -> None:
        assert cuddy.ok("run", "--rm", "alpine", "ls", "/sys/class/net").split() == ["eth0", "lo"]
        assert cuddy("run", "--rm", "alpine", "ip", "link", "set", "eth0", "down").code != 0

    def test_low_ports_can_be_bound_and_ping_works_without_root(self, cuddy: Cuddy) -> None:
        script = "nc -l -p 80 & sleep 0.1; cat /proc/net/tcp /proc/net/tcp6 | grep -c :0050"
        assert cuddy.ok("run", "--rm", "alpine", "sh", "-c", script) != "0"


class TestNone:
    def test_there_is_only_a_loopback(self, cuddy: Cuddy) -> None:
        words = ["--network", "none", "alpine"]
        assert cuddy.ok("run", "--rm", *words, "ls", "/sys/class/net") == "lo"
        assert cuddy("run", "--rm", *words, "ping", "-c", "1", "-W", "1", "127.0.0.1").code == 0

    def test_inspect_says_so(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--network", "none", "--name", "alone", "alpine", "sleep", "1000")
        assert address(cuddy, "alone") == ""
        assert cuddy.field("alone", "{{.HostConfig.NetworkMode}}") == "none"


class TestHost:
    def test_it_is_the_hosts(self, cuddy: Cuddy) -> None:
        ours = sorted(link.split(":")[1].strip().partition("@")[0] for link in links())
        out = cuddy.ok("run", "--rm", "--network", "host", "alpine", "ip", "-o", "link")
        theirs = sorted(line.split(":")[1].strip().partition("@")[0] for line in out.splitlines())
        assert theirs == ours

    def test_names_and_resolvers_are_the_hosts(self, cuddy: Cuddy) -> None:
        words = ["--network", "host", "alpine"]
        hostname = Path("/proc/sys/kernel/hostname").read_text().strip()
        assert cuddy.ok("run", "--rm", *words, "hostname") == hostname


def links() -> list[str]:
    out = subprocess.check_output(["ip", "-o", "link"], text=True)
    return out.splitlines()


@pytest.mark.parametrize("network", ["nonsense", "container:none", "-"])
def test_an_unknown_network_is_an_error(cuddy: Cuddy, network: str) -> None:
    result = cuddy("run", "--rm", "--network", network, "alpine", "true")
    assert result.code == 125
    assert result.complaint


def test_the_bridge_comes_back_when_somebody_took_it_away(fresh: Cuddy) -> None:
    fresh.ok("run", "--rm", "alpine", "true")
    subprocess.run(["ip", "link", "delete", bridge_of(fresh)], check=True)
    script = "ping -c 1 -W 2 $(ip route | awk '/default/ {print $3}')"
    assert fresh("run", "--rm", "alpine", "sh", "-c", script).code == 0
