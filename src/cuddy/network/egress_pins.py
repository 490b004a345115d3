"""Addresses that a container may reach because an allowed name led there, for as long as DNS says.

Some are never reached by name, whatever DNS says, since whoever owns an allowed name could point it
there: this host itself, loopback, link-local (where clouds keep their secrets), multicast and what
is nobody's. They have to be allowed as networks.
"""

from __future__ import annotations

import _socket
import time

from cuddy.errors import InvalidArgument
from cuddy.kernel import namespaces
from cuddy.network import egress, egress_rules, ipam
from cuddy.network.egress import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DISCARD = 9  # a port; the packets that pin go nowhere
MOST_NAMES = 2 * egress_rules.MOST_PINNED
MOST_ADDRESSES = 128
"""Of one answer; the rest of a longer one is not reached."""
METADATA_4 = ("100.100.100.200/32", "168.63.129.16/32")
METADATA_6 = ("fd00:ec2::/32", "fd20:ce::254/128", "fd00:c1::a9fe:a9fe/128")
"""Where clouds that do not, or not only, use 169.254.169.254 hand out a machine's keys."""
NEVER_4 = (
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "224.0.0.0/3", *METADATA_4,
)  # fmt: skip
NEVER_6 = ("::/96", "fe80::/10", "ff00::/8", *METADATA_6)
EMBEDDING = (egress.MAPPED, bytes.fromhex("0064ff9b") + bytes(8))
"""IPv6 whose last four bytes are an IPv4 address: mapped, and NAT64 (RFC 6052)."""


class Pins:
    """The pinned addresses of a container. Belongs to whoever answers its questions."""

    def __init__(
        self, policy: Policy, netns_fd: int, hosts: Iterable[tuple[str, str]] = ()
    ) -> None:
        """`hosts`: names that are known without asking. Raises OSError."""
        self._policy = policy
        self._groups = {ports: n for n, ports in enumerate(egress_rules.port_groups(policy))}
        self._names = {address: name for name, address in hosts}
        self._ends: dict[tuple[int, str], float] = {}
        self._sockets: dict[int, _socket.socket] = {}
        with namespaces.Joined(netns_fd, "network"):
            for family in (_socket.AF_INET, _socket.AF_INET6):
                try:
                    self._sockets[family] = _socket.socket(family, _socket.SOCK_DGRAM)
                except OSError:  # a kernel without IPv6
                    continue
        for socket in self._sockets.values():
            socket.setblocking(False)

    def allows(self, name: str) -> bool:
        """Whether a name may be asked for."""
        return bool(egress.rules_for(self._policy, egress.normal_name(name)))

    def pin(self, name: str, addresses: Sequence[str], ttl_s: int) -> None:
        """Let the container reach what an allowed name led to, where the rules for it say."""
        place = lifetime(ttl_s)
        rules = egress.rules_for(self._policy, egress.normal_name(name))
        groups = {self._groups[rule.ports] for rule in rules}
        for address in addresses[:MOST_ADDRESSES]:
            self._note(address, name)
            if not is_never_by_name(address) and not is_local(address):
                for group in groups:
                    self._pin(group, address, place)

    def _note(self, address: str, name: str) -> None:
        self._names.pop(address, None)
        self._names[address] = name
        if len(self._names) > MOST_NAMES:
            del self._names[next(iter(self._names))]

    def _pin(self, group: int, address: str, place: int) -> None:
        """Send the packet that has the kernel add the address to a set."""
        now = time.monotonic()
        end = now + egress_rules.LIFETIMES_S[place]
        if self._ends.get((group, address), 0) > end:
            return  # another name led there, for longer
        if len(self._ends) >= MOST_NAMES:
            self._ends = {key: other for key, other in self._ends.items() if other > now}
        if len(self._ends) < MOST_NAMES:
            self._ends[group, address] = end
        socket = self._sockets.get(_socket.AF_INET6 if ":" in address else _socket.AF_INET)
        try:
            if socket:
                mark = egress_rules.mark(group, place)
                socket.setsockopt(_socket.SOL_SOCKET, egress_rules.SO_MARK, mark)
                socket.sendto(b"", (address, DISCARD))
        except OSError:
            pass  # EPERM is how a packet that was dropped looks; or there is no way there

    def name_of(self, address: str) -> str:
        """The name that led to an address last; "" if none did."""
        return self._names.get(address, "")

    def close(self) -> None:
        """Pin no more. The kernel lets go of each address when its time has come."""
        for socket in self._sockets.values():
            socket.close()


def lifetime(ttl_s: int) -> int:
    """The place in LIFETIMES_S of the shortest that lasts so long; the last one for more."""
    lifetimes = egress_rules.LIFETIMES_S
    return next((n for n, each in enumerate(lifetimes) if each >= ttl_s), len(lifetimes) - 1)


def is_never_by_name(address: str) -> bool:
    """Whether an address, as text, is one that no name may lead to."""
    try:
        number, bits = ipam.parse_address(address)
    except InvalidArgument:
        return True
    if bits == 128 and number.to_bytes(16)[:12] in EMBEDDING:
        number, bits = number & 0xFFFFFFFF, 32
    networks = NEVER_4 if bits == 32 else NEVER_6
    return any(number in ipam.parse_subnet(network) for network in networks)


def is_local(address: str) -> bool:
    """Whether an address is one of the network namespace we are in: sent from there, a packet to it
    has it as its source too.
    """
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    try:
        probe = _socket.socket(family, _socket.SOCK_DGRAM)
    except OSError:
        return False
    try:
        probe.connect((address, DISCARD))
        source: str = probe.getsockname()[0]
        return source == address
    except OSError:
        return False
    finally:
        probe.close()
