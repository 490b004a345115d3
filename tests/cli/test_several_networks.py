"""Containers on networks of the user's: one, several, more and fewer while they run."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from typing import Any

import pytest

from console import Cuddy, kill, monitor_of, wait_until
from outside import Outside


@pytest.fixture
def networks(cuddy: Cuddy) -> Cuddy:
    """A Home with two networks."""
    cuddy.ok("network", "create", "--subnet", "10.91.1.0/24", "front")
    cuddy.ok("network", "create", "--subnet", "10.91.2.0/24", "back")
    return cuddy


def run(cuddy: Cuddy, name: str, *flags: str) -> None:
    cuddy.ok("run", "-d", "--name", name, *flags, "alpine", "sleep", "1000")


def endpoints(cuddy: Cuddy, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cuddy.inspect(name)["NetworkSettings"]["Networks"]
    return found


def links(cuddy: Cuddy, name: str) -> dict[str, str]:
    """Links and IPv4 addresses of a container."""
    lines = cuddy.ok("exec", name, "ip", "-4", "-o", "addr").splitlines()
    found = {line.split()[1]: line.split()[3] for line in lines}
    return {link: found[link] for link in found if link != "lo"}


def default_route(cuddy: Cuddy, name: str) -> list[str]:
    lines = cuddy.ok("exec", name, "ip", "route").splitlines()
    return [line.split()[2] for line in lines if line.startswith("default")]


def hosts(cuddy: Cuddy, name: str) -> str:
    return cuddy.ok("exec", name, "cat", "/etc/hosts")


def reaches(cuddy: Cuddy, name: str, address: str) -> bool:
    return cuddy("exec", name, "ping", "-c", "1", "-W", "1", address).code == 0


def ask(address: str, port: int) -> str:
    """What a server says to the first who comes; it may need a moment to listen again."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((address, port), timeout=1) as client:
                if said := client.recv(100).decode().strip():
                    return said
        except OSError:
            pass
        time.sleep(0.02)
    return "nobody answers"


class TestAtTheStart:
    def test_each_network_has_a_link_of_its_own(self, networks: Cuddy) -> None:
        run(networks, "box", "--network", "front", "--network", "name=back,alias=store")
        assert links(networks, "box") == {"eth0": "10.91.1.2/24", "eth1": "10.91.2.2/24"}
        found = endpoints(networks, "box")
        assert [found[name]["IPAddress"] for name in ("front", "back")] == [
            "10.91.1.2",
            "10.91.2.2",
        ]
        assert found["back"]["Aliases"] == ["store"]
        assert found["front"]["NetworkID"] == networks.ok(
            "network", "inspect", "front", "--format", "{{.Id}}"
        )
        assert networks.field("box", "{{.NetworkSettings.IPAddress}}") == ""

    def test_the_address_and_mac_address_that_were_asked_for(self, networks: Cuddy) -> None:
        run(
            networks, "box", "--network", "front", "--ip", "10.91.1.77",
            "--mac-address", "02:42:00:00:00:77",
        )  # fmt: skip
        assert links(networks, "box") == {"eth0": "10.91.1.77/24"}
        assert "02:42:00:00:00:77" in networks.ok("exec", "box", "ip", "link", "show", "eth0")
        assert endpoints(networks, "box")["front"]["IPAMConfig"] == {"IPv4Address": "10.91.1.77"}
        taken = networks("run", "--rm", "--network", "name=front,ip=10.91.1.77", "alpine", "true")
        assert (taken.code, "Address already in use" in taken.err) == (125, True)

    @pytest.mark.parametrize(
        ("flags", "complaint"),
        [
            (("--network", "nosuch"), "network nosuch not found"),
            (
                ("--network", "front", "--ip", "10.1.1.1"),
                "no configured subnet contains IP address",
            ),
            (("--network", "chosen", "--ip", "172.18.0.9"), "user configured subnets"),
        ],
    )
    def test_what_a_network_cannot_give(
        self, networks: Cuddy, flags: tuple[str, ...], complaint: str
    ) -> None:
        networks.ok("network", "create", "chosen")
        result = networks("run", "--rm", *flags, "alpine", "true")
        assert result.code == 125
        assert complaint in result.err
        assert networks.ok("ps", "-aq") == ""

    def test_the_default_route_follows_the_priority_then_the_name(self, networks: Cuddy) -> None:
        run(networks, "one", "--network", "front", "--network", "back")
        assert default_route(networks, "one") == ["10.91.2.1"]
        run(networks, "two", "--network", "name=front,gw-priority=1", "--network", "back")
        assert default_route(networks, "two") == ["10.91.1.1"]

    def test_an_internal_network_leads_nowhere(self, cuddy: Cuddy, outside: Outside) -> None:
        cuddy.ok("network", "create", "--internal", "inner")
        run(cuddy, "box", "--network", "inner")
        assert default_route(cuddy, "box") == []
        assert not reaches(cuddy, "box", outside.address)
        assert endpoints(cuddy, "box")["inner"]["Gateway"] == ""


