"""`network why`: each situation that people run into, with real containers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from console import ENGINE, Cuddy, Result, bridge_of, wait_until
from outside import Outside

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine has it")
SERVE = "while :; do echo served | nc -l -p 7000; done"


@pytest.fixture
def pair(cuddy: Cuddy) -> Cuddy:
    """`client`, and `server` which serves at port 7000, published as 8080."""
    cuddy.ok("run", "-d", "--name", "client", "alpine", "sleep", "1000")
    cuddy.ok("run", "-d", "--name", "server", "-p", "8080:7000", "alpine", "sh", "-c", SERVE)
    wait_listening(cuddy, "server", 7000)
    return cuddy


def wait_listening(cuddy: Cuddy, name: str, port: int) -> None:
    tables = ("cat", "/proc/net/tcp", "/proc/net/tcp6")
    wait_until(lambda: f":{port:04X} " in cuddy.ok("exec", name, *tables))


def why(cuddy: Cuddy, *words: str) -> Result:
    result = cuddy("network", "why", *words)
    assert result.err == ""
    return result


def address(cuddy: Cuddy, name: str) -> str:
    return cuddy.field(name, "{{.NetworkSettings.IPAddress}}")


def test_one_that_is_reached(pair: Cuddy) -> None:
    result = why(pair, "client", f"{address(pair, 'server')}:7000")
    assert result.code == 0, result.out
    assert [line.split()[:2] for line in result.out.splitlines()[:-1]] == [
        ["ok", "state"], ["ok", "route"], ["ok", "rule"], ["ok", "listener"], ["ok", "attempt"],
    ]  # fmt: skip
    assert "listens at [::]:7000" in result.out
    assert result.out.splitlines()[-1].startswith("yes: client reaches ")
    assert why(pair, "client", address(pair, "server")).code == 0


def test_the_default_network_has_no_names(pair: Cuddy, outside: Outside) -> None:
    result = why(pair, "client", "server:7000")
    assert result.code == 1
    assert "client does not find the name server" in result.out
    assert "'cuddy network create N'" in result.out
    assert "only by its address" in result.out.splitlines()[-1]
    found = pair.inspect("server")["Id"]
    assert why(pair, "client", f"{found[:12]}:7000").code == 0


def test_nobody_listens_there(pair: Cuddy) -> None:
    result = why(pair, "client", f"{address(pair, 'server')}:7001")
    assert result.code == 1
    assert "nobody in server listens at port 7001/tcp" in result.out.splitlines()[-1]
    assert "[::]:7000 nc" in result.out
    result = why(pair, "client", f"{pair.inspect('server')['Id']}:8080")
    assert result.code == 1
    assert "'cuddy network why client server:7000'" in result.out


def test_it_listens_on_its_loopback_only(cuddy: Cuddy) -> None:
    program = "import socket, time; s = socket.create_server(('127.0.0.1', 7000)); time.sleep(1000)"
    cuddy.ok("run", "-d", "--name", "shy", "host", "python3", "-I", "-S", "-c", program)
    wait_listening(cuddy, "shy", 7000)
    result = why(cuddy, "host", "shy:7000")
    assert result.code == 1
    assert "python3 (pid " in result.out
    assert "listens at 127.0.0.1:7000 only, which nobody else reaches" in result.out
    assert "-> let it listen at 0.0.0.0" in result.out


def test_it_does_not_run(pair: Cuddy) -> None:
    pair.ok("pause", "server")
    result = why(pair, "client", "server:7000")
    assert result.code == 1
    assert "-> 'cuddy unpause server'" in result.out
    pair.ok("unpause", "server")
    pair.ok("kill", "server")
    result = why(pair, "client", "server:7000")
    assert result.code == 1
    assert "server does not run: it is exited" in result.out.splitlines()[-1]
    assert "-> 'cuddy start server'" in result.out


def test_it_has_no_network(pair: Cuddy) -> None:
    pair.ok("run", "-d", "--name", "alone", "--network", "none", "alpine", "sleep", "1000")
    assert "alone has no network" in why(pair, "client", "alone").out
    result = why(pair, "alone", f"{address(pair, 'server')}:7000")
    assert result.code == 1
    assert "alone has no network" in result.out


def test_by_the_hosts_port(pair: Cuddy, outside: Outside) -> None:
    for source, place in (
        ("host", "127.0.0.1:8080"),
        ("host", f"{outside.our_address}:8080"),
        ("client", "host:8080"),
        ("client", f"{outside.our_address}:8080"),
        ("outside", "server:7000"),
        ("outside", "server:8080"),
    ):
        result = why(pair, source, place)
        assert result.code == 0, result.out
        assert "0.0.0.0:8080/tcp of this machine leads to server, port 7000/tcp" in result.out
    result = why(pair, "outside", "client:80")
    assert result.code == 1
    assert "-> publish it when it is made: -p 80:80" in result.out


def test_the_world_outside(pair: Cuddy, outside: Outside) -> None:
    result = why(pair, "client", f"{outside.address}:80")
    assert result.code == 0, result.out
    assert "this machine passes it on by outside0" in result.out
    result = why(pair, "client", f"{outside.address}:81")
    assert result.code == 1
    assert "refused" in result.out
    result = why(pair, "client", "outside")
    assert (result.code, result.out.splitlines()[-1]) == (
        0, "yes: client reaches outside (192.0.2.1), as far as can be seen from here",
    )  # fmt: skip


def test_a_name_outside_and_one_that_nobody_knows(pair: Cuddy, outside: Outside) -> None:
    pair.ok("run", "-d", "--name", "asks", "--dns", outside.address, "alpine", "sleep", "1000")
    result = why(pair, "asks", f"{outside.name}:80")
    assert result.code == 0, result.out
    assert f"{outside.name} is {outside.address}, says the name server" in result.out
    result = why(pair, "asks", "nobody.example:80")
    assert result.code == 1
    assert f"the name server {outside.address} does not know it" in result.out.splitlines()[-1]


def test_names_of_its_own_hosts_file(pair: Cuddy) -> None:
    words = ("--add-host", "box:192.0.2.9", "alpine", "sleep", "1000")
    pair.ok("run", "-d", "--name", "asks", *words)
    out = why(pair, "asks", "--no-probe", "box:80").out
    assert "box is 192.0.2.9, says its /etc/hosts" in out


@pytest.fixture
def firewall() -> Iterator[None]:
    """Somebody else's, which drops what it does not know."""
    rules = """table ip fw {
        chain through { type filter hook forward priority 10; policy drop; }
        chain in { type filter hook prerouting priority -10
            tcp dport 7777 drop
        }
    }"""
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    yield
    subprocess.run(["nft", "delete", "table", "ip", "fw"], check=True)


