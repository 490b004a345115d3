"""Networks of an ordinary user's own: bridges in a network namespace of the user's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import docker
import pytest

import netns
from console import ENGINE, wait_until
from engine_api import serving
from ordinary_user import OrdinaryUser, with_alpine
from outside import Outside
from registry import Registry

pytestmark = [
    pytest.mark.skipif(ENGINE != "cuddy", reason="how others do it is their affair"),
    pytest.mark.skipif(
        not (shutil.which("pasta") or shutil.which("slirp4netns")), reason="nothing leads out"
    ),
]
ASK = "for n in 1 2 3 4 5 6 7 8; do nc -w 2 web 80 </dev/null && break; sleep 0.2; done"
"""As a client does whose server may not be there yet, or be between two answers."""
SERVE = "while :; do echo served | nc -l -p 80; done"


@pytest.fixture(scope="module")
def somebody(registry: Registry, outside: Outside) -> Iterator[OrdinaryUser]:
    with with_alpine(OrdinaryUser("cuddy-bridges", has_ids=False), registry) as made:
        yield made


@pytest.fixture
def user(somebody: OrdinaryUser) -> Iterator[OrdinaryUser]:
    """The user; nothing of a test stays."""
    yield somebody
    somebody("rm", "-f", *somebody.ok("ps", "-aq").split())
    somebody("network", "prune", "-f")
    wait_until(lambda: not keeper_of(somebody))


def keeper_of(user: OrdinaryUser) -> list[int]:
    """The processes of the network namespace that the user's containers share."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"cuddy user network"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def ask(address: str, port: int) -> str:
    try:
        with socket.create_connection((address, port), timeout=2) as caller:
            return caller.recv(64).decode().strip()
    except OSError:
        return ""


def test_containers_know_each_other_by_name(user: OrdinaryUser, outside: Outside) -> None:
    user.ok("network", "create", "own")
    port = ("-p", "127.0.0.1::80")
    user.ok("run", "-d", "--name", "web", "--network", "own", *port, "alpine", "sh", "-c", SERVE)
    script = f"{ASK}; wget -qO- http://{outside.name}; cat /etc/resolv.conf"
    said = user.ok("run", "--rm", "--network", "own", "alpine", "sh", "-c", script)
    assert "served" in said
    assert f"you are {outside.our_address}" in said
    place = user.ok("port", "web", "80").strip()
    wait_until(lambda: ask("127.0.0.1", int(place.rpartition(":")[2])) == "served")
    assert user.field("web", "{{.NetworkSettings.Networks.own.IPAddress}}").startswith("172.")
    assert "web" in user.ok("network", "inspect", "own")
    assert "has active endpoints" in user("network", "rm", "own").complaint
    user.ok("restart", "-t", "0", "web")
    place = user.ok("port", "web", "80").strip()
    wait_until(lambda: ask("127.0.0.1", int(place.rpartition(":")[2])) == "served")
    assert user("system", "check").code == 0, user("system", "check").out


def test_networks_are_apart_and_change_while_containers_run(user: OrdinaryUser) -> None:
    for name in ("front", "back"):
        user.ok("network", "create", name)
    port = ("-p", "127.0.0.1::80", "-p", "127.0.0.1::53/udp")
    user.ok("run", "-d", "--name", "web", "--network", "front", *port, "alpine", "sh", "-c", SERVE)
    user.ok("run", "-d", "--name", "db", "--network", "back", "alpine", "sleep", "60")
    address = user.field("web", "{{.NetworkSettings.Networks.front.IPAddress}}")
    script = f"nc -w 1 {address} 80 </dev/null; nc -w 1 web 80 </dev/null"
    assert "served" not in user("exec", "db", "sh", "-c", script).out
    user.ok("network", "connect", "--alias", "shop", "front", "db")
    assert "served" in user.ok("exec", "db", "sh", "-c", ASK)
    assert user.ok("exec", "web", "nslookup", "shop").count("Address") > 1
    user.ok("network", "disconnect", "front", "db")
    assert "served" not in user("exec", "db", "sh", "-c", script).out
    user.ok("network", "connect", "back", "web")
    user.ok("network", "disconnect", "front", "web")
    place = user.ok("port", "web", "80").strip()
    wait_until(lambda: ask("127.0.0.1", int(place.rpartition(":")[2])) == "served")
    names = user.ok("port", "web", "53/udp").strip()
    with netns.echoing(user.pid("web"), 53), socket.socket(type=socket.SOCK_DGRAM) as caller:
        caller.settimeout(5)
        caller.connect(("127.0.0.1", int(names.rpartition(":")[2])))
        caller.send(b"there?")
        assert caller.recv(64) == b"there?"


