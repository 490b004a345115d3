"""A host with bridges, containers on them and a world outside, made of network namespaces."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

import netns
from cuddy import files
from cuddy.errors import Conflict, SystemFailure
from cuddy.kernel import iptables, netlink, nftables, program, rtnetlink
from cuddy.network import bridge, endpoint, ipam, nat, network, ports, publish
from cuddy.network.endpoint import Endpoint
from cuddy.network.network import Network

pytestmark = pytest.mark.skipif(not program.find("nft"), reason="nft is not installed")

HOST, OUTSIDE = "198.51.100.1", "198.51.100.2"
SHORT = 0.3  # seconds for a packet that is to be lost
VETH = "veth01490149010"


class Container:
    """A network namespace connected to a Home's bridge."""

    def __init__(self, home: Home, number: int) -> None:
        self.home = home
        self.id = f"{number:02x}{sum(home.link.encode()) % 256:02x}" * 16
        self.netns = netns.Netns()
        self.endpoint: Endpoint | None = None

    def connect(self) -> Endpoint:
        made = endpoint.lease(self.home.run_dir, self.home.network, self.id)
        try:
            bridge.attach(self.home.network, made, self.netns.fd)
        except BaseException:
            endpoint.release(self.home.run_dir, self.id)
            raise
        self.endpoint = made
        return made

    def disconnect(self, *, ended: bool = True) -> None:
        assert self.endpoint
        if not ended:
            bridge.detach(self.home.network, self.endpoint, self.netns.fd)
        endpoint.release(self.home.run_dir, self.id)


class Home:
    """The directories of a Home, and its default network."""

    def __init__(self, directory: Path, link: str) -> None:
        self.networks_dir = str(directory / "networks")
        self.run_dir = str(directory / "run")
        self.network_id = network.predefined_id(self.networks_dir, "bridge")
        self.link = link
        self.containers: list[Container] = []

    def ensure(self, *avoid: str) -> Network:
        return bridge.ensure_default(self.networks_dir, self.run_dir, self.link, avoid=avoid)

    @property
    def network(self) -> Network:
        found = network.read(self.networks_dir, self.network_id)
        assert found
        return found

    @property
    def leases(self) -> dict[str, str]:
        found = ipam.read_leases(network.leases_path(self.run_dir, self.network_id))
        return {container_id: lease.address for container_id, lease in found.items()}

    def container(self) -> Container:
        """A connected container."""
        self.containers.append(Container(self, len(self.containers) + 1))
        self.containers[-1].connect()
        return self.containers[-1]

    def close(self) -> None:
        for container in self.containers:
            container.netns.close()


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


@pytest.fixture
def make_home(host: None, tmp_path: Path) -> Iterator[Callable[[str], Home]]:
    with ExitStack() as stack:

        def make(link: str) -> Home:
            home = Home(tmp_path / link, link)
            stack.callback(home.close)
            return home

        yield make


@pytest.fixture
def home(make_home: Callable[[str], Home]) -> Home:
    made = make_home("cuddy0")
    made.ensure()
    return made


@pytest.fixture
def outside(host: None) -> Iterator[netns.Netns]:
    """A neighbour of the host's, behind its uplink; all of the internet that there is."""
    with netns.fresh() as far, netlink.open() as kernel:
        kernel.ask(
            rtnetlink.add_veth(
                "uplink", "eth0", peer_netns_fd=far.fd, mac="fe:00:00:00:00:01",
                peer_mac="fe:00:00:00:00:02", mtu=1400, master=0,
            ),
            rtnetlink.set_up("uplink"),
        )  # fmt: skip
        uplink = rtnetlink.find_link(kernel, "uplink")
        assert uplink
        kernel.ask(rtnetlink.add_address(uplink.ifindex, HOST, 24))
        with netlink.open(far.fd) as inside:
            end = rtnetlink.find_link(inside, "eth0")
            assert end
            inside.ask(
                rtnetlink.set_up(end.ifindex), rtnetlink.add_address(end.ifindex, OUTSIDE, 24)
            )
        kernel.ask(rtnetlink.add_route("", 0, gateway=OUTSIDE))
        bridge.wait_until_running(kernel, "uplink")
        yield far


