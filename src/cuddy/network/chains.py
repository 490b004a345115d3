"""What the rules of a bridge are called, and whether they are there; `nat.py` makes them.

Apart from it because every start of a container looks, and few make any.
"""

from __future__ import annotations

from cuddy.kernel import nftables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.kernel.netlink import Socket

FAMILY = "inet"
TABLE = "cuddy"
DOCKERS = "DOCKER-USER"
"""Where docker asks what the machine's other users have to say, in the table `filter`."""


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


def anywhere_map(bridge: str, suffix: str = "") -> str:
    """protocol . port -> container's address . port, whichever address of the host is meant.

    `suffix`: "6" for the one of IPv6, here and below.
    """
    return f"{bridge}-ports{suffix}"


def address_map(bridge: str, suffix: str = "") -> str:
    """protocol . address . port -> container's address . port."""
    return f"{bridge}-address-ports{suffix}"


def open_set(bridge: str, suffix: str = "") -> str:
    """protocol . container's address . port: what anybody may reach directly."""
    return f"{bridge}-open{suffix}"


SETS = (anywhere_map, address_map, open_set)

NAMED_BRIDGES = "bridges"
"""The set of our bridges to which a user has given another name."""


def is_ready(firewall: Socket, bridge: str, layers: tuple[str, ...] = ("ip",)) -> bool:
    """Whether the rules of a bridge are there: they came in one transaction, or not at all.

    `layers`: "ip", "ip6" or both, as the network has them.
    """
    if not passes_docker(firewall, bridge, layers):
        return False
    if nftables.has_chain(firewall, FAMILY, TABLE, forward_chain(bridge)):
        return nftables.has_chain(firewall, FAMILY, TABLE, guard_chain(bridge))
    from cuddy.network import nat_iptables  # only hosts without nft need it

    return nat_iptables.is_ready(firewall, bridge, layers)


def docker_chain(bridge: str) -> str:
    """What docker's chain leads to for the sake of a bridge; `docker_user.py` makes it."""
    return f"CUDDY-D-{bridge}"


def passes_docker(firewall: Socket, bridge: str, layers: Iterable[str]) -> bool:
    """Whether docker has a say in none of these layers ("ip", "ip6"), or lets a bridge's packets
    pass. Rules of the older iptables(8) are not seen, and count as none. Raises OSError.
    """
    name = b"\0" + docker_chain(bridge).encode() + b"\0"
    for family in layers:
        rules = nftables.list_rules(firewall, family, "filter", DOCKERS)
        if rules and not any(name in rule for rule in rules):
            return False
    return True
