"""Facts -> steps: state, name, route, rule, listener, attempt, and the verdict. Pure.

Each step is `ok`, `no` (it ends here, with what to do about it) or `?` (nobody can tell from here).
A real attempt outweighs what rules and sockets look like; a name that leads nowhere does not.
"""

from __future__ import annotations

from cuddy.engine import network_why_egress, network_why_listener, network_why_rules
from cuddy.engine.network_why_facts import HOST, OUTSIDE, Facts, Party
from cuddy.engine.network_why_step import NO, OK, UNKNOWN, Step
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DECISIVE = ("state", "name")
"""Steps that no attempt can outweigh."""


class Explanation(NamedTuple):
    """The answer: step by step, and in one sentence."""

    steps: tuple[Step, ...]
    is_reached: bool
    verdict: str


def explain(facts: Facts) -> Explanation:
    """What the facts say."""
    steps = tuple(_steps(facts))
    if facts.attempt and facts.attempt.outcome == "answered":
        steps = tuple(map(doubt, steps))
    is_reached = judge(facts, steps)
    return Explanation(steps, is_reached, verdict(facts, steps, is_reached=is_reached))


def _steps(facts: Facts) -> Iterator[Step]:
    states = list(state(facts))
    yield from states
    if facts.naming or facts.is_id:
        yield from name(facts)
    if any(step.state == NO for step in states):
        return
    if not facts.address:
        if not facts.naming:
            whose = "this machine" if facts.source.kind == OUTSIDE else facts.target.title
            text = f"{whose} has no address that {facts.source.title} could use"
            yield Step("route", NO, text)
        return
    yield from route(facts)
    yield from network_why_rules.rules(facts)
    if facts.question.port:
        yield from network_why_listener.listener(facts)
    yield from attempt(facts)


def doubt(step: Step) -> Step:
    """A step that an attempt has disproved."""
    if step.state != NO or step.what in DECISIVE:
        return step
    return Step(step.what, UNKNOWN, f"{step.text}; yet it came through")


def judge(facts: Facts, steps: tuple[Step, ...]) -> bool:
    """Whether it is reached, as the user asked for it."""
    failed = {step.what for step in steps if step.state == NO}
    if failed.intersection(DECISIVE) or not facts.address:
        return False
    if facts.attempt and facts.attempt.outcome == "answered":
        return True
    if facts.attempt and not (facts.question.protocol == "udp" and _is_silent(facts)):
        return False
    return not failed


def _is_silent(facts: Facts) -> bool:
    return facts.attempt is not None and facts.attempt.outcome == "silent"


def verdict(facts: Facts, steps: tuple[Step, ...], *, is_reached: bool) -> str:
    """One line that says it all."""
    question, ends = facts.question, f"{facts.source.title} reaches"
    if is_reached:
        at = f" ({facts.address})" if facts.address not in ("", question.target) else ""
        if facts.source.kind == OUTSIDE:
            at = f" by {facts.published.outer} of this machine" if facts.published else ""
        sure = "" if facts.attempt or facts.is_same_netns else ", as far as can be seen from here"
        return f"yes: {ends} {question.place}{at}{sure}"
    failed = [step for step in steps if step.state == NO]
    answered = facts.attempt and facts.attempt.outcome == "answered"
    if answered and [step.what for step in failed] == ["name"]:
        where = place(facts.address, question.port)
        return f"no: {ends} {facts.target.title} only by its address, {where}: not by that name"
    causes = {step.what: step.text for step in reversed(failed)}  # the first of each
    attempt = causes.pop("attempt", "")
    found = [causes[step.what] for step in failed if step.what in causes]
    reason = (
        "; ".join(list(dict.fromkeys(found))[:2])
        or attempt
        or "nothing that can be seen from here explains it"
    )
    return f"no: {facts.source.title} does not reach {question.place}: {reason}"


def place(address: str, port: int) -> str:
    """An address and a port as people write them."""
    name = f"[{address}]" if ":" in address and port else address
    return f"{name}:{port}" if port else name


def state(facts: Facts) -> Iterator[Step]:
    """Do both live, and has each a network?"""
    ends = [facts.source] if facts.source == facts.target else [facts.source, facts.target]
    alive = [end for end in ends if end.kind == "container"]
    if wrong := [step for end in alive if (step := _state_of(end))]:
        yield from wrong
        return
    if alive:
        words = [f"{end.title} runs{_health(end)}" for end in alive]
        yield Step("state", OK, f"{', '.join(words)}")
    for end in alive:
        if end.mode == "none" and not facts.is_same_netns:
            yield Step(
                "state", NO, f"{end.title} has no network: it was made with --network none",
                "make it again with another --network than none: 'cuddy run --network N ...'",
            )  # fmt: skip
        elif not end.places and end.mode != HOST and not facts.is_same_netns:
            remedy = f"'cuddy network connect N {end.title}'"
            yield Step("state", NO, f"{end.title} is on no network", remedy)


