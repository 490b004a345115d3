"""Networks with containers on them, made by the drivers alone: network namespaces and no leases."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

import netns
from cuddy.kernel import netlink, rtnetlink
from cuddy.network import bridge, drivers, ipam, ports, publish
from cuddy.network.endpoint import Endpoint
from cuddy.network.ipam import Pool
from cuddy.network.network import Network, mac_of

SHORT = 0.3  # seconds for a packet that is to be lost
HOST, OUTSIDE = "198.51.100.1", "198.51.100.2"
HOST6, OUTSIDE6 = "2001:db8::1", "2001:db8::2"


def network(number: int, *, ipv4: bool = True, **words: object) -> Network:
    """A network of both layers; the number tells it from others."""
    pools = [Pool(f"10.{number}.0.0/24", f"10.{number}.0.1")] if ipv4 else []
    if words.get("ipv6", True):
        pools.append(Pool(f"fd00:{number}::/64", f"fd00:{number}::1"))
    made = Network(f"{number:064x}", f"net{number}", bridge=f"cud-{number}", pools=tuple(pools))
    return made._replace(**{"ipv6": True, **words})  # type: ignore[arg-type]


class Container:
    """A network namespace with an endpoint on each of some networks."""

    def __init__(self, number: int, *networks: Network) -> None:
        self.netns = netns.Netns()
        self.is_closed = False
        self.number = number
        self.endpoints: list[Endpoint] = []
        try:
            for slot, each in enumerate(networks):
                self.endpoints.append(self.join(each, slot))
        except BaseException:
            self.close()
            raise

    def join(self, network: Network, slot: int = 0, **words: object) -> Endpoint:
        """Connect it."""
        found = [self._address(pool.subnet) for pool in network.pools]
        address = next((each for each in found if "." in each), "")
        address6 = next((each for each in found if ":" in each), "")
        endpoint = Endpoint(
            network.name, address, 24 if address else 0, network.gateway,
            mac_of(address or address6), f"veth{self.number:010x}{slot}", f"eth{slot}", network.id,
            address6, 64 if address6 else 0, network.gateway6,
            has_default_route=not slot and not network.internal,
        )._replace(**words)  # type: ignore[arg-type]  # fmt: skip
        drivers.of(network).attach(network, endpoint, self.netns.fd)
        return endpoint

    def _address(self, text: str) -> str:
        subnet = ipam.parse_subnet(text)
        return ipam.format_address(subnet.first + self.number, subnet.bits)

    @property
    def address(self) -> str:
        return self.endpoints[0].address

    @property
    def address6(self) -> str:
        return self.endpoints[0].address6

    def listen(self, port: int = 80) -> socket.socket:
        """A TCP server's socket on every address of both layers."""
        with self.netns.inside():
            return listen(port)

    def reaches(self, address: str, port: int = 80, timeout_s: float = SHORT) -> bool:
        return self.netns.reaches(address, port, timeout_s)

    def close(self) -> None:
        if not self.is_closed:
            self.netns.close()
        self.is_closed = True


class Lan:
    """Whatever a test makes, to be closed at its end."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._count = 1

    def make(self, network: Network) -> Network:
        """A network, ready for containers."""
        drivers.of(network).ensure(network)
        return network

    def container(self, *networks: Network) -> Container:
        """A container on some networks; the first has its default route."""
        self._count += 1
        made = Container(self._count, *networks)
        self._stack.callback(made.close)
        return made

    def outside(self) -> netns.Netns:
        """A neighbour of the host's behind its uplink: all of the internet that there is."""
        far = self._stack.enter_context(netns.fresh())
        with netlink.open() as kernel, netlink.open(far.fd) as inside:
            kernel.ask(
                rtnetlink.add_veth(
                    "uplink", "eth0", peer_netns_fd=far.fd, mac="fe:00:00:00:00:01",
                    peer_mac="fe:00:00:00:00:02", mtu=1500, master=0,
                ),
                rtnetlink.set_up("uplink"),
            )  # fmt: skip
            for opened, link, addresses in (
                (kernel, "uplink", (HOST, HOST6)),
                (inside, "eth0", (OUTSIDE, OUTSIDE6)),
            ):
                index = index_of(opened, link)
                opened.ask(
                    rtnetlink.set_up(index),
                    rtnetlink.add_address(index, addresses[0], 24),
                    rtnetlink.add_address(index, addresses[1], 64),
                )
            for gateway in (OUTSIDE, OUTSIDE6):
                kernel.ask(rtnetlink.add_route("", 0, gateway=gateway))
            bridge.wait_until_running(kernel, "uplink")
        return far

    @contextlib.contextmanager
    def published(
        self, network: Network, container: Container, *texts: str
    ) -> Iterator[list[publish.Published]]:
        """A container's ports at the host's, as its monitor publishes them."""
        wishes = [wish for text in texts for wish in ports.parse_publish(text)]
        found, holders = publish.reserve(wishes, publish.places(network))
        endpoint = container.endpoints[0]
        publish.publish(network, endpoint, found)
        try:
            yield found
        finally:
            addresses = [each for each in (endpoint.address, endpoint.address6) if each]
            publish.withdraw(network.bridge, *addresses)
            for fd in holders:
                os.close(fd)

    def close(self) -> None:
        self._stack.close()


def listen(port: int = 80) -> socket.socket:
    """A TCP server's socket of the namespace we are in, on every address of both layers."""
    server = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    server.settimeout(3)
    return server


def talk(client: socket.socket, server: socket.socket) -> str:
    """Check that a connection leads to that server; as whom the client appears there."""
    with client, server.accept()[0] as accepted:
        accepted.sendall(b"hello")
        assert client.recv(5) == b"hello"
        return str(accepted.getpeername()[0]).removeprefix("::ffff:")


def index_of(kernel: netlink.Socket, name: str) -> int:
    """The index of a link that is there."""
    found = rtnetlink.find_link(kernel, name)
    assert found
    return found.ifindex
