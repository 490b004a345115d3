"""IP address management: subnets as numbers, and a file that says who holds which address.

A lease belongs to a container, not to a process: it ends by `release`, or by `sweep` when its
container is found dead. All leases of a network are one JSON file, changed under a lock:

    {"last": "172.17.0.3", "leases": {"<container id>": "172.17.0.3"}}
"""

from __future__ import annotations

import _socket

from cuddy import files
from cuddy.errors import Conflict, CorruptContent, InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator


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


def pools() -> Iterator[Subnet]:
    """Docker's default address pools, in its order: 172.17 to 172.31 by /16, 192.168 by /20."""
    for second in range(17, 32):
        yield Subnet(172 << 24 | second << 16, 16)
    for third in range(0, 256, 16):
        yield Subnet(192 << 24 | 168 << 16 | third << 8, 20)


def choose(taken: Collection[Subnet]) -> Subnet | None:
    """The first subnet of the pools that overlaps with none of `taken`."""
    for candidate in pools():
        if not any(candidate.overlaps(other) for other in taken):
            return candidate
    return None


def next_free(subnet: Subnet, last: int, is_taken: Callable[[int], bool]) -> int | None:
    """The first free address after `last`, going round, so that one just given back rests.

    Never the subnet's own address nor, in IPv4, that of its broadcast.
    """
    lowest = subnet.first + 1
    size = subnet.last - lowest + (subnet.bits != 32)
    offset = last + 1 - lowest if lowest <= last <= subnet.last else 0
    for attempt in range(size):
        candidate = lowest + (offset + attempt) % size
        if not is_taken(candidate):
            return candidate
    return None


def lease(path: str, subnet: Subnet, container_id: str, *, reserved: Iterable[str] = ()) -> str:
    """The container's address: the one it holds already, or the next free one.

    Raises Conflict when all are taken.
    """
    with files.Lock(f"{path}.lock"):
        last, leases = _read(path)
        held = leases.get(container_id)
        if held and parse_address(held)[0] in subnet:
            return held
        taken = {*leases.values(), *reserved}
        after = parse_address(last)[0] if last else 0
        free = next_free(subnet, after, lambda n: format_address(n, subnet.bits) in taken)
        if free is None:
            raise Conflict(f"no free address in {subnet}", hint="remove containers of the network")
        address = format_address(free, subnet.bits)
        _write(path, address, leases | {container_id: address})
        return address


def release(path: str, container_id: str) -> None:
    """Take a container's lease back; nothing happens when it has none."""
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


def read_leases(path: str) -> dict[str, str]:
    """Who holds which address: container id -> address."""
    return _read(path)[1]


def _read(path: str) -> tuple[str, dict[str, str]]:
    try:
        record = files.read_json(path)
        last, leases = record["last"], record["leases"]
        if not all(isinstance(word, str) for word in (last, *leases, *leases.values())):
            raise ValueError("leases are text")
    except FileNotFoundError:
        return "", {}
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise CorruptContent(
            f"{path} does not hold leases: {error}", hint="stop all containers and remove it"
        ) from error
    return last, leases


def _write(path: str, last: str, leases: dict[str, str]) -> None:
    # Not made durable: leases end with the containers, at a reboot at the latest.
    files.write_json(path, {"last": last, "leases": leases}, durable=False)