@pytest.mark.usefixtures("firewall")
def test_anothers_firewall_is_named_with_its_rule(pair: Cuddy, outside: Outside) -> None:
    result = why(pair, "client", f"{outside.address}:80")
    assert result.code == 1
    assert "ended in ip fw through, another program's chain: its policy is drop" in result.out
    assert "-> 'nft insert rule ip fw through iifname" in result.out
    result = why(pair, "client", f"{outside.address}:7777")
    assert "ended in ip fw in, another program's chain: tcp dport 7777 drop" in result.out
    shown = subprocess.check_output(["nft", "list", "ruleset"], text=True)
    assert "cuddy-why" not in shown


def test_what_a_container_says_reaches_no_terminal_raw(cuddy: Cuddy) -> None:
    # Busybox goes by any name that begins with its own.
    script = "printf '192.0.2.9 a\\033[31mb\\n' >> /etc/hosts; n=/tmp/busybox$(printf '\\033[2J');"
    script += 'ln -s /bin/busybox "$n"; exec "$n" nc -l -p 7000'
    cuddy.ok("run", "-d", "--name", "evil", "alpine", "sh", "-c", script)
    wait_listening(cuddy, "evil", 7000)
    out = why(cuddy, "host", "evil:7000").out
    assert "busybox\\x1b[2J (pid" in out
    assert "\x1b" not in out
    assert "\\x1b" in why(cuddy, "evil", "--no-probe", "a\x1b[31mb:80").out


