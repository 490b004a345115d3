"""The rules of `nat.py` on hosts without nft(8): chains of ours that hang in those of iptables(8).

Where a rule would accept, it returns: what others think of the packet still counts.
"""

from __future__ import annotations

from cuddy.errors import SystemFailure
from cuddy.kernel import iptables, nftables
from cuddy.kernel.program import Finished
from cuddy.network.network import OWN_LINKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.kernel.netlink import Socket
    from cuddy.network.nat import Layer, Rules

JUMPS = (("nat", "POSTROUTING"), ("filter", "FORWARD"), ("raw", "PREROUTING"))
TO_HOST = ("-m", "addrtype", "--dst-type", "LOCAL")
FAMILIES = ("ip", "ip6")
LOOPBACK = {"ip": "127.0.0.0/8", "ip6": "::1/128"}
NAMED_CHAIN = "CUDDY-BRIDGES"
"""What comes from our bridges with names of the user's ends there, in the table `filter`."""


def own_chain(bridge: str) -> str:
    """The name of a bridge's chain, in the tables `nat`, `filter` and `raw`."""
    return f"CUDDY-{bridge}"


def publish_chain(bridge: str) -> str:
    """The name of the chain with a bridge's published ports, in the table `nat`."""
    return f"CUDDY-P-{bridge}"


def open_chain(bridge: str) -> str:
    """The name of the chain with the ports that may be reached directly, in the table `filter`."""
    return f"CUDDY-O-{bridge}"


def text(rules: Rules, layer: Layer) -> str:
    """The rules of one layer for iptables-restore or ip6tables-restore."""
    sections = (
        ("nat", _nat_rules(rules.bridge, layer)),
        ("filter", _forward_rules(rules, layer)),
        ("raw", _guard_rules(rules, layer)),
    )
    chain = own_chain(rules.bridge)
    return "".join(
        f"*{table}\n:{chain} - [0:0]\n"
        + "".join(f"-A {chain} {rule}\n" for rule in lines)
        + "COMMIT\n"
        for table, lines in sections
    )


def _nat_rules(bridge: str, layer: Layer) -> Iterable[str]:
    target = "MASQUERADE"
    if layer.leave_as.startswith("snat"):
        target = f"SNAT --to-source {layer.leave_as.rpartition(' ')[2]}"
    for subnet in layer.subnets:
        if layer.leave_as:
            yield f"-s {subnet} ! -o {bridge} -j {target}"
        yield f"-s {subnet} -o {bridge} -m conntrack --ctstate DNAT -j MASQUERADE"
    if layer.ip == "ip":
        yield f"-s {LOOPBACK['ip']} -o {bridge} -m conntrack --ctstate DNAT -j MASQUERADE"


def _forward_rules(rules: Rules, layer: Layer) -> Iterable[str]:
    bridge = rules.bridge
    if rules.internal:
        if rules.icc:
            yield f"-i {bridge} -o {bridge} -j RETURN"
        yield f"-o {bridge} -j DROP"
        yield f"-i {bridge} -j DROP"
        return
    yield f"! -o {bridge} -j RETURN"
    if rules.icc:
        yield f"-i {bridge} -j RETURN"
    yield "-m conntrack --ctstate ESTABLISHED,RELATED,DNAT -j RETURN"
    if layer.is_routed:
        yield from (f"-i {name}+ -j DROP" for name in OWN_LINKS)
        yield f"-j {NAMED_CHAIN}"
    if layer.mode == "nat-unprotected":
        yield from (f"! -i {bridge} -d {subnet} -j RETURN" for subnet in layer.subnets)
    elif layer.mode == "routed":
        icmp = "ipv6-icmp" if layer.ip == "ip6" else "icmp"
        yield from (f"-d {subnet} -p {icmp} -j RETURN" for subnet in layer.subnets)
        # Last but one, for what it does not know comes back to be dropped.
        yield f"-g {open_chain(bridge)}"
        return
    yield "-j DROP"


def _guard_rules(rules: Rules, layer: Layer) -> Iterable[str]:
    for end in ("-d", "-s"):
        yield f"-i {rules.bridge} {end} {LOOPBACK[layer.ip]} -j DROP"
    if rules.internal:
        for place in (*layer.subnets, *layer.neighbours):
            yield f"-i {rules.bridge} -d {place} -j RETURN"
        yield f"-i {rules.bridge} -j DROP"


def jumps(bridge: str, family: str) -> list[tuple[str, ...]]:
    """Table, chain and rule of each jump into a bridge's chains."""
    own, publish = ("-j", own_chain(bridge)), ("-j", publish_chain(bridge))
    not_loopback = ("!", "-d", LOOPBACK[family])
    from_host = not_loopback if family == "ip6" else ()
    return [
        *((table, chain, *own) for table, chain in JUMPS),
        ("nat", "PREROUTING", *not_loopback, *TO_HOST, *publish),
        ("nat", "OUTPUT", *from_host, *TO_HOST, *publish),
    ]