def _health(end: Party) -> str:
    return f" (its health check says: {end.health})" if end.health == "unhealthy" else ""


def _state_of(end: Party) -> Step | None:
    """What is the matter with a container that does not answer."""
    if end.is_up:
        return None
    why, remedy = {
        "paused": ("is paused", f"'cuddy unpause {end.title}'"),
        "restarting": (
            "has ended and waits for its next start",
            f"see why it ends: 'cuddy logs {end.title}'",
        ),
        "created": ("was never started", f"'cuddy start {end.title}'"),
    }.get(
        end.status,
        (
            f"does not run: it is {end.status}",
            f"'cuddy start {end.title}', and see 'cuddy logs {end.title}'",
        ),
    )
    return Step("state", NO, f"{end.title} {why}", remedy)


def name(facts: Facts) -> Iterator[Step]:
    """How the source finds the target's address."""
    naming, asked = facts.naming, facts.question.target
    if naming is None:
        yield Step("name", OK, f"{asked} is an id: packets go to {facts.address or 'no address'}")
        return
    if not naming.addresses:
        yield from _no_name(facts)
        return
    said = f"{asked} is {naming.addresses[0]}"
    if len(naming.addresses) > 1:
        said += f" (and {len(naming.addresses) - 1} more)"
    where = "its /etc/hosts" if naming.where == "/etc/hosts" else f"the name server {naming.where}"
    if naming.full_name.rstrip(".") not in ("", asked.rstrip(".")):
        said += f", found as {naming.full_name}"
    target = facts.target
    is_other = target.kind == "container" and not (
        target.place_at(naming.addresses[0]) or facts.is_loopback or facts.published
    )
    if is_other:
        remedy = f"look at /etc/hosts and at the networks of {facts.source.title}"
        text = f"{said}, says {where}: that is not the container {target.title}"
        yield Step("name", NO, text, remedy)
        return
    yield Step("name", OK, f"{said}, says {where}")


def _no_name(facts: Facts) -> Iterator[Step]:
    naming, asked, source = facts.naming, facts.question.target, facts.source
    assert naming
    target = facts.target
    if target.kind == "container" and source.kind == HOST:
        said = "this machine's programs know no names of containers"
        yield Step("name", UNKNOWN, f"{said}: they use its address, {facts.address or 'none'}")
        return
    named = {p.network for p in source.places if p.has_names}
    if target.kind == "container" and not named & {p.network for p in target.places}:
        why = "containers know each other's names only on a network of your own that both are on"
        text = f"{source.title} does not find the name {asked}: {why}"
        yield Step("name", NO, text, _name_remedy(facts))
        return
    why = {
        "unknown": f"the name server {naming.where} does not know it",
        "silent": f"the name server {naming.where} does not answer",
        "refused": f"the name server {naming.where} refuses to say",
        "no server": "there is no name server in its /etc/resolv.conf",
    }.get(naming.problem, naming.problem)
    text = f"{source.title} does not find the name {asked}: {why}"
    yield Step("name", NO, text, _name_remedy(facts))


def _name_remedy(facts: Facts) -> str:
    naming, source, target = facts.naming, facts.source, facts.target
    assert naming
    if not network_why_egress.allows_name(facts):
        wish = network_why_egress.wish(facts)
        return f"its egress policy does not allow the name: --egress allow:{wish}"
    if target.kind == "container" and target.mode == HOST:
        return f"{target.title} is on this machine's network: ask for host.docker.internal"
    if target.kind == "container" and source.mode == HOST:
        return f"ask for its address, {facts.address}, or for a port that it publishes"
    if target.kind == "container":
        shared = {p.network for p in source.places if p.has_names}
        shared &= {p.network for p in target.places}
        if shared and naming.problem in ("silent", "no server"):
            return "its resolver is gone: 'cuddy system check --repair'"
        if shared:
            names = f"--network-alias or 'cuddy network connect --alias {facts.question.target}'"
            return f"it has other names there: give it this one with {names}"
        net = next((p.network for p in (*source.places, *target.places) if p.has_names), "N")
        make = "" if net != "N" else "'cuddy network create N', then "
        left = [end.title for end in (source, target) if net not in {p.network for p in end.places}]
        joined = " and ".join(f"'cuddy network connect {net} {title}'" for title in left)
        return f"{make}{joined}"
    if naming.problem == "refused":
        return "see whether this machine finds it: /etc/resolv.conf here is what it goes by"
    if naming.problem == "silent":
        return "see whether that server is reached: --dns names another one"
    if naming.problem == "no server":
        return "--dns names one"
    return "look at the spelling; --add-host adds a name"


