"""Egress control in a network namespace: its rules, what the resolver does for them, its log."""

from __future__ import annotations

import errno
import os
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import netns
from cuddy.engine import egress as engine_egress
from cuddy.engine import egress_attempts
from cuddy.engine.egress_policy import Confined
from cuddy.kernel import program, rtnetlink
from cuddy.network import egress, egress_rules

pytestmark = pytest.mark.skipif(not program.find("nft"), reason="nft is not installed")

HERE, THERE, OTHER = "198.51.100.1", "198.51.100.2", "198.51.100.3"
HERE6, THERE6 = "fd00:51::1", "fd00:51::2"
AT_ONCE_S = 0.5  # a packet that was dropped is sent again after a second
IPV4, IPV6, STREAM, DATAGRAM = (
    socket.AF_INET,
    socket.AF_INET6,
    socket.SOCK_STREAM,
    socket.SOCK_DGRAM,
)
REFUSED = (errno.ECONNREFUSED, errno.EPERM, errno.EACCES)


class World:
    """A container's namespace under a policy, and one that it can reach."""

    def __init__(self, inside: netns.Netns, outside: netns.Netns, log: Path) -> None:
        self.inside = inside
        self.outside = outside
        self.log = log
        self.policy: Confined | None = None
        self.poll = select.poll()
        self.ready: dict[int, Callable[[], None]] = {}

    def confine(self, text: str) -> Confined:
        self.release()
        engine_egress.impose(egress.parse([text]), self.inside.fd)
        wanted = {"policy": text, "log": str(self.log), "hosts": []}
        self.policy = Confined(wanted, self.inside.fd, self.watch)
        return self.policy

    def watch(self, fd: int, ready: Callable[[], None]) -> None:
        self.poll.register(fd, select.POLLIN)
        self.ready[fd] = ready

    def release(self) -> None:
        for fd in self.ready:
            self.poll.unregister(fd)
        self.ready.clear()
        if self.policy:
            self.policy.close()
            self.policy = None

    def attempts(self) -> list[tuple[str, str, str, int, str]]:
        """What is in the log by now."""
        while events := self.poll.poll(50):
            for fd, _ in events:
                self.ready[fd]()
        lines = self.log.read_bytes().splitlines() if self.log.exists() else []
        found = [egress_attempts.parse(line) for line in lines]
        return [(a.verdict, a.protocol, a.address, a.port, a.name) for a in found if a]

    def send(self, kind: int, address: str, port: int) -> int:
        """Try to reach something from inside; 0 or the error's number, which comes at once."""
        family = IPV6 if ":" in address else IPV4
        with self.inside.inside(), socket.socket(family, kind) as sender:
            sender.settimeout(3)
            began = time.monotonic()
            try:
                sender.connect((address, port))
                if kind == DATAGRAM:
                    sender.send(b"hello")
            except OSError as error:
                assert time.monotonic() - began < AT_ONCE_S
                return error.errno or -1
        return 0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with netns.fresh() as inside, netns.fresh() as outside:
        for each in (inside, outside):
            with each.inside():
                rtnetlink.loopback_up()
                # Addresses are there at once: nobody looks for others that have them.
                Path("/proc/sys/net/ipv6/conf/default/dad_transmits").write_text("0")
                Path("/proc/sys/net/ipv6/conf/default/accept_dad").write_text("0")
        with inside.inside():
            peer = f"/proc/{os.getpid()}/fd/{outside.fd}"
            ip("link add eth0 type veth peer name eth0 netns", peer)
            ip(f"address add {HERE}/24 dev eth0")
            ip(f"-6 address add {HERE6}/64 dev eth0 nodad")
            ip("link set eth0 up")
            ip(f"route add default via {THERE}")
        with outside.inside():
            for address in (THERE, OTHER):
                ip(f"address add {address}/24 dev eth0")
            ip(f"-6 address add {THERE6}/64 dev eth0 nodad")
            ip("link set eth0 up")
            mac = read_mac()
        with inside.inside():
            # Neighbours known beforehand: discovery on links that are just up may take a second.
            ip(f"-6 neighbour replace {THERE6} lladdr {mac} dev eth0")
        for each in (inside, outside):
            while "tentative" in each.run("ip", "-6", "address", "show", "dev", "eth0"):
                time.sleep(0.05)
        servers = [listen(outside, port) for port in (80, 81)]
        made = World(inside, outside, tmp_path / "egress.json")
        try:
            yield made
        finally:
            made.release()
            for server in servers:
                server.close()


def ip(*words: str) -> None:
    subprocess.run(["ip", *" ".join(words).split()], check=True, capture_output=True)


def read_mac() -> str:
    listed = subprocess.run(["ip", "link", "show", "eth0"], check=True, capture_output=True)
    return listed.stdout.decode().partition("link/ether ")[2].split()[0]


def listen(where: netns.Netns, port: int) -> socket.socket:
    with where.inside():
        return socket.create_server(("::", port), family=IPV6, dualstack_ipv6=True)


