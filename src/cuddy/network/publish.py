"""Publishing ports: a packet to a port of the host goes on to a container's.

The kernel does it, by two maps of each bridge and layer (`chains.py`): from protocol and port, or
protocol, address and port, to a container's address and port. What is published also has a socket
of the monitor's on it, on which nothing ever arrives but what `port_proxy.py` carries: it keeps
others from the port, and others' ports from us.

An entry leads to an address, and the address is leased to one container: so whoever takes a lease
back `withdraw`s first what leads there, and a monitor that was killed leaves nothing that matters.
"""

from __future__ import annotations

import _socket
import errno
import time

from cuddy.errors import Conflict, InvalidArgument, SystemFailure
from cuddy.kernel import bridge_port, netlink, nftables, rtnetlink
from cuddy.network import chains, ipam
from cuddy.network.ports import PROTOCOLS, Binding, Port
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cuddy.kernel.netlink import Request
    from cuddy.network.endpoint import Endpoint
    from cuddy.network.network import Network

ANYWHERE, ANYWHERE6 = "0.0.0.0", "::"
KINDS = {"tcp": _socket.SOCK_STREAM, "udp": _socket.SOCK_DGRAM}
BACKLOG = 128
PAUSE_S, PAUSES = 0.01, 30  # for the end of the proxy of a container that has just ended
ATTEMPTS = 16  # to find a port that is free in both layers
NO_ADDRESS = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class Published(NamedTuple):
    """A port of the host that leads to a container's."""

    port: Port
    host_ip: str  # ANYWHERE or ANYWHERE6: every address of that layer
    host_port: int  # 0: none, the container is reached by its own address


class Place(NamedTuple):
    """Where a port is published, one for each layer of a network."""

    address: str
    is_routed: bool = False  # no port of the host: containers are reached directly


class PortTaken(Conflict):
    """Somebody on this host uses the port."""

    def __init__(self, wish: Binding, address: str = "") -> None:
        where = f"{show(address or wish.host_ip or ANYWHERE)}:{wish.first}"
        if wish.last > wish.first:
            where += f"-{wish.last}"
        super().__init__(f"Bind for {where} failed: port is already allocated")
        self.wish = wish


def show(address: str) -> str:
    """An address as it stands before a port."""
    return f"[{address}]" if ":" in address else address


def places(network: Network) -> tuple[Place, ...]:
    """Where the ports of a network are published when no address was named."""
    modes, bindings = ("nat", "nat"), ("", "")
    if network.options:
        from cuddy.network import bridge_options  # most networks have none

        options = bridge_options.parse(network.options, internal=network.internal)
        modes, bindings = options.gateway_mode, options.host_binding
    found = []
    for index, (subnet, anywhere) in enumerate(
        ((network.subnet, ANYWHERE), (network.subnet6, ANYWHERE6))
    ):
        if subnet:
            found.append(Place(bindings[index] or anywhere, modes[index] == "routed"))
    return tuple(found)


def reserve(
    bindings: Iterable[Binding], default: tuple[Place, ...] = (Place(ANYWHERE),)
) -> tuple[list[Published], list[int]]:
    """Choose a port of the host for each and keep it from others.

    `default`: where to, if a wish does not say. Returns what is published and the descriptors that
    hold it. Raises PortTaken, SystemFailure; InvalidArgument for a layer that the network lacks.
    """
    found: list[Published] = []
    holders: list[_socket.socket] = []
    with Undo() as undo:
        for binding in bindings:
            published, sockets = _reserve(binding, _places(binding, default))
            found += published
            for holder in sockets:
                holders.append(holder)
                undo.add(holder.close)
    return found, [holder.detach() for holder in holders]


def _places(binding: Binding, default: tuple[Place, ...]) -> tuple[Place, ...]:
    """Where one port is to be published. Raises InvalidArgument."""
    if not binding.host_ip:
        if default == (Place(ANYWHERE),) and binding.port.protocol in KINDS:
            return (*default, Place(ANYWHERE6))  # by the proxy, as docker does
        return default
    is_ipv6 = ":" in binding.host_ip
    for place in default:
        if (":" in place.address) == is_ipv6:
            return (Place(binding.host_ip, place.is_routed),)
    if is_ipv6 and binding.port.protocol in KINDS:
        return (Place(binding.host_ip),)  # by the proxy
    layer = "IPv6" if is_ipv6 else "IPv4"
    raise InvalidArgument(
        f"cannot publish at {binding.host_ip}: the container's network has no {layer}",
        hint=f"connect it to a network made with --{layer.lower()}",
    )


