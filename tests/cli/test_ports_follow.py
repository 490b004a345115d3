"""Published ports while a container comes to other networks, and what comes by IPv6 alone."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from console import Cuddy, monitor_of, wait_until
from serving import SERVE, ask


@pytest.fixture
def networks(cuddy: Cuddy) -> Cuddy:
    """A Home with networks that lead out, and one that does not."""
    cuddy.ok("network", "create", "--subnet", "10.91.1.0/24", "front")
    cuddy.ok("network", "create", "--subnet", "10.91.2.0/24", "back")
    cuddy.ok("network", "create", "--internal", "--subnet", "10.91.3.0/24", "inner")
    return cuddy


def serve(cuddy: Cuddy, *words: str) -> str:
    return cuddy.ok("run", "-d", "--name", "server", *words, "alpine", "sh", "-c", SERVE)


def is_free(address: str, port: int) -> bool:
    """Whether somebody else may have a port; a proxy may need a moment to let go of it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        socket.create_server((address, port), family=family).close()
    except OSError:
        return False
    return True


def proxies(cuddy: Cuddy) -> list[str]:
    """The titles of port proxies that belong to this Home's monitors' session of processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            title = path.read_bytes()
            same = path.parent.joinpath("ns/net").readlink() == Path("/proc/self/ns/net").readlink()
        except OSError:
            continue
        if title.startswith(b"cuddy port proxy") and same:
            found.append(str(path))
    return found


def test_what_comes_by_ipv6_alone_follows_the_networks(networks: Cuddy) -> None:
    serve(networks, "-p", "[::1]:8080:7000")
    assert proxies(networks) == []  # nobody has come yet
    assert ask("::1", 8080) == "served"
    networks.ok("network", "connect", "front", "server")
    networks.ok("network", "disconnect", "bridge", "server")
    assert ask("::1", 8080) == "served"
    networks.ok("network", "disconnect", "front", "server")
    assert networks.ok("port", "server") == ""
    wait_until(lambda: is_free("::1", 8080))
    networks.ok("network", "connect", "back", "server")
    assert ask("::1", 8080) == "served"
    networks.ok("rm", "-f", "server")
    wait_until(lambda: not proxies(networks))


def test_who_comes_by_ipv6_wakes_the_monitor(networks: Cuddy) -> None:
    serve(networks, "-p", "[::1]:8080:7000")
    command = Path(f"/proc/{monitor_of(networks, 'server')}/cmdline")
    before = command.read_bytes()
    wait_until(lambda: command.read_bytes() != before)
    assert ask("::1", 8080) == "served"
    networks.ok("kill", "server")
    wait_until(lambda: not proxies(networks))


def test_ports_are_published_as_soon_as_a_network_leads_out(networks: Cuddy) -> None:
    serve(networks, "--network", "inner", "-p", "8080:7000", "-P", "--expose", "9000")
    assert networks.ok("port", "server") == ""
    assert is_free("0.0.0.0", 8080)
    networks.ok("network", "connect", "front", "server")
    assert "7000/tcp -> 0.0.0.0:8080" in networks.ok("port", "server").splitlines()
    assert ask("127.0.0.1", 8080) == "served"
    assert not is_free("0.0.0.0", 8080)
    networks.ok("network", "disconnect", "front", "server")
    assert networks.ok("port", "server") == ""
    assert is_free("0.0.0.0", 8080)


def test_a_port_that_is_taken_by_then_is_an_error_that_names_its_holder(networks: Cuddy) -> None:
    serve(networks, "--network", "inner", "-p", "8080:7000")
    with socket.create_server(("0.0.0.0", 8080)):
        result = networks("network", "connect", "front", "server")
    assert result.code == 1
    assert "Bind for 0.0.0.0:8080 failed: port is already allocated" in result.err
    shown = networks.inspect("server")["NetworkSettings"]
    assert sorted(shown["Networks"]) == ["inner"]
    networks.ok("network", "connect", "front", "server")
    assert ask("127.0.0.1", 8080) == "served"


def test_a_container_without_networks_leaves_its_port_to_another(networks: Cuddy) -> None:
    serve(networks, "--network", "front", "-p", "8080:7000")
    networks.ok("network", "disconnect", "front", "server")
    networks.ok("run", "-d", "--name", "next", "-p", "8080:7000", "alpine", "sh", "-c", SERVE)
    assert ask("127.0.0.1", 8080) == "served"
    result = networks("network", "connect", "front", "server")
    assert "container next has it" in result.err


def test_ports_that_came_later_outlive_the_monitors_sleep(networks: Cuddy) -> None:
    serve(networks, "--network", "inner", "-p", "8080:7000")
    command = Path(f"/proc/{monitor_of(networks, 'server')}/cmdline")
    awake = command.read_bytes()
    wait_until(lambda: command.read_bytes() != awake)
    networks.ok("network", "connect", "front", "server")
    assert ask("127.0.0.1", 8080) == "served"
    assert not is_free("0.0.0.0", 8080)
    networks.ok("restart", "-t", "0", "server")
    assert ask("127.0.0.1", 8080) == "served"
