"""A way through docker's firewall, for machines on which docker runs as well.

Docker gives the forward hook a policy of DROP, which no rule of another table can lift, and keeps a
chain for what the machine's other users have to say about it: DOCKER-USER. There a bridge of ours
has a jump to a chain of its own, which accepts what our own rules let pass anyhow and leaves to
docker what is meant for docker's networks (decision 0022). Written by iptables(8), as docker does.
"""

from __future__ import annotations

from cuddy.kernel import iptables
from cuddy.kernel.program import Finished
from cuddy.network.chains import DOCKERS as CHAIN
from cuddy.network.chains import docker_chain
from cuddy.network.network import OWN_LINKS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.network.nat import Rules

TABLE = "filter"
FAMILIES = ("ip", "ip6")
NOT_OURS = ("docker0", "br-+", *(f"{name}+" for name in OWN_LINKS))
"""Links to which another bridge of ours opens nothing: docker's networks, and our other ones."""


def text(rules: Rules) -> str:
    """A bridge's chain for iptables-restore or ip6tables-restore."""
    chain = docker_chain(rules.bridge)
    lines = "".join(f"-A {chain} {rule}\n" for rule in _rules(rules))
    return f"*{TABLE}\n:{chain} - [0:0]\n{lines}COMMIT\n"


def _rules(rules: Rules) -> Iterable[str]:
    bridge = rules.bridge
    if rules.icc:
        yield f"-i {bridge} -o {bridge} -j ACCEPT"
    if rules.internal:
        return
    for link in (bridge, *NOT_OURS):
        yield f"-i {bridge} -o {link} -j RETURN"
    yield f"-i {bridge} -j ACCEPT"
    yield f"-o {bridge} -m conntrack --ctstate ESTABLISHED,RELATED,DNAT -j ACCEPT"


def open_way(rules: Rules) -> Finished:
    """Let a bridge's packets through where docker has a say; whatever is there.

    Called after our own rules are made, which are stricter.
    """
    finished = Finished(0, "")
    try:
        for family in [layer.ip for layer in rules.layers]:
            if finished.code or not iptables.has_chain(TABLE, CHAIN, family=family):
                continue
            finished = iptables.restore(text(rules), family=family)
            jump = ("-j", docker_chain(rules.bridge))
            if finished.code == 0 and not iptables.has_rule(TABLE, CHAIN, *jump, family=family):
                finished = iptables.edit(TABLE, "-I", CHAIN, *jump, family=family)
    except FileNotFoundError:
        return finished  # docker needs iptables: it is not here
    return finished


def close_way(bridge: str) -> None:
    """Take a bridge's chain away."""
    chain = docker_chain(bridge)
    try:
        for family in FAMILIES:
            if iptables.has_chain(TABLE, chain, family=family):
                iptables.edit(TABLE, "-D", CHAIN, "-j", chain, family=family)
                iptables.edit(TABLE, "-F", chain, family=family)
                iptables.edit(TABLE, "-X", chain, family=family)
    except FileNotFoundError:
        return  # nothing was ever made
