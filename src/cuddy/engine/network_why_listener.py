"""Facts -> the step `listener`: who listens there, on an address that is reached. Pure."""

from __future__ import annotations

from cuddy.engine.network_why_facts import HOST, OUTSIDE, Facts, is_loopback
from cuddy.engine.network_why_step import NO, OK, UNKNOWN, Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cuddy.network.reach import Listener

ANY4, ANY6 = "0.0.0.0", "::"
MOST_SHOWN = 5


def listener(facts: Facts) -> Iterator[Step]:
    """Who listens at the port of the target."""
    if facts.listeners is None:
        if facts.target.kind == OUTSIDE:
            yield Step(
                "listener", UNKNOWN, f"{facts.address} is not on this machine: only it knows"
            )
        return
    at_port = [each for each in facts.listeners if each.port == facts.inner_port]
    serving = [each for each in at_port if serves(each, destination(facts))]
    if serving:
        yield Step("listener", OK, f"{who(serving[0])} listens at {where(serving[0])}")
    elif at_port:
        yield _elsewhere(facts, at_port)
    else:
        yield _nobody(facts)


def destination(facts: Facts) -> str:
    """The address at which packets arrive in the end."""
    return facts.published.address if facts.published else facts.address


def serves(found: Listener, address: str) -> bool:
    """Whether a socket gets what is sent to an address."""
    if found.address == address or found.address == ANY6:
        return True  # unless it is for IPv6 only, which the kernel's table does not tell
    return found.address == ANY4 and ":" not in address


def who(found: Listener) -> str:
    """The process, for a sentence."""
    return f"{found.program} (pid {found.pid})" if found.pid else "somebody"


def where(found: Listener) -> str:
    """The socket's address and port."""
    name = f"[{found.address}]" if ":" in found.address else found.address
    return f"{name}:{found.port}"


def _elsewhere(facts: Facts, at_port: list[Listener]) -> Step:
    """It listens, and not where the packets arrive: on its own loopback, most of the time."""
    places = " and ".join(dict.fromkeys(where(each) for each in at_port))
    text = f"{who(at_port[0])} listens at {places} only"
    if all(is_loopback(each.address) for each in at_port):
        text += ", which nobody else reaches"
    any_address = ANY6 if ":" in destination(facts) else ANY4
    remedy = f"let it listen at {any_address}, or at {destination(facts)}"
    return Step("listener", NO, text, remedy)


def _nobody(facts: Facts) -> Step:
    port, title = facts.inner_port, facts.target.title
    text = f"nobody in {title} listens at port {port}/{facts.question.protocol}"
    if facts.target.kind == HOST:
        text = f"nobody on this machine listens at port {port}/{facts.question.protocol}"
    return Step("listener", NO, text, _remedy(facts))


def _remedy(facts: Facts) -> str:
    """The likeliest mistake: the host's port instead of the container's; another port."""
    source, target, port = facts.question.source, facts.target.title, facts.question.port
    meant = [each for each in facts.openings if each.host_port == port != each.port]
    if meant and not facts.published:
        return (
            f"{port} is the host's port for its port {meant[0].port}: "
            f"'cuddy network why {source} {target}:{meant[0].port}'"
        )
    if facts.published:
        right = [each for each in facts.listeners or () if not is_loopback(each.address)]
        if right:
            return (
                f"publish the port at which it listens: -p {port}:{right[0].port} "
                f"({who(right[0])}, {where(right[0])})"
            )
    if facts.listeners:
        return f"others listen: {list_places(facts.listeners)}"
    if facts.target.kind == "container":
        return f"nothing listens there at all: see 'cuddy logs {target}'"
    return "start the program, or ask for another port"


def list_places(found: Iterable[Listener]) -> str:
    """Where somebody listens, for a sentence."""
    places = list(dict.fromkeys(f"{where(each)} {each.program}".rstrip() for each in found))
    more = f" and {len(places) - MOST_SHOWN} more" if len(places) > MOST_SHOWN else ""
    return ", ".join(places[:MOST_SHOWN]) + more
