"""What the resolver answers a container from its zones, and what it has to ask others. Pure.

As Docker's: names of containers are known by themselves and with the network's name behind them, in
any case; the first network that has a name answers for it. A name that is ours is never asked of
others, whatever is asked about it: an AAAA question about a container without IPv6 is answered with
nothing, since C libraries ask both and a refusal of one spoils the other (musl, glibc).

The TTL is 0, where Docker has 600: what a container caches is wrong as soon as another one has been
replaced, and nothing is won by caching what is asked on one's own machine.
"""

from __future__ import annotations

import _socket

from cuddy.network import dns_messages
from cuddy.network.dns_messages import AAAA, ANY, IN, PTR, A, Query
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.network.zones import Member, Zone

TTL_S = 0
REVERSE = (".in-addr.arpa", ".ip6.arpa")


class Own(NamedTuple):
    """What our zones say: addresses of the kind that was asked for, or the name of an address."""

    addresses: tuple[str, ...] = ()
    pointer: str = ""

    def records(self, turn: int = 0) -> list[bytes]:
        """The answers' records; `turn`: which of several addresses comes first."""
        if self.pointer:
            name = dns_messages.write_name(self.pointer)
            return [dns_messages.record(PTR, TTL_S, name)]
        turned = rotate(self.addresses, turn)
        return [dns_messages.address_record(address, TTL_S) for address in turned]


def decide(
    zones: Sequence[Zone], asker_id: str, query: Query, *, has_ndots: bool = False
) -> Own | None:
    """What our zones say about a question; None if they have nothing to say.

    `has_ndots`: the asker tries its search domains first, so a name of one label that is nobody's
    is not asked of others, as with Docker.
    """
    if query.qclass not in (IN, ANY):
        return None
    if query.qtype == PTR and query.name.endswith(REVERSE):
        return find_pointer(zones, query.name)
    members = find(zones, asker_id, query.name)
    if members is not None:
        return Own(addresses_of(members, query.qtype))
    is_single = "." not in query.name and query.qtype in (A, AAAA)
    return Own() if is_single and has_ndots and query.name else None


def find(zones: Sequence[Zone], asker_id: str, name: str) -> list[Member] | None:
    """Who has a name: as it is on any of the networks, or with a network's name behind it.

    Both may contain dots: of a.b.c each way to cut it is tried.
    """
    for zone in zones:
        if members := lookup(zone, asker_id, name):
            return members
    position = name.rfind(".")
    while position > 0:
        for zone in zones:
            if zone.network.lower() == name[position + 1 :] and (
                members := lookup(zone, asker_id, name[:position])
            ):
                return members
        position = name.rfind(".", 0, position)
    return None


def lookup(zone: Zone, asker_id: str, name: str) -> list[Member]:
    """Who has a name on one network; what the asker itself calls others comes first."""
    links = zone.members[asker_id].links if asker_id in zone.members else {}
    for alias, target in links.items():
        if alias.lower() == name:
            return zone.names.get(target.lower(), [])
    return zone.names.get(name, [])


def addresses_of(members: Sequence[Member], qtype: int) -> tuple[str, ...]:
    """The addresses of a kind."""
    kinds = {A: (False,), AAAA: (True,), ANY: (False, True)}.get(qtype, ())
    return tuple(each for member in members for each in member.addresses if (":" in each) in kinds)


def rotate(found: tuple[str, ...], turn: int) -> tuple[str, ...]:
    """The same, beginning with another one each turn."""
    first = turn % len(found) if found else 0
    return found[first:] + found[:first]


def find_pointer(zones: Sequence[Zone], name: str) -> Own | None:
    """Whose an address is: Docker adds the network to the container's name."""
    address = reverse_address(name)
    for zone in zones:
        pointer = f"{owner}.{zone.network}" if (owner := zone.owners.get(address)) else ""
        if dns_messages.is_name(pointer):
            return Own(pointer=pointer)
    return None


def reverse_address(name: str) -> str:
    """The address of "4.3.2.1.in-addr.arpa" and its like; "" of other names."""
    if name.endswith(REVERSE[0]):
        labels = name.removesuffix(REVERSE[0]).split(".")
        family, text = _socket.AF_INET, ".".join(reversed(labels))
    else:
        labels = name.removesuffix(REVERSE[1]).split(".")
        digits = "".join(reversed(labels))
        if len(labels) != 32 or len(digits) != 32:
            return ""
        family = _socket.AF_INET6
        text = ":".join(digits[start : start + 4] for start in range(0, 32, 4))
    try:
        return _socket.inet_ntop(family, _socket.inet_pton(family, text))
    except (OSError, ValueError):
        return ""
