"""Firewall rules of a bridge: out under the host's address, in only for what was asked for.

All rules are in one table of cuddy's own, `inet cuddy`, with chains and maps for each bridge;
several Homes share the table and each changes only its own chains, in one transaction. A verdict of
ours cannot lift a drop of another table: docker is asked to let our bridges pass, in the way it has
for this (`docker_user.py`), and all else stays as it is (see `obstacles`). Without nft the same
rules hang in the tables of iptables (`nat_iptables.py`).
"""

from __future__ import annotations

import errno

from cuddy.errors import SystemFailure
from cuddy.kernel import nftables
from cuddy.network import bridge_options, chains, docker_user
from cuddy.network.network import OWN_LINKS
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from cuddy.kernel.netlink import Request, Socket
    from cuddy.kernel.program import Finished
    from cuddy.network.network import Network


class Layer(NamedTuple):
    """IPv4 or IPv6, as rules name it, and what a network wants of it."""

    ip: str  # "ip" or "ip6"
    subnets: tuple[str, ...]
    loopback: str
    neighbours: tuple[str, ...]  # what is sent to no single host, or by the link alone
    mode: str = "nat"
    leave_as: str = "masquerade"  # "": under their own addresses

    @property
    def suffix(self) -> str:
        """Of the names of its maps."""
        return self.ip.removeprefix("ip")

    @property
    def is_routed(self) -> bool:
        """Whether the world outside reaches containers by their own addresses."""
        return self.mode in ("routed", "nat-unprotected")


class Rules(NamedTuple):
    """What the rules of a bridge are to do."""

    bridge: str
    layers: tuple[Layer, ...]
    icc: bool = True
    internal: bool = False


IFNAMSIZ = 16  # linux/if.h

IPV4 = Layer("ip", (), "127.0.0.0/8", ("224.0.0.0/4", "255.255.255.255"))
IPV6 = Layer("ip6", (), "::1", ("ff00::/8", "fe80::/10"))

NOT_LOOPBACK = "ip daddr 127.0.0.0/8 return"
"""From outside, an address of loopback is never a published one."""

NOT_LOOPBACK6 = "ip6 daddr ::1 return"
"""It cannot be led elsewhere: there is no route_localnet for IPv6, so answers would be dropped."""


def decide(network: Network) -> Rules:
    """What a network's record asks of the firewall. Raises InvalidArgument."""
    options = bridge_options.parse(network.options, internal=network.internal)
    layers = []
    for index, layer in enumerate((IPV4, IPV6)):
        subnets = tuple(p.subnet for p in network.pools if (":" in p.subnet) == (layer is IPV6))
        if not subnets:
            continue
        mode, address = options.gateway_mode[index], options.host_address[index]
        leave_as = f"snat {layer.ip} to {address}" if address else "masquerade"
        if not options.masquerade or network.internal or mode in ("routed", "isolated"):
            leave_as = ""
        layers.append(layer._replace(subnets=subnets, mode=mode, leave_as=leave_as))
    return Rules(network.bridge, tuple(layers), options.icc, network.internal)


def script(rules: Rules) -> str:
    """The rules of a network in nft's language: makes them, or makes them anew."""
    bridge = rules.bridge
    flush = "".join(
        f"flush chain {chains.FAMILY} {chains.TABLE} {chain(bridge)}\n" for chain in chains.CHAINS
    )
    return f"""\
table {chains.FAMILY} {chains.TABLE} {{
{"".join(map_texts(bridge, layer) for layer in rules.layers)}\
{named_bridges(rules)}\
    chain {chains.masquerade_chain(bridge)} {{ type nat hook postrouting priority srcnat; }}
    chain {chains.forward_chain(bridge)} {{ type filter hook forward priority filter; }}
    chain {chains.publish_chain(bridge)} {{ type nat hook prerouting priority dstnat; }}
    chain {chains.own_publish_chain(bridge)} {{ type nat hook output priority -100; }}
    chain {chains.guard_chain(bridge)} {{ type filter hook prerouting priority raw; }}
}}
{flush}table {chains.FAMILY} {chains.TABLE} {{
{chain_text(chains.masquerade_chain(bridge), masquerade_rules(rules))}\
{chain_text(chains.forward_chain(bridge), forward_rules(rules))}\
{chain_text(chains.publish_chain(bridge), [NOT_LOOPBACK, *publish_rules(rules)])}\
{chain_text(chains.own_publish_chain(bridge), [NOT_LOOPBACK6, *publish_rules(rules)])}\
{chain_text(chains.guard_chain(bridge), guard_rules(rules))}\
}}
"""