class TestRules:
    def test_none_reaches_nothing_but_itself(self, world: World) -> None:
        world.confine("none")
        for address in (THERE, THERE6, "8.8.8.8", "224.0.0.1"):
            assert world.send(DATAGRAM, address, 80) in REFUSED, address
        for address in (THERE, THERE6, "8.8.8.8"):
            assert world.send(STREAM, address, 80) in REFUSED, address
        with listen(world.inside, 90):
            assert world.send(STREAM, "127.0.0.1", 90) == 0
            assert world.send(STREAM, "::1", 90) == 0
            assert world.send(STREAM, HERE, 90) == 0

    def test_under_none_it_still_answers(self, world: World) -> None:
        world.confine("none")
        with listen(world.inside, 90) as server:
            client = world.outside.dial(HERE, 90)
            connection, _ = server.accept()
            with client, connection:
                connection.sendall(b"answer")
                assert client.recv(10) == b"answer"

    def test_networks_are_allowed_by_port_and_protocol(self, world: World) -> None:
        world.confine(f"allow:{THERE}/32:80/tcp,[{THERE6}]:81")
        assert world.send(STREAM, THERE, 80) == 0
        assert world.send(STREAM, THERE, 81) in REFUSED
        assert world.send(DATAGRAM, THERE, 80) in REFUSED
        assert world.send(STREAM, OTHER, 80) in REFUSED
        assert world.send(STREAM, THERE6, 81) == 0
        assert world.send(STREAM, THERE6, 80) in REFUSED

    def test_ports_can_be_ranges_and_everything_can_be_allowed(self, world: World) -> None:
        world.confine("allow:0.0.0.0/0:70-80,::/0")
        assert world.send(STREAM, THERE, 80) == 0
        assert world.send(STREAM, THERE, 81) in REFUSED
        assert world.send(STREAM, THERE6, 81) == 0

    def test_source_routes_are_refused(self, world: World) -> None:
        world.confine(f"allow:{THERE}")
        with world.inside.inside(), socket.socket(IPV4, DATAGRAM) as sender:
            route = bytes((131, 7, 4)) + socket.inet_aton(OTHER) + b"\0"  # LSRR: RFC 791
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, route)
            with pytest.raises(PermissionError):
                sender.sendto(b"x", (THERE, 80))

    def test_it_forwards_nothing(self, world: World) -> None:
        world.confine("allow:0.0.0.0/0")
        listed = world.inside.run("nft", "list", "chain", "inet", egress_rules.TABLE, "forward")
        assert "hook forward" in listed and "policy drop" in listed

    def test_rules_made_anew_replace_the_old_ones(self, world: World) -> None:
        world.confine("none")
        world.confine(f"allow:{THERE}:80")
        assert world.send(STREAM, THERE, 80) == 0
        world.confine("none")
        assert world.send(STREAM, THERE, 80) in REFUSED

    def test_the_largest_policy_is_taken(self, world: World) -> None:
        networks = ",".join(f"10.{n // 256}.{n % 256}.0/24:{n + 1}" for n in range(990))
        world.confine(f"allow:{networks}," + ",".join(f"h{n}:{n + 1}" for n in range(32)))
        assert world.send(STREAM, THERE, 80) in REFUSED


