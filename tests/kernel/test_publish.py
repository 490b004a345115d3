"""Ports published in both layers: from everywhere, by nft or iptables. Real traffic."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator

import pytest

import netns
from cuddy.errors import InvalidArgument
from cuddy.kernel import netlink, nftables, program
from cuddy.network import bridge, nat, ports, publish
from lan import HOST, HOST6, OUTSIDE, OUTSIDE6, SHORT, Lan, network, talk

pytestmark = pytest.mark.skipif(not program.find("nft"), reason="nft is not installed")
OPTION = "com.docker.network.bridge."


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


@pytest.fixture(params=["nft", "iptables"])
def tool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A host that has only one of the two programs."""
    tool = str(request.param)
    if tool == "iptables":
        if not program.find("ip6tables-restore"):
            pytest.skip("iptables is not installed")
        find = program.find
        monkeypatch.setattr(program, "find", lambda name: "" if name == "nft" else find(name))
    return tool


def reserve(*texts: str) -> tuple[list[publish.Published], list[int]]:
    wishes = [wish for text in texts for wish in ports.parse_publish(text)]
    return publish.reserve(wishes, publish.places(network(1)))


@pytest.mark.usefixtures("tool")
def test_a_port_is_reached_in_both_layers_from_everywhere(lan: Lan) -> None:
    far, net, other = lan.outside(), lan.make(network(1)), lan.make(network(2))
    box, neighbour, stranger = lan.container(net), lan.container(net), lan.container(other)
    with box.listen() as server, lan.published(net, box, "8080:80"):
        nat.apply(net)  # as when somebody made the bridge anew
        assert talk(far.dial(HOST, 8080), server) == OUTSIDE  # not masked: servers log it
        assert talk(far.dial(HOST6, 8080), server) == OUTSIDE6
        for address in ("127.0.0.1", HOST, "10.1.0.1", HOST6, "fd00:1::1"):
            talk(netns.dial(address, 8080), server)
        for client in (neighbour, box, stranger):  # box: to itself
            for address in (HOST, HOST6):
                talk(client.netns.dial(address, 8080), server)
    assert not netns.reaches("127.0.0.1", 8080)
    assert not far.reaches(HOST6, 8080, timeout_s=SHORT)
    bridge.remove(net)
    bridge.remove(other)
    assert "cud" not in netns.run("nft", "list", "ruleset").lower()


@pytest.mark.usefixtures("tool")
def test_a_port_at_one_address_is_reached_there_alone(lan: Lan) -> None:
    far, net = lan.outside(), lan.make(network(1))
    box = lan.container(net)
    with box.listen() as server, lan.published(net, box, f"[{HOST6}]:80:80", f"{HOST}:81:80"):
        talk(far.dial(HOST6, 80), server)
        talk(far.dial(HOST, 81), server)
        for address, port in ((HOST, 80), (HOST6, 81)):
            assert not far.reaches(address, port, timeout_s=SHORT)
        assert not netns.reaches("fd00:1::1", 80)


@pytest.mark.usefixtures("tool")
def test_ports_are_withdrawn_and_led_to_another_endpoint(lan: Lan) -> None:
    one, two = lan.make(network(1)), lan.make(network(2))
    box = lan.container(one, two)
    found, holders = reserve("8080:80", "127.0.0.1:81:80")
    with box.listen() as server:
        publish.publish(one, box.endpoints[0], found)
        talk(netns.dial("127.0.0.1", 8080), server)
        publish.withdraw(one.bridge, box.address, box.address6)
        assert "10.1.0.2:" not in netns.run("iptables-save")
        assert "10.1.0.2 . 80" not in netns.run("nft", "list", "ruleset")
        publish.publish(two, box.endpoints[1], found)
        for address in ("127.0.0.1", "10.1.0.1", "fd00:1::1"):
            talk(netns.dial(address, 8080), server)
        talk(netns.dial("127.0.0.1", 81), server)
    for fd in holders:
        os.close(fd)


def test_udp_is_answered_from_where_it_was_asked(lan: Lan) -> None:
    far, net = lan.outside(), lan.make(network(1))
    box = lan.container(net)
    with box.netns.inside():
        server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        server.bind(("", 53))
        server.settimeout(3)
    with server, lan.published(net, box, "5353:53/udp"):
        for address in (HOST, HOST6):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with far.inside():
                client = socket.socket(family, socket.SOCK_DGRAM)
            with client:
                client.settimeout(3)
                client.sendto(b"question", (address, 5353))
                _, sender = server.recvfrom(100)
                server.sendto(b"answer", sender)
                answer, by = client.recvfrom(100)
                assert (answer, by[:2]) == (b"answer", (address, 5353))


def test_a_random_port_is_the_same_in_both_layers() -> None:
    found, holders = reserve("80", "81/udp", "9000-9001:80-81")
    assert [(entry.host_ip, str(entry.port)) for entry in found] == [
        (host, port)
        for port in ("80/tcp", "81/udp", "80/tcp", "81/tcp")
        for host in ("0.0.0.0", "::")
    ]
    for first, second in zip(found[::2], found[1::2], strict=True):
        assert first.host_port == second.host_port > 1024
    assert [entry.host_port for entry in found[4:]] == [9000, 9000, 9001, 9001]
    assert len(holders) == 8
    for fd in holders:
        os.close(fd)