def fork(work: Callable[[], object]) -> int:
    """A child process that does the work, in this network namespace."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def wait(pids: list[int]) -> list[int]:
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def links() -> set[str]:
    with netlink.open() as kernel:
        return {link.name for link in rtnetlink.list_links(kernel)}


def addresses() -> list[str]:
    with netlink.open() as kernel:
        return [address.address for address in rtnetlink.list_addresses(kernel)]


def add_bridge_with(address: str, prefix_length: int, name: str = "other0") -> None:
    """Somebody else's network on the host."""
    with netlink.open() as kernel:
        kernel.ask(rtnetlink.add_bridge(name, "02:00:00:00:00:09"), rtnetlink.set_up(name))
        found = rtnetlink.find_link(kernel, name)
        assert found
        kernel.ask(rtnetlink.add_address(found.ifindex, address, prefix_length))


def test_the_first_use_makes_the_bridge(home: Home) -> None:
    made = home.network
    assert (made.name, made.driver, made.bridge) == ("bridge", "bridge", "cuddy0")
    assert (made.subnet, made.gateway, made.mtu) == ("172.17.0.0/16", "172.17.0.1", 1500)
    assert "172.17.0.1" in addresses()
    assert Path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"
    assert bridge.is_ready(home.network)
    # The claim on the subnet has given way to the address's own route.
    assert netns.run("ip", "route").splitlines() == [
        "172.17.0.0/16 dev cuddy0 proto kernel scope link src 172.17.0.1 linkdown "
    ]