def is_ready(firewall: Socket, bridge: str, layers: tuple[str, ...]) -> bool:
    """Whether the chains of these layers are there: today's iptables(8) writes to nf_tables, so
    they can be seen as others are; with the older one the answer is no, and they are made anew.
    """
    return all(
        nftables.has_chain(firewall, family, table, own_chain(bridge))
        for family in layers
        for table, _ in JUMPS
    )


def apply(rules: Rules) -> Finished:
    """Make the rules; the ports that are published stay. Raises FileNotFoundError."""
    finished = Finished(0, "")
    for layer in rules.layers:
        _note_bridge(rules, layer)
        # Not in the text: what stands there is flushed, and ports may be published.
        iptables.edit("nat", "-N", publish_chain(rules.bridge), family=layer.ip)
        if layer.mode == "routed" and not iptables.has_chain(
            "filter", open_chain(rules.bridge), family=layer.ip
        ):
            iptables.edit("filter", "-N", open_chain(rules.bridge), family=layer.ip)
            iptables.edit("filter", "-A", open_chain(rules.bridge), "-j", "DROP", family=layer.ip)
        finished = iptables.restore(text(rules, layer), family=layer.ip)
        for table, chain, *rule in jumps(rules.bridge, layer.ip):
            if finished.code == 0 and not iptables.has_rule(table, chain, *rule, family=layer.ip):
                finished = iptables.edit(table, "-I", chain, *rule, family=layer.ip)
        if finished.code:
            break
    return finished


def _note_bridge(rules: Rules, layer: Layer) -> None:
    """Have the chain that drops what comes from our bridges with names of the user's."""
    iptables.edit("filter", "-N", NAMED_CHAIN, family=layer.ip)
    drop = ("-i", rules.bridge, "-j", "DROP")
    if not rules.bridge.startswith(OWN_LINKS) and not iptables.has_rule(
        "filter", NAMED_CHAIN, *drop, family=layer.ip
    ):
        iptables.edit("filter", "-A", NAMED_CHAIN, *drop, family=layer.ip)


def remove(bridge: str) -> None:
    """Take the rules of a bridge away."""
    for family in FAMILIES:
        try:
            _remove(bridge, family)
        except FileNotFoundError:
            continue


def _remove(bridge: str, family: str) -> None:
    if not iptables.has_chain("nat", publish_chain(bridge), family=family):
        return
    for table, chain, *rule in jumps(bridge, family):
        if iptables.has_rule(table, chain, *rule, family=family):
            iptables.edit(table, "-D", chain, *rule, family=family)
    ours = [(table, own_chain(bridge)) for table, _ in JUMPS]
    ours += [("nat", publish_chain(bridge)), ("filter", open_chain(bridge))]
    for table, chain in ours:
        iptables.edit(table, "-F", chain, family=family)
        iptables.edit(table, "-X", chain, family=family)
    iptables.edit("filter", "-D", NAMED_CHAIN, "-i", bridge, "-j", "DROP", family=family)
    # It stays while it has a rule, or others lead to it.
    iptables.edit("filter", "-X", NAMED_CHAIN, family=family)


def add(bridge: str, family: str, rule: tuple[str, ...], *, table: str = "nat") -> None:
    """Publish or open one port. Raises SystemFailure, FileNotFoundError."""
    # Before the open chain's last word, which drops.
    how = ("-A", publish_chain(bridge)) if table == "nat" else ("-I", open_chain(bridge))
    finished = iptables.edit(table, *how, *rule, family=family)
    if finished.code:
        raise SystemFailure(f"cannot publish a port: {finished.output.partition(chr(10))[0]}")


def withdraw(bridge: str, address: str) -> None:
    """Take the rules away that lead to an address."""
    family = "ip6" if ":" in address else "ip"
    target = f"[{address}]:" if family == "ip6" else f"{address}:"
    length = 128 if family == "ip6" else 32
    try:
        for rule in iptables.list_rules("nat", publish_chain(bridge), family=family):
            if rule[-1].startswith(target):
                iptables.edit("nat", "-D", publish_chain(bridge), *rule, family=family)
        for rule in iptables.list_rules("filter", open_chain(bridge), family=family):
            if rule[:2] == ["-d", f"{address}/{length}"]:
                iptables.edit("filter", "-D", open_chain(bridge), *rule, family=family)
    except FileNotFoundError:
        return  # neither nft nor iptables: nothing was ever published