def _reserve(
    binding: Binding, where: tuple[Place, ...]
) -> tuple[list[Published], list[_socket.socket]]:
    """The first port of the wish's range that is free in all places."""
    found = [Published(binding.port, place.address, 0) for place in where if place.is_routed]
    addresses = [place.address for place in where if not place.is_routed]
    if not addresses:
        return found, []
    pauses = PAUSES if binding.first and any(":" in address for address in addresses) else 0
    attempts = 1 + pauses if binding.first else ATTEMPTS
    for number in [*range(binding.first, binding.last + 1)] * attempts:
        try:
            holders = _hold_all(binding, addresses, number)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                if number == binding.last and pauses:
                    time.sleep(PAUSE_S)
                continue
            where_ = f"{show(binding.host_ip or addresses[0])}:{number}"
            raise SystemFailure.from_os(f"cannot publish at {where_}", error) from error
        for address, holder in holders.items():
            taken = holder.getsockname()[1] if holder else number
            found.append(Published(binding.port, address, taken))
        return found, [holder for holder in holders.values() if holder]
    raise PortTaken(binding, addresses[0])


def _hold_all(
    binding: Binding, addresses: list[str], number: int
) -> dict[str, _socket.socket | None]:
    """A socket on the same port of each address. Raises OSError."""
    holders: dict[str, _socket.socket | None] = {}
    with Undo() as undo:
        for address in addresses:
            try:
                holder = _hold(binding, address, number)
            except OSError as error:
                if holders and not binding.host_ip and error.errno in NO_ADDRESS:
                    continue  # a host without IPv6
                raise
            holders[address] = holder
            if holder:
                undo.add(holder.close)
                number = holder.getsockname()[1]
    return holders


def _hold(binding: Binding, address: str, number: int) -> _socket.socket | None:
    """A socket on the port; for SCTP, which few kernels have, none. Raises OSError."""
    # But which number is free has to come from somewhere.
    kind = KINDS.get(binding.port.protocol, None if number else _socket.SOCK_STREAM)
    if kind is None:
        return None
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    holder = _socket.socket(family, kind | _socket.SOCK_CLOEXEC)
    try:
        if family == _socket.AF_INET6:
            holder.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        if kind == _socket.SOCK_STREAM:
            # Connections of an earlier container that linger are nobody's any more.
            holder.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        holder.bind((address, number))
        if kind == _socket.SOCK_STREAM:
            # What the kernel cannot lead on arrives here: `port_proxy.py` takes it.
            holder.listen(BACKLOG if family == _socket.AF_INET6 else 0)
    except BaseException:
        holder.close()
        raise
    return holder


def publish(network: Network, endpoint: Endpoint, published: Iterable[Published]) -> None:
    """Have the kernel lead all of them to a container, or none. Raises SystemFailure."""
    bridge, published = network.bridge, list(published)
    try:
        with netlink.open() as kernel:
            kernel.ask(bridge_port.set_hairpin(endpoint.host_link))
        with nftables.open() as firewall:
            if nftables.has_chain(
                firewall, chains.FAMILY, chains.TABLE, chains.publish_chain(bridge)
            ):
                nftables.change(firewall, *_additions(bridge, endpoint, published))
            else:
                _publish_by_iptables(bridge, endpoint, published)
    except OSError as error:
        raise SystemFailure.from_os("cannot publish the container's ports", error) from error
    _judge_anew(published)


def _judge_anew(published: Iterable[Published]) -> None:
    """Who has sent datagrams to such a port while nobody had it is led there from now on."""
    for entry in published:
        if entry.port.protocol != "udp" or not entry.host_port:
            continue
        # Imported here: few containers publish such ports.
        from cuddy.kernel import conntrack

        family = _socket.AF_INET6 if ":" in entry.host_ip else _socket.AF_INET
        try:
            with netlink.open() as kernel:
                own = {each.address for each in rtnetlink.list_addresses(kernel, family)}
            conntrack.forget_sent_to(
                family, PROTOCOLS["udp"], entry.host_port,
                _is_one_of(own),
            )  # fmt: skip
        except OSError:
            continue  # a kernel that does not tell


def _is_one_of(own: set[str]) -> Callable[[str], bool]:
    """Whether an address is the host's: one of these, or any of loopback."""
    return lambda address: address in own or address.startswith("127.")