class TestWhileItRuns:
    def test_connected_and_disconnected(self, networks: Cuddy) -> None:
        run(networks, "box")
        run(networks, "peer", "--network", "front")
        assert not reaches(networks, "box", "10.91.1.2")
        networks.ok("network", "connect", "--alias", "late", "front", "box")
        assert reaches(networks, "box", "10.91.1.2")
        own = endpoints(networks, "box")["front"]["IPAddress"]
        assert f"{own}\t" in hosts(networks, "box")
        assert reaches(networks, "peer", own)
        networks.ok("network", "disconnect", "front", "box")
        assert not reaches(networks, "box", "10.91.1.2")
        assert f"{own}\t" not in hosts(networks, "box")
        assert sorted(endpoints(networks, "box")) == ["bridge"]

    def test_what_it_is_connected_to_holds_for_its_next_life(self, networks: Cuddy) -> None:
        run(networks, "box", "--network", "front")
        networks.ok("network", "connect", "--ip", "10.91.2.40", "back", "box")
        networks.ok("network", "disconnect", "front", "box")
        networks.ok("restart", "-t", "0", "box")
        assert links(networks, "box") == {"eth0": "10.91.2.40/24"}

    def test_a_container_that_does_not_run_is_connected_at_its_start(self, networks: Cuddy) -> None:
        networks.ok("create", "--name", "box", "alpine", "sleep", "1000")
        networks.ok("network", "connect", "front", "box")
        networks.ok("network", "disconnect", "bridge", "box")
        assert sorted(endpoints(networks, "box")) == ["front"]
        networks.ok("start", "box")
        assert links(networks, "box") == {"eth0": "10.91.1.2/24"}

    def test_without_any_network_it_is_alone(self, networks: Cuddy) -> None:
        run(networks, "box", "--network", "front")
        networks.ok("network", "disconnect", "front", "box")
        assert links(networks, "box") == {}
        networks.ok("restart", "-t", "0", "box")
        assert links(networks, "box") == {}
        networks.ok("network", "connect", "back", "box")
        assert default_route(networks, "box") == ["10.91.2.1"]

    def test_default_route_and_published_ports_follow(
        self, networks: Cuddy, outside: Outside
    ) -> None:
        serve = "while :; do echo served | nc -l -p 80; done"
        networks.ok("run", "-d", "--name", "box", "-p", "18080:80", "alpine", "sh", "-c", serve)
        assert ask(outside.our_address, 18080) == "served"
        networks.ok("network", "connect", "front", "box")
        networks.ok("network", "disconnect", "bridge", "box")
        assert default_route(networks, "box") == ["10.91.1.1"]
        assert ask(outside.our_address, 18080) == "served"
        assert "10.91.1.1\thost.docker.internal" in hosts(networks, "box")
        assert networks.ok("port", "box").startswith("80/tcp -> 0.0.0.0:18080")

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (("connect", "front", "box"), "endpoint with name box already exists in network front"),
            (("connect", "nosuch", "box"), "network nosuch not found"),
            (("connect", "back", "nobody"), "nobody"),
            (("connect", "host", "box"), "container cannot be disconnected from host"),
            (("connect", "back", "joined"), "container sharing network namespace"),
            (("connect", "back", "alone"), "in private (none) mode"),
            (("disconnect", "back", "box"), "container box is not connected to network back"),
            (
                ("disconnect", "host", "shared"),
                "container cannot be disconnected from host network",
            ),
        ],
    )
    def test_what_cannot_be(self, networks: Cuddy, words: tuple[str, ...], complaint: str) -> None:
        run(networks, "box", "--network", "front")
        run(networks, "joined", "--network", "container:box")
        run(networks, "alone", "--network", "none")
        run(networks, "shared", "--network", "host")
        before = endpoints(networks, "box")
        result = networks("network", *words)
        assert result.code == 1
        assert complaint in result.err
        assert endpoints(networks, "box") == before


def test_a_killed_monitor_leaves_no_place_taken(networks: Cuddy) -> None:
    run(networks, "box", "--network", "front", "--network", "back")
    kill(monitor_of(networks, "box"))
    wait_until(lambda: networks.field("box", "{{.State.Running}}") == "false")
    networks.ok("network", "rm", "front", "back")


