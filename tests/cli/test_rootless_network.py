"""Networks of an ordinary user's containers: by pasta and by slirp4netns, as far as installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import ENGINE, wait_until
from cuddy.kernel import namespaces
from ordinary_user import OrdinaryUser
from outside import Outside
from registry import Registry

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="how others do it is their affair")
ECHO = "nc -ll -p 80 -e cat & while :; do timeout 1 nc -l -u -p 53 -e cat; done"


@pytest.fixture(autouse=True)
def nothing_left(user: OrdinaryUser) -> Iterator[None]:
    yield
    user("rm", "-f", "web")


@pytest.fixture(scope="module", params=["pasta", "slirp4netns"])
def user(request: pytest.FixtureRequest, registry: Registry) -> Iterator[OrdinaryUser]:
    """Somebody for whom that program leads out."""
    for name in ("pasta", "slirp4netns"):
        if name == request.param and not shutil.which(name):
            pytest.skip(f"{name} is not installed")
    somebody = OrdinaryUser(
        f"cuddy-{request.param}", has_ids=False, lacks=("pasta",) * (request.param != "pasta")
    )
    try:
        name = registry.name("alpine")
        somebody.ok("pull", name)
        somebody.ok("tag", name, "alpine")
        yield somebody
        somebody.remove_all()
    finally:
        somebody.close()


def test_a_container_reaches_the_world_but_not_the_hosts_loopback(
    user: OrdinaryUser, outside: Outside
) -> None:
    own = outside.our_address
    with socket.create_server(("127.0.0.1", 0)) as hidden, socket.create_server((own, 0)) as server:
        port, other = server.getsockname()[1], hidden.getsockname()[1]
        closed = f"for at in 127.0.0.1 10.0.2.2; do nc -w 1 $at {other} </dev/null && echo in; done"
        script = f"wget -qO- http://{outside.address}; ip -4 -o addr show eth0; ip route; {closed}"
        script += f"; wget -qO- http://{own}:{port}"
        with user.start("run", "--rm", "alpine", "sh", "-c", script) as running:
            server.settimeout(10)
            caller, _ = server.accept()
            assert caller.recv(4096).startswith(b"GET")
            caller.sendall(b"HTTP/1.0 200 OK\r\n\r\nfrom the host\n")
            caller.close()
            said = running.communicate(timeout=20)[0].decode()
    assert f"you are {own}" in said
    assert "10.0.2.100/24" in said
    assert "default via 10.0.2.2 dev eth0" in said
    assert "from the host" in said
    assert "in" not in said.splitlines()


def test_published_ports_lead_in(user: OrdinaryUser, outside: Outside) -> None:
    ports = ("-p", "127.0.0.1::80", "-p", f"{outside.our_address}::53/udp")
    user.ok("run", "-d", "--name", "web", *ports, "alpine", "sh", "-c", ECHO)
    places = ports_of(user)
    wait_until(lambda: answers(socket.SOCK_STREAM, *places["80/tcp"]), timeout=5)
    far = os.open(f"/proc/{outside.pid}/ns/net", os.O_RDONLY)
    try:
        with namespaces.Joined(far, "network"):
            wait_until(lambda: answers(socket.SOCK_DGRAM, *places["53/udp"]), timeout=5)
    finally:
        os.close(far)
    assert f"127.0.0.1:{places['80/tcp'][1]}->80/tcp" in user.ok("ps", "--format", "{{.Ports}}")
    settings = "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}}"
    assert user.field("web", settings) == "10.0.2.100 10.0.2.2"
    taken = ("-p", f"127.0.0.1:{places['80/tcp'][1]}:80")
    result = user("run", "--rm", *taken, "alpine", "true")
    assert "port is already allocated" in result.complaint
    user.ok("restart", "-t", "0", "web")
    again = ports_of(user)
    wait_until(lambda: answers(socket.SOCK_STREAM, *again["80/tcp"]), timeout=5)
    # A monitor that is killed leaves no program behind.
    pid = user.pid("web")
    way_out = way_out_of(user)
    os.kill(int(Path(f"/proc/{pid}/stat").read_text().split()[3]), signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{way_out}").exists())
    user.ok("rm", "-f", "web")


def way_out_of(user: OrdinaryUser) -> int:
    (path,) = (user.home / "run").glob("cuddy/*/way-out")
    return int(path.read_text().strip("[] \n").split(",")[0])


def ports_of(user: OrdinaryUser) -> dict[str, tuple[str, int]]:
    """Where the container `web` is reached."""
    found = {}
    for line in user.ok("port", "web").splitlines():
        port, _, place = line.partition(" -> ")
        found[port] = (place.rpartition(":")[0], int(place.rpartition(":")[2]))
    return found


def answers(kind: socket.SocketKind, address: str, port: int) -> bool:
    """Whether what is sent to a port of this machine comes back."""
    with socket.socket(socket.AF_INET, kind) as caller:
        caller.settimeout(0.5)
        try:
            caller.connect((address, port))
            caller.send(b"there?")
            return caller.recv(64) == b"there?"
        except OSError:
            return False


def test_a_builds_steps_have_the_same(user: OrdinaryUser, outside: Outside) -> None:
    recipe = b"FROM alpine\nRUN ip -4 -o addr show eth0 | grep -q 10.0.2.100\n"
    user.ok("build", "-q", "-t", "built", "-f", "-", user.home / "run", input=recipe)
    user.ok("rmi", "built")


def test_what_there_is_not_is_said(user: OrdinaryUser) -> None:
    user.ok("create", "--name", "one", "alpine", "true")
    refused = [
        ("network", "create", "own"),
        ("network", "connect", "bridge", "one"),
        ("run", "--rm", "--link", "one", "alpine", "true"),
    ]
    for words in refused:
        assert "each is alone on the default one" in user(*words).complaint, words
    user.ok("rm", "one")


def test_what_is_missing_is_named_with_what_mends_it(registry: Registry) -> None:
    user = OrdinaryUser("cuddy-lacking", has_ids=False, lacks=("pasta", "slirp4netns"))
    try:
        name = registry.name("alpine")
        user.ok("pull", name)
        complaint = user("run", "--rm", name, "true").complaint
        assert "neither pasta nor slirp4netns is there" in complaint
        assert "passt" in complaint
        assert "--network none" in complaint
        user.ok("run", "--rm", "--network", "none", name, "true")
        user.remove_all()
    finally:
        user.close()
