"""What networks leave behind in the kernel: links, rules and entries that belong to nobody.

Killed commands leave next to nothing (docs/commands/check.md), but people delete directories, run
`ip` and `nft` by hand, and keep the network namespace of a dead container by being in it. Whose a
link is stands in its alias: `cuddy <directory of the networks' records>` on the link of a network.
What says nothing, or another Home's directory, is not looked at.
"""

from __future__ import annotations

from cuddy.kernel import netlink, nftables, rtnetlink
from cuddy.network import chains, openings
from cuddy.network import network as networks
from cuddy.network.endpoint import ID_DIGITS, VETH
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cuddy.kernel.netlink import Socket
    from cuddy.kernel.rtnetlink import Link
    from cuddy.network.openings import Opening

CHAIN_ENDINGS = tuple(name("") for name in chains.CHAINS)


class ContainerLink(NamedTuple):
    """The host's end of a container's link."""

    name: str
    id_prefix: str  # how the container's id begins
    network_link: str  # the bridge it is a port of; "" if none


def list_links() -> list[Link]:
    """Every link of this machine. Raises OSError."""
    with netlink.open() as kernel:
        return rtnetlink.list_links(kernel)


def network_links(links: Iterable[Link], networks_dir: str) -> set[str]:
    """Links that were made for networks of a Home, whether it still has them or not. Pure."""
    alias = networks.link_alias(networks_dir)
    return {link.name for link in links if link.alias == alias}


def container_links(links: Collection[Link], own_bridges: Collection[str]) -> list[ContainerLink]:
    """Containers' links that are ports of these bridges, or of none any more. Pure."""
    names = {link.ifindex: link.name for link in links}
    found = []
    for link in links:
        digits = link.name.removeprefix(VETH)
        is_named_so = link.name.startswith(VETH) and len(digits) > ID_DIGITS and is_hex(digits)
        if link.kind != "veth" or not is_named_so:
            continue
        bridge = names.get(link.master, "")
        if bridge in own_bridges or not link.master:
            found.append(ContainerLink(link.name, digits[:ID_DIGITS], bridge))
    return found


def is_hex(text: str) -> bool:
    """Whether a text is of hexadecimal digits."""
    return not text.strip("0123456789abcdef")


def rules_without_link(links: Iterable[Link]) -> list[str]:
    """Bridges that have rules or maps in our table, and are not there. Raises OSError.

    Rules are made after the link and taken away after it, so under the lock of the networks they
    are nobody's, whichever Home had them: a Home that misses its link makes both anew.
    """
    there = {link.name for link in links}
    with nftables.open() as firewall:
        found = bridges_with_rules(firewall, there)
    return sorted(found - there)


def bridges_with_rules(firewall: Socket, known: Collection[str]) -> set[str]:
    """The bridges that chains and maps of our table are about. Raises OSError."""
    try:
        found_chains = nftables.list_chains(firewall)
    except OSError as error:
        if error.errno in nftables.UNKNOWN:
            return set()
        raise
    ours = (chains.FAMILY, chains.TABLE)
    names = [each.name for each in found_chains if (each.family, each.table) == ours]
    found = {openings.bridge_of(name, CHAIN_ENDINGS, known) for name in names}
    maps = [name for family, table, name in openings.sets(firewall) if (family, table) == ours]
    found.update(openings.bridge_of_map(name, known) for name in maps)
    return found - {""}


def openings_of(bridges: Collection[str]) -> list[Opening]:
    """The published ports of these bridges. Raises OSError."""
    with nftables.open() as firewall:
        return [each for each in openings.list_all(firewall, bridges) if each.bridge in bridges]


def delete_link(name: str) -> None:
    """Delete a link; nothing happens if it has just gone. Raises OSError."""
    with netlink.open() as kernel:
        try:
            kernel.ask(rtnetlink.delete_link(name))
        except OSError as error:
            if rtnetlink.find_link(kernel, name) is not None:
                raise error
