"""Firewall rules of a bridge: out under the host's address, in only for what was asked for.

All rules are in one table of cuddy's own, `inet cuddy`, two chains for each bridge; several Homes
share the table and each changes only its own chains, in one transaction. Nothing else is touched:
a verdict of ours cannot lift a drop of another table (see `obstacles`). Without nft the same rules
hang in the tables of iptables.
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


def script(network: Network) -> str:
    """The rules of a network in nft's language: makes them, or makes them anew."""
    bridge = network.bridge
    masquerade, forward = masquerade_chain(bridge), forward_chain(bridge)
    return f"""\
table {FAMILY} {TABLE} {{
    chain {masquerade} {{ type nat hook postrouting priority srcnat; policy accept; }}
    chain {forward} {{ type filter hook forward priority filter; policy accept; }}
}}
flush chain {FAMILY} {TABLE} {masquerade}
flush chain {FAMILY} {TABLE} {forward}
table {FAMILY} {TABLE} {{
    chain {masquerade} {{
        ip saddr {network.subnet} oifname != "{bridge}" masquerade
    }}
    chain {forward} {{
        oifname != "{bridge}" accept
        iifname "{bridge}" accept
        ct state established,related accept
        counter drop
    }}
}}
"""


def iptables_chain(bridge: str) -> str:
    """The name of a bridge's chain, in the table `nat` and in the table `filter`."""
    return f"CUDDY-{bridge}"


def iptables_text(network: Network) -> str:
    """The same rules for iptables-restore. RETURN, since ACCEPT would overrule others' policy."""
    chain, bridge = iptables_chain(network.bridge), network.bridge
    return f"""\
*nat
:{chain} - [0:0]
-A {chain} -s {network.subnet} ! -o {bridge} -j MASQUERADE
COMMIT
*filter
:{chain} - [0:0]
-A {chain} ! -o {bridge} -j RETURN
-A {chain} -i {bridge} -j RETURN
-A {chain} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
-A {chain} -j DROP
COMMIT
"""


IPTABLES_JUMPS = (("nat", "POSTROUTING"), ("filter", "FORWARD"))


def is_ready(firewall: Socket, bridge: str) -> bool:
    """Whether the rules of a bridge are there: they came in one transaction, or not at all."""
    if nftables.has_chain(firewall, FAMILY, TABLE, forward_chain(bridge)):
        return nftables.has_chain(firewall, FAMILY, TABLE, masquerade_chain(bridge))
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

    finished = iptables.restore(iptables_text(network))
    jump = ("-j", iptables_chain(network.bridge))
    for table, chain in IPTABLES_JUMPS:
        if finished.code == 0 and not iptables.has_rule(table, chain, *jump):
            finished = iptables.edit(table, "-I", chain, *jump)
    return finished


def remove(bridge: str) -> None:
    """Take the rules of a bridge away, and the table with the last of them. Raises OSError."""
    with nftables.open() as firewall:
        for chain in (forward_chain(bridge), masquerade_chain(bridge)):
            if nftables.has_chain(firewall, FAMILY, TABLE, chain):
                nftables.delete_chain(firewall, FAMILY, TABLE, chain)
        try:
            nftables.delete_empty_table(firewall, FAMILY, TABLE)
        except OSError as error:
            # another bridge's chains are in it, or there is none
            if error.errno not in (errno.EBUSY, errno.ENOENT):
                raise
    _remove_iptables(bridge)


def _remove_iptables(bridge: str) -> None:
    from cuddy.kernel import iptables

    name = iptables_chain(bridge)
    try:
        for table, chain in IPTABLES_JUMPS:
            if iptables.has_rule(table, chain, "-j", name):
                iptables.edit(table, "-D", chain, "-j", name)
                iptables.edit(table, "-F", name)
                iptables.edit(table, "-X", name)
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
