"""Facts -> what the source's egress policy says of them. Pure."""

from __future__ import annotations

from cuddy.engine.network_why_step import NO, OK, UNKNOWN
from cuddy.errors import InvalidArgument
from cuddy.network import egress, egress_rules, ipam

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.network_why_facts import Facts
    from cuddy.network.egress import Ports


def has_refused(facts: Facts) -> bool:
    """Whether the attempt's own packets ended at a rule of the policy."""
    return any(drop.is_ours and egress_rules.TABLE in drop.where.split() for drop in facts.drops)


def allows(facts: Facts) -> str:
    """OK, NO, or UNKNOWN where it depends on the names that were asked for before."""
    try:
        policy = egress.read(facts.source.egress)
    except InvalidArgument:
        return UNKNOWN
    rules = [rule for rule in policy.rules if fits(rule.ports, facts)]
    if any(rule.network and holds(rule.network, facts.address) for rule in rules):
        return OK
    asked = egress.normal_name(facts.question.target) if facts.naming else ""
    if asked and any(rule in egress.rules_for(policy, asked) for rule in rules):
        return OK
    is_by_name = facts.naming is not None and bool(facts.naming.addresses)
    return UNKNOWN if not is_by_name and any(rule.name for rule in rules) else NO


def allows_name(facts: Facts) -> bool:
    """Whether the name may be asked for at all."""
    if not egress.is_confined(facts.source.egress):
        return True
    try:
        policy = egress.read(facts.source.egress)
    except InvalidArgument:
        return True
    return bool(egress.rules_for(policy, egress.normal_name(facts.question.target)))


def fits(ports: Ports, facts: Facts) -> bool:
    """Whether a rule's ports are those of the question; a ping has neither port nor protocol."""
    question = facts.question
    if not question.port:
        return not ports.first and not ports.protocol
    is_port = not ports.first or ports.first <= question.port <= (ports.last or ports.first)
    return is_port and ports.protocol in ("", question.protocol)


def holds(network: str, address: str) -> bool:
    """Whether an address is in a network."""
    number, bits = ipam.parse_address(address)
    subnet = ipam.parse_subnet(network)
    return subnet.bits == bits and number in subnet


def wish(facts: Facts) -> str:
    """The rule that would allow it."""
    port = f":{facts.question.port}" if facts.question.port else ""
    if facts.naming:
        return f"{facts.question.target}{port}"
    return f"[{facts.address}]{port}" if ":" in facts.address and port else f"{facts.address}{port}"