def withdraw(bridge: str, *addresses: str) -> None:
    """Lead nothing to these addresses any more; nothing may lead there. Raises OSError."""
    with nftables.open() as firewall:
        if nftables.has_chain(firewall, chains.FAMILY, chains.TABLE, chains.publish_chain(bridge)):
            found = {each: dict(_leading(firewall, bridge, each)) for each in addresses}
            changes = [
                nftables.delete_elements(chains.FAMILY, chains.TABLE, name, keys)
                for entries in found.values()
                for name, keys in entries.items()
            ]
            nftables.change(firewall, *changes)
            # A connection ends by itself, as nobody knows it there. And to look takes milliseconds:
            # the kernel goes through the connections of all.
            addresses = tuple(each for each in found if _has_datagrams(found[each].values()))
        else:
            from cuddy.network import nat_iptables  # only hosts without nft need it

            for address in addresses:
                nat_iptables.withdraw(bridge, address)
    for address in addresses:
        from cuddy.kernel import conntrack

        try:
            conntrack.forget_answers_of(address)
        except OSError:
            continue  # a kernel that does not tell


def _additions(bridge: str, endpoint: Endpoint, published: list[Published]) -> list[Request]:
    """The entries of each map: keys and values in the kernel's registers of four bytes each."""
    found: dict[str, list[tuple[bytes, bytes]]] = {}
    for entry in published:
        suffix = "6" if ":" in entry.host_ip else ""
        address = endpoint.address6 if suffix else endpoint.address
        if not address:
            continue  # what was published in both layers leads to a network of one by now
        protocol = bytes((PROTOCOLS[entry.port.protocol], 0, 0, 0))
        target = _packed(address) + _port(entry.port.number)
        if not entry.host_port:
            found.setdefault(chains.open_set(bridge, suffix), []).append((protocol + target, b""))
        elif entry.host_ip in (ANYWHERE, ANYWHERE6):
            key = protocol + _port(entry.host_port)
            found.setdefault(chains.anywhere_map(bridge, suffix), []).append((key, target))
        else:
            key = protocol + _packed(entry.host_ip) + _port(entry.host_port)
            found.setdefault(chains.address_map(bridge, suffix), []).append((key, target))
    return [
        nftables.add_elements(chains.FAMILY, chains.TABLE, name, dict(entries).items())
        for name, entries in found.items()
    ]


def _has_datagrams(keys: Iterable[list[bytes]]) -> bool:
    """Whether any of these entries is of another protocol than TCP."""
    return any(key[0] != PROTOCOLS["tcp"] for some in keys for key in some)


def _leading(
    firewall: netlink.Socket, bridge: str, address: str
) -> Iterator[tuple[str, list[bytes]]]:
    """What leads to an address: the names of maps and sets, and keys of theirs."""
    target, suffix = _packed(address), "6" if ":" in address else ""
    for name in chains.SETS:
        try:
            entries = nftables.list_elements(
                firewall, chains.FAMILY, chains.TABLE, name(bridge, suffix)
            )
        except FileNotFoundError:
            continue  # made by an earlier cuddy
        # Of a set, the address stands in the key, after the protocol.
        keys = [key for key, value in entries if (value or key[4:]).startswith(target)]
        if keys:
            yield name(bridge, suffix), keys


def _packed(address: str) -> bytes:
    number, bits = ipam.parse_address(address)
    return number.to_bytes(bits // 8)


def _port(number: int) -> bytes:
    return number.to_bytes(2) + b"\0\0"


def _publish_by_iptables(bridge: str, endpoint: Endpoint, published: list[Published]) -> None:
    from cuddy.network import nat_iptables

    for entry in published:
        family = "ip6" if ":" in entry.host_ip else "ip"
        address = endpoint.address6 if family == "ip6" else endpoint.address
        if not address:
            continue
        protocol, number = entry.port.protocol, str(entry.port.number)
        if not entry.host_port:
            rule = ("-d", address, "-p", protocol, "--dport", number, "-j", "RETURN")
            nat_iptables.add(bridge, family, rule, table="filter")
            continue
        place = () if entry.host_ip in (ANYWHERE, ANYWHERE6) else ("-d", entry.host_ip)
        at = ("-p", protocol, "--dport", str(entry.host_port))
        target = ("-j", "DNAT", "--to-destination", f"{show(address)}:{number}")
        nat_iptables.add(bridge, family, (*place, *at, *target))
