"""/etc/hosts, /etc/hostname and /etc/resolv.conf: what is in them, and whose they are."""

from __future__ import annotations

import pytest

import images
from console import ENGINE, Cuddy

only_here = pytest.mark.skipif(ENGINE != "cuddy", reason="docker has no names for the host")


@only_here
class TestTheHostHasNames:
    def test_they_lead_to_the_gateway(self, cuddy: Cuddy) -> None:
        script = "ip route | awk '/default/ {print $3}'; cat /etc/hosts"
        gateway, *lines = cuddy.ok("run", "--rm", "alpine", "sh", "-c", script).splitlines()
        assert f"{gateway}\thost.docker.internal" in lines
        assert f"{gateway}\thost.containers.internal" in lines

    @pytest.mark.skipif(not images.IS_ALPINE, reason="a static program cannot look up names")
    def test_programs_find_them(self, cuddy: Cuddy) -> None:
        words = ("run", "--rm", "alpine", "ping", "-c", "1", "-W", "2", "host.docker.internal")
        assert cuddy(*words).code == 0

    def test_on_the_hosts_network_they_lead_to_its_loopback(self, cuddy: Cuddy) -> None:
        words = ("run", "--rm", "--network", "host", "alpine", "cat", "/etc/hosts")
        assert "127.0.0.1\thost.docker.internal" in cuddy.ok(*words).splitlines()

    def test_without_a_network_there_are_none(self, cuddy: Cuddy) -> None:
        words = ("run", "--rm", "--network", "none", "alpine", "cat", "/etc/hosts")
        assert "internal" not in cuddy.ok(*words)

    def test_the_users_address_for_one_wins(self, cuddy: Cuddy) -> None:
        words = ("--add-host", "host.docker.internal:192.0.2.7", "alpine")
        out = cuddy.ok("run", "--rm", *words, "cat", "/etc/hosts")
        found = [line for line in out.splitlines() if line.endswith("host.docker.internal")]
        assert found == ["192.0.2.7\thost.docker.internal"]