class TestNames:
    def test_what_a_name_led_to_is_reached_on_its_ports(self, world: World) -> None:
        policy = world.confine("allow:www.example:80,*.example:81/tcp")
        assert world.send(STREAM, THERE, 80) in REFUSED
        assert policy.allows("www.example", 1, is_own=False)
        policy.pin("www.example", [THERE, THERE6], 60)
        assert world.send(STREAM, THERE, 80) == 0
        assert world.send(STREAM, THERE6, 80) == 0
        assert world.send(STREAM, THERE, 81) == 0
        assert world.send(DATAGRAM, THERE, 81) in REFUSED
        assert world.send(STREAM, OTHER, 80) in REFUSED
        policy.pin("other.example", [OTHER], 60)
        assert world.send(STREAM, OTHER, 81) == 0
        assert world.send(STREAM, OTHER, 80) in REFUSED

    def test_other_names_are_refused_and_logged(self, world: World) -> None:
        policy = world.confine("allow:www.example")
        assert not policy.allows("secret.evil.example", 16, is_own=False)
        assert not policy.allows("\\027[31m.example", 1, is_own=False)
        assert world.attempts() == [
            ("refused", "dns", "", 53, "secret.evil.example"),
            ("refused", "dns", "", 53, "\\027[31m.example"),
        ]

    @pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "fe80::1"])
    def test_no_name_leads_to_loopback_or_metadata(self, world: World, address: str) -> None:
        policy = world.confine("allow:rebound.example")
        policy.pin("rebound.example", [address], 60)
        assert address not in world.inside.run("nft", "list", "ruleset")

    def test_no_name_leads_to_the_host_itself(self, world: World) -> None:
        policy = world.confine("allow:rebound.example")
        with world.outside.inside():  # the resolver's own namespace is the host's
            policy.pin("rebound.example", [THERE, THERE6, "192.0.2.7"], 60)
        listed = world.inside.run("nft", "list", "ruleset")
        assert THERE not in listed and THERE6 not in listed and "192.0.2.7" in listed

    def test_a_pin_runs_out_and_connections_go_on(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(egress_rules, "LIFETIMES_S", (1, 60))
        policy = world.confine("allow:www.example:80")
        policy.pin("www.example", [THERE], 0)
        connection = world.inside.dial(THERE, 80)
        with connection:
            time.sleep(1.3)
            assert world.send(STREAM, THERE, 80) in REFUSED
            connection.sendall(b"goes on")
        policy.pin("www.example", [THERE], 0)
        assert world.send(STREAM, THERE, 80) == 0

    def test_a_short_answer_does_not_shorten_a_long_one(self, world: World) -> None:
        policy = world.confine("allow:one.example,two.example")
        policy.pin("one.example", [THERE], 3600)
        policy.pin("two.example", [THERE], 0)
        assert "timeout 1h" in world.inside.run("nft", "list", "ruleset")

    def test_a_flood_of_answers_is_bounded(self, world: World) -> None:
        policy = world.confine("allow:*.example")
        for high in range(40):
            addresses = [f"100.64.{high}.{low}" for low in range(1, 129)]
            policy.pin(f"h{high}.example", addresses, 60)
        listed = world.inside.run("nft", "list", "set", "inet", egress_rules.TABLE, "names-0-4")
        assert 1000 < listed.count("expires") <= egress_rules.MOST_PINNED

    def test_pinned_addresses_can_be_pinged(self, world: World) -> None:
        policy = world.confine("allow:www.example:80")
        policy.pin("www.example", [THERE], 60)
        with world.inside.inside():
            Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 2147483647")
            echo = socket.socket(IPV4, DATAGRAM, socket.IPPROTO_ICMP)
        with echo:
            echo.settimeout(3)
            echo.sendto(b"\x08\0\0\0\0\0\0\1", (THERE, 0))
            assert echo.recv(100)
            with pytest.raises(PermissionError):
                echo.sendto(b"\x08\0\0\0\0\0\0\1", (OTHER, 0))


class TestLog:
    def test_every_attempt_is_there(self, world: World) -> None:
        policy = world.confine("allow:www.example:80")
        policy.pin("www.example", [THERE, "127.0.0.1"], 60)
        world.send(STREAM, THERE, 80)
        world.send(STREAM, THERE, 81)
        world.send(STREAM, THERE6, 443)
        world.send(DATAGRAM, "8.8.8.8", 53)
        world.send(STREAM, "8.8.8.8", 53)
        assert world.attempts() == [
            ("allowed", "tcp", THERE, 80, "www.example"),
            ("refused", "tcp", THERE, 81, "www.example"),
            ("refused", "tcp", THERE6, 443, ""),
            ("refused", "udp", "8.8.8.8", 53, ""),
            ("refused", "tcp", "8.8.8.8", 53, ""),
        ]

    def test_a_flood_is_counted_instead(self, world: World) -> None:
        world.confine("none")
        began = time.monotonic()
        with world.inside.inside(), socket.socket(IPV4, DATAGRAM) as sender:
            for _ in range(5000):
                with pytest.raises(PermissionError):
                    sender.sendto(b"x", ("8.8.8.8", 9))
        seconds = time.monotonic() - began
        allowed = egress_rules.BURST + egress_rules.LOGGED_PER_SECOND * (seconds + 3)
        assert len(world.attempts()) < allowed
        world.release()
        lines = [egress_attempts.parse(line) for line in world.log.read_bytes().splitlines()]
        assert sum(attempt.number for attempt in lines if attempt) == 5000
        assert any(attempt and attempt.verdict == "left out" for attempt in lines)

    def test_a_flood_of_questions_is_counted_too(self, world: World) -> None:
        policy = world.confine("none")
        for number in range(5000):
            policy.allows(f"x{number}.example", 1, is_own=False)
        world.release()
        lines = [egress_attempts.parse(line) for line in world.log.read_bytes().splitlines()]
        assert len(lines) < 2500  # some more every second, however many are asked
        assert sum(attempt.number for attempt in lines if attempt) == 5000

    def test_another_resolver_can_take_over(self, world: World) -> None:
        policy = world.confine("allow:www.example:80")
        policy.pin("www.example", [THERE], 60)
        world.release()
        wanted = {"policy": "allow:www.example:80", "log": str(world.log), "hosts": []}
        world.policy = Confined(wanted, world.inside.fd, world.watch)
        assert world.send(STREAM, THERE, 80) == 0
        assert world.attempts() == [("allowed", "tcp", THERE, 80, "")]
