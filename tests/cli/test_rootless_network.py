"""Networks of an ordinary user's containers: by pasta and by slirp4netns, as far as installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

import netns
from console import ENGINE, Cuddy, wait_until
from ordinary_user import OrdinaryUser, with_alpine
from outside import Outside, answer_name
from registry import Registry

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="how others do it is their affair")
ECHO = "nc -ll -p 80 -e cat"


@pytest.fixture
def user(somebody: OrdinaryUser) -> Iterator[OrdinaryUser]:
    """The user; the container `web` of a test that failed goes with it."""
    yield somebody
    somebody("rm", "-f", "web")


@pytest.fixture(scope="module", params=["pasta", "slirp4netns"])
def somebody(
    request: pytest.FixtureRequest, registry: Registry, outside: Outside
) -> Iterator[OrdinaryUser]:
    """Somebody for whom that program leads out."""
    for name in ("pasta", "slirp4netns"):
        if name == request.param and not shutil.which(name):
            pytest.skip(f"{name} is not installed")
    made = OrdinaryUser(
        f"cuddy-{request.param}", has_ids=False, lacks=("pasta",) * (request.param != "pasta")
    )
    with with_alpine(made, registry):
        yield made


def test_a_container_reaches_the_world_but_not_the_hosts_loopback(
    user: OrdinaryUser, outside: Outside
) -> None:
    own = outside.our_address
    with socket.create_server(("127.0.0.1", 0)) as hidden, socket.create_server((own, 0)) as server:
        port, other = server.getsockname()[1], hidden.getsockname()[1]
        closed = f"for at in 127.0.0.1 10.0.2.2; do nc -w 1 $at {other} </dev/null && echo in; done"
        script = f"wget -qO- http://{outside.name}; ip -4 -o addr show eth0; ip route; {closed}"
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
    wait_until(lambda: answers(*places["80/tcp"]))
    with netns.echoing(user.pid("web"), 53), netns.entered(outside.pid):
        assert echoes(*places["53/udp"]), view_of(user)
    assert f"127.0.0.1:{places['80/tcp'][1]}->80/tcp" in user.ok("ps", "--format", "{{.Ports}}")
    settings = "{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}}"
    assert user.field("web", settings) == "10.0.2.100 10.0.2.2"
    taken = ("-p", f"127.0.0.1:{places['80/tcp'][1]}:80")
    result = user("run", "--rm", *taken, "alpine", "true")
    assert result.code == 125
    where = f"127.0.0.1:{places['80/tcp'][1]}"
    assert f"Bind for {where} failed: port is already allocated" in result.complaint
    assert "container web has it" in result.complaint
    user.ok("restart", "-t", "0", "web")
    again = ports_of(user)
    wait_until(lambda: answers(*again["80/tcp"]))
    # A monitor that is killed leaves no program behind.
    pid = user.pid("web")
    way_out = way_out_of(user)
    os.kill(int(Path(f"/proc/{pid}/stat").read_text().split()[3]), signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{way_out}").exists())
    user.ok("rm", "-f", "web")


def test_ranges_of_ports_and_ports_of_ipv6(user: OrdinaryUser) -> None:
    first = free_ports(3)
    ranges = (
        "-p",
        f"127.0.0.1:{first}-{first + 1}:80-81",
        "-p",
        f"127.0.0.1:{first}-{first + 2}:82",
    )
    serve = "nc -ll -p 80 -e cat & nc -ll -p 81 -e cat & nc -ll -p 82 -e cat"
    user.ok("run", "-d", "--name", "web", *ranges, "alpine", "sh", "-c", serve)
    wanted = {f"{80 + n}/tcp": ("127.0.0.1", first + n) for n in range(3)}
    assert ports_of(user) == wanted
    for address, port in wanted.values():
        wait_until(partial(answers, address, port))
    user.ok("rm", "-f", "web")
    port6 = ("-p", f"[::1]:{first}:80")
    user.ok("run", "-d", "--name", "web", *port6, "alpine", "sh", "-c", serve)
    assert ports_of(user) == {"80/tcp": ("[::1]", first)}
    wait_until(lambda: answers("::1", first))


def test_ports_of_root_are_refused_with_what_to_do(user: OrdinaryUser) -> None:
    result = user("run", "--rm", "-p", "80:80", "alpine", "true")
    assert "cannot publish at 0.0.0.0:80: permission denied" in result.complaint.lower()
    assert "users have the ports from 1024 on" in result.complaint
    assert "net.ipv4.ip_unprivileged_port_start" in result.complaint


def test_without_the_program_a_container_goes_on_alone(user: OrdinaryUser) -> None:
    ports = ("-p", "127.0.0.1::80")
    user.ok("run", "-d", "--name", "web", *ports, "alpine", "sleep", "60")
    place = ports_of(user)["80/tcp"]
    os.kill(way_out_of(user), signal.SIGKILL)
    assert user.ok("exec", "web", "echo", "here").strip() == "here"
    user.ok("restart", "-t", "0", "web")
    assert Path(f"/proc/{way_out_of(user)}").exists()
    user.ok("rm", "-f", "web")
    with socket.create_server((place[0], place[1])):
        pass  # nobody has it


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


def free_ports(count: int) -> int:
    """The first of some that nobody has, below those that the kernel gives to callers."""
    for first in range(21000, 30000, count):
        with ExitStack() as stack, suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
    raise AssertionError("no ports are free")


def view_of(user: OrdinaryUser) -> str:
    """What to look at when nothing comes through."""
    look = "ip neigh; ss -anup; ip -s link show outside0; nft list ruleset"
    here = subprocess.run(["sh", "-c", look], capture_output=True, text=True).stdout
    return f"{here}\n{user('exec', 'web', 'sh', '-c', 'netstat -lnu; ps; ip -s link').out}"


def answers(address: str, port: int) -> bool:
    """Whether what is sent to a port of this machine comes back."""
    try:
        with socket.create_connection((address, port), timeout=2) as caller:
            caller.sendall(b"there?")
            return caller.recv(64) == b"there?"
    except OSError:
        return False


def echoes(address: str, port: int) -> bool:
    """Whether a datagram comes back, sent again while it does not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.settimeout(0.5)
        caller.connect((address, port))
        for _ in range(40):
            with suppress(OSError):
                caller.send(b"there?")
                return caller.recv(64) == b"there?"
    return False


