"""What --egress says: where a container may connect to. Grammar and matching, all pure.

    none                           nothing but itself; answers to who connects to it
    all                            everything, the default
    allow:WHERE[,WHERE...]         these, and nothing else

    WHERE    (DOMAIN | *.DOMAIN | ADDRESS | NETWORK/LENGTH)[:PORT[-PORT]][/tcp|/udp]

IPv6 stands in brackets before a port. `*.example.com` is every name below example.com, however deep
below, but not example.com itself. How the rules are kept: `egress_rules.py`, `egress_pins.py`.
"""

from __future__ import annotations

import _socket

from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ALL, NONE, ALLOW = "all", "none", "allow"
PROTOCOLS = ("tcp", "udp")
MOST_RULES = 1024
MOST_TEXT = 32768
MOST_NAME = 253  # RFC 1035, without the last dot
MOST_LABEL = 63
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
MAPPED = bytes(10) + b"\xff\xff"
"""The IPv4 addresses as IPv6 ones: the kernel sends IPv4 packets to them (RFC 4291, 2.5.5.2)."""
HINT = "such as allow:example.com:443,*.example.org,10.0.0.0/8,[fd00::/8]:53/udp"


class Ports(NamedTuple):
    """Which ports of which protocol; "" and 0 are all."""

    protocol: str = ""
    first: int = 0
    last: int = 0

    def __str__(self) -> str:
        numbers = f":{self.first}" if self.first else ""
        if self.last > self.first:
            numbers += f"-{self.last}"
        return numbers + (f"/{self.protocol}" if self.protocol else "")


class Rule(NamedTuple):
    """One WHERE: a name in lower case, or a network as text with its length."""

    name: str = ""
    network: str = ""
    ports: Ports = Ports()

    def __str__(self) -> str:
        if self.name:
            return f"{self.name}{self.ports}"
        address, _, length = self.network.partition("/")
        where = address if length == ("128" if ":" in address else "32") else self.network
        return (
            f"[{where}]{self.ports}"
            if ":" in address and self.ports.first
            else (f"{where}{self.ports}")
        )


class Policy(NamedTuple):
    """What a container may."""

    mode: str = ALL
    rules: tuple[Rule, ...] = ()

    def __str__(self) -> str:
        if self.mode != ALLOW:
            return self.mode
        return f"{ALLOW}:{','.join(str(rule) for rule in self.rules)}"


def parse(texts: Iterable[str]) -> Policy:
    """The policy that the flags say together; those that allow add up. Raises InvalidArgument."""
    modes: list[str] = []
    rules: dict[Rule, None] = {}
    for text in texts:
        mode, colon, listed = text.partition(":")
        mode = mode.strip().lower()
        if mode not in (ALL, NONE, ALLOW) or bool(colon) != (mode == ALLOW):
            raise InvalidArgument(f"invalid egress policy {text!r}", hint="none, all or allow:...")
        if mode not in modes:
            modes.append(mode)
        if mode == ALLOW:
            for entry in listed.split(","):
                rules[parse_rule(entry.strip())] = None
    if len(modes) > 1:
        raise InvalidArgument(f"conflicting options: --egress {modes[0]} and --egress {modes[1]}")
    if len(rules) > MOST_RULES:
        message = f"--egress allows more than {MOST_RULES} entries"
        raise InvalidArgument(message, hint="networks say much in few words")
    policy = Policy(modes[0] if modes else ALL, tuple(rules))
    if len(str(policy)) > MOST_TEXT:
        raise InvalidArgument(f"--egress has more than {MOST_TEXT} characters")
    return policy


def read(text: str) -> Policy:
    """The policy as HostConfig.Egress has it; "" is all. Raises InvalidArgument."""
    return parse([text] if text else [])


def parse_rule(text: str) -> Rule:
    """One WHERE. Raises InvalidArgument."""
    rest, slash, protocol = text.rpartition("/")
    protocol = protocol.lower()
    if not slash or protocol not in PROTOCOLS:
        if slash and not (protocol.isdecimal() or protocol[-1:] in "0123456789]"):
            raise _invalid(text, f"unknown protocol {protocol!r}", "tcp or udp")
        rest, protocol = text, ""
    where, numbers = _split_port(text, rest)
    first, last = _parse_ports(text, numbers)
    ports = Ports(protocol, first, last)
    network = parse_network(text, where)
    return Rule("", network, ports) if network else Rule(parse_name(text, where), "", ports)


def _split_port(text: str, rest: str) -> tuple[str, str | None]:
    """Where, and the port if one is named: `[v6]:port`, `name:port`, or v6 alone."""
    if rest[:1] == "[":
        where, bracket, after = rest[1:].partition("]")
        length, colon, numbers = after.partition(":")
        if not bracket or ":" not in where or (length and length[0] != "/"):
            raise _invalid(text, "brackets are for IPv6", "[2001:db8::1]:443")
        return where + length, numbers if colon else None
    if rest.count(":") > 1:
        return rest, None
    where, colon, numbers = rest.partition(":")
    return where, numbers if colon else None


