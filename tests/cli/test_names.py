"""Names on user networks, as the C libraries of real containers resolve them: musl and glibc."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import images
from console import ENGINE, TIME_FACTOR, Cuddy, wait_until
from outside import Outside

SLEEP = ("sleep", "1000")
PYTHON = (
    "import socket, sys; print(*sorted({i[4][0] for i in socket.getaddrinfo(sys.argv[1], 80)}))"
)
needs_musl = pytest.mark.skipif(
    not images.IS_ALPINE, reason="a static program of glibc's cannot look up names"
)
needs_dig = pytest.mark.skipif(not shutil.which("dig"), reason="dig is not installed")
only_cuddy = pytest.mark.skipif(ENGINE != "cuddy", reason="how cuddy does it")


@pytest.fixture
def net(cuddy: Cuddy) -> Iterator[str]:
    cuddy.ok("network", "create", "mynet")
    yield "mynet"
    cuddy.remove_all()


def run(cuddy: Cuddy, name: str, *flags: str, image: str = "alpine", network: str = "mynet") -> str:
    """Start a container that stays; its address."""
    cuddy.ok("run", "-d", "--name", name, "--network", network, *flags, image, *SLEEP)
    return address(cuddy, name, network)


def address(cuddy: Cuddy, name: str, network: str = "mynet") -> str:
    form = f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
    return cuddy.field(name, form)


def getent(cuddy: Cuddy, container: str, name: str) -> list[str]:
    """Addresses that the container's C library finds."""
    found = cuddy("exec", container, "getent", "ahosts", name).out
    return sorted({line.split()[0] for line in found.splitlines()})


@needs_musl
class TestMusl:
    def test_containers_find_each_other_by_every_name(self, cuddy: Cuddy, net: str) -> None:
        web = run(cuddy, "web", "--network-alias", "www", "--network-alias", "front")
        run(cuddy, "client")
        short_id = cuddy.field("web", "{{.Id}}")[:12]
        for name in ("web", "WEB", "www", "front", short_id, "web.mynet", "www.mynet"):
            assert getent(cuddy, "client", name) == [web], name
        assert cuddy("exec", "client", "ping", "-c", "1", "-W", "2", "www").code == 0
        assert web in cuddy.ok("exec", "client", "nslookup", "web")
        pointer = cuddy.ok("exec", "client", "nslookup", web)
        assert "web.mynet" in pointer

    def test_the_host_name_it_was_given_is_a_name_too(self, cuddy: Cuddy, net: str) -> None:
        web = run(cuddy, "web", "--hostname", "intranet")
        run(cuddy, "client")
        assert getent(cuddy, "client", "intranet") == [web]

    def test_names_of_others_are_asked_of_the_host(
        self, cuddy: Cuddy, net: str, outside: Outside
    ) -> None:
        run(cuddy, "client")
        assert getent(cuddy, "client", outside.name) == [outside.address]
        assert getent(cuddy, "client", "nobody.example") == []

    @only_cuddy
    def test_resolv_conf_leads_to_the_resolver(self, cuddy: Cuddy, net: str) -> None:
        run(cuddy, "client", "--dns-search", "corp.example")
        text = cuddy.ok("exec", "client", "cat", "/etc/resolv.conf")
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        assert lines[:2] == ["nameserver 127.0.0.11", "search corp.example"]
        assert "ndots:0" in lines[2]


class TestGlibc:
    """The image `host` is this machine's Debian."""

    pytestmark = only_cuddy

    def test_getent_and_getaddrinfo_find_containers(self, cuddy: Cuddy, net: str) -> None:
        web = run(cuddy, "web")
        run(cuddy, "client", image="host")
        assert getent(cuddy, "client", "web") == [web]
        assert getent(cuddy, "client", "web.mynet") == [web]
        found = cuddy.ok("exec", "client", "python3", "-I", "-S", "-c", PYTHON, "web")
        assert found == web

    def test_a_name_that_is_nobodys_fails_at_once(
        self, cuddy: Cuddy, net: str, outside: Outside
    ) -> None:
        run(cuddy, "client", image="host")
        began = time.monotonic()
        assert cuddy("exec", "client", "getent", "hosts", "nobody").code == 2
        assert time.monotonic() - began < 2 * TIME_FACTOR

    @needs_dig
    def test_dig_by_udp_and_tcp_with_and_without_edns(self, cuddy: Cuddy, net: str) -> None:
        web = run(cuddy, "web")
        run(cuddy, "client", image="host")
        for flags in ([], ["+tcp"], ["+noedns"], ["+dnssec"], ["+tcp", "+keepopen"]):
            found = cuddy.ok("exec", "client", "dig", *flags, "web")
            assert "status: NOERROR" in found
            assert re.search(rf"^web\.\s+0\s+IN\s+A\s+{re.escape(web)}$", found, re.MULTILINE)
            assert "SERVER: 127.0.0.11#53" in found
        found = cuddy.ok("exec", "client", "dig", "web", "AAAA")
        assert "status: NOERROR" in found
        assert "ANSWER: 0" in found
        assert cuddy.ok("exec", "client", "dig", "+short", "-x", web) == "web.mynet."

    def test_on_a_network_with_ipv6_both_addresses_are_found(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "--ipv6", "six")
        web = run(cuddy, "web", network="six")
        run(cuddy, "client", image="host", network="six")
        six = cuddy.field("web", "{{.NetworkSettings.Networks.six.GlobalIPv6Address}}")
        assert getent(cuddy, "client", "web") == sorted([web, six])
        assert "web.six" in cuddy.ok("exec", "client", "getent", "hosts", six)

    def test_who_is_on_an_internal_network_learns_nothing_of_the_outside(
        self, cuddy: Cuddy, outside: Outside
    ) -> None:
        cuddy.ok("network", "create", "--internal", "inner")
        web = run(cuddy, "web", image="host", network="inner")
        assert getent(cuddy, "web", "web") == [web]
        assert getent(cuddy, "web", outside.name) == []

    @needs_dig
    def test_one_name_for_several_takes_turns(self, cuddy: Cuddy, net: str) -> None:
        found = sorted(run(cuddy, f"web{n}", "--network-alias", "web") for n in range(3))
        run(cuddy, "client", image="host")
        script = "for i in 1 2 3 4 5 6; do dig +short web; echo; done"
        answers = cuddy.ok("exec", "client", "sh", "-c", script).split("\n\n")
        assert all(sorted(answer.split()) == found for answer in answers)
        assert {answer.split()[0] for answer in answers} == set(found)


