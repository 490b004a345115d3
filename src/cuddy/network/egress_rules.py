"""The rules of --egress, in nft's language, for the network namespace of the container itself.

There they hold for every driver, for what goes to other containers too, and vanish with it. Its own
programs cannot change them: they have no CAP_NET_ADMIN there, and AF_PACKET, which passes rules by,
takes a CAP_NET_RAW that they do not have either (`engine/egress_powers.py`).

What is allowed by name are sets of addresses, one pair for each distinct list of ports. The
resolver fills them before it answers: it sends a packet to the address, with a mark that says which
set and for how long, and the rule that the packet meets adds its destination and drops it. That
takes microseconds; a change by netlink waits for the kernel's next grace period, some milliseconds.
A program without CAP_NET_ADMIN and CAP_NET_RAW cannot mark packets (SO_MARK in socket(7)).

Each attempt is logged to a group of the namespace's own NFLOG: new connections that are allowed,
and every packet that is refused, but for a flood of them, whose packets are only counted.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.network.egress import ALL, ALLOW, Policy, Ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FAMILY = "inet"
TABLE = "cuddy-egress"
OUTPUT = "output"
LEFT_OUT = "left-out"
"""The counter of attempts that are not in the log."""
LOG_GROUP = 1
ALLOWED, REFUSED = "allowed", "refused"
"""The prefixes of logged packets, and the chains that log them."""
MOST_GROUPS = 32
MOST_PINNED = 4096
SO_MARK = 36  # asm-generic/socket.h
MARK = 0x4D000000
MARK_MASK = 0xFF000000
ASKING = 0x4E000000
"""The mark of questions that the resolver asks for the container, of the container's servers."""
LIFETIMES_S = (30, 60, 300, 900, 3600, 14400, 43200, 86400)
"""How long an address can be pinned; a TTL is rounded up."""
LOGGED_PER_SECOND = 100
BURST = 400
NEIGHBOURS = "nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report"
"""Without which there is no IPv6 at all; programs cannot send them."""


def port_groups(policy: Policy) -> tuple[Ports, ...]:
    """The lists of ports that names are allowed with; a set's number is its place here."""
    return tuple(dict.fromkeys(rule.ports for rule in policy.rules if rule.name))


def check(policy: Policy) -> None:
    """Whether there are rules for it. Raises InvalidArgument."""
    if len(port_groups(policy)) > MOST_GROUPS:
        message = f"--egress allows names on more than {MOST_GROUPS} different lists of ports"
        raise InvalidArgument(message, hint="allow:NAME without :PORT allows all of them")


def mark(group: int, lifetime: int) -> int:
    """The mark of a packet that pins its destination; `lifetime`: the place in LIFETIMES_S."""
    return MARK | group << 8 | lifetime


def set_name(number: int, *, ipv6: bool) -> str:
    """The set of a group's pinned addresses."""
    return f"names-{number}-{6 if ipv6 else 4}"


def script(policy: Policy) -> str:
    """Makes the table, or makes it anew with empty sets, in one transaction; or takes it away.

    The chain comes last in its hook, after the redirection of questions to the resolver. Packets
    that name stations on their way (source routes) are refused: the first would be what we see.
    Of what is related to a connection only errors pass, never what a helper of the kernel expects,
    as for FTP. What is invalid belongs to a connection that is over; no program can make such.
    """
    if policy.mode == ALL:
        return f"table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n"
    groups = port_groups(policy) if policy.mode == ALLOW else ()
    allowed = "".join(f"        {match} goto {ALLOWED}\n" for match in _matches(policy, groups))
    return f"""\
table {FAMILY} {TABLE}
delete table {FAMILY} {TABLE}
table {FAMILY} {TABLE} {{
{_sets(len(groups))}{_verdicts()}    chain {OUTPUT} {{
        type filter hook output priority filter + 10; policy drop;
        meta mark & {MARK_MASK:#x} == {MARK:#x} goto pin
        meta mark {ASKING:#x} accept
        oif lo accept
        ct state established accept
        ct state related meta l4proto {{ icmp, ipv6-icmp }} accept
        meta l4proto tcp ct state invalid drop
        ip hdrlength > 5 goto {REFUSED}
        exthdr rt exists goto {REFUSED}
        icmpv6 type {{ {NEIGHBOURS} }} accept
{allowed}        goto {REFUSED}
    }}
    chain forward {{ type filter hook forward priority filter + 10; policy drop; }}
}}
"""