def map_texts(bridge: str, layer: Layer) -> str:
    """The maps of published ports, and the set of open ones."""
    address = f"{layer.ip.replace('ip', 'ipv') if layer.suffix else 'ipv4'}_addr"
    target = f"{address} . inet_service"
    return f"""\
    map {chains.anywhere_map(bridge, layer.suffix)} {{ type inet_proto . inet_service : {target}; }}
    map {chains.address_map(bridge, layer.suffix)} {{ type inet_proto . {target} : {target}; }}
    set {chains.open_set(bridge, layer.suffix)} {{ type inet_proto . {target}; }}
"""


def named_bridges(rules: Rules) -> str:
    """The set of our bridges that do not tell by their name that they are, if it is needed."""
    elements = ""
    if not rules.bridge.startswith(OWN_LINKS):
        elements = f' elements = {{ "{rules.bridge}" }};'
    elif not any(layer.is_routed for layer in rules.layers):
        return ""
    return f"    set {chains.NAMED_BRIDGES} {{ type ifname;{elements} }}\n"


def chain_text(name: str, rules: list[str]) -> str:
    """A chain with its rules."""
    return f"    chain {name} {{\n" + "".join(f"        {rule}\n" for rule in rules) + "    }\n"


def masquerade_rules(rules: Rules) -> list[str]:
    """Who reaches a container by the host's address from the same bridge, or from the host's
    loopback, has to be answered by way of the host: hence the second rule of each layer.
    """
    found = []
    for layer in rules.layers:
        subnets = ", ".join(layer.subnets)
        if layer.leave_as:
            found.append(
                f'{layer.ip} saddr {{ {subnets} }} oifname != "{rules.bridge}" {layer.leave_as}'
            )
        sources = f"{layer.ip} saddr {{ {subnets}, {layer.loopback} }}"
        found.append(f'oifname "{rules.bridge}" ct status dnat {sources} masquerade')
    return found


def forward_rules(rules: Rules) -> list[str]:
    """Out is free, in is what answers or was published; an internal network is closed.

    Between its own containers a packet comes by only where br_netfilter is on (see `bridge.py`).
    """
    into, out_of = f'oifname "{rules.bridge}"', f'iifname "{rules.bridge}"'
    if rules.internal:
        between = [f"{out_of} {into} accept"] if rules.icc else []
        return [*between, f"{into} counter drop", f"{out_of} counter drop"]
    found = [f'oifname != "{rules.bridge}" accept']
    if rules.icc:
        found.append(f"{out_of} accept")
    found.append("ct state established,related accept")
    found.append("ct status dnat accept")
    if any(layer.is_routed for layer in rules.layers):
        # What is open to the world is so by way of the host's uplinks, not for other networks.
        found += [f'iifname "{name}*" counter drop' for name in OWN_LINKS]
        found.append(f"iifname @{chains.NAMED_BRIDGES} counter drop")
    for layer in rules.layers:
        if layer.mode == "nat-unprotected":
            found.append(f'iifname != "{rules.bridge}" {layer.ip} daddr {own(layer)} accept')
        elif layer.mode == "routed":
            reachable = f"@{chains.open_set(rules.bridge, layer.suffix)}"
            found.append(f"meta l4proto . {layer.ip} daddr . th dport {reachable} accept")
            icmp = "icmpv6" if layer.suffix else "icmp"
            found.append(f"{layer.ip} daddr {own(layer)} meta l4proto {icmp} accept")
    return [*found, "counter drop"]


def own(layer: Layer) -> str:
    """A network's own addresses."""
    return f"{{ {', '.join(layer.subnets)} }}"


def publish_rules(rules: Rules) -> list[str]:
    """Where packets to published ports go: first by the address meant, then by the port alone."""
    found = []
    for layer in rules.layers:
        lead, suffix = f"dnat {layer.ip} to meta l4proto", layer.suffix
        by_address = f"@{chains.address_map(rules.bridge, suffix)}"
        anywhere = f"@{chains.anywhere_map(rules.bridge, suffix)}"
        found.append(f"{lead} . {layer.ip} daddr . th dport map {by_address}")
        found.append(f"fib daddr type local {lead} . th dport map {anywhere}")
    return found