class TestChanges:
    """What changes is seen at once by containers that run."""

    def test_who_comes_and_goes(self, cuddy: Cuddy, net: str) -> None:
        run(cuddy, "client", image="host")
        assert getent(cuddy, "client", "web") == []
        web = run(cuddy, "web")
        assert getent(cuddy, "client", "web") == [web]
        cuddy.ok("rm", "-f", "web")
        assert getent(cuddy, "client", "web") == []

    def test_who_is_renamed(self, cuddy: Cuddy, net: str) -> None:
        web = run(cuddy, "web", "--network-alias", "www")
        run(cuddy, "client", image="host")
        cuddy.ok("rename", "web", "other")
        assert getent(cuddy, "client", "other") == [web]
        assert getent(cuddy, "client", "web") == []
        assert getent(cuddy, "client", "www") == [web]
        names = cuddy.field("other", '{{(index .NetworkSettings.Networks "mynet").DNSNames}}')
        assert names.startswith("[other www ")

    def test_who_is_connected_and_disconnected(self, cuddy: Cuddy, net: str) -> None:
        cuddy.ok("run", "-d", "--name", "web", "host", *SLEEP)
        run(cuddy, "client", image="host")
        assert getent(cuddy, "client", "web") == []
        cuddy.ok("network", "connect", "--alias", "www", "mynet", "web")
        web = address(cuddy, "web")
        assert getent(cuddy, "client", "web") == getent(cuddy, "client", "www") == [web]
        assert getent(cuddy, "web", "client") == [address(cuddy, "client")]
        cuddy.ok("network", "disconnect", "mynet", "web")
        assert getent(cuddy, "client", "web") == []

    def test_networks_know_nothing_of_each_other(self, cuddy: Cuddy, net: str) -> None:
        cuddy.ok("network", "create", "second")
        run(cuddy, "web")
        run(cuddy, "client", image="host", network="second")
        assert getent(cuddy, "client", "web") == []
        assert getent(cuddy, "client", "web.mynet") == []

    @only_cuddy
    def test_a_container_that_restarts_is_served_again(self, cuddy: Cuddy, net: str) -> None:
        web = run(cuddy, "web")
        run(cuddy, "client", image="host")
        cuddy.ok("restart", "-t", "0", "client")
        assert getent(cuddy, "client", "web") == [web]


def processes() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text() == "cuddy resolver\n":
                found.append(int(entry.name))
        except OSError:
            continue
    return sorted(found)


@only_cuddy
class TestProcess:
    def test_a_container_is_served_after_a_kill_of_either_process(
        self, cuddy: Cuddy, net: str
    ) -> None:
        web = run(cuddy, "web", image="host")
        for victim in (0, 1):
            before = processes()
            os.kill(before[victim], signal.SIGKILL)
            wait_until(lambda gone=before[victim]: gone not in processes())
            assert getent(cuddy, "web", "web") == [web]

    def test_check_finds_that_it_is_gone_and_brings_it_back(self, cuddy: Cuddy, net: str) -> None:
        web = run(cuddy, "web", image="host")
        for pid in processes():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not processes())
        assert getent(cuddy, "web", "web") == []
        assert "cannot resolve names" in cuddy("system", "check").out
        cuddy.ok("system", "check", "--repair")
        assert getent(cuddy, "web", "web") == [web]
        assert "resolver" not in cuddy("system", "check").out

    def test_it_holds_nothing_of_a_containers(self, cuddy: Cuddy, net: str) -> None:
        run(cuddy, "web")
        for pid in processes():
            assert str(cuddy.root) + "/containers" not in Path(f"/proc/{pid}/mountinfo").read_text()
            assert "cuddy/" not in Path(f"/proc/{pid}/cgroup").read_text()
            links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
            assert not [link for link in links if link.startswith(("pipe:", "/dev/pts"))]
        assert socket.gethostname()

    def test_it_ends_with_the_last_container(self, cuddy: Cuddy, net: str) -> None:
        cuddy.ok("run", "--rm", "--network", net, "alpine", "true")
        wait_until(lambda: not processes())

    def test_a_container_cannot_take_the_way_to_it_away(self, cuddy: Cuddy, net: str) -> None:
        run(cuddy, "web", image="host")
        assert cuddy("exec", "web", "nft", "flush", "ruleset").code != 0
        assert getent(cuddy, "web", "web")