def route(facts: Facts) -> Iterator[Step]:
    """Which way packets take there, and back."""
    way, source = facts.way, facts.source
    if source.kind == OUTSIDE:
        yield from _route_from_outside(facts)
        return
    if way is None:
        return
    if way.refusal:
        yield Step("route", NO, f"{source.title} has no way to {facts.address}: {way.refusal}",
                   _route_remedy(facts))  # fmt: skip
        return
    if facts.is_same_netns or way.is_local:
        whose = ""
        if facts.is_same_netns and source.id != facts.target.id:
            whose = f": {facts.target.title} is in the same network namespace"
        elif facts.is_loopback and source.kind == "container" and source.mode != HOST:
            whose = ", not this machine, which is host.docker.internal"
        yield Step("route", OK, f"{facts.address} is {source.title} itself{whose}")
        return
    if facts.host_link and way.link != facts.host_link:
        yield Step(
            "route", NO,
            f"this machine sends to {facts.address} by {way.link} instead of {facts.host_link}: "
            "another route covers the network",
            f"see 'ip route get {facts.address}': a VPN perhaps; or make the network anew with "
            "another --subnet",
        )  # fmt: skip
        return
    via = f" via {way.gateway}" if way.gateway else ""
    text = f"to {facts.address} by {way.link}{via}, from {way.source or 'no address'}"
    if facts.shared:
        text += f": both are on {facts.shared[0].network}"
    yield Step("route", OK, text)
    yield from _way_back(facts)
    yield from _way_out(facts)


def _way_back(facts: Facts) -> Iterator[Step]:
    back = facts.way_back
    if back and back.refusal:
        whom = facts.way.source if facts.way else facts.source.title
        text = f"{facts.target.title} has no way back to {whom}: {back.refusal}"
        net = next((p.network for p in facts.source.places), "N")
        yield Step("route", NO, text, f"'cuddy network connect {net} {facts.target.title}'")


def _way_out(facts: Facts) -> Iterator[Step]:
    """Beyond this machine, as it sends what comes from its containers."""
    out = facts.way_out
    if near := facts.neighbourhood:
        if near.driver == "bridge":
            text = f"{facts.address} would be on {near.network} itself, where no container has it"
            yield Step(
                "route", UNKNOWN, text, f"'cuddy network inspect {near.network}' shows who is there"
            )
        return
    if out is None:
        return
    if out.refusal:
        text = f"this machine itself has no way to {facts.address}: {out.refusal}"
        yield Step("route", NO, text, "see 'ip route': is its own network up?")
        return
    via = f" via {out.gateway}" if out.gateway else ""
    yield Step("route", OK, f"this machine passes it on by {out.link}{via}")


def _route_remedy(facts: Facts) -> str:
    source, target = facts.source, facts.target
    if source.mode == HOST:
        return "see 'ip route'"
    internal = [place.network for place in source.places if place.is_internal]
    if target.kind == "container" and target.places:
        net = target.places[0].network
        return f"connect both to one network: 'cuddy network connect {net} {source.title}'"
    if internal and len(internal) == len(source.places):
        return (
            f"{internal[0]} is internal, nothing leaves it: "
            f"'cuddy network connect bridge {source.title}'"
        )
    return f"'cuddy network connect N {source.title}' with a network that leads there"


def _route_from_outside(facts: Facts) -> Iterator[Step]:
    target = facts.target
    if target.kind == "container" and target.mode != HOST:
        text = "from outside a container has no address: packets go to one of this machine's"
    else:
        text = "others reach this machine by its own addresses"
    yield Step("route", OK, text)


def attempt(facts: Facts) -> Iterator[Step]:
    """What came of a real try."""
    tried = facts.attempt
    if tried is None:
        if facts.source.kind == OUTSIDE:
            text = "from here nobody can try what those outside would"
            yield Step("attempt", UNKNOWN, text)
        return
    where = place(facts.address, facts.question.port)
    took = f"after {tried.seconds * 1000:.1f} ms"
    if tried.outcome == "answered":
        verb = f"{where} took the connection" if facts.question.port else f"{where} answers a ping"
        yield Step("attempt", OK, f"{verb} {took}")
    elif tried.outcome == "refused":
        yield Step("attempt", NO, f"{where} refused {took}", _refusal(facts))
    elif tried.outcome == "silent":
        yield _silence(facts, where)
    else:
        yield Step("attempt", NO, f"{where} cannot be tried: {tried.words}")


def _silence(facts: Facts, where: str) -> Step:
    took = f"within {facts.attempt.seconds:.0f} s" if facts.attempt else ""
    if facts.question.protocol == "udp" and facts.question.port:
        text = f"nothing came back from {where}, and nobody refused: UDP does not say more"
        return Step("attempt", UNKNOWN, text)
    remedy = ""
    if facts.target.kind == OUTSIDE:
        remedy = "somebody on the way drops it, or nobody is there"
    return Step("attempt", NO, f"{where} did not answer {took}", remedy)


def _refusal(facts: Facts) -> str:
    if network_why_egress.has_refused(facts):
        return ""
    if facts.target.kind == OUTSIDE:
        return "the machine is there, and nobody listens at that port; or a firewall says so"
    return ""