def test_later_uses_change_nothing_and_run_no_program(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = netns.run("nft", "--handle", "list", "ruleset"), netns.run("ip", "address")
    monkeypatch.delattr(os, "posix_spawn")
    home.ensure()
    monkeypatch.undo()
    assert (netns.run("nft", "--handle", "list", "ruleset"), netns.run("ip", "address")) == before


def test_a_container_has_address_route_and_loopback(home: Home) -> None:
    container = home.container()
    assert container.endpoint == Endpoint(
        "bridge", "172.17.0.2", 16, "172.17.0.1", "02:42:ac:11:00:02", VETH, "eth0",
        home.network_id, container_id=container.id,
    )  # fmt: skip
    shown = container.netns.run("ip", "address")
    assert "inet 172.17.0.2/16 brd 172.17.255.255 scope global eth0" in shown
    assert "link/ether 02:42:ac:11:00:02" in shown
    assert "inet 127.0.0.1/8" in shown
    assert "default via 172.17.0.1 dev eth0" in container.netns.run("ip", "route")


def test_no_ipv6_is_spoken_on_the_bridge(home: Home) -> None:
    container = home.container()
    assert "inet6" not in container.netns.run("ip", "address", "show", "eth0")
    assert "inet6" not in netns.run("ip", "address", "show", "cuddy0")
    assert "inet6" not in netns.run("ip", "address", "show", VETH)
    assert "inet6 ::1" in container.netns.run("ip", "address", "show", "lo")


def test_containers_reach_each_other_and_the_host(home: Home) -> None:
    one, two = home.container(), home.container()
    with (
        two.netns.listen() as server,
        one.netns.dial("172.17.0.3") as client,
        server.accept()[0] as accepted,
    ):
        client.sendall(b"hello")
        assert accepted.recv(5) == b"hello"
        assert accepted.getpeername()[0] == "172.17.0.2"
    with netns.listen() as server:
        assert one.netns.reaches("172.17.0.1")


def test_a_container_reaches_the_outside_under_the_hosts_address(
    outside: netns.Netns, home: Home
) -> None:
    container = home.container()
    with (
        outside.listen() as server,
        container.netns.dial(OUTSIDE) as client,
        server.accept()[0] as accepted,
    ):
        assert accepted.getpeername()[0] == HOST
        accepted.sendall(b"hello")
        assert client.recv(5) == b"hello"


def test_the_bridge_has_the_mtu_of_the_uplink(outside: netns.Netns, home: Home) -> None:
    assert home.network.mtu == 1400
    assert "mtu 1400" in home.container().netns.run("ip", "link", "show", "eth0")
    assert "mtu 1400" in netns.run("ip", "link", "show", "cuddy0")


def test_the_outside_does_not_reach_a_container(outside: netns.Netns, home: Home) -> None:
    container = home.container()
    with netlink.open(outside.fd) as inside:
        inside.ask(rtnetlink.add_route("172.17.0.0", 16, gateway=HOST))
    with container.netns.listen():
        assert not outside.reaches("172.17.0.2", timeout_s=SHORT)
        assert netns.reaches("172.17.0.2")  # but its own host does


def test_homes_have_different_subnets_and_their_containers_do_not_meet(
    outside: netns.Netns, home: Home, make_home: Callable[[str], Home]
) -> None:
    other = make_home("cud-1a2b3c4d")
    assert other.ensure().subnet == "172.18.0.0/16"
    mine, theirs = home.container(), other.container()
    with theirs.netns.listen(), outside.listen():
        assert not mine.netns.reaches("172.18.0.2", timeout_s=SHORT)
        assert mine.netns.reaches(OUTSIDE)
        assert theirs.netns.reaches(OUTSIDE)
    bridge.remove(other.network)
    assert "cud-1a2b3c4d" not in netns.run("nft", "list", "ruleset")
    with outside.listen():
        assert mine.netns.reaches(OUTSIDE)


def test_removing_the_last_bridge_leaves_nothing(home: Home) -> None:
    for _ in range(2):
        bridge.remove(home.network)
        assert links() == {"lo"}
        assert netns.run("nft", "list", "ruleset") == ""


def test_rules_of_others_stay_as_they_are(home: Home, make_home: Callable[[str], Home]) -> None:
    nftables.apply("table ip theirs {\n chain one { type filter hook forward priority 0; }\n}\n")
    before = netns.run("nft", "--handle", "list", "table", "ip", "theirs")
    make_home("cud-1a2b3c4d").ensure()
    bridge.remove(home.network)
    assert netns.run("nft", "--handle", "list", "table", "ip", "theirs") == before


DROP_ALL = """\
table ip filter {
    chain FORWARD { type filter hook forward priority 0; policy drop; }
}
"""


@pytest.mark.parametrize("bridged_frames_are_filtered", [False, True])
def test_a_drop_policy_of_others_is_respected_and_named(
    outside: netns.Netns, home: Home, bridged_frames_are_filtered: bool
) -> None:
    switch = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if switch.exists():
        switch.write_text(f"{bridged_frames_are_filtered:d}")
    elif bridged_frames_are_filtered:
        pytest.skip("this kernel does not hand bridged frames to the firewall")
    nftables.apply(DROP_ALL)
    one, two = home.container(), home.container()
    with outside.listen(), two.netns.listen(), netns.listen():
        assert one.netns.reaches("172.17.0.1")
        assert not one.netns.reaches(OUTSIDE, timeout_s=SHORT)
        to_neighbour = one.netns.reaches("172.17.0.3", timeout_s=SHORT)
        assert to_neighbour != bridged_frames_are_filtered
    with nftables.open() as firewall:
        assert nat.obstacles(firewall) == ["ip filter FORWARD"]
        assert nat.obstacles(firewall, "ip6") == []
    nftables.apply(DROP_ALL.replace("table ip ", "table ip6 "))
    with nftables.open() as firewall:
        assert nat.obstacles(firewall, "ip6") == ["ip6 filter FORWARD"]


DOCKERS_RULES = """\
*filter
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
-A DOCKER-USER -j RETURN
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
COMMIT
"""


@contextmanager
def firewall_of_docker() -> Iterator[None]:
    """What docker 20.10 makes of the forward hook, as far as it matters to others."""
    if not program.find("iptables-restore"):
        pytest.skip("iptables is not installed")
    assert iptables.restore(DOCKERS_RULES).code == 0
    try:
        yield
    finally:
        iptables.restore("*filter\n:FORWARD ACCEPT [0:0]\n-F FORWARD\n-F DOCKER-USER\n"
                         "-X DOCKER-USER\nCOMMIT\n")  # fmt: skip


@pytest.mark.parametrize("comes", ["first", "later"])
def test_a_bridge_works_on_a_host_with_docker(
    outside: netns.Netns, make_home: Callable[[str], Home], comes: str
) -> None:
    home = make_home("cuddy0")
    switch = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if switch.exists():
        switch.write_text("1")
    if comes == "later":
        home.ensure()
    with firewall_of_docker(), nftables.open() as firewall:
        home.ensure()
        one, two = home.container(), home.container()
        outside.run("ip", "route", "add", "172.17.0.0/16", "via", HOST)
        with outside.listen(), two.netns.listen():
            assert one.netns.reaches(OUTSIDE)
            assert one.netns.reaches("172.17.0.3")
            assert not outside.reaches("172.17.0.3", timeout_s=SHORT)
        assert nat.obstacles(firewall) == ["ip filter FORWARD"]
        assert nat.obstacles(firewall, "ip", {home.link}) == []
        assert nat.obstacles(firewall, "ip", {home.link, "br0"}) == ["ip filter FORWARD"]
        for container in (one, two):
            container.disconnect()
        bridge.remove(home.network)
        assert "CUDDY" not in netns.run("iptables-save")


def test_dockers_networks_are_left_to_docker(outside: netns.Netns, home: Home) -> None:
    with firewall_of_docker():
        home.ensure()
        one = home.container()
        add_bridge_with("172.31.0.1", 24, "docker0")
        with netns.fresh() as theirs, netlink.open() as kernel:
            link = rtnetlink.find_link(kernel, "docker0")
            assert link
            kernel.ask(
                rtnetlink.add_veth(
                    "vethdocker", "eth0", peer_netns_fd=theirs.fd, mac="fe:00:00:00:00:03",
                    peer_mac="fe:00:00:00:00:04", mtu=1500, master=link.ifindex,
                ),
                rtnetlink.set_up("vethdocker"),
            )  # fmt: skip
            for words in ("address add 172.31.0.2/24 dev eth0", "link set eth0 up",
                          "route add default via 172.31.0.1"):  # fmt: skip
                theirs.run("ip", *words.split())
            with theirs.listen(), one.netns.listen():
                assert netns.reaches("172.31.0.2")
                assert not one.netns.reaches("172.31.0.2", timeout_s=SHORT)
                assert not theirs.reaches("172.17.0.2", timeout_s=SHORT)


def test_a_subnet_that_the_host_uses_is_not_chosen(make_home: Callable[[str], Home]) -> None:
    add_bridge_with("172.17.9.1", 24)
    assert make_home("cuddy0").ensure().subnet == "172.18.0.0/16"


def test_a_subnet_that_the_host_routes_elsewhere_is_not_chosen(
    outside: netns.Netns, make_home: Callable[[str], Home]
) -> None:
    with netlink.open() as kernel:
        kernel.ask(rtnetlink.add_route("172.16.0.0", 12, gateway=OUTSIDE))
    assert make_home("cuddy0").ensure().subnet == "192.168.0.0/20"


def test_the_default_route_of_a_vpn_in_two_halves_is_no_collision(
    outside: netns.Netns, make_home: Callable[[str], Home]
) -> None:
    with netlink.open() as kernel:
        kernel.ask(
            rtnetlink.add_route("0.0.0.0", 1, gateway=OUTSIDE),
            rtnetlink.add_route("128.0.0.0", 1, gateway=OUTSIDE),
        )
    assert make_home("cuddy0").ensure().subnet == "172.17.0.0/16"


def test_a_subnet_that_holds_a_name_server_is_not_chosen(make_home: Callable[[str], Home]) -> None:
    home = make_home("cuddy0")
    assert home.ensure("172.17.0.53", "fd00::53").subnet == "172.18.0.0/16"


def test_a_host_without_a_free_subnet_is_told_what_to_do(make_home: Callable[[str], Home]) -> None:
    add_bridge_with("172.16.0.1", 12)
    add_bridge_with("192.168.0.1", 16, "other1")
    with pytest.raises(SystemFailure, match="--network host"):
        make_home("cuddy0").ensure()
    assert links() == {"lo", "other0", "other1"}


def test_a_bridge_comes_back_with_its_subnet(home: Home) -> None:
    before = home.network
    bridge.remove(before)
    assert home.ensure() == before
    assert bridge.is_ready(before)


def test_a_bridge_moves_when_its_subnet_was_taken_meanwhile(home: Home) -> None:
    bridge.remove(home.network)
    add_bridge_with("172.17.0.1", 16)
    assert home.ensure().subnet == "172.18.0.0/16"
    assert home.network.subnet == "172.18.0.0/16"
    assert "172.18.0.0/16" in netns.run("nft", "list", "table", "inet", "cuddy")


def test_a_bridge_without_address_moves_too_and_keeps_its_link(home: Home) -> None:
    netns.run("ip", "address", "flush", "dev", "cuddy0")
    add_bridge_with("172.17.0.1", 16)
    before = netns.run("ip", "link", "show", "cuddy0")
    assert home.ensure().subnet == "172.18.0.0/16"
    assert netns.run("ip", "link", "show", "cuddy0") == before
    assert addresses() == ["127.0.0.1", "172.18.0.1", "172.17.0.1"]


def test_a_bridge_whose_record_is_lost_keeps_its_subnet(home: Home) -> None:
    add_bridge_with("172.20.0.1", 16)
    before, container = home.network, home.container()
    network.delete(home.networks_dir, home.network_id)
    assert home.ensure() == before._replace(created=home.network.created)
    with netns.listen():
        assert container.netns.reaches("172.17.0.1")
    assert home.container().endpoint


def test_a_link_of_that_name_which_is_no_bridge_is_left_alone(
    make_home: Callable[[str], Home],
) -> None:
    netns.run("ip", "link", "add", "cuddy0", "type", "veth", "peer", "name", "cuddy1")
    with pytest.raises(Conflict, match="cuddy0 exists and is not a bridge"):
        make_home("cuddy0").ensure()
    assert "cuddy0" in links()


@pytest.mark.parametrize(
    "damage",
    [
        ("nft", "flush", "ruleset"),
        ("nft", "delete", "chain", "inet", "cuddy", "cuddy0-forward"),
        ("ip", "link", "set", "cuddy0", "down"),
        ("ip", "address", "flush", "dev", "cuddy0"),
        ("ip", "link", "delete", "cuddy0"),
        ("sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward"),
    ],
    ids=" ".join,
)
def test_what_somebody_took_away_is_back_at_the_next_start(
    outside: netns.Netns, home: Home, damage: tuple[str, ...]
) -> None:
    netns.run(*damage)
    assert not bridge.is_ready(home.network)
    home.ensure()
    assert bridge.is_ready(home.network)
    with outside.listen():
        assert home.container().netns.reaches(OUTSIDE)


def test_a_bridge_half_made_by_a_killed_process_is_completed_by_the_next(
    make_home: Callable[[str], Home],
) -> None:
    for step in ("claim", "nat.apply", "settle"):
        home = make_home(f"cud-{step[:3]}")

        def die(*_: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        def until_then(step: str = step, home: Home = home) -> None:
            module, _, name = step.rpartition(".")
            setattr(nat if module else bridge, name, die)
            home.ensure()

        assert wait([fork(until_then)]) == [-9]
        network_ = home.ensure()
        assert bridge.is_ready(network_)
        assert home.container().endpoint
    subnets = netns.run("ip", "route").splitlines()
    assert len(subnets) == 3
    assert all("proto kernel" in line for line in subnets)


def test_a_process_killed_at_any_moment_leaves_nothing_to_repair(
    make_home: Callable[[str], Home],
) -> None:
    home = make_home("cuddy0")
    for n in range(25):
        container = Container(home, n)

        def work(container: Container = container) -> None:
            home.ensure()
            container.connect()

        pid = fork(work)
        time.sleep(n * 0.001)
        os.kill(pid, signal.SIGKILL)
        wait([pid])
        container.netns.close()
        if n % 8 == 7:
            bridge.remove(Network("0" * 64, "bridge", bridge="cuddy0"))
    home.ensure()
    endpoint.sweep(home.run_dir, lambda _: False)
    assert home.leases == {}
    survivor = home.container()
    assert survivor.endpoint
    assert files.list_directory(home.run_dir).count(f"{home.network_id}.json") == 1
    assert not [name for name in os.listdir(home.run_dir) if name.endswith(".tmp")]


def test_monitors_that_start_at_once_share_one_bridge(make_home: Callable[[str], Home]) -> None:
    home = make_home("cuddy0")
    containers = [Container(home, n) for n in range(8)]

    def work(container: Container) -> None:
        home.ensure()
        container.connect()

    home.containers = containers
    assert wait([fork(lambda c=container: work(c)) for container in containers]) == [0] * 8
    assert sorted(home.leases.values()) == [f"172.17.0.{n}" for n in range(2, 10)]
    with containers[0].netns.listen():
        first = home.leases[containers[0].id]
        assert all(other.netns.reaches(first) for other in containers[1:])


def test_homes_that_start_at_once_get_different_subnets(make_home: Callable[[str], Home]) -> None:
    homes = [make_home(f"cud-{n}") for n in range(6)]
    assert wait([fork(home.ensure) for home in homes]) == [0] * 6
    assert len({home.network.subnet for home in homes}) == 6
    assert all(bridge.is_ready(home.network) for home in homes)


def test_a_container_that_ends_gives_its_address_and_link_back(home: Home) -> None:
    container = home.container()
    container.netns.close()
    container.netns = netns.Netns()
    for _ in range(2):
        container.disconnect()
    assert home.leases == {}
    deadline = time.monotonic() + 5
    while VETH in links():
        assert time.monotonic() < deadline, "the kernel did not take the link down"
        time.sleep(0.01)


def test_a_running_container_can_be_disconnected(home: Home) -> None:
    container = home.container()
    for _ in range(2):
        container.disconnect(ended=False)
    assert "eth0" not in container.netns.run("ip", "link")
    assert VETH not in links()


def test_a_container_that_starts_again_at_once_gets_a_new_link(home: Home) -> None:
    container = home.container()
    container.disconnect()
    old, container.netns = container.netns, netns.Netns()
    again = container.connect()  # while the old namespace still stands
    old.close()
    assert again.host_link == VETH
    assert container.netns.run("ip", "route").startswith("default via 172.17.0.1")


def test_a_connection_that_fails_is_taken_back(home: Home) -> None:
    with netns.fresh() as full:
        with full.inside():
            add_bridge_with("10.0.0.1", 24, "eth0")
        place = endpoint.lease(home.run_dir, home.network, "ff" * 32)
        with pytest.raises(SystemFailure, match="cannot connect the container to network bridge"):
            bridge.attach(home.network, place, full.fd)
    assert links() == {"lo", "cuddy0"}


def test_a_sweep_frees_the_addresses_of_containers_that_nobody_released(home: Home) -> None:
    one, two = home.container(), home.container()
    endpoint.sweep(home.run_dir, {two.id}.__contains__)
    assert home.leases == {two.id: "172.17.0.3"}
    endpoint.release(home.run_dir, two.id)
    assert home.leases == {}
    assert one.netns


def test_rules_can_be_made_by_iptables_alone(
    outside: netns.Netns, make_home: Callable[[str], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not program.find("iptables-restore"):
        pytest.skip("iptables is not installed")
    find = program.find
    monkeypatch.setattr(program, "find", lambda name: "" if name == "nft" else find(name))
    home = make_home("cuddy0")
    home.ensure()
    assert bridge.is_ready(home.network) or "legacy" in netns.run("iptables", "--version")
    container = home.container()
    with outside.listen() as server, container.netns.dial(OUTSIDE), server.accept()[0] as accepted:
        assert accepted.getpeername()[0] == HOST
    with netlink.open(outside.fd) as inside:
        inside.ask(rtnetlink.add_route("172.17.0.0", 16, gateway=HOST))
    with container.netns.listen():
        assert not outside.reaches("172.17.0.2", timeout_s=SHORT)
    bridge.remove(home.network)
    assert "CUDDY" not in netns.run("iptables-save")


@contextmanager
def published(container: Container, *texts: str) -> Iterator[list[publish.Published]]:
    """A container's ports at the host's, as its monitor publishes them."""
    assert container.endpoint
    found, holders = publish.reserve(wish for text in texts for wish in ports.parse_publish(text))
    publish.publish(container.home.network, container.endpoint, found)
    try:
        yield found
    finally:
        publish.withdraw(container.home.link, container.endpoint.address)
        for fd in holders:
            os.close(fd)


def talk(client: socket.socket, server: socket.socket) -> str:
    """Check that a connection leads to that server; as whom the client appears there."""
    with client, server.accept()[0] as accepted:
        accepted.sendall(b"hello")
        assert client.recv(5) == b"hello"
        return str(accepted.getpeername()[0])


def test_a_published_port_is_reached_from_everywhere(outside: netns.Netns, home: Home) -> None:
    container, neighbour = home.container(), home.container()
    with container.netns.listen() as server, published(container, "8080:80"):
        server.settimeout(3)
        assert talk(outside.dial(HOST, 8080), server) == OUTSIDE  # not masked: servers log it
        for address in ("127.0.0.1", HOST, "172.17.0.1"):
            talk(netns.dial(address, 8080), server)
        assert talk(neighbour.netns.dial(HOST, 8080), server) == "172.17.0.1"
        assert talk(container.netns.dial(HOST, 8080), server) == "172.17.0.1"  # to itself
    assert not netns.reaches("127.0.0.1", 8080)
    assert not outside.reaches(HOST, 8080, timeout_s=SHORT)


def send_to_loopback(sender: netns.Netns, gateway: str, port: int) -> None:
    """A neighbour sends the host a packet to 127.0.0.1, which no honest one would."""
    for local in ("127.0.0.0/8", "127.0.0.1"):
        with suppress(subprocess.CalledProcessError):
            sender.run("ip", "route", "del", "local", local, "dev", "lo", "table", "local")
    sender.run("ip", "route", "replace", "127.0.0.0/8", "via", gateway)
    with sender.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"hello", ("127.0.0.1", port))


def is_heard(server: socket.socket) -> bool:
    server.settimeout(SHORT)
    try:
        return server.recv(100) == b"hello"
    except TimeoutError:
        return False


def test_a_port_published_on_loopback_is_the_hosts_own(outside: netns.Netns, home: Home) -> None:
    container, neighbour = home.container(), home.container()
    with container.netns.listen() as server, published(container, "127.0.0.1:8080:80"):
        server.settimeout(3)
        talk(netns.dial("127.0.0.1", 8080), server)
        for other in (outside, neighbour.netns):
            assert not other.reaches(HOST, 8080, timeout_s=SHORT)
    with container.netns.inside():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("", 80))
    with server, published(container, "127.0.0.1:8080:80/udp", "8081:80/udp"):
        for port in (8080, 8081):
            send_to_loopback(outside, HOST, port)
            send_to_loopback(neighbour.netns, "172.17.0.1", port)
        assert not is_heard(server)


def test_a_port_on_loopback_stays_there_when_rules_are_made_anew(
    outside: netns.Netns, home: Home
) -> None:
    """CVE-2025-54388: after another's reload of the firewall."""
    container = home.container()
    with container.netns.listen(), published(container, "127.0.0.1:8080:80"):
        netns.run("nft", "flush", "ruleset")
        home.ensure()  # as the next start does
        neighbour = home.container()
        for other in (outside, neighbour.netns):
            assert not other.reaches(HOST, 8080, timeout_s=SHORT)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 7000))
        send_to_loopback(neighbour.netns, "172.17.0.1", 7000)
        assert not is_heard(own)


