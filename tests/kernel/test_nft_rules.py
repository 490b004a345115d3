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

REDIRECT = Hook("nat", rules.NF_INET_LOCAL_OUT, -100)
TCP = b"\x06"


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


def make(*expressions: bytes) -> str:
    """A table with one chain of one rule; what nft makes of it."""
    with nftables.open() as firewall:
        nftables.change(
            firewall,
            rules.add_table("ip", "t"),
            rules.add_chain("ip", "t", "c", hook=REDIRECT),
            rules.flush_chain("ip", "t", "c"),
            rules.add_rule("ip", "t", "c", expressions),
        )
    return listing()


def listing() -> str:
    done = subprocess.run(["nft", "list", "ruleset"], check=True, capture_output=True, text=True)
    return done.stdout


def to_port(port: int) -> list[bytes]:
    """Sends what is meant for TCP port 7001 to a port of 127.0.0.1."""
    return [
        rules.meta(rules.META_L4PROTO), rules.equals(TCP),
        rules.payload(rules.PAYLOAD_TRANSPORT, 2, 2), rules.equals((7001).to_bytes(2)),
        rules.immediate(bytes([127, 0, 0, 1])),
        rules.immediate(port.to_bytes(2), register=rules.REGISTER_32 + 4),
        rules.dnat("ip", address=rules.REGISTER, port=rules.REGISTER_32 + 4),
    ]  # fmt: skip


def test_a_rule_reads_as_it_was_meant() -> None:
    text = make(
        rules.payload(rules.PAYLOAD_NETWORK, 16, 4), rules.equals(bytes([127, 0, 0, 11])),
        rules.immediate(b"\1"), rules.set_meta(12), *to_port(7002),
    )  # fmt: skip
    assert "type nat hook output priority -100; policy accept;" in text
    expected = "ip daddr 127.0.0.11 meta nftrace set 1 tcp dport 7001 dnat to 127.0.0.1:7002"
    assert expected in text


def test_a_transaction_is_performed_wholly_or_not_at_all() -> None:
    with nftables.open() as firewall, pytest.raises(FileNotFoundError):
        nowhere = rules.flush_chain("ip", "nowhere", "c")
        nftables.change(firewall, rules.add_table("ip", "t"), nowhere)
    assert listing() == ""


def test_a_packet_is_sent_where_the_last_rule_says() -> None:
    make(*to_port(7002))
    assert make(*to_port(7003)).count("dnat to") == 1
    with netns.listen(7003):
        assert netns.reaches("127.0.0.1", 7001)
