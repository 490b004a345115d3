"""Rules as messages: nft(8) reads them as what they were meant to be, and they work."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

import netns
from cuddy.kernel import nft_rules as rules
from cuddy.kernel import nftables, program
from cuddy.kernel.nft_rules import Hook

pytestmark = pytest.mark.skipif(not program.find("nft"), reason="nft is not installed")

REDIRECT = Hook("filter", rules.NF_INET_LOCAL_OUT, -300)
TCP = b"\x06"


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


def make(*rules_: list[bytes]) -> str:
    """A table with one chain of these rules; what nft makes of it."""
    with nftables.open() as firewall:
        nftables.change(
            firewall,
            rules.add_table("ip", "t"),
            rules.add_chain("ip", "t", "c", hook=REDIRECT),
            rules.flush_chain("ip", "t", "c"),
            *(rules.add_rule("ip", "t", "c", expressions) for expressions in rules_),
        )
    return listing()


def listing() -> str:
    done = subprocess.run(["nft", "list", "ruleset"], check=True, capture_output=True, text=True)
    return done.stdout


def rewrite(offset: int, old: int, new: int) -> list[bytes]:
    """Another port in TCP's header: that of the source, or at 2 that of the destination."""
    return [
        rules.meta(rules.META_L4PROTO), rules.equals(TCP),
        rules.payload(rules.PAYLOAD_TRANSPORT, offset, 2), rules.equals(old.to_bytes(2)),
        rules.immediate(new.to_bytes(2)),
        rules.write_payload(rules.PAYLOAD_TRANSPORT, offset, 2, checksum=16),
    ]  # fmt: skip


def test_a_rule_reads_as_it_was_meant() -> None:
    text = make([
        rules.payload(rules.PAYLOAD_NETWORK, 16, 4), rules.equals(bytes([127, 0, 0, 11])),
        rules.immediate(b"\1"), rules.set_meta(12), *rewrite(2, 7001, 7002),
    ])  # fmt: skip
    assert "type filter hook output priority raw; policy accept;" in text
    expected = "ip daddr 127.0.0.11 meta nftrace set 1 tcp dport 7001 tcp dport set 7002"
    assert expected in text


def test_a_transaction_is_performed_wholly_or_not_at_all() -> None:
    with nftables.open() as firewall, pytest.raises(FileNotFoundError):
        nowhere = rules.flush_chain("ip", "nowhere", "c")
        nftables.change(firewall, rules.add_table("ip", "t"), nowhere)
    assert listing() == ""


def test_packets_are_sent_where_the_last_rules_say_and_back() -> None:
    make(rewrite(2, 7001, 7002), rewrite(0, 7002, 7001))
    assert make(rewrite(2, 7001, 7003), rewrite(0, 7003, 7001)).count("dport set") == 1
    with netns.listen(7003):
        assert netns.reaches("127.0.0.1", 7001)
