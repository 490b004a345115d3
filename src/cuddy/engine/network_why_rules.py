"""Facts -> the steps `rule`: what ours say, and who else could drop packets. Pure."""

from __future__ import annotations

from cuddy.engine import network_why_egress
from cuddy.engine.network_why_facts import HOST, OUTSIDE, Facts, Publication, is_loopback
from cuddy.engine.network_why_step import NO, OK, UNKNOWN, Step
from cuddy.network import egress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def rules(facts: Facts) -> Iterator[Step]:
    """What stands in the way, from the source to the target."""
    yield from _egress(facts)
    if facts.source.kind == OUTSIDE:
        yield from _from_outside(facts)
    elif facts.is_same_netns or (facts.is_loopback and not facts.published):
        yield Step("rule", OK, "cuddy filters nothing within one network namespace")
    elif facts.published:
        yield from _published(facts, facts.published)
    elif facts.target.kind == "container" and facts.target.mode != HOST:
        yield from _between(facts)
    elif facts.target.kind == OUTSIDE:
        yield from _to_outside(facts)
    else:
        yield from _to_host(facts)
    yield from _dropped(facts)


def _egress(facts: Facts) -> Iterator[Step]:
    """The policy of the source: --egress."""
    policy, title = facts.source.egress, facts.source.title
    if not egress.is_confined(policy) or facts.is_same_netns or facts.is_loopback:
        return
    answer = network_why_egress.allows(facts)
    if answer == NO:
        text = f"the egress policy of {title} does not allow it: --egress {policy}"
        wider = f"{policy}," if policy.startswith("allow:") else "allow:"
        wish = network_why_egress.wish(facts)
        remedy = f"allow it: 'cuddy update --egress {wider}{wish} {title}'"
        yield Step("rule", NO, text, remedy)
    elif answer == OK:
        yield Step("rule", OK, f"the egress policy of {title} allows it")
    else:
        state = NO if network_why_egress.has_refused(facts) else UNKNOWN
        text = f"{title} may reach only the addresses of names that it has asked for lately"
        yield Step("rule", state, text, f"ask by name; 'cuddy network log {title}' shows the rest")


def _between(facts: Facts) -> Iterator[Step]:
    """To a container's own address: from one of its networks, or from none of them."""
    source, target = facts.source, facts.target
    if source.kind == HOST or source.mode == HOST:
        yield from _from_host(facts)
    elif facts.shared:
        network = facts.shared[0].network
        if facts.shared[0].is_isolated:
            yield Step(
                "rule", NO, f"the network {network} keeps its containers apart (enable_icc=false)",
                "publish the port with -p, or connect both to another network",
            )  # fmt: skip
        else:
            yield Step("rule", OK, f"cuddy filters nothing between containers of {network}")
    else:
        theirs = target.place_at(facts.address)
        net = theirs.network if theirs else "N"
        yield Step(
            "rule", NO,
            f"{source.title} ({source.networks}) and {target.title} ({target.networks}) share no "
            "network, and networks are kept apart",
            f"connect both to one network: 'cuddy network connect {net} {source.title}'",
        )  # fmt: skip


def _from_host(facts: Facts) -> Iterator[Step]:
    place = facts.target.place_at(facts.address)
    if place and place.driver in ("macvlan", "ipvlan"):
        yield Step(
            "rule", NO,
            f"{place.network} is a {place.driver} network: the kernel passes nothing between its "
            "containers and the machine that they are on",
            "ask from another machine, or connect it to a bridge network as well",
        )  # fmt: skip
    else:
        yield Step("rule", OK, "this machine reaches the containers of its bridges")


def _published(facts: Facts, opening: Publication) -> Iterator[Step]:
    """By a port of the host that leads to the container."""
    text = f"{opening.outer}/{opening.protocol} of this machine leads to {opening.container}, port "
    text += f"{opening.port}/{opening.protocol}"
    if not opening.is_in_kernel:
        remedy = f"somebody took the rule away: 'cuddy restart {opening.container}'"
        yield Step("rule", NO, f"{text}; but the firewall has no such entry", remedy)
        return
    yield Step("rule", OK, text)
    yield from _forwarding(facts)
    yield from _obstacles(facts)


