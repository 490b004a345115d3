"""Which ports of the host lead to which address, as the firewall has it: `publish.py`, read back.

For those who look for something that should not be there, or is not where it should be.
"""

from __future__ import annotations

from cuddy.kernel import nftables, rtnetlink
from cuddy.network import chains
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from typing import Protocol

    from cuddy.kernel.netlink import Socket

    class Published(Protocol):
        """A port that somebody has published; its protocol by name."""

        @property
        def protocol(self) -> str: ...
        @property
        def host_port(self) -> int: ...


ENDINGS = tuple(name("", suffix) for name in chains.SETS for suffix in ("", "6"))
"""How the names of maps and sets end, after that of the bridge."""

REGISTER = 4  # bytes
NUMBERS = {6: "tcp", 17: "udp", 132: "sctp"}


class Opening(NamedTuple):
    """An entry of a map: who asks the host at this port gets to that address.

    `host_port` 0: the address itself is open to others, at that port.
    """

    bridge: str
    protocol: str
    host_port: int
    address: str
    port: int

    def is_of(self, published: Published) -> bool:
        """Whether it is there for a port that somebody has published."""
        return (self.protocol, self.host_port) == (published.protocol, published.host_port)


def is_readable(firewall: Socket) -> bool:
    """Whether there are maps at all; hosts with iptables only have none. Raises OSError."""
    ours = (chains.FAMILY, chains.TABLE)
    return any((family, table) == ours for family, table, _ in sets(firewall))


def sets(firewall: Socket) -> list[tuple[str, str, str]]:
    """Family, table and name of all sets and maps; none without nf_tables. Raises OSError."""
    try:
        return nftables.list_sets(firewall)
    except OSError as error:
        if error.errno in nftables.UNKNOWN:
            return []
        raise


def list_all(firewall: Socket, known: Collection[str] = ()) -> Iterator[Opening]:
    """Every entry of every bridge, of all Homes. Raises OSError."""
    for family, table, name in sets(firewall):
        bridge = bridge_of_map(name, known)
        if (family, table) != (chains.FAMILY, chains.TABLE) or not bridge:
            continue
        try:
            entries = nftables.list_elements(firewall, family, table, name)
        except FileNotFoundError:
            continue  # its network has just gone
        for key, value in entries:
            yield parse(bridge, key, value)


def bridge_of_map(name: str, known: Collection[str] = ()) -> str:
    """Whose bridge a map or set of published ports is; "" for other sets. Pure."""
    return bridge_of(name, ENDINGS, known)


def bridge_of(name: str, endings: Iterable[str], known: Collection[str] = ()) -> str:
    """A name of a chain or map without the ending that tells what it is for. Pure.

    `known`: bridges that there are, for names that could mean two: `br-address-ports`.
    """
    fitting = sorted((each for each in endings if name.endswith(each)), key=len, reverse=True)
    bridges = [name.removesuffix(each) for each in fitting]
    return next((each for each in bridges if each in known), next(iter(bridges), ""))


def parse(bridge: str, key: bytes, value: bytes) -> Opening:
    """An entry in the kernel's registers: protocol, port; address, port. Pure."""
    host_port = key[-REGISTER:-2] if value else b""
    target = value or key[REGISTER:]
    return Opening(
        bridge,
        NUMBERS.get(key[0], str(key[0])),
        int.from_bytes(host_port),
        rtnetlink.unpack_address(target[:-REGISTER]),
        int.from_bytes(target[-REGISTER:-2]),
    )