def test_documents_and_exit_codes(pair: Cuddy) -> None:
    place = f"{address(pair, 'server')}:7000"
    found = json.loads(pair.ok("network", "why", "--format", "json", "client", place))
    assert found["Reached"] is True
    assert found["Steps"][0] == {
        "Step": "state", "State": "ok", "Text": "client runs, server runs", "Remedy": "",
    }  # fmt: skip
    template = "{{range .Steps}}{{.Step}} {{end}}"
    words = ("network", "why", "--no-probe", "-f", template, "client", place)
    assert pair.ok(*words) == "state route rule listener "
    assert pair("network", "why", "-q", "client", place) == (0, b"", b"")
    for words, message in (
        (("nobody", "server"), "No such container: nobody"),
        (("client", "server:x"), "invalid port: x"),
    ):
        result = pair("network", "why", *words)
        assert result.code == 125
        assert message in result.complaint


@pytest.fixture
def networks(cuddy: Cuddy) -> Cuddy:
    """Two networks of the user's and an internal one: `back`, `front`, `inner`."""
    cuddy.ok("network", "create", "back")
    cuddy.ok("network", "create", "front")
    cuddy.ok("network", "create", "--internal", "inner")
    return cuddy


class TestUserNetworks:
    def run(self, cuddy: Cuddy, name: str, network: str, script: str = "sleep 1000") -> None:
        words = ("--name", name, "--network", network, "alpine", "sh", "-c", script)
        cuddy.ok("run", "-d", *words)

    def test_by_name_on_one_network(self, networks: Cuddy) -> None:
        self.run(networks, "web", "back")
        self.run(networks, "db", "back", SERVE)
        wait_listening(networks, "db", 7000)
        result = why(networks, "web", "db:7000")
        assert result.code == 0, result.out
        assert "says the name server 127.0.0.11" in result.out
        assert "both are on back" in result.out
        found = networks.inspect("db")["Id"]
        assert why(networks, "web", f"{found[:12]}:7000").code == 0
        networks.ok("rm", "-f", "db")
        result = why(networks, "web", "db:7000")
        assert result.code == 1
        assert "web does not find the name db" in result.out.splitlines()[-1]

    def test_networks_are_kept_apart(self, networks: Cuddy) -> None:
        self.run(networks, "web", "front")
        self.run(networks, "db", "back", SERVE)
        wait_listening(networks, "db", 7000)
        result = why(networks, "web", "db:7000")
        assert result.code == 1
        assert "-> 'cuddy network connect front db'" in result.out
        address = networks.inspect("db")["NetworkSettings"]["Networks"]["back"]["IPAddress"]
        result = why(networks, "web", f"{address}:7000")
        assert result.code == 1
        assert "web (front) and db (back) share no network" in result.out.splitlines()[-1]
        assert why(networks, "host", f"{address}:7000").code == 0

    def test_an_internal_network(self, networks: Cuddy, outside: Outside) -> None:
        self.run(networks, "closed", "inner")
        result = why(networks, "closed", f"{outside.address}:80")
        assert result.code == 1
        assert "-> inner is internal, nothing leaves it" in result.out


def test_egress_policies(cuddy: Cuddy, outside: Outside) -> None:
    cuddy.ok("run", "-d", "--name", "none", "--egress", "none", "alpine", "sleep", "1000")
    result = why(cuddy, "none", f"{outside.address}:80")
    assert result.code == 1
    assert "does not allow it: --egress none" in result.out.splitlines()[-1]
    wider = f"allow:{outside.address}:80"
    assert f"-> allow it: 'cuddy update --egress {wider} none'" in result.out
    policy = f"allow:{outside.name}:80"
    cuddy.ok("run", "-d", "--name", "some", "--egress", policy, "alpine", "sleep", "1000")
    result = why(cuddy, "some", f"{outside.name}:80")
    assert result.code == 0, result.out
    assert "the egress policy of some allows it" in result.out
    result = why(cuddy, "some", f"{outside.name}:81")
    assert result.code == 1
    assert "cuddy-egress" in result.out
    result = why(cuddy, "some", "other.example:80")
    assert result.code == 1
    assert "-> its egress policy does not allow the name" in result.out


def test_an_entry_that_somebody_took_away(pair: Cuddy) -> None:
    maps = subprocess.check_output(["nft", "list", "maps", "inet"], text=True).split()
    name = next(word for word in maps if word == f"{bridge_of(pair)}-ports")
    subprocess.run(["nft", "flush", "map", "inet", "cuddy", name], check=True)
    result = why(pair, "host", "127.0.0.1:8080")
    assert result.code == 0  # the monitor, which keeps the port, takes the connection
    assert "but the firewall has no such entry" in result.out