class TestTheHostGoesSomewhereElse:
    """After a reboot the bridges are gone, and a route may lead where they had been."""

    def move(self, cuddy: Cuddy, outside: Outside) -> str:
        """Take the bridge of `home` away, and let the host have its subnet behind another link."""
        shown = json.loads(cuddy.ok("network", "inspect", "home"))[0]
        subnet: str = shown["IPAM"]["Config"][0]["Subnet"]
        subprocess.run(["ip", "link", "delete", f"cud-{shown['Id'][:11]}"], check=True)
        subprocess.run(["ip", "route", "add", subnet, "via", outside.address], check=True)
        return subnet

    def test_a_subnet_that_was_chosen_is_chosen_again(self, cuddy: Cuddy, outside: Outside) -> None:
        cuddy.ok("network", "create", "home")
        before = self.move(cuddy, outside)
        run(cuddy, "box", "--network", "home")
        now = cuddy.ok("network", "inspect", "home", "-f", "{{(index .IPAM.Config 0).Subnet}}")
        assert now != before
        assert now.endswith("/22")
        assert links(cuddy, "box")["eth0"].startswith(now.rpartition(".")[0])

    def test_one_that_was_asked_for_is_an_error_that_says_so(
        self, cuddy: Cuddy, outside: Outside
    ) -> None:
        cuddy.ok("network", "create", "--subnet", "10.93.0.0/24", "home")
        self.move(cuddy, outside)
        result = cuddy("run", "--rm", "--network", "home", "alpine", "true")
        assert result.code == 125
        assert "a route of this host leads to 10.93.0.0/24 by now" in result.err


def test_who_has_ipv6_turned_off_gets_no_such_address(cuddy: Cuddy) -> None:
    cuddy.ok("network", "create", "--ipv6", "--subnet", "fd00:91::/64", "both")
    off = ["--sysctl", "net.ipv6.conf.all.disable_ipv6=1"]
    run(cuddy, "web", "--network", "both", "-p", "8088:80", *off)
    assert cuddy.ok("exec", "web", "ip", "-6", "-o", "addr") == ""
    facts = endpoints(cuddy, "web")["both"]
    assert (facts["GlobalIPv6Address"], facts["IPv6Gateway"]) == ("", "")
    assert cuddy.ok("port", "web").startswith("80/tcp -> 0.0.0.0:8088")
    off = ["--sysctl", "net.ipv6.conf.eth0.disable_ipv6=1"]
    run(cuddy, "other", "--network", "both", *off)
    assert "fd00" not in cuddy.ok("exec", "other", "ip", "-6", "-o", "addr")


class TestLinksAsAskedFor:
    IFNAME = "driver-opt=com.docker.network.endpoint.ifname"
    SYSCTLS = "driver-opt=com.docker.network.endpoint.sysctls"
    MARTIANS = "net.ipv4.conf.IFNAME.log_martians=1"

    def test_have_names_and_settings(self, networks: Cuddy) -> None:
        first = f'name=front,"{self.SYSCTLS}={self.MARTIANS},net.ipv4.conf.IFNAME.arp_filter=1"'
        run(networks, "web", "--network", first, "--network", f"name=back,{self.IFNAME}=eth0")
        networks.ok("restart", "-t", "0", "web")
        assert list(links(networks, "web")) == ["eth2", "eth0"]
        settings = "/proc/sys/net/ipv4/conf/eth2"
        found = networks.ok(
            "exec", "web", "cat", f"{settings}/log_martians", f"{settings}/arp_filter",
            "/proc/sys/net/ipv4/conf/eth0/log_martians",
        )  # fmt: skip
        assert found.split() == ["1", "1", "0"]

    def test_while_it_runs(self, networks: Cuddy) -> None:
        run(networks, "web", "--network", "front")
        name = "com.docker.network.endpoint.ifname"
        taken = networks("network", "connect", "--driver-opt", f"{name}=eth0", "back", "web")
        assert "two links of the container would have the name eth0" in taken.complaint
        setting = f"com.docker.network.endpoint.sysctls={self.MARTIANS}"
        asked = ["--driver-opt", f"{name}=up", "--driver-opt", setting]
        networks.ok("network", "connect", *asked, "back", "web")
        assert list(links(networks, "web")) == ["eth0", "up"]
        path = "/proc/sys/net/ipv4/conf/up/log_martians"
        assert networks.ok("exec", "web", "cat", path).strip() == "1"

    def test_settings_of_eth0_are_those_of_the_first(self, networks: Cuddy) -> None:
        setting = ["--sysctl", "net.ipv4.conf.eth0.log_martians=1"]
        show = ["alpine", "cat", "/proc/sys/net/ipv4/conf/eth0/log_martians"]
        for network in ("bridge", "front"):
            found = networks.ok("run", "--rm", "--network", network, *setting, *show)
            assert found.strip() == "1"
        wrong = networks(
            "run", "--rm", "--sysctl", "net.ipv4.conf.eth0.nonsense=1", "alpine", "true"
        )
        assert "eth0/nonsense: no such file" in wrong.complaint
