"""What is seen on the way from one end to the other: routes, rules, sockets, and a real attempt."""

from __future__ import annotations

from cuddy.engine.network_why_facts import HOST, OUTSIDE, Facts
from cuddy.engine.network_why_listener import destination, serves
from cuddy.engine.vantage import OWN
from cuddy.kernel import control_file, nftables
from cuddy.network import bridge, nat, openings, reach, reach_trace, resolv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.vantage import Vantage
    from cuddy.network.reach import Attempt, Listener

DIAL_S = 2.0


def look(
    home: Home, facts: Facts, source: Vantage | None, target: Vantage | None, *, probing: bool
) -> Facts:
    """The facts with all that can be seen from here. Raises OSError."""
    facts = see_routes(facts, source, target)
    facts = see_rules(facts)
    if target and facts.question.port:
        facts = facts._replace(listeners=tuple(see_listeners(facts, target)))
    if probing and source and not is_elsewhere(facts):
        facts = try_it(facts, source)
    return facts


def is_elsewhere(facts: Facts) -> bool:
    """Whether the target is nobody in particular."""
    return facts.target.kind == OUTSIDE and facts.question.target == OUTSIDE


def see_routes(facts: Facts, source: Vantage | None, target: Vantage | None) -> Facts:
    """The ways there, back, and out of this machine."""
    if source is None:
        return facts
    way = reach.find_way(source.netns_fd, facts.address)
    facts = facts._replace(way=way)
    is_ours = facts.source.kind == HOST or facts.source.mode == HOST
    if facts.target.kind == OUTSIDE:
        out = None if is_ours or way.refusal else reach.find_way(OWN, facts.address)
        return facts._replace(way_out=out)
    if target is None or facts.published or facts.is_same_netns or facts.target.mode == HOST:
        return facts
    if is_ours:
        place = facts.target.place_at(facts.address)
        link = place.bridge if place and place.driver == "bridge" else ""
        facts = facts._replace(host_link=link)
    if way.source and (facts.shared or is_ours):
        facts = facts._replace(way_back=reach.find_way(target.netns_fd, way.source))
    return facts


def see_rules(facts: Facts) -> Facts:
    """What the firewall has, ours and others'."""
    layer = "ip6" if ":" in facts.address else "ip"
    with nftables.open() as firewall:
        facts = facts._replace(
            is_forwarding=control_file.read(bridge.IP_FORWARD) == "1",
            obstacles=tuple(nat.obstacles(firewall, layer, facts.bridges)),
        )
        if facts.published is None or not openings.is_readable(firewall):
            return facts
        led = [each.address for each in openings.list_all(firewall) if each.is_of(facts.published)]
    here = [address for address in led if facts.target.place_at(address)]
    found = facts.published._replace(
        address=here[0] if here else facts.published.address, is_in_kernel=bool(here)
    )
    return facts._replace(published=found)


def see_listeners(facts: Facts, target: Vantage) -> list[Listener]:
    """The target's sockets that wait; those that matter with their processes."""
    found = reach.listeners(target.netns_fd, facts.question.protocol)
    found = [each for each in found if each.address != resolv.OWN_SERVER]  # nobody's but cuddy's
    at_port = [each for each in found if each.port == facts.inner_port]
    wanted = [each for each in at_port if serves(each, destination(facts))] or at_port or found
    inodes = {each.inode for each in wanted}
    return reach.with_owners(found, target.netns_fd, lambda each: each.inode in inodes)


def try_it(facts: Facts, source: Vantage) -> Facts:
    """With a real attempt from where the source is, and the rules at which its packets end."""
    question = facts.question

    def attempt() -> Attempt:
        if question.port:
            where = (facts.address, question.port, question.protocol)
            return reach.dial(source.netns_fd, *where, DIAL_S)
        return reach.ping(source.netns_fd, facts.address, DIAL_S)

    sender = facts.way.source if facts.way else ""
    flow = reach_trace.flow(sender, facts.address, question.protocol, question.port)
    places = list(dict.fromkeys((source.netns_fd, OWN)))
    tried, drops = reach_trace.watch(places, flow, attempt)
    return facts._replace(attempt=tried, drops=tuple(drops))
