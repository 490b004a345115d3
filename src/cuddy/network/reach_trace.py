"""Which rule of whose firewall drops a packet: found by following a real one."""

from __future__ import annotations

from cuddy.kernel import nftrace, program
from cuddy.network import reach
from cuddy.network.ports import PROTOCOLS
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from cuddy.kernel.nftrace import Flow, Trace

    T = TypeVar("T")

ICMP, ICMP6 = 1, 58
OURS = ("cuddy", "CUDDY")


class Drop(NamedTuple):
    """A rule at which packets ended, as nft(8) writes it."""

    where: str  # "inet filter forward"
    rule: str
    is_ours: bool = False


def flow(source: str, destination: str, protocol: str, port: int) -> Flow:
    """The packets of an attempt; without a port those of a ping."""
    number = PROTOCOLS[protocol] if port else (ICMP6 if ":" in destination else ICMP)
    return nftrace.Flow(source, destination, number, port)


def watch(netns_fds: list[int], packets: Flow, act: Callable[[], T]) -> tuple[T, list[Drop]]:
    """The result of an act, and the rules at which its packets ended in any of the namespaces.

    Where the kernel cannot follow packets there are none.
    """
    traces: list[tuple[int, Trace]] = []
    try:
        for netns_fd in netns_fds:
            try:
                trace = reach.inside(netns_fd, lambda: nftrace.Trace(packets))
            except OSError:
                continue  # a kernel before 5.12, or one without nf_tables
            traces.append((netns_fd, trace))
        result = act()
        found = [(fd, drop) for fd, trace in traces for drop in trace.drops()]
    finally:
        for _, trace in traces:
            trace.close()
    return result, [_tell(fd, drop) for fd, drop in dict.fromkeys(found)]


def _tell(netns_fd: int, drop: nftrace.Drop) -> Drop:
    """With the text of the rule."""
    where = f"{drop.family} {drop.table} {drop.chain}"
    is_ours = drop.table.startswith(OURS) or drop.chain.startswith(OURS)
    if not drop.handle:
        return Drop(where, "its policy is drop", is_ours)
    text = reach.inside(netns_fd, lambda: rule_text(drop))
    return Drop(where, text or f"the rule with handle {drop.handle}", is_ours)


def rule_text(drop: nftrace.Drop) -> str:
    """A rule as nft(8) lists it; "" if it cannot be had."""
    path = program.find("nft")
    if not path:
        return ""
    words = ("-a", "-n", "-s", "list", "chain", drop.family, drop.table, drop.chain)
    for line in program.run(path, *words).output.splitlines():
        rule, mark, handle = line.strip().rpartition(" # handle ")
        if mark and handle == str(drop.handle):
            return rule
    return ""