def _verdicts() -> str:
    """The chains that end a packet's way, and log that."""
    limit = f"limit rate over {LOGGED_PER_SECOND}/second burst {BURST} packets"
    return f"""\
    counter {LEFT_OUT} {{ }}
    chain {ALLOWED} {{
        {limit} counter name "{LEFT_OUT}" accept
        log prefix "{ALLOWED}" group {LOG_GROUP} accept
    }}
    chain reject-at-once {{
        meta l4proto tcp reject with tcp reset
        reject with icmpx type admin-prohibited
    }}
    chain {REFUSED} {{
        {limit} counter name "{LEFT_OUT}" goto reject-at-once
        log prefix "{REFUSED}" group {LOG_GROUP} goto reject-at-once
    }}
"""


def _sets(groups: int) -> str:
    """Both sets of each group, and the chain that fills them."""
    sets = "".join(
        f"    set {set_name(number, ipv6=ipv6)} {{"
        f" type {kind}; size {MOST_PINNED}; flags dynamic, timeout; }}\n"
        for number in range(groups)
        for ipv6, kind in ((False, "ipv4_addr"), (True, "ipv6_addr"))
    )
    pins = "".join(f"        {rule}\n" for rule in _pins(groups))
    return f"{sets}    chain pin {{\n{pins}        drop\n    }}\n"


def _pins(groups: int) -> Iterator[str]:
    """What adds the destination of a marked packet to its set, or lets it stay for longer."""
    for number in range(groups):
        for place, lifetime_s in enumerate(LIFETIMES_S):
            for ipv6 in (False, True):
                element = f"{_daddr(ipv6)} timeout {lifetime_s}s"
                target = f"@{set_name(number, ipv6=ipv6)} {{ {element} }}"
                yield f"meta mark {mark(number, place):#x} update {target} drop"


def _matches(policy: Policy, groups: tuple[Ports, ...]) -> Iterator[str]:
    """What is allowed: networks by their ports, then the names' sets, which may be pinged too."""
    by_ports: dict[tuple[Ports, bool], list[str]] = {}
    for rule in policy.rules:
        if rule.network:
            by_ports.setdefault((rule.ports, ":" in rule.network), []).append(rule.network)
    for (ports, ipv6), networks in by_ports.items():
        yield f"{_daddr(ipv6)} {{ {', '.join(outermost(networks))} }}{_ports(ports)}"
    for number, ports in enumerate(groups):
        for ipv6 in (False, True):
            where = f"{_daddr(ipv6)} @{set_name(number, ipv6=ipv6)}"
            yield where + _ports(ports)
            if ports != Ports():
                yield f"{where} {'icmpv6' if ipv6 else 'icmp'} type echo-request"


def _daddr(ipv6: bool) -> str:
    return "ip6 daddr" if ipv6 else "ip daddr"


def _ports(ports: Ports) -> str:
    """The rest of a match; "" for every port of every protocol."""
    if ports == Ports():
        return ""
    protocol = ports.protocol or "{ tcp, udp }"
    numbers = f"{ports.first}-{ports.last}" if ports.last > ports.first else f"{ports.first}"
    return f" meta l4proto {protocol}" + (f" th dport {numbers}" if ports.first else "")


def outermost(networks: list[str]) -> list[str]:
    """Networks of one family without those inside others: nft takes no overlapping ones."""
    import ipaddress

    if ":" in networks[0]:
        found6 = ipaddress.collapse_addresses(map(ipaddress.IPv6Network, networks))
        return [str(network) for network in found6]
    found = ipaddress.collapse_addresses(map(ipaddress.IPv4Network, networks))
    return [str(network) for network in found]