def test_containers_do_not_reach_the_hosts_loopback_by_its_bridge(home: Home) -> None:
    """Once 127.0.0.1 may be routed there, only the guard is in the way (CVE-2020-8558)."""
    container = home.container()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 7000))
        send_to_loopback(container.netns, "172.17.0.1", 7000)
        assert not is_heard(server)


def test_udp_ports_and_ranges_are_published_too(home: Home) -> None:
    container = home.container()
    with published(container, "5353:53/udp", "9000-9001:80-81") as found:
        assert sorted({entry.host_port for entry in found}) == [5353, 9000, 9001]
        with container.netns.inside():
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.bind(("", 53))
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with server, client:
            server.settimeout(3)
            client.settimeout(3)
            client.sendto(b"question", ("127.0.0.1", 5353))
            question, sender = server.recvfrom(100)
            server.sendto(b"answer", sender)
            assert (question, client.recv(100)) == (b"question", b"answer")
        with container.netns.listen(81) as second:
            second.settimeout(3)
            talk(netns.dial("127.0.0.1", 9001), second)


def test_a_port_is_anybodys_only_once(home: Home) -> None:
    container = home.container()
    with published(container, "8080:80"):
        for text in ("8080:81", "127.0.0.1:8080:80"):
            with pytest.raises(publish.PortTaken, match="8080 failed: port is already allocated"):
                publish.reserve(ports.parse_publish(text))
        with pytest.raises(OSError, match="in use"):
            socket.create_server(("", 8080))
        with published(container, "8079-8090:82", "83") as found:
            assert found[0].host_port == 8079
            assert found[1].host_port > 1024
    with netns.listen(8080), pytest.raises(publish.PortTaken):
        publish.reserve(ports.parse_publish("8080:80"))


