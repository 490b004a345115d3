"""IP address management: subnets as numbers, and a file that says who holds which address.

A lease belongs to a container, not to a process: it ends by `release`, or by `sweep` when its
container is found dead. All leases of a network are one JSON file, changed under a lock:

    {"last": {"172.18.0.0/22": "172.18.0.3"},
     "leases": {"<container id>": {"addresses": ["172.18.0.3", "fd00::3"],
                                   "names": ["web", "0123456789ab"], "links": {"db": "pg"}}}}

With the names by which others know the container it is also what the resolver answers from:
replaced by one rename, so that whoever looks sees each change at once, and whole.
"""

from __future__ import annotations

import _socket
import os

from cuddy import files
from cuddy.errors import Conflict, CorruptContent, InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from typing import Any


class Pool(NamedTuple):
    """A subnet of a network, and what of it is not for just any container."""

    subnet: str  # "172.18.0.0/22"
    gateway: str = ""  # the bridge's own address in it, or that of the router there
    ip_range: str = ""  # the part from which addresses are given out; "": all of it
    auxiliary: dict[str, str] = {}  # name -> address that something else has


class Lease(NamedTuple):
    """What a container has on a network; "" where it has no address of that family."""

    address: str = ""
    address6: str = ""
    names: tuple[str, ...] = ()  # what others call it; the first is its own name
    links: dict[str, str] = {}  # what it calls others: alias -> name


class Subnet(NamedTuple):
    """A block of addresses: its first address as a number, of `bits` (32 or 128) bits."""

    first: int
    prefix_length: int
    bits: int = 32

    @property
    def last(self) -> int:
        """The highest address, as a number."""
        return self.first | (1 << self.bits - self.prefix_length) - 1

    def overlaps(self, other: Subnet) -> bool:
        """Whether the two have an address in common."""
        return self.bits == other.bits and self.first <= other.last and other.first <= self.last

    def __contains__(self, address: object) -> bool:
        return isinstance(address, int) and self.first <= address <= self.last

    def __str__(self) -> str:
        return f"{format_address(self.first, self.bits)}/{self.prefix_length}"


def parse_address(text: str) -> tuple[int, int]:
    """An address as a number, and its bits. Raises InvalidArgument."""
    family = _socket.AF_INET6 if ":" in text else _socket.AF_INET
    try:
        packed = _socket.inet_pton(family, text)
    except (OSError, ValueError):
        raise InvalidArgument(f"not an IP address: {text!r}") from None
    return int.from_bytes(packed), len(packed) * 8


def is_address(text: str) -> bool:
    """Whether a text is an address; a scope ("%eth0") makes it some machine's private affair."""
    try:
        parse_address(text)
    except InvalidArgument:
        return False
    return True