def test_a_port_taken_in_either_layer_is_taken() -> None:
    for address, family in (("::1", socket.AF_INET6), ("127.0.0.1", socket.AF_INET)):
        with socket.create_server((address, 8080), family=family):
            with pytest.raises(publish.PortTaken, match=r"0\.0\.0\.0:8080 failed: port is already"):
                reserve("8080:80")
            found, holders = reserve("8080-8081:80")
            assert [entry.host_port for entry in found] == [8081, 8081]
            for fd in holders:
                os.close(fd)
    with (
        socket.create_server(("::1", 8080), family=socket.AF_INET6),
        pytest.raises(publish.PortTaken, match=r"Bind for \[::1\]:8080 failed"),
    ):
        reserve("[::1]:8080:80")


def test_an_address_of_a_layer_that_the_network_lacks_is_refused(lan: Lan) -> None:
    places = publish.places(network(1, ipv6=False))
    with pytest.raises(InvalidArgument, match="the container's network has no IPv6"):
        publish.reserve(ports.parse_publish("[::1]:8080:80/sctp"), places)
    places = publish.places(network(1, ipv4=False))
    with pytest.raises(InvalidArgument, match="the container's network has no IPv4"):
        publish.reserve(ports.parse_publish("127.0.0.1:8080:80"), places)


def test_the_address_of_published_ports_can_be_set_for_a_network(lan: Lan) -> None:
    options = {f"{OPTION}host_binding_ipv4": "127.0.0.1", f"{OPTION}host_binding_ipv6": "::1"}
    places = publish.places(network(1, options=options))
    found, holders = publish.reserve(ports.parse_publish("8080:80"), places)
    assert [entry.host_ip for entry in found] == ["127.0.0.1", "::1"]
    for fd in holders:
        os.close(fd)


def test_all_ports_of_a_container_come_in_one_transaction(
    lan: Lan, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = lan.make(network(1))
    box = lan.container(net)
    generations = []
    change = nftables.change

    def counted(firewall: netlink.Socket, *requests: netlink.Request) -> None:
        generations.append(len(requests))
        change(firewall, *requests)

    monkeypatch.setattr(nftables, "change", counted)
    with lan.published(net, box, "8080:80", "127.0.0.1:81:81", "[::1]:82:82"):
        assert generations == [4]
        shown = netns.run("nft", "list", "table", "inet", "cuddy")
        assert "tcp . ::1 . 82 : fd00:1::2 . 82" in shown
        assert "tcp . 8080 : fd00:1::2 . 80" in shown
    assert "elements" not in netns.run("nft", "list", "table", "inet", "cuddy")


@pytest.mark.usefixtures("tool")
def test_ports_of_both_layers_lead_to_a_network_of_one(lan: Lan) -> None:
    net = lan.make(network(1, ipv6=False))
    box = lan.container(net)
    found, holders = reserve("8080:80")
    with box.listen() as server:
        publish.publish(net, box.endpoints[0], found)
        talk(netns.dial("127.0.0.1", 8080), server)
    publish.withdraw(net.bridge, box.address)
    for fd in holders:
        os.close(fd)


def test_what_cannot_be_published_whole_is_not_published(lan: Lan) -> None:
    net = lan.make(network(1))
    one, two = lan.container(net), lan.container(net)
    wishes = [publish.Published(ports.Port(80), "0.0.0.0", number) for number in (8080, 8081)]
    publish.publish(net, one.endpoints[0], wishes[:1])
    with pytest.raises(Exception, match="cannot publish"):
        publish.publish(net, two.endpoints[0], wishes)
    assert "8081" not in netns.run("nft", "list", "table", "inet", "cuddy")


@pytest.mark.usefixtures("tool")
def test_no_container_speaks_as_a_program_of_the_host(lan: Lan) -> None:
    box = lan.container(lan.make(network(1)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 7000))
        server.settimeout(0.5)
        gateway = network(1).gateway
        heard = []
        # The first also finds the gateway. Others it can pretend to be, as with docker.
        for source in (box.address, "127.9.9.9", "10.99.9.9"):
            send_as(box.netns, source, gateway)
            with contextlib.suppress(TimeoutError):
                heard.append(server.recvfrom(100)[1][0])
        assert heard == [box.address, "10.99.9.9"]


def send_as(sender: netns.Netns, source: str, destination: str, port: int = 7000) -> None:
    """A datagram from an address that is not the sender's own."""
    with sender.inside(), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        packed = [socket.inet_aton(each) for each in (source, destination)]
        head = struct.pack("!BBHHHBBH", 0x45, 0, 29, 1, 0, 64, socket.IPPROTO_UDP, 0)
        datagram = struct.pack("!4H", 5555, port, 9, 0) + b"x"
        raw.sendto(head + b"".join(packed) + datagram, (destination, 0))
