"""Networks without any power on the host: a program of the user's carries what a container sends.

    container: eth0 (tap) ──▶ pasta or slirp4netns ──▶ sockets of the user on the host

Both see the same of it: an address of its own, a gateway behind which the world is, and a name
server that is the host's. Words for their command lines, and what there is inside. Pure.
"""

from __future__ import annotations

import _socket

from cuddy.errors import InvalidArgument
from cuddy.network import network as networks
from cuddy.network.endpoint import CONTAINER_MAC as MAC
from cuddy.network.endpoint import Endpoint
from cuddy.network.network import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.network.publish import Published

PROGRAMS = ("pasta", "slirp4netns")
"""The better one first."""
ADDRESS, PREFIX_LENGTH, NETMASK = "10.0.2.100", 24, "255.255.255.0"
GATEWAY = "10.0.2.2"
NAME_SERVER = "10.0.2.3"
"""The host's, under an address that the container reaches."""
LINK = "eth0"
FLAGS = {"tcp": "--tcp-ports", "udp": "--udp-ports"}
MTU = 65520


def endpoint(network: Network, container_id: str, mac: str = "") -> Endpoint:
    """Where a container is. `mac`: "" for one that all have, as nobody else is on the wire."""
    return Endpoint(
        network.name, ADDRESS, PREFIX_LENGTH, GATEWAY, mac or networks.mac_of(ADDRESS, MAC), "",
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
        if program != "pasta" and ":" in entry.host_ip:
            raise InvalidArgument(
                f"{program} publishes no port of IPv6",
                hint="pasta does, of the package passt",
            )


def pasta(path: str, netns: str, ready: str, mac: str, published: Iterable[Published]) -> list[str]:
    """How pasta is called. `netns`: a file; `ready`: what it writes when all is set up.

    Of the host nothing is reached but what others reach, too: not its loopback.
    """
    words = [
        path, "--foreground", "--quiet", "--stderr", "--pid", ready, "--config-net",
        "--ns-ifname", LINK, "--ns-mac-addr", mac,
        "--address", ADDRESS, "--netmask", NETMASK, "--gateway", GATEWAY,
        "--dns-forward", NAME_SERVER, "--no-map-gw", "--tcp-ns", "none", "--udp-ns", "none",
    ]  # fmt: skip
    unused = dict(FLAGS)
    for entry in published:
        unused.pop(entry.port.protocol, None)
        place = f"{entry.host_ip}/{entry.host_port}:{entry.port.number}"
        words += [FLAGS[entry.port.protocol], place]
    for flag in unused.values():
        words += [flag, "none"]
    return [*words, "--no-netns-quit", "--netns", netns]


def slirp4netns(path: str, netns: str, ready_fd: int, mac: str, socket: str) -> list[str]:
    """How slirp4netns is called. `socket`: where it is told of ports; "" for none."""
    words = [
        path, "--configure", f"--mtu={MTU}", "--disable-host-loopback", f"--ready-fd={ready_fd}",
        "--netns-type=path", f"--macaddress={mac}",
    ]  # fmt: skip
    return [*words, *([f"--api-socket={socket}"] if socket else []), netns, LINK]


def forward(entry: Published) -> dict[str, object]:
    """What slirp4netns is told to publish a port."""
    return {
        "execute": "add_hostfwd",
        "arguments": {
            "proto": entry.port.protocol, "host_addr": entry.host_ip,
            "host_port": entry.host_port, "guest_port": entry.port.number,
        },
    }  # fmt: skip