def test_a_name_server_on_the_hosts_loopback_is_asked(user: OrdinaryUser, outside: Outside) -> None:
    user.asks("127.0.0.53")
    try:
        with serving_names("127.0.0.53"):
            script = f"cat /etc/resolv.conf; nslookup {outside.name}"
            said = user.ok("run", "--rm", "alpine", "sh", "-c", script)
    finally:
        user.asks(outside.address)
    assert "nameserver 10.0.2.3" in said
    assert outside.address in said


@contextmanager
def serving_names(address: str) -> Iterator[None]:
    """A name server on an address of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, 53))
        pid = os.fork()
        if pid == 0:
            try:
                while True:
                    answer_name(listener)
            finally:
                os._exit(0)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_a_builds_steps_have_the_same(user: OrdinaryUser, outside: Outside) -> None:
    recipe = b"FROM alpine\nRUN ip -4 -o addr show eth0 | grep -q 10.0.2.100\n"
    user.ok("build", "-q", "-t", "built", "-f", "-", user.home / "run", input=recipe)
    user.ok("rmi", "built")


def test_what_there_is_not_is_said(user: OrdinaryUser) -> None:
    user.ok("run", "-d", "--name", "web", "alpine", "sleep", "60")
    user.ok("network", "create", "own")
    refused = {
        ("run", "--rm", "--link", "web", "alpine", "true"): "an ordinary user's container is alone",
        ("network", "connect", "own", "web"): "alone on the default network stays there",
        ("network", "create", "-d", "macvlan", "wire"): "ride on a link of the host",
        ("network", "create", "--subnet", "10.0.0.0/8", "wide"): "the way out of your networks",
        ("create", "--egress", "none", "alpine", "true"): "--egress is not for an ordinary",
        ("run", "--network", "none", "--egress", "none", "alpine"): "--egress is not for an ordi",
        ("network", "connect", "own", "inner"): "only when it starts",
    }
    user.ok("network", "create", "--internal", "closed")
    inner = ["--name", "inner", "--network", "closed", "-p", "80", "alpine", "sleep", "60"]
    user.ok("run", "-d", *inner)
    for words, text in refused.items():
        assert text in user(*words).complaint, words
    assert list(user.inspect("inner")["NetworkSettings"]["Networks"]) == ["closed"]
    user.ok("rm", "-f", "inner")
    user.ok("network", "rm", "own", "closed")


def test_a_program_can_be_named_with_options_for_it(user: OrdinaryUser, outside: Outside) -> None:
    program = "slirp4netns" if "slirp4netns" in user.name else "pasta"
    options = {"pasta": "--mtu,1400,--map-gw", "slirp4netns": "mtu=1400,allow_host_loopback=true"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        # An older pasta does not tell of an end that comes from the host's loopback; and `timeout`
        # could not end the container's first process.
        ask = f"timeout 3 nc -w 1 10.0.2.2 {server.getsockname()[1]}; true"
        script = f"cat /sys/class/net/eth0/mtu; {ask}"
        asked = ("--network", f"{program}:{options[program]}")
        words = ("run", "--rm", "--name", "web", *asked, "alpine", "sh", "-c", script)
        with user.start(*words) as running:
            server.settimeout(10)
            caller, _ = server.accept()
            mode = "{{.HostConfig.NetworkMode}} {{range $k, $v := .NetworkSettings.Networks}}"
            assert user.field("web", mode + "{{$k}}{{end}}") == f"{asked[1]} {program}"
            caller.sendall(b"from loopback\n")
            caller.close()
            said = running.communicate(timeout=20)[0].decode()
    assert said.split("\n")[:2] == ["1400", "from loopback"]
    for wrong in (f"{program}:nonsense=1", f"{program}:--pid=x"):
        assert user("run", "--rm", "--network", wrong, "alpine", "true").code == 125
    refused = user("run", "--rm", "--network", program, "--ip", "10.0.2.7", "alpine", "true")
    assert "on user defined networks only" in refused.complaint


def test_root_is_told_whose_a_program_is(cuddy: Cuddy) -> None:
    complaint = cuddy("run", "--rm", "--network", "pasta", "alpine", "true").complaint
    assert "network pasta not found" in complaint
    assert "lead out of an ordinary user's containers" in complaint


@pytest.fixture(scope="module")
def lacking(registry: Registry) -> Iterator[OrdinaryUser]:
    """Somebody whose machine has none of what leads out."""
    lacks = ("pasta", "slirp4netns", "/dev/net/tun")
    somebody = OrdinaryUser("cuddy-lacking", has_ids=False, lacks=lacks)
    with with_alpine(somebody, registry):
        yield somebody


def test_what_is_missing_is_named_with_what_mends_it(lacking: OrdinaryUser) -> None:
    complaint = lacking("run", "--rm", "alpine", "true").complaint
    assert "neither pasta nor slirp4netns is there" in complaint
    assert "passt" in complaint
    assert "--network none" in complaint
    complaint = lacking("run", "--rm", "--network", "slirp4netns", "alpine", "true").complaint
    assert "slirp4netns is not there" in complaint
    lacking.ok("run", "--rm", "--network", "none", "alpine", "true")
    said = lacking("system", "doctor").out
    assert "neither pasta nor slirp4netns is there" in said


def test_a_missing_device_is_named_with_what_mends_it(registry: Registry) -> None:
    somebody = OrdinaryUser("cuddy-tunless", has_ids=False, lacks=("/dev/net/tun",))
    try:
        said = somebody("system", "doctor").out
        name = registry.name("alpine")
        somebody.ok("pull", name)
        complaint = somebody("run", "--rm", name, "true").complaint
        somebody.remove_all()
    finally:
        somebody.close()
    for text in (said, complaint):
        assert "/dev/net/tun" in text
        assert "sudo chmod 0666 /dev/net/tun" in text or "sudo modprobe tun" in text


def test_a_container_built_in_steps_is_led_out(user: OrdinaryUser) -> None:
    result = user("run", "--rm", "--step", "alpine", "ip", "route")
    assert result.code == 0, result.err
    network = result.out.partition("8/9 network")[2].partition("9/9")[0]
    assert "lo 127.0.0.1/8, eth0 " in network or "lo 127.0.0.1/8, tap0 " in network, network
    assert "default via" in result.out
    assert user.ok("ps", "-aq") == ""