def _parse_ports(text: str, numbers: str | None) -> tuple[int, int]:
    """A port or a range; 0, 0 if there is none."""
    if numbers is None:
        return 0, 0
    first, dash, last = numbers.partition("-")
    pair = first, last if dash else first
    if not all(part.isascii() and part.isdecimal() and len(part) <= 5 for part in pair):
        raise _invalid(text, f"invalid port {numbers!r}", "a number, or two: 8000-8080")
    low, high = int(pair[0]), int(pair[1])
    if not 1 <= low <= high <= 65535:
        raise _invalid(text, f"invalid port {numbers!r}", "from 1 to 65535, the lower one first")
    return low, high


def parse_network(text: str, where: str) -> str:
    """ADDRESS/LENGTH without bits of hosts; "" for what is a name. Raises InvalidArgument."""
    address, slash, length = where.partition("/")
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    try:
        packed = _socket.inet_pton(family, address)
    except (OSError, ValueError):
        if slash or ":" in address:
            raise _invalid(text, f"{where!r} is no network", "10.0.0.0/8 or fd00::/8") from None
        return ""
    bits = len(packed) * 8
    if slash and not (length.isascii() and length.isdecimal() and len(length) <= 3):
        raise _invalid(text, f"{where!r} is no network", "10.0.0.0/8 or fd00::/8")
    wanted = int(length) if slash else bits
    if wanted > bits:
        raise _invalid(text, f"a network's length is at most {bits}", "10.0.0.0/8 or fd00::/8")
    if packed[:12] == MAPPED and wanted >= 96:
        packed, wanted, bits = packed[12:], wanted - 96, 32
    number = int.from_bytes(packed) >> bits - wanted << bits - wanted
    family = _socket.AF_INET if bits == 32 else _socket.AF_INET6
    return f"{_socket.inet_ntop(family, number.to_bytes(bits // 8))}/{wanted}"


def parse_name(text: str, where: str) -> str:
    """A domain in lower case, without its last dot. Raises InvalidArgument."""
    if not where.isascii():
        raise _invalid(text, "the name is not in ASCII", "as DNS has it: xn--bcher-kva.example")
    name = where.lower().removesuffix(".")
    if name == "*":
        raise _invalid(text, "'*' is everything", "--egress all")
    labels = name.removeprefix("*.").split(".")
    if len(name) > MOST_NAME or not all(is_label(label) for label in labels):
        hint = "DOMAIN, *.DOMAIN, ADDRESS or NETWORK/LENGTH, then :PORT"
        raise _invalid(text, "neither a name nor a network" if where else "it is empty", hint)
    if labels[-1].isdecimal():  # such as 10.0.0 or 1.2.3.400: no name ends so (RFC 1123, 2.1)
        raise _invalid(text, "neither a name nor a network", "10.0.0.0/24")
    return name


def is_label(label: str) -> bool:
    """Whether a part of a name is of letters, digits, - and _."""
    return 0 < len(label) <= MOST_LABEL and LETTERS.issuperset(label)


def _invalid(text: str, reason: str, hint: str) -> InvalidArgument:
    return InvalidArgument(f"invalid egress rule {text!r}: {reason}", hint=hint or HINT)


def normal_name(name: str) -> str:
    """A name as rules have it; "" for one that no rule can mean."""
    name = name.lower().removesuffix(".")
    if len(name) > MOST_NAME or not all(is_label(label) for label in name.split(".")):
        return ""
    return name


def rules_for(policy: Policy, name: str) -> list[Rule]:
    """The rules that a name, `normal_name`, falls under."""
    return [rule for rule in policy.rules if rule.name and matches(rule.name, name)]


def with_hosts(policy: Policy, hosts: Iterable[tuple[str, str]]) -> Policy:
    """The policy with the addresses that a hosts(5) gives to allowed names: these are asked of
    nobody, so nobody pins them.
    """
    found = dict.fromkeys(policy.rules)
    for name, address in hosts:
        for rule in rules_for(policy, normal_name(name)):
            try:
                found[Rule("", parse_network(address, address), rule.ports)] = None
            except InvalidArgument:  # such as fe80::1%eth0
                continue
    return policy._replace(rules=tuple(found))


def matches(pattern: str, name: str) -> bool:
    """Whether a name is the rule's own, or below that of a rule with `*.`."""
    if pattern[:2] == "*.":
        return name.endswith(pattern[1:]) and len(name) > len(pattern) - 1
    return bool(name) and name == pattern


def is_confined(egress: str) -> bool:
    """Whether HostConfig.Egress means any rules at all."""
    return egress not in ("", ALL)