def test_what_leads_to_a_dead_container_goes_with_its_address(home: Home) -> None:
    dead, living = home.container(), home.container()
    assert dead.endpoint
    with published(living, "8081:80"):
        wish = publish.Published(ports.Port(80), publish.ANYWHERE, 8080)
        publish.publish(home.network, dead.endpoint, [wish])  # its monitor was killed
        publish.withdraw(home.link, dead.endpoint.address)
        shown = netns.run("nft", "list", "table", "inet", "cuddy")
        assert "8080" not in shown
        assert "tcp . 8081 : 172.17.0.3 . 80" in shown


def test_ports_can_be_published_by_iptables_alone(
    outside: netns.Netns, make_home: Callable[[str], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not program.find("iptables-restore"):
        pytest.skip("iptables is not installed")
    find = program.find
    monkeypatch.setattr(program, "find", lambda name: "" if name == "nft" else find(name))
    home = make_home("cuddy0")
    home.ensure()
    container, neighbour = home.container(), home.container()
    with container.netns.listen() as server, published(container, "8080:80", "127.0.0.1:81:80"):
        server.settimeout(3)
        nat.apply(home.network)  # as at each start, with the legacy backend
        assert talk(outside.dial(HOST, 8080), server) == OUTSIDE
        talk(netns.dial("127.0.0.1", 8080), server)
        talk(netns.dial("127.0.0.1", 81), server)
        assert talk(neighbour.netns.dial(HOST, 8080), server) == "172.17.0.1"
        assert not outside.reaches(HOST, 81, timeout_s=SHORT)
    assert "DNAT" not in netns.run("iptables-save", "-t", "nat").replace("ctstate DNAT", "")
    bridge.remove(home.network)
    assert "CUDDY" not in netns.run("iptables-save")


def test_a_host_without_a_firewall_program_is_told_what_to_install(
    make_home: Callable[[str], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "find", lambda _: "")
    with pytest.raises(SystemFailure, match="install nftables"):
        make_home("cuddy0").ensure()