def _to_outside(facts: Facts) -> Iterator[Step]:
    """From a container by way of this machine, under its address."""
    if facts.source.kind == HOST or facts.source.mode == HOST or facts.neighbourhood:
        return
    places = [place for place in facts.source.places if place.driver == "bridge"]
    if places and all(place.is_internal for place in facts.source.places):
        text = f"{places[0].network} is internal: nothing leaves it"
        yield Step("rule", NO, text, f"'cuddy network connect bridge {facts.source.title}'")
        return
    if lacking := [place for place in places if not place.is_ready]:
        text = f"somebody took away what {lacking[0].network} needs of links, addresses or rules"
        remedy = f"'cuddy restart {facts.source.title}' makes them anew"
        yield Step("rule", NO, text, remedy)
        return
    if places:
        yield Step("rule", OK, "it leaves this machine under this machine's address")
        yield from _forwarding(facts)
        yield from _obstacles(facts)


def _to_host(facts: Facts) -> Iterator[Step]:
    if facts.source.kind == HOST or facts.source.mode == HOST:
        return
    if facts.source.places and all(p.driver in ("macvlan", "ipvlan") for p in facts.source.places):
        driver = facts.source.places[0].driver
        text = f"the kernel passes nothing between {driver} containers and their own machine"
        yield Step("rule", NO, text, "connect it to a bridge network as well")
        return
    yield Step("rule", OK, "containers may ask this machine")


def _from_outside(facts: Facts) -> Iterator[Step]:
    """What those beyond this machine can reach of a container."""
    target, port = facts.target, facts.question.port
    if target.kind != "container" or target.mode == HOST:
        yield Step("rule", UNKNOWN, "cuddy has no rules about what reaches this machine itself")
        return
    first = facts.published
    inner = port or 80
    if first and not is_loopback(first.host_ip):
        yield from _published(facts, first)
    elif first:
        text = f"port {first.port} is published at {first.outer} only, for this machine itself"
        yield Step("rule", NO, text, f"publish it everywhere: -p {first.host_port}:{first.port}")
    else:
        what = f"port {port} of {target.title}" if port else f"no port of {target.title}"
        text = f"{what} is {'not ' if port else ''}published"
        yield Step("rule", NO, text, f"publish it when it is made: -p {inner}:{inner}")


def _forwarding(facts: Facts) -> Iterator[Step]:
    if not facts.is_forwarding:
        text = "this machine passes no packets on: net.ipv4.ip_forward is 0"
        yield Step("rule", NO, text, "'sysctl -w net.ipv4.ip_forward=1'; see who turned it off")


def _obstacles(facts: Facts) -> Iterator[Step]:
    """Others' chains that drop what no rule of theirs accepts."""
    if not facts.obstacles or facts.drops:
        return
    if facts.attempt and facts.attempt.outcome == "answered":
        return
    shown = ", ".join(facts.obstacles[:3])
    text = f"others' firewall drops what passes through unless it says otherwise: {shown}"
    is_silent = facts.attempt is not None and facts.attempt.outcome == "silent"
    state = NO if is_silent else UNKNOWN
    yield Step("rule", state, text, _accept(facts, facts.obstacles[0]))


def _accept(facts: Facts, chain: str) -> str:
    """What lets containers through a chain of others; iptables' own is for iptables to change."""
    link = min(facts.bridges, default="the bridge")
    if chain in ("ip filter FORWARD", "ip6 filter FORWARD"):
        program = f"{chain.partition(' ')[0]}tables"
        return f"'{program} -I FORWARD -i {link} -j ACCEPT' and the same with -o"
    return f"'nft insert rule {chain} iifname {link} accept' and the same with oifname"


def _dropped(facts: Facts) -> Iterator[Step]:
    """The very rules at which packets of the attempt ended."""
    if facts.attempt and facts.attempt.outcome == "answered":
        return
    for drop in facts.drops:
        whose = "cuddy's own" if drop.is_ours else "another program's"
        text = f"the attempt's packets ended in {drop.where}, {whose} chain: {drop.rule}"
        remedy = "change that rule, or accept the packets before it"
        if drop.where in facts.obstacles:
            remedy = _accept(facts, drop.where)
        yield Step("rule", NO, text, "" if drop.is_ours else remedy)
