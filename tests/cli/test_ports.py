"""Published ports: who reaches what, and that nothing stays behind. Real sockets, our own world."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, bridge_of, is_alive, kill, monitor_of, wait_until
from outside import Outside
from serving import SERVE, ask

ours = pytest.mark.skipif(ENGINE != "cuddy", reason="it is about how we do it")


def serve(cuddy: Cuddy, *words: str) -> str:
    return cuddy.ok("run", "-d", "--name", "server", *words, "alpine", "sh", "-c", SERVE)


def test_a_server_is_reached_by_the_hosts_port_until_it_ends(
    cuddy: Cuddy, outside: Outside
) -> None:
    serve(cuddy, "-p", "8080:7000", "-p", "127.0.0.1:8081:7000")
    assert ask("127.0.0.1", 8080) == "served"
    assert ask("127.0.0.1", 8081) == "served"
    assert ask(outside.our_address, 8080) == "served"
    shown = cuddy.inspect("server")
    assert shown["HostConfig"]["PortBindings"] == {
        "7000/tcp": [
            {"HostIp": "", "HostPort": "8080"},
            {"HostIp": "127.0.0.1", "HostPort": "8081"},
        ]
    }
    assert shown["Config"]["ExposedPorts"] == {"7000/tcp": {}}
    assert {"HostIp": "0.0.0.0", "HostPort": "8080"} in shown["NetworkSettings"]["Ports"][
        "7000/tcp"
    ]
    cuddy.ok("kill", "server")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", 8080), timeout=1)
    cuddy.ok("start", "server")
    assert ask("127.0.0.1", 8080) == "served"


def test_another_container_and_itself_reach_it_by_the_host(cuddy: Cuddy) -> None:
    serve(cuddy, "-p", "8080:7000")
    gateway = cuddy.field("server", "{{.NetworkSettings.Gateway}}")
    ask("127.0.0.1", 8080)
    for words in (("run", "--rm", "alpine"), ("exec", "server")):
        script = f"for i in 1 2 3 4 5 6; do nc -w 2 {gateway} 8080 && break; sleep 0.1; done"
        assert "served" in cuddy.ok(*words, "sh", "-c", script)


def test_port_lists_what_is_published(cuddy: Cuddy) -> None:
    serve(cuddy, "-p", "8080:7000", "-p", "8053:53/udp", "--expose", "9000")
    assert cuddy.ok("port", "server").splitlines()[:1] == ["53/udp -> 0.0.0.0:8053"]
    assert "7000/tcp -> 0.0.0.0:8080" in cuddy.ok("port", "server").splitlines()
    assert cuddy.ok("port", "server", "7000").splitlines()[0] == "0.0.0.0:8080"
    assert cuddy.ok("port", "server", "53/udp").splitlines() == ["0.0.0.0:8053", "[::]:8053"]
    assert ask("::1", 8080) == "served"
    result = cuddy("port", "server", "9000")
    assert result.code == 1
    assert "no public port '9000/tcp' published for server" in result.err


def test_publish_all_takes_ports_that_are_free(cuddy: Cuddy) -> None:
    serve(cuddy, "-P", "--expose", "7000")
    (place, *_) = cuddy.inspect("server")["NetworkSettings"]["Ports"]["7000/tcp"]
    assert int(place["HostPort"]) > 1024
    assert ask("127.0.0.1", int(place["HostPort"])) == "served"


def test_a_taken_port_is_an_error_that_names_its_holder(cuddy: Cuddy) -> None:
    serve(cuddy, "-p", "8080:7000")
    result = cuddy("run", "-d", "--name", "late", "-p", "8080:80", "alpine", "true")
    assert result.code == 125
    assert "Bind for 0.0.0.0:8080 failed: port is already allocated" in result.err
    if ENGINE == "cuddy":
        assert "container server has it" in result.complaint
    assert cuddy.field("late", "{{.State.Status}}") == "created"
    cuddy.ok("rm", "-f", "server")
    cuddy.ok("start", "late")


@ours
def test_a_dead_monitors_ports_are_free_and_lead_nowhere(cuddy: Cuddy) -> None:
    serve(cuddy, "-p", "8080:7000")
    monitor = monitor_of(cuddy, "server")
    kill(monitor)
    wait_until(lambda: not is_alive(monitor))
    cuddy.ok("ps")
    shown = subprocess.check_output(["nft", "list", "table", "inet", "cuddy"], text=True)
    own = shown.partition(f"map {bridge_of(cuddy)}-ports")[2].partition("}")[0]
    assert "8080" not in own
    serve_again = ("run", "-d", "--rm", "--name", "next", "-p", "8080:7000", "alpine")
    cuddy.ok(*serve_again, "sh", "-c", SERVE)
    assert ask("127.0.0.1", 8080) == "served"


@ours
def test_ports_outlive_the_monitors_sleep(cuddy: Cuddy) -> None:
    """After some idle seconds the monitor executes a smaller program; the port stays taken."""
    serve(cuddy, "-p", "8080:7000")
    monitor = monitor_of(cuddy, "server")
    command = Path(f"/proc/{monitor}/cmdline")
    before = command.read_bytes()
    wait_until(lambda: command.read_bytes() != before)
    with pytest.raises(OSError, match="in use"):
        socket.create_server(("", 8080))
    assert ask("127.0.0.1", 8080) == "served"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-p", "abc:80"), "invalid hostPort: abc"),
        (("--expose", "1:2"), "invalid port format for --expose: 1:2"),
        (("--mac-address", "zz"), "zz is not a valid mac address"),
        (("--network-alias", "x"), "only supported for user-defined networks"),
        (("--link", "nobody:db"), "nobody"),
    ],
)
def test_what_makes_no_sense_is_refused(cuddy: Cuddy, words: tuple[str, ...], message: str) -> None:
    result = cuddy("run", "--rm", *words, "alpine", "true")
    assert result.code == 125
    assert message in result.err


def test_a_linked_container_is_known_by_name_and_variables(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "db", "--expose", "5432", "-e", "KEY=1", "alpine", "sleep", "9")
    address = cuddy.field("db", "{{.NetworkSettings.IPAddress}}")
    out = cuddy.ok(
        "run", "--rm", "--name", "app", "--link", "db:store", "alpine", "sh", "-c",
        "cat /etc/hosts; env; ping -c 1 -W 2 store >/dev/null && echo reached",
    )  # fmt: skip
    assert f"{address}\tstore" in out
    assert f"STORE_PORT=tcp://{address}:5432" in out
    assert "STORE_PORT_5432_TCP_PROTO=tcp" in out
    assert "STORE_NAME=/app/store" in out
    assert "STORE_ENV_KEY=1" in out
    assert "reached" in out


def test_the_mac_address_is_the_one_asked_for(cuddy: Cuddy) -> None:
    words = ("--mac-address", "92:d0:c6:0a:29:33", "alpine", "cat", "/sys/class/net/eth0/address")
    assert cuddy.ok("run", "--rm", *words) == "92:d0:c6:0a:29:33"


def test_ports_that_nobody_can_publish_are_told_of(cuddy: Cuddy) -> None:
    cuddy.ok("network", "create", "--internal", "inner")
    cuddy.ok("network", "create", "open")
    create = ["create", "-p", "8080:80", "--network"]
    for network, complaint in (
        ("host", "Published ports are discarded when using host network mode"),
        ("inner", "No port is published until a network leads in, unlike inner (internal)"),
        ("none", ""),
        ("bridge", ""),
        ("open", ""),
    ):
        result = cuddy(*create, network, "alpine")
        assert (result.code, complaint in result.err) == (0, True)
        assert complaint or not result.err
    assert not cuddy(*create, "inner", "--network", "open", "alpine").err
