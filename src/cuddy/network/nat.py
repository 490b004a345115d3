"""Firewall rules of a bridge: out under the host's address, in only for what was asked for.

All rules are in one table of cuddy's own, `inet cuddy`, with chains and maps for each bridge;
several Homes share the table and each changes only its own chains, in one transaction. Nothing else
is touched: a verdict of ours cannot lift a drop of another table (see `obstacles`). Without nft the
same rules hang in the tables of iptables.
"""

from __future__ import annotations

import errno

from cuddy.errors import SystemFailure
from cuddy.kernel import nftables
from cuddy.network.network import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.kernel.netlink import Socket
    from cuddy.kernel.program import Finished

FAMILY = "inet"
TABLE = "cuddy"


def masquerade_chain(bridge: str) -> str:
    """Where packets of a bridge's containers get the host's address."""
    return f"{bridge}-masquerade"


def forward_chain(bridge: str) -> str:
    """Where packets on their way to a bridge's containers are judged."""
    return f"{bridge}-forward"


def publish_chain(bridge: str) -> str:
    """Where packets from outside to published ports are sent on to containers."""
    return f"{bridge}-publish"


def own_publish_chain(bridge: str) -> str:
    """The same for packets of the host's own programs."""
    return f"{bridge}-publish-own"


def guard_chain(bridge: str) -> str:
    """Where containers' packets to the host's loopback end."""
    return f"{bridge}-guard"


CHAINS = (forward_chain, masquerade_chain, publish_chain, own_publish_chain, guard_chain)


def anywhere_map(bridge: str) -> str:
    """protocol . port -> container's address . port, whichever address of the host is meant."""
    return f"{bridge}-ports"


def address_map(bridge: str) -> str:
    """protocol . address . port -> container's address . port."""
    return f"{bridge}-address-ports"


def script(network: Network) -> str:
    """The rules of a network in nft's language: makes them, or makes them anew.

    Who reaches a container by the host's address from the same bridge, or from the host's loopback,
    has to be answered by way of the host: hence the second masquerade.
    """
    bridge = network.bridge
    chains = "".join(f"flush chain {FAMILY} {TABLE} {chain(bridge)}\n" for chain in CHAINS)
    return f"""\
table {FAMILY} {TABLE} {{
    map {anywhere_map(bridge)} {{
        type inet_proto . inet_service : ipv4_addr . inet_service;
    }}
    map {address_map(bridge)} {{
        type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service;
    }}
    chain {masquerade_chain(bridge)} {{ type nat hook postrouting priority srcnat; }}
    chain {forward_chain(bridge)} {{ type filter hook forward priority filter; }}
    chain {publish_chain(bridge)} {{ type nat hook prerouting priority dstnat; }}
    chain {own_publish_chain(bridge)} {{ type nat hook output priority -100; }}
    chain {guard_chain(bridge)} {{ type filter hook prerouting priority raw; }}
}}
{chains}table {FAMILY} {TABLE} {{
    chain {masquerade_chain(bridge)} {{
        ip saddr {network.subnet} oifname != "{bridge}" masquerade
        oifname "{bridge}" ct status dnat ip saddr {{ {network.subnet}, 127.0.0.0/8 }} masquerade
    }}
    chain {forward_chain(bridge)} {{
        oifname != "{bridge}" accept
        iifname "{bridge}" accept
        ct state established,related accept
        ct status dnat accept
        counter drop
    }}
{publish_rules(bridge)}}}
"""


def publish_rules(bridge: str) -> str:
    """Where packets to published ports go.

    Ports published on 127.0.0.1 need `route_localnet` on the bridge; the guard takes back what that
    would give containers: the host's own loopback services (CVE-2020-8558). From outside, an
    address of loopback is never a published one.
    """
    lead = f"""\
        dnat ip to meta l4proto . ip daddr . th dport map @{address_map(bridge)}
        fib daddr type local dnat ip to meta l4proto . th dport map @{anywhere_map(bridge)}
"""
    return f"""\
    chain {publish_chain(bridge)} {{
        ip daddr 127.0.0.0/8 return
{lead}    }}
    chain {own_publish_chain(bridge)} {{
{lead}    }}
    chain {guard_chain(bridge)} {{
        iifname "{bridge}" ip daddr 127.0.0.0/8 drop
    }}
"""


def iptables_chain(bridge: str) -> str:
    """The name of a bridge's chain, in the tables `nat`, `filter` and `raw`."""
    return f"CUDDY-{bridge}"


def iptables_publish_chain(bridge: str) -> str:
    """The name of the chain with a bridge's published ports, in the table `nat`."""
    return f"CUDDY-P-{bridge}"