def test_an_internal_network_leads_nowhere(user: OrdinaryUser, outside: Outside) -> None:
    user.ok("network", "create", "--internal", "--ipv6", "closed")
    user.ok("run", "-d", "--name", "web", "--network", "closed", "alpine", "sh", "-c", SERVE)
    script = f"{ASK}; wget -T 1 -qO- http://{outside.address}; ip -6 a"
    said = user("run", "--rm", "--network", "closed", "alpine", "sh", "-c", script).out
    assert "served" in said
    assert "you are" not in said
    assert "scope global" in said


def test_what_is_killed_leaves_nothing_in_the_way(user: OrdinaryUser) -> None:
    user.ok("network", "create", "own")
    words = ("run", "-d", "--network", "own", "-p", "127.0.0.1::80", "alpine", "sh", "-c", SERVE)
    user.ok(*words[:2], "--name", "web", *words[2:])
    (keeper,) = keeper_of(user)
    os.kill(keeper, signal.SIGKILL)
    assert user.ok("exec", "web", "echo", "here").strip() == "here"
    user.ok("restart", "-t", "0", "web")
    place = user.ok("port", "web", "80").strip()
    wait_until(lambda: ask("127.0.0.1", int(place.rpartition(":")[2])) == "served")
    monitor = int(Path(f"/proc/{user.pid('web')}/stat").read_text().split()[3])
    os.kill(monitor, signal.SIGKILL)
    wait_until(lambda: "Exited" in user.ok("ps", "-a", "--format", "{{.Status}}"))
    wait_until(lambda: not keeper_of(user))
    assert user.ok("start", "web").strip() == "web"
    place = user.ok("port", "web", "80").strip()
    wait_until(lambda: ask("127.0.0.1", int(place.rpartition(":")[2])) == "served")


def test_many_come_and_go_at_once(user: OrdinaryUser) -> None:
    user.ok("network", "create", "own")
    with ExitStack() as stack:
        started = [
            stack.enter_context(user.start("run", "--rm", "--network", "own", "alpine", "hostname"))
            for _ in range(6)
        ]
        for each in started:
            out, err = each.communicate(timeout=60)
            assert each.returncode == 0, err
            assert len(out.split()) == 1


def test_neighbours_in_one_network_namespace(user: OrdinaryUser) -> None:
    user.ok("network", "create", "own")
    both = ("--network", "own", "--network", "bridge")
    user.ok("run", "-d", "--name", "web", *both, "alpine", "sh", "-c", SERVE)
    found = json.loads(user.field("web", "{{json .NetworkSettings.Networks}}"))
    assert found.keys() == {"own", "bridge"}
    shared = ("run", "--rm", "--network", "container:web", "alpine")
    assert "served" in user.ok(*shared, "sh", "-c", ASK)
    user.ok("run", "-d", "--name", "db", "--network", "own", "alpine", "sleep", "60")
    user.ok("run", "-d", "--name", "guest", *shared[2:], "sleep", "60")
    said = user("network", "why", "db", "web:80")
    assert said.code == 0, said.out
    assert "both are on own" in said.out
    assert "from one container to another" in user("network", "why", "host", "web:80").complaint
    # Whoever stays in the network of one that ended keeps no address that may be another's.
    user.ok("rm", "-f", "web")
    assert "eth0" not in user.ok("exec", "guest", "ip", "link")


def test_a_client_of_the_api_has_them_too(user: OrdinaryUser) -> None:
    with serving(user, user.home / "run/api.sock") as api:
        client = docker.DockerClient(base_url=f"unix://{api.path}", timeout=60)
        try:
            own = client.networks.create("shop", driver="bridge")
            command = ["sh", "-c", SERVE]
            client.containers.run("alpine", command, detach=True, name="web", network="shop")
            made = client.containers.create("alpine", ["sleep", "60"], name="db", network="shop")
            own.disconnect("db")
            own.connect("db", aliases=["data"])
            made.start()
            assert made.exec_run(["sh", "-c", ASK]).output == b"served\n"
            assert made.exec_run(["nslookup", "data"]).exit_code == 0
            own.reload()
            assert {each["Name"] for each in own.attrs["Containers"].values()} == {"web", "db"}
        finally:
            client.close()
