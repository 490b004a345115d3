"""A server inside a container's network namespace: the sockets that 127.0.0.11, port 53, leads to.

They have ports of the kernel's choice, and rules in that namespace lead there what is meant for
port 53: so a container may have a name server of its own on all addresses. The rules, in a table of
their own, vanish with the namespace; only who has CAP_NET_ADMIN there can take them away before.
"""

from __future__ import annotations

import _socket
import errno

from cuddy.errors import SystemFailure
from cuddy.kernel import namespaces, nft_rules, nftables, rtnetlink
from cuddy.kernel.nft_rules import Hook
from cuddy.network.resolv import OWN_SERVER
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.kernel.netlink import Request

FAMILY, TABLE, CHAIN = "ip", "cuddy-names", "output"
OUTPUT_RAW = Hook("filter", nft_rules.NF_INET_LOCAL_OUT, -300)
IPTABLES_CHAIN = "CUDDY-NAMES"
PORT = 53
BACKLOG = 64
PROTOCOLS = {"udp": b"\x11", "tcp": b"\x06"}
CHECKSUMS = {"udp": 6, "tcp": 16}  # where in the header
NO_NFTABLES = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOENT, errno.EPROTONOSUPPORT)


class End(NamedTuple):
    """Where in the headers of IPv4, and of UDP and TCP, an end of a packet's way stands."""

    address: int
    port: int


SOURCE, DESTINATION = End(12, 0), End(16, 2)


class Sockets(NamedTuple):
    """What a server has inside: a socket for datagrams, and one that listens. Descriptors."""

    udp: int
    tcp: int


def open_sockets(netns_fd: int) -> Sockets:
    """Make the sockets, and lead to them. Raises SystemFailure."""
    try:
        with namespaces.Joined(netns_fd, "network"), Undo() as undo:
            rtnetlink.loopback_up()
            udp, tcp = bound_socket(_socket.SOCK_DGRAM), bound_socket(_socket.SOCK_STREAM)
            undo.add(udp.close)
            undo.add(tcp.close)
            tcp.listen(BACKLOG)
            lead({"udp": udp.getsockname()[1], "tcp": tcp.getsockname()[1]})
    except OSError as error:
        raise SystemFailure.from_os(
            "cannot lead a container to the resolver", error,
            hint="the kernel needs nf_tables with nat, or the host iptables",
        ) from error  # fmt: skip
    return Sockets(udp.detach(), tcp.detach())


def bound_socket(kind: int) -> _socket.socket:
    """A socket on our address, at any port, in the namespace we are in. Raises OSError."""
    made = _socket.socket(_socket.AF_INET, kind | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
    try:
        made.bind((OWN_SERVER, 0))
    except OSError:
        made.close()
        raise
    return made


def lead(ports: dict[str, int]) -> None:
    """Make the rules of the namespace we are in, or make them anew. Raises OSError."""
    try:
        with nftables.open() as firewall:
            nftables.change(firewall, *requests(ports))
    except OSError as error:
        if error.errno not in NO_NFTABLES:
            raise
        lead_by_iptables(ports)


def requests(ports: dict[str, int]) -> list[Request]:
    """The rules as messages: what is meant for 127.0.0.11, port 53, goes to these ports, and what
    comes from them seems to come from there.

    The ports are written into the packets. Translation by connection tracking would do the same,
    but then all of the container's packets are tracked, which costs a sixth of what it can serve.
    """
    found = [
        nft_rules.add_table(FAMILY, TABLE),
        nft_rules.add_chain(FAMILY, TABLE, CHAIN, hook=OUTPUT_RAW),
        nft_rules.flush_chain(FAMILY, TABLE, CHAIN),
    ]
    for protocol, port in ports.items():
        found.append(rewrite(protocol, DESTINATION, PORT, port))
        found.append(rewrite(protocol, SOURCE, port, PORT))
    return found


def rewrite(protocol: str, end: End, old: int, new: int) -> Request:
    """Packets with our address and the old port at one end get the new one."""
    return nft_rules.add_rule(FAMILY, TABLE, CHAIN, [
        nft_rules.payload(nft_rules.PAYLOAD_NETWORK, end.address, 4),
        nft_rules.equals(_socket.inet_aton(OWN_SERVER)),
        nft_rules.meta(nft_rules.META_L4PROTO),
        nft_rules.equals(PROTOCOLS[protocol]),
        nft_rules.payload(nft_rules.PAYLOAD_TRANSPORT, end.port, 2),
        nft_rules.equals(old.to_bytes(2)),
        nft_rules.immediate(new.to_bytes(2)),
        nft_rules.write_payload(
            nft_rules.PAYLOAD_TRANSPORT, end.port, 2, checksum=CHECKSUMS[protocol]
        ),
    ])  # fmt: skip


def iptables_text(ports: dict[str, int]) -> str:
    """The same for iptables-restore, in a chain of its own."""
    lines = "".join(
        f"-A {IPTABLES_CHAIN} -p {protocol} --dport {PORT} -j DNAT --to {OWN_SERVER}:{port}\n"
        for protocol, port in ports.items()
    )
    return f"*nat\n:{IPTABLES_CHAIN} - [0:0]\n{lines}COMMIT\n"


def lead_by_iptables(ports: dict[str, int]) -> None:
    """The same on a kernel without nf_tables. Raises OSError, SystemFailure."""
    from cuddy.kernel import iptables

    finished = iptables.restore(iptables_text(ports))
    jump = ("OUTPUT", "-d", OWN_SERVER, "-j", IPTABLES_CHAIN)
    if finished.code == 0 and not iptables.has_rule("nat", *jump):
        finished = iptables.edit("nat", "-I", *jump)
    if finished.code:
        reason = finished.output.partition("\n")[0] or f"exit code {finished.code}"
        raise SystemFailure(f"cannot lead a container to the resolver: {reason}")