def iptables_text(network: Network) -> str:
    """The same rules for iptables-restore. RETURN, since ACCEPT would overrule others' policy."""
    chain, bridge = iptables_chain(network.bridge), network.bridge
    return f"""\
*nat
:{chain} - [0:0]
-A {chain} -s {network.subnet} ! -o {bridge} -j MASQUERADE
-A {chain} -s {network.subnet} -o {bridge} -m conntrack --ctstate DNAT -j MASQUERADE
-A {chain} -s 127.0.0.0/8 -o {bridge} -m conntrack --ctstate DNAT -j MASQUERADE
COMMIT
*filter
:{chain} - [0:0]
-A {chain} ! -o {bridge} -j RETURN
-A {chain} -i {bridge} -j RETURN
-A {chain} -m conntrack --ctstate ESTABLISHED,RELATED,DNAT -j RETURN
-A {chain} -j DROP
COMMIT
*raw
:{chain} - [0:0]
-A {chain} -i {bridge} -d 127.0.0.0/8 -j DROP
COMMIT
"""


IPTABLES_JUMPS = (("nat", "POSTROUTING"), ("filter", "FORWARD"), ("raw", "PREROUTING"))
TO_HOST = ("-m", "addrtype", "--dst-type", "LOCAL")
NOT_LOOPBACK = ("!", "-d", "127.0.0.0/8")


def iptables_jumps(bridge: str) -> list[tuple[str, ...]]:
    """Table, chain and rule of each jump into a bridge's chains."""
    own, publish = ("-j", iptables_chain(bridge)), ("-j", iptables_publish_chain(bridge))
    return [
        *((table, chain, *own) for table, chain in IPTABLES_JUMPS),
        ("nat", "PREROUTING", *NOT_LOOPBACK, *TO_HOST, *publish),
        ("nat", "OUTPUT", *TO_HOST, *publish),
    ]


def is_ready(firewall: Socket, bridge: str) -> bool:
    """Whether the rules of a bridge are there: they came in one transaction, or not at all."""
    if nftables.has_chain(firewall, FAMILY, TABLE, forward_chain(bridge)):
        return nftables.has_chain(firewall, FAMILY, TABLE, guard_chain(bridge))
    # Today's iptables(8) writes to nf_tables too, so its chains can be seen the same way.
    chain = iptables_chain(bridge)
    return all(nftables.has_chain(firewall, "ip", table, chain) for table, _ in IPTABLES_JUMPS)


def apply(network: Network) -> None:
    """Make the rules of a network, whatever is there. Raises SystemFailure."""
    failures = []
    for tool in (_apply_nft, _apply_iptables):
        try:
            finished = tool(network)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            continue
        if finished.code == 0:
            return
        failures.append(finished.output.partition("\n")[0] or f"exit code {finished.code}")
    if failures:
        raise SystemFailure(f"cannot make the firewall rules of {network.bridge}: {failures[0]}")
    raise SystemFailure(
        f"cannot make the firewall rules of {network.bridge}: this host has no nft",
        hint="install nftables, or use --network host or --network none",
    )


def _apply_nft(network: Network) -> Finished:
    return nftables.apply(script(network))


def _apply_iptables(network: Network) -> Finished:
    from cuddy.kernel import iptables  # only hosts without nft need it

    # Not in the text: what stands there is flushed, and ports may be published.
    iptables.edit("nat", "-N", iptables_publish_chain(network.bridge))
    finished = iptables.restore(iptables_text(network))
    for table, chain, *rule in iptables_jumps(network.bridge):
        if finished.code == 0 and not iptables.has_rule(table, chain, *rule):
            finished = iptables.edit(table, "-I", chain, *rule)
    return finished


def remove(bridge: str) -> None:
    """Take the rules of a bridge away, and the table with the last of them. Raises OSError."""
    with nftables.open() as firewall:
        for chain in CHAINS:
            if nftables.has_chain(firewall, FAMILY, TABLE, chain(bridge)):
                nftables.delete_chain(firewall, FAMILY, TABLE, chain(bridge))
        try:
            for name in (anywhere_map(bridge), address_map(bridge)):
                nftables.delete_set(firewall, FAMILY, TABLE, name)
        except FileNotFoundError:
            pass
        try:
            nftables.delete_empty_table(firewall, FAMILY, TABLE)
        except OSError as error:
            # another bridge's chains are in it, or there is none
            if error.errno not in (errno.EBUSY, errno.ENOENT):
                raise
    _remove_iptables(bridge)


def _remove_iptables(bridge: str) -> None:
    from cuddy.kernel import iptables

    try:
        for table, chain, *rule in iptables_jumps(bridge):
            if iptables.has_rule(table, chain, *rule):
                iptables.edit(table, "-D", chain, *rule)
        if not iptables.has_chain("nat", iptables_chain(bridge)):
            return
        for table, _ in IPTABLES_JUMPS:
            iptables.edit(table, "-F", iptables_chain(bridge))
            iptables.edit(table, "-X", iptables_chain(bridge))
        iptables.edit("nat", "-F", iptables_publish_chain(bridge))
        iptables.edit("nat", "-X", iptables_publish_chain(bridge))
    except FileNotFoundError:
        pass


def obstacles(firewall: Socket) -> list[str]:
    """Chains of others that drop forwarded packets unless told otherwise, as docker's does.

    We leave them as they are: containers then reach each other and the host, but not the outside.
    """
    return [
        f"{chain.family} {chain.table} {chain.name}"
        for chain in nftables.list_chains(firewall)
        if chain.hook == nftables.NF_INET_FORWARD
        and chain.policy == nftables.NF_DROP
        and chain.family in ("inet", "ip")
    ]