def format_address(address: int, bits: int = 32) -> str:
    """The text of an address."""
    family = _socket.AF_INET if bits == 32 else _socket.AF_INET6
    return _socket.inet_ntop(family, address.to_bytes(bits // 8))


def parse_subnet(text: str) -> Subnet:
    """The subnet of "172.17.0.0/16"; bits of the host are dropped. Raises InvalidArgument."""
    address, _, length = text.partition("/")
    number, bits = parse_address(address)
    if not (length.isascii() and length.isdecimal() and len(length) <= 3 and int(length) <= bits):
        raise InvalidArgument(f"not a subnet: {text!r}", hint="write it as 172.30.0.0/16")
    host_bits = bits - int(length)
    return Subnet(number >> host_bits << host_bits, int(length), bits)


def gateway(subnet: Subnet) -> int:
    """The address that the bridge itself has: the first one."""
    return subnet.first + 1


def pools(prefix_length: int = 0) -> Iterator[Subnet]:
    """Docker's default address pools, in its order: 172.17 to 172.31 by /16, 192.168 by /20.

    `prefix_length`: cut into pieces of that size, those of the first /16 last: it is `bridge`'s.
    """
    if prefix_length:
        whole = list(pools())
        for pool in (*whole[1:], whole[0]):
            for first in range(pool.first, pool.last, 1 << 32 - prefix_length):
                yield Subnet(first, prefix_length)
        return
    for second in range(17, 32):
        yield Subnet(172 << 24 | second << 16, 16)
    for third in range(0, 256, 16):
        yield Subnet(192 << 24 | 168 << 16 | third << 8, 20)


def choose(taken: Collection[Subnet], prefix_length: int = 0) -> Subnet | None:
    """The first subnet of the pools that overlaps with none of `taken`."""
    for candidate in pools(prefix_length):
        if not any(candidate.overlaps(other) for other in taken):
            return candidate
    return None


def usable(pool: Pool) -> tuple[int, int]:
    """The lowest and the highest address to give out: those of the range that can be a host's.

    Never the subnet's own address nor, in IPv4, that of its broadcast (but see RFC 3021 for /31).
    """
    subnet = parse_subnet(pool.subnet)
    within = parse_subnet(pool.ip_range) if pool.ip_range else subnet
    is_whole = subnet.bits - subnet.prefix_length <= 1
    low = subnet.first + (not is_whole)
    high = subnet.last - (not is_whole and subnet.bits == 32)
    return max(low, within.first), min(high, within.last)


def next_free(low: int, high: int, last: int, is_taken: Callable[[int], bool]) -> int | None:
    """The first free address after `last`, going round, so that one just given back rests."""
    size = high - low + 1
    offset = last + 1 - low if low <= last <= high else 0
    for attempt in range(size):
        candidate = low + (offset + attempt) % size
        if not is_taken(candidate):
            return candidate
    return None


def lease(
    path: str,
    pools: Iterable[Pool],
    container_id: str,
    *,
    wanted: Collection[str] = (),
    names: Iterable[str] = (),
    links: Mapping[str, str] | None = None,
) -> Lease:
    """The container's place: the one it holds already, or one address of each family.

    `wanted`: the addresses that it is to have. Raises Conflict when one is taken, or all are;
    InvalidArgument for one that belongs to no pool.
    """
    with files.Lock(f"{path}.lock"):
        last, leases = _read(path)
        held = leases.get(container_id)
        if held and _fits(held, pools, wanted):
            return held
        leases.pop(container_id, None)
        addresses = {}
        for pool in _pools_for(pools, wanted):
            bits = parse_subnet(pool.subnet).bits
            addresses[bits] = address = _take(pool, last, leases, wanted)
            if address not in wanted:
                last[pool.subnet] = address
        made = Lease(addresses.get(32, ""), addresses.get(128, ""), tuple(names), dict(links or {}))
        _write(path, last, leases | {container_id: made})
        return made


def _fits(held: Lease, pools: Iterable[Pool], wanted: Collection[str]) -> bool:
    """Whether a lease of before is still good."""
    subnets = [parse_subnet(pool.subnet) for pool in pools]
    numbers = [parse_address(text) for text in (held.address, held.address6) if text]
    return all(
        any(bits == subnet.bits and number in subnet for subnet in subnets)
        for number, bits in numbers
    ) and set(wanted) <= {held.address, held.address6}


def _pools_for(pools: Iterable[Pool], wanted: Collection[str]) -> list[Pool]:
    """One pool of each family: the one that holds a wanted address, or the first."""
    found: dict[int, Pool] = {}
    homeless = {parse_address(text) for text in wanted}
    for pool in pools:
        subnet = parse_subnet(pool.subnet)
        own = {
            (number, bits) for number, bits in homeless if bits == subnet.bits and number in subnet
        }
        if own or subnet.bits not in found:
            found[subnet.bits] = pool
        homeless -= own
    if homeless:
        number, bits = homeless.pop()
        message = f"no configured subnet contains IP address {format_address(number, bits)}"
        raise InvalidArgument(message)
    return list(found.values())


def _take(
    pool: Pool, last: Mapping[str, str], leases: Mapping[str, Lease], wanted: Collection[str]
) -> str:
    """The address wanted, or the next that is free."""
    subnet = parse_subnet(pool.subnet)
    taken = {pool.gateway, *pool.auxiliary.values()}
    taken.update(each.address for each in leases.values())
    taken.update(each.address6 for each in leases.values())
    numbers = {
        parse_address(text)[0] for text in taken if text and (":" in text) == (":" in pool.subnet)
    }
    for text in wanted:
        number, bits = parse_address(text)
        if bits == subnet.bits and number in subnet:
            if number in numbers:
                raise Conflict("Address already in use", hint=f"{text} is another one's")
            low, high = usable(pool._replace(ip_range=""))
            if not low <= number <= high:
                raise Conflict("Address already in use", hint=f"{text} is that of {subnet} itself")
            return format_address(number, bits)
    after = parse_address(last[pool.subnet])[0] if pool.subnet in last else 0
    low, high = usable(pool)
    free = next_free(low, high, after, numbers.__contains__)
    if free is None:
        where = pool.ip_range or pool.subnet
        raise Conflict(f"no free address in {where}", hint="remove containers of the network")
    return format_address(free, subnet.bits)


def set_names(path: str, container_id: str, names: Iterable[str]) -> None:
    """Call a container by other names from now on; nothing happens when it has no lease.

    Networks without leases have no file of them, and get none.
    """
    if not os.path.exists(path):
        return
    with files.Lock(f"{path}.lock"):
        last, leases = _read(path)
        if held := leases.get(container_id):
            _write(path, last, leases | {container_id: held._replace(names=tuple(names))})


def release(path: str, container_id: str) -> None:
    """Take a container's lease back; nothing happens when it has none.

    Of a network that is gone nothing is made again, not even the lock, which nobody would remove.
    """
    if not os.path.exists(path):
        return
    with files.Lock(f"{path}.lock"):
        last, leases = _read(path)
        if leases.pop(container_id, None):
            _write(path, last, leases)


def sweep(path: str, is_living: Callable[[str], bool]) -> list[str]:
    """Release the leases of dead containers and return their ids.

    Each holder is asked about under the lock, so a container that leases its address only when
    `is_living` knows it can never lose it by a sweep.
    """
    with files.Lock(f"{path}.lock"):
        last, leases = _read(path)
        dead = [container_id for container_id in leases if not is_living(container_id)]
        if dead:
            _write(path, last, {key: leases[key] for key in leases if key not in dead})
        return dead


def restore(path: str, leases: Mapping[str, Lease]) -> None:
    """Write all leases anew, in the place of what nobody can read; the caller has the lock."""
    _write(path, {}, leases)


def read_leases(path: str) -> dict[str, Lease]:
    """Who is on a network: container id -> lease."""
    return _read(path)[1]


def _read(path: str) -> tuple[dict[str, str], dict[str, Lease]]:
    try:
        record = files.read_json(path)
        last = dict(record["last"])
        leases = {key: _parse(value) for key, value in record["leases"].items()}
        if not all(isinstance(word, str) for word in (*last.values(), *leases)):
            raise ValueError("leases are text")
    except FileNotFoundError:
        return {}, {}
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise CorruptContent(
            f"{path} does not hold leases: {error}", hint="stop all containers and remove it"
        ) from error
    return last, leases


def _parse(value: dict[str, Any]) -> Lease:
    addresses, names, links = value["addresses"], value["names"], value.get("links") or {}
    if not all(isinstance(word, str) for word in (*addresses, *names, *links, *links.values())):
        raise ValueError("leases are text")
    found = {":" in address: address for address in addresses}
    return Lease(found.get(False, ""), found.get(True, ""), tuple(names), links)


def _write(path: str, last: Mapping[str, str], leases: Mapping[str, Lease]) -> None:
    # Not made durable: leases end with the containers, at a reboot at the latest.
    document = {
        key: {
            "addresses": [address for address in (each.address, each.address6) if address],
            "names": list(each.names),
            **({"links": each.links} if each.links else {}),
        }
        for key, each in leases.items()
    }
    files.write_json(path, {"last": dict(last), "leases": document}, durable=False)
