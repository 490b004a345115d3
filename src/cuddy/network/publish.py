"""Publishing ports: a packet to a port of the host goes on to a container's.

The kernel does it, by two maps of each bridge (`nat.py`): from protocol and port, or protocol,
address and port, to a container's address and port. What is published also has a socket of the
monitor's on it, on which nothing ever arrives: it keeps others from the port, and others' ports
from us.

An entry leads to an address, and the address is leased to one container: so whoever takes a lease
back `withdraw`s first what leads there, and a monitor that was killed leaves nothing that matters.
"""

from __future__ import annotations

import _socket
import errno

from cuddy.errors import Conflict, SystemFailure
from cuddy.kernel import bridge_port, netlink, nftables
from cuddy.network import ipam, nat
from cuddy.network.ports import PROTOCOLS, Binding, Port
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.network.endpoint import Endpoint
    from cuddy.network.network import Network

ANYWHERE = "0.0.0.0"
KINDS = {"tcp": _socket.SOCK_STREAM, "udp": _socket.SOCK_DGRAM}


class Published(NamedTuple):
    """A port of the host that leads to a container's."""

    port: Port
    host_ip: str  # ANYWHERE: every address
    host_port: int


class PortTaken(Conflict):
    """Somebody on this host uses the port."""

    def __init__(self, wish: Binding) -> None:
        where = f"{wish.host_ip or ANYWHERE}:{wish.first}"
        if wish.last > wish.first:
            where += f"-{wish.last}"
        super().__init__(f"Bind for {where} failed: port is already allocated")
        self.wish = wish


def reserve(bindings: Iterable[Binding]) -> tuple[list[Published], list[int]]:
    """Choose a port of the host for each and keep it from others.

    Returns what is published and the descriptors that hold it. Raises PortTaken, SystemFailure.
    """
    found: list[Published] = []
    holders: list[_socket.socket] = []
    with Undo() as undo:
        for binding in bindings:
            published, holder = _reserve(binding)
            found.append(published)
            if holder:
                holders.append(holder)
                undo.add(holder.close)
    return found, [holder.detach() for holder in holders]


def _reserve(binding: Binding) -> tuple[Published, _socket.socket | None]:
    """The first port of the wish's range that is free."""
    for number in range(binding.first, binding.last + 1):
        try:
            holder = _hold(binding, number)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            where = f"{binding.host_ip or ANYWHERE}:{number}"
            raise SystemFailure.from_os(f"cannot publish at {where}", error) from error
        number = holder.getsockname()[1] if holder else number
        return Published(binding.port, binding.host_ip or ANYWHERE, number), holder
    raise PortTaken(binding)


def _hold(binding: Binding, number: int) -> _socket.socket | None:
    """A socket on the port; none for SCTP, which few kernels have. Raises OSError."""
    kind = KINDS.get(binding.port.protocol)
    if kind is None:
        return None
    holder = _socket.socket(_socket.AF_INET, kind | _socket.SOCK_CLOEXEC)
    try:
        if kind == _socket.SOCK_STREAM:
            # Connections of an earlier container that linger are nobody's any more.
            holder.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        holder.bind((binding.host_ip, number))
        if kind == _socket.SOCK_STREAM:
            holder.listen(0)
    except BaseException:
        holder.close()
        raise
    return holder


def publish(network: Network, endpoint: Endpoint, published: Iterable[Published]) -> None:
    """Have the kernel lead all of them to a container. Raises SystemFailure."""
    bridge, address = network.bridge, endpoint.address
    try:
        with netlink.open() as kernel:
            kernel.ask(bridge_port.set_hairpin(_socket.if_nametoindex(endpoint.host_link)))
        with nftables.open() as firewall:
            if nftables.has_chain(firewall, nat.FAMILY, nat.TABLE, nat.publish_chain(bridge)):
                for name, entries in _by_map(bridge, address, published).items():
                    nftables.add_elements(firewall, nat.FAMILY, nat.TABLE, name, entries)
                return
        _publish_by_iptables(bridge, address, published)
    except OSError as error:
        raise SystemFailure.from_os("cannot publish the container's ports", error) from error


def withdraw(bridge: str, address: str) -> None:
    """Lead nothing to an address any more; nothing may lead there. Raises OSError."""
    target = _packed(address)
    with nftables.open() as firewall:
        if not nftables.has_chain(firewall, nat.FAMILY, nat.TABLE, nat.publish_chain(bridge)):
            _withdraw_by_iptables(bridge, address)
            return
        for name in (nat.anywhere_map(bridge), nat.address_map(bridge)):
            entries = nftables.list_elements(firewall, nat.FAMILY, nat.TABLE, name)
            keys = [key for key, value in entries if value.startswith(target)]
            nftables.delete_elements(firewall, nat.FAMILY, nat.TABLE, name, keys)


def _by_map(
    bridge: str, address: str, published: Iterable[Published]
) -> dict[str, list[tuple[bytes, bytes]]]:
    """The entries of each map: keys and values in the kernel's registers of four bytes each."""
    found: dict[str, list[tuple[bytes, bytes]]] = {}
    for entry in published:
        everywhere = entry.host_ip == ANYWHERE
        name = nat.anywhere_map(bridge) if everywhere else nat.address_map(bridge)
        middle = b"" if everywhere else _packed(entry.host_ip)
        key = bytes((PROTOCOLS[entry.port.protocol], 0, 0, 0)) + middle + _port(entry.host_port)
        value = _packed(address) + _port(entry.port.number)
        found.setdefault(name, []).append((key, value))
    return found


def _packed(address: str) -> bytes:
    return ipam.parse_address(address)[0].to_bytes(4)


def _port(number: int) -> bytes:
    return number.to_bytes(2) + b"\0\0"


def _publish_by_iptables(bridge: str, address: str, published: Iterable[Published]) -> None:
    from cuddy.kernel import iptables  # only hosts without nft need it

    chain = nat.iptables_publish_chain(bridge)
    for entry in published:
        place = () if entry.host_ip == ANYWHERE else ("-d", entry.host_ip)
        at = ("-p", entry.port.protocol, "--dport", str(entry.host_port))
        target = ("-j", "DNAT", "--to-destination", f"{address}:{entry.port.number}")
        finished = iptables.edit("nat", "-A", chain, *place, *at, *target)
        if finished.code:
            raise SystemFailure(f"cannot publish a port: {finished.output.partition(chr(10))[0]}")


def _withdraw_by_iptables(bridge: str, address: str) -> None:
    from cuddy.kernel import iptables

    chain = nat.iptables_publish_chain(bridge)
    try:
        rules = iptables.list_rules("nat", chain)
    except FileNotFoundError:
        return  # neither nft nor iptables: nothing was ever published
    for rule in rules:
        if rule[-1].startswith(f"{address}:"):
            iptables.edit("nat", "-D", chain, *rule)
