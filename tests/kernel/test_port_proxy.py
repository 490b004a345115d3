"""What the kernel cannot lead to a container is carried there by a process."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import netns
from cuddy.network import ports, publish
from cuddy.network.endpoint import Endpoint
from cuddy.network.port_proxy import Proxy
from lan import Lan, network, talk

ENDPOINT = Endpoint("net", "127.0.0.1", 8, "", "", "veth0")


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


@contextmanager
def carried(*texts: str, endpoint: Endpoint = ENDPOINT) -> Iterator[None]:
    """Ports published with a proxy, as long as somebody holds the other end of its leash."""
    wishes = [wish for text in texts for wish in ports.parse_publish(text)]
    places = publish.places(network(1, ipv6=bool(endpoint.address6)))
    published, holders = publish.reserve(wishes, places)
    targets = {entry.host_port: entry.port.number for entry in published}

    def find(source: socket.socket) -> tuple[str, int]:
        return endpoint.address6 or endpoint.address, targets[source.getsockname()[1]]

    leash, other_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(other_end)
            sources = [each for each in map(open_socket, holders) if is_ipv6(each)]
            Proxy(sources, find, leash).run()
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.close(other_end)
        os.waitpid(child, 0)
        for fd in (leash, *holders):
            os.close(fd)


def open_socket(fd: int) -> socket.socket:
    return socket.socket(fileno=os.dup(fd))


def is_ipv6(source: socket.socket) -> bool:
    return source.family == socket.AF_INET6


def test_a_connection_is_carried_both_ways_and_half_closed() -> None:
    with (
        socket.create_server(("127.0.0.1", 80)) as server,
        carried("[::1]:8080:80"),
        netns.dial("::1", 8080) as client,
        server.accept()[0] as accepted,
    ):
        accepted.settimeout(3)
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert accepted.makefile("rb").read() == b"question"
        accepted.sendall(b"answer")
        accepted.close()
        assert client.makefile("rb").read() == b"answer"


def test_more_than_fits_into_buffers_arrives_in_order() -> None:
    data = os.urandom(1 << 20) * 8
    with (
        socket.create_server(("127.0.0.1", 80)) as server,
        carried("[::1]:8080:80"),
        netns.dial("::1", 8080) as client,
        server.accept()[0] as accepted,
    ):
        sender = threading.Thread(target=lambda: (accepted.sendall(data), accepted.close()))
        sender.start()
        assert client.makefile("rb").read() == data
        sender.join()


def test_nobody_listening_is_a_broken_connection_and_no_harm() -> None:
    with carried("[::1]:8080:80"):
        with netns.dial("::1", 8080) as client:
            assert client.recv(1) == b""
        with socket.create_server(("127.0.0.1", 80)) as server:
            server.settimeout(3)
            talk(netns.dial("::1", 8080), server)


def test_datagrams_are_answered_to_the_one_who_asked() -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    clients = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(3)]
    with server, carried("[::1]:53:53/udp"):
        server.bind(("127.0.0.1", 53))
        server.settimeout(3)
        for number, client in enumerate(clients):
            client.settimeout(3)
            client.sendto(b"%d" % number, ("::1", 53))
        for _ in clients:
            data, sender = server.recvfrom(10)
            server.sendto(data * 2, sender)
        assert [client.recv(10) for client in clients] == [b"00", b"11", b"22"]
    for client in clients:
        client.close()


def test_a_container_of_both_layers_is_reached_at_the_hosts_own_loopback() -> None:
    lan = Lan()
    net = lan.make(network(1))
    box = lan.container(net)
    with box.listen() as server, carried("8080:80", endpoint=box.endpoints[0]):
        assert talk(netns.dial("::1", 8080), server) == "fd00:1::1"
    lan.close()
