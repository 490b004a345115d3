"""Networks without any power on the host: a program of the user's carries what a container sends.

    container: eth0 (tap) ──▶ pasta or slirp4netns ──▶ sockets of the user on the host

Both see the same of it: an address of its own, a gateway behind which the world is, and a name
server that is the host's. Words for their command lines, and what there is inside. Pure.
"""

from __future__ import annotations

import _socket

from cuddy.errors import InvalidArgument
from cuddy.network import ipam
from cuddy.network import network as networks
from cuddy.network.endpoint import CONTAINER_MAC as MAC
from cuddy.network.endpoint import Endpoint
from cuddy.network.network import Network
from cuddy.network.user_mode_options import Choice
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.network.publish import Published

LINK = "eth0"
FLAGS = {"tcp": "--tcp-ports", "udp": "--udp-ports"}


class Plan(NamedTuple):
    """The addresses on the wire, as both programs give them."""

    address: str
    prefix_length: int
    gateway: str  # behind which the world is
    name_server: str  # the host's, under an address that the container reaches


def plan(choice: Choice) -> Plan:
    """The addresses that a choice leads to."""
    subnet = ipam.parse_subnet(choice.cidr)
    own, gateway, names = (ipam.format_address(subnet.first + n, 32) for n in (100, 2, 3))
    return Plan(own, subnet.prefix_length, gateway, names)


def name_server(place: Endpoint) -> str:
    """Where the host's name server is for whoever is there."""
    return plan(Choice(cidr=f"{place.address}/{place.prefix_length}")).name_server


def endpoint(network: Network, choice: Choice, container_id: str, mac: str = "") -> Endpoint:
    """Where a container is. `mac`: "" for one that all have, as nobody else is on the wire."""
    found = plan(choice)
    return Endpoint(
        network.name, found.address, found.prefix_length, found.gateway,
        mac or networks.mac_of(found.address, MAC), "",
        link=LINK, network_id=network.id, container_id=container_id,
    )  # fmt: skip


def global_address(text: str) -> tuple[str, int]:
    """The address of a layer that is the host's to give: of /proc/PID/net/if_inet6; "" and 0."""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 6 and words[3] == "00" and words[5] == LINK:
            number = int(words[0], 16).to_bytes(16)
            return _socket.inet_ntop(_socket.AF_INET6, number), int(words[2], 16)
    return "", 0


def check(program: str, published: Iterable[Published]) -> None:
    """Whether a program can publish all that. Raises InvalidArgument."""
    for entry in published:
        if entry.port.protocol not in FLAGS:
            raise InvalidArgument(f"{program} publishes no port of {entry.port.protocol}")


def pasta(
    path: str, netns: str, ready: str, mac: str, choice: Choice, published: Iterable[Published],
    *, forwards: bool = False,
) -> list[str]:  # fmt: skip
    """How pasta is called. `netns`: a file; `ready`: what it writes when all is set up.

    `forwards`: it is to lead to the host's name server. Only if that cannot be reached otherwise,
    as an old pasta takes all that this server says for an answer to a question that it forwarded.
    Of the host nothing is reached but what others reach, too: not its loopback, unless asked for.
    """
    found = plan(choice)
    words = [
        path, "--foreground", "--quiet", "--stderr", "--pid", ready, "--config-net",
        "--ns-ifname", LINK, "--ns-mac-addr", mac, "--mtu", str(choice.mtu),
        "--address", found.address, "--netmask", str(found.prefix_length),
        "--gateway", found.gateway, *(["--dns-forward", found.name_server] if forwards else []),
        *([] if choice.sees_loopback else ["--no-map-gw"]), *choice.words,
    ]  # fmt: skip
    for flag in ("--tcp-ns", "--udp-ns"):
        words += [] if flag in choice.words else [flag, "none"]
    unused = dict(FLAGS)
    for entry in published:
        unused.pop(entry.port.protocol, None)
        place = f"{entry.host_ip}/{entry.host_port}:{entry.port.number}"
        words += [FLAGS[entry.port.protocol], place]
    for flag in unused.values():
        words += [flag, "none"]
    return [*words, "--no-netns-quit", "--netns", netns]


def slirp4netns(
    path: str, netns: str, ready_fd: int, mac: str, choice: Choice, socket: str
) -> list[str]:
    """How slirp4netns is called. `socket`: where it is told of ports; "" for none."""
    return [
        path, "--configure", f"--mtu={choice.mtu}", f"--cidr={choice.cidr}",
        *([] if choice.sees_loopback else ["--disable-host-loopback"]), *choice.words,
        f"--ready-fd={ready_fd}", "--netns-type=path", f"--macaddress={mac}",
        *([f"--api-socket={socket}"] if socket else []), netns, LINK,
    ]  # fmt: skip


def forward(entry: Published) -> dict[str, object]:
    """What slirp4netns is told to publish a port."""
    return {
        "execute": "add_hostfwd",
        "arguments": {
            "proto": entry.port.protocol, "host_addr": entry.host_ip,
            "host_port": entry.host_port, "guest_port": entry.port.number,
        },
    }  # fmt: skip