def guard_rules(rules: Rules) -> list[str]:
    """Ports published on 127.0.0.1 need `route_localnet` on the bridge; the guard takes back what
    that would give containers: the host's own loopback services (CVE-2020-8558), and to speak as
    one of the host's own programs to those that listen elsewhere.

    And those of an internal network reach nobody else, nor the host but at its address there, even
    if one of them gives itself a route.
    """
    found = [
        f'iifname "{rules.bridge}" {layer.ip} {end} {layer.loopback} drop'
        for layer in (IPV4, IPV6)
        for end in ("daddr", "saddr")
    ]
    if rules.internal:
        for layer in rules.layers:
            inside = ", ".join((*layer.subnets, *layer.neighbours))
            found.append(f'iifname "{rules.bridge}" {layer.ip} daddr != {{ {inside} }} drop')
    return found


def apply(network: Network) -> None:
    """Make the rules of a network, whatever is there. Raises SystemFailure, InvalidArgument."""
    rules = decide(network)
    failures = []
    for tool in (_apply_nft, _apply_iptables):
        try:
            finished = tool(rules)
            if finished.code == 0:
                finished = docker_user.open_way(rules)
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


def _apply_nft(rules: Rules) -> Finished:
    return nftables.apply(script(rules))


def _apply_iptables(rules: Rules) -> Finished:
    from cuddy.network import nat_iptables

    return nat_iptables.apply(rules)


def remove(bridge: str) -> None:
    """Take the rules of a bridge away, and the table with the last of them. Raises OSError."""
    docker_user.close_way(bridge)  # first: rules without a link are found by those below
    names = [name(bridge, suffix) for name in chains.SETS for suffix in ("", "6")]
    with nftables.open() as firewall:
        found = {
            chain.name for chain in nftables.list_chains(firewall) if chain.table == chains.TABLE
        }
        gone = [
            nftables.delete_chain(chains.FAMILY, chains.TABLE, chain(bridge))
            for chain in chains.CHAINS
            if chain(bridge) in found
        ]
        gone += [
            nftables.delete_set(chains.FAMILY, chains.TABLE, name)
            for name in names
            if nftables.has_set(firewall, chains.FAMILY, chains.TABLE, name)
        ]
        nftables.change(firewall, *gone, *forget_name(firewall, bridge))
        place = (chains.FAMILY, chains.TABLE, chains.NAMED_BRIDGES)
        if nftables.has_set(firewall, *place) and not nftables.list_elements(firewall, *place):
            attempt(firewall, nftables.delete_set(*place))
        attempt(firewall, nftables.delete_empty_table(chains.FAMILY, chains.TABLE))
    from cuddy.network import nat_iptables

    nat_iptables.remove(bridge)


def attempt(firewall: Socket, request: Request) -> None:
    """Take away what may be gone already, or be in use by other bridges' rules. Raises OSError."""
    try:
        nftables.change(firewall, request)
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOENT):
            raise


def forget_name(firewall: Socket, bridge: str) -> list[Request]:
    """Take a bridge out of the set of those with names of the user's, if it is in it."""
    place = (chains.FAMILY, chains.TABLE, chains.NAMED_BRIDGES)
    if bridge.startswith(OWN_LINKS) or not nftables.has_set(firewall, *place):
        return []
    name = bridge.encode().ljust(IFNAMSIZ, b"\0")
    if not any(key == name for key, _ in nftables.list_elements(firewall, *place)):
        return []
    return [nftables.delete_elements(*place, [name])]


def obstacles(firewall: Socket, layer: str = "ip", bridges: Collection[str] = ()) -> list[str]:
    """Chains of others that drop forwarded packets unless told otherwise.

    `layer`: "ip" or "ip6". Docker's is none for `bridges` that it lets pass; the others we leave as
    they are: containers then reach each other and the host, but not the outside.
    """
    found = [
        f"{chain.family} {chain.table} {chain.name}"
        for chain in nftables.list_chains(firewall)
        if chain.hook == nftables.NF_INET_FORWARD
        and chain.policy == nftables.NF_DROP
        and chain.family in ("inet", layer)
    ]
    dockers = f"{layer} filter FORWARD"
    if dockers in found and bridges and _pass_docker(firewall, layer, bridges):
        found.remove(dockers)
    return found


def _pass_docker(firewall: Socket, layer: str, bridges: Collection[str]) -> bool:
    has_say = bool(nftables.list_rules(firewall, layer, "filter", chains.DOCKERS))
    return has_say and all(chains.passes_docker(firewall, name, (layer,)) for name in bridges)
