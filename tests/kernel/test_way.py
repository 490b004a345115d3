"""Which way packets would take, in real network namespaces; and at which rule they end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

import netns
from cuddy.kernel import netlink, nftrace, way
from cuddy.network import reach, reach_trace


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    with netns.own():
        yield


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def linked() -> None:
    ip("link", "add", "near", "type", "veth", "peer", "far")
    ip("address", "add", "10.9.0.1/24", "dev", "near")
    ip("address", "add", "fd09::1/64", "dev", "near", "nodad")
    for link in ("near", "far"):
        ip("link", "set", link, "up")


def find(address: str) -> way.Way:
    with netlink.open() as kernel:
        return way.find(kernel, address)


@pytest.mark.usefixtures("linked")
def test_the_link_the_source_and_the_gateway() -> None:
    ip("route", "add", "192.0.2.0/24", "via", "10.9.0.2")
    assert find("10.9.0.7") == way.Way("near", "10.9.0.1")
    assert find("192.0.2.1") == way.Way("near", "10.9.0.1", "10.9.0.2")
    assert find("fd09::7") == way.Way("near", "fd09::1")
    assert find("10.9.0.1").is_local
    assert find("127.0.0.1") == way.Way("lo", "127.0.0.1", is_local=True)


@pytest.mark.usefixtures("linked")
def test_no_way_is_an_answer_and_not_an_error() -> None:
    ip("route", "add", "unreachable", "192.0.2.0/25")
    ip("route", "add", "prohibit", "192.0.2.128/26")
    ip("route", "add", "blackhole", "192.0.2.192/26")
    refusals = [find(f"192.0.2.{last}").refusal for last in (1, 129, 193)]
    assert refusals == ["unreachable", "prohibited", "blackhole"]
    assert find("198.51.100.9").refusal == "no route"
    assert find("fd99::1").refusal


def test_the_answer_is_that_of_another_namespace() -> None:
    with netns.fresh() as other:
        assert reach.find_way(other.fd, "10.9.0.1").refusal == "no route"


@pytest.mark.parametrize(
    ("rules", "rule"),
    [
        ("chain c { type filter hook input priority 0\n tcp dport 80 counter drop\n }", "dport 80"),
        ("chain c { type filter hook input priority 0\n tcp dport 80 reject\n }", "reject"),
        ("chain c { type filter hook output priority 0; policy drop\n }", "its policy is drop"),
    ],
)
def test_the_rule_that_ends_a_packet_is_found(rules: str, rule: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=f"table inet t {{\n{rules}\n}}", text=True, check=True)
    packets = reach_trace.flow("127.0.0.1", "127.0.0.1", "tcp", 80)
    with netns.listen(80):
        tried, drops = reach_trace.watch(
            [-1], packets, lambda: reach.dial(-1, "127.0.0.1", 80, "tcp", 0.2)
        )
    assert tried.outcome in ("silent", "refused", "failed")
    (drop,) = drops
    assert drop.where == "inet t c"
    assert rule in drop.rule
    assert "cuddy-why" not in netns.run("nft", "list", "ruleset")


def test_nothing_ends_where_no_rule_drops() -> None:
    packets = reach_trace.flow("::1", "::1", "tcp", 80)
    with nftrace.Trace(packets) as trace:
        assert reach.dial(-1, "::1", 80, "tcp", 1).outcome == "refused"
        assert list(trace.drops()) == []
    assert reach.ping(-1, "127.0.0.1", 1).outcome == "answered"
    assert reach.ping(-1, "::1", 1).outcome == "answered"


def test_who_listens_is_known_by_name() -> None:
    with netns.listen(80) as server:
        found = reach.listeners(-1, "tcp")
        (mine,) = reach.with_owners(found, -1, lambda each: True)
        assert (mine.address, mine.port, mine.pid) == ("0.0.0.0", 80, os.getpid())
        assert mine.program
        assert server
