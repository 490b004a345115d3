"""Rules as messages: nft(8) reads them as what they were meant to be, and they work."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

import netns
from cuddy.kernel import nft_rules as rules
from cuddy.kernel import nftables, program
from cuddy.kernel.nft_rules import Hook

pytestmark = pytest.mark.skipif(not program.find("nft"), reason="nft is not installed")

OUTPUT = Hook("filter", rules.NF_INET_LOCAL_OUT, 0)
UDP, TCP = b"\x11", b"\x06"


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


def perform(*requests: rules.Request) -> None:
    with nftables.open() as firewall:
        rules.commit(firewall, "a test", requests)


def make(*chains: list[bytes], hook: Hook = OUTPUT, family: str = "inet") -> str:
    """A table with one chain holding these rules; what nft makes of it."""
    perform(
        rules.add_table(family, "t"),
        rules.add_chain(family, "t", "c", hook=hook),
        *(rules.add_rule(family, "t", "c", expressions) for expressions in chains),
    )
    return listing()


def listing() -> str:
    done = subprocess.run(["nft", "list", "ruleset"], check=True, capture_output=True, text=True)
    return done.stdout


def destination_port(port: int) -> list[bytes]:
    return [
        rules.payload(rules.PAYLOAD_TRANSPORT, 2, 2),
        rules.equals(port.to_bytes(2)),
    ]


def test_a_rule_reads_as_it_was_meant() -> None:
    text = make(
        [
            rules.meta(rules.META_NFPROTO), rules.equals(b"\2"),
            rules.payload(rules.PAYLOAD_NETWORK, 16, 4), rules.equals(bytes([127, 0, 0, 11])),
            rules.meta(rules.META_L4PROTO), rules.equals(UDP), *destination_port(53),
            rules.counter(), rules.verdict(rules.NF_ACCEPT),
        ],
        [
            rules.ct(rules.CT_STATE),
            rules.mask((rules.CT_ESTABLISHED | rules.CT_RELATED).to_bytes(4, sys.byteorder)),
            rules.compare(rules.NFT_CMP_NEQ, bytes(4)), rules.verdict(rules.NF_ACCEPT),
        ],
        [rules.limit(10), rules.log(7, prefix="refused "), rules.verdict(rules.NF_DROP)],
    )  # fmt: skip
    assert "ip daddr 127.0.0.11 udp dport 53 counter packets 0 bytes 0 accept" in text
    assert "ct state established,related accept" in text
    assert 'limit rate 10/second log prefix "refused " group 7 drop' in text


def test_a_transaction_is_performed_wholly_or_not_at_all() -> None:
    with pytest.raises(OSError):
        perform(rules.add_table("inet", "t"), rules.add_chain("inet", "nowhere", "c"))
    assert listing() == ""


def test_a_chain_is_replaced_in_one_transaction() -> None:
    make([rules.verdict(rules.NF_DROP)])
    perform(
        rules.flush_chain("inet", "t", "c"),
        rules.add_rule("inet", "t", "c", [rules.verdict(rules.NF_ACCEPT)]),
    )
    assert "drop" not in listing()
    perform(rules.add_table("inet", "t"), rules.delete_table("inet", "t"))
    assert listing() == ""


def test_a_refused_connection_is_refused_at_once() -> None:
    with netns.listen(7001), netns.listen(7002):
        make([rules.meta(rules.META_L4PROTO), rules.equals(TCP), *destination_port(7001),
              rules.reject(rules.REJECT_TCP_RST)])  # fmt: skip
        assert netns.reaches("127.0.0.1", 7002)
        with pytest.raises(ConnectionRefusedError):
            netns.dial("127.0.0.1", 7001)


def test_a_packet_is_sent_elsewhere() -> None:
    hook = Hook("nat", rules.NF_INET_LOCAL_OUT, -100)
    where = [
        rules.immediate(bytes([127, 0, 0, 1])),
        rules.immediate((7002).to_bytes(2), register=rules.REGISTER_32 + 4),
        rules.dnat("ip", address=rules.REGISTER, port=rules.REGISTER_32 + 4),
    ]
    text = make([rules.meta(rules.META_L4PROTO), rules.equals(TCP), *destination_port(7001),
                 *where], hook=hook, family="ip")  # fmt: skip
    assert "tcp dport 7001 dnat to 127.0.0.1:7002" in text
    with netns.listen(7002):
        assert netns.reaches("127.0.0.1", 7001)


class TestSets:
    def test_addresses_in_a_set_pass_for_their_time(self) -> None:
        perform(
            rules.add_table("inet", "t"),
            rules.add_set("inet", "t", "allowed", id=1, key_bytes=4, flags=rules.SET_TIMEOUT,
                          key_type=7),
            rules.add_to_set("inet", "t", "allowed", [bytes([127, 0, 0, 2])], timeout_ms=60_000),
            rules.add_chain("inet", "t", "c", hook=OUTPUT),
            rules.add_rule("inet", "t", "c", [
                rules.meta(rules.META_NFPROTO), rules.equals(b"\2"),
                rules.payload(rules.PAYLOAD_NETWORK, 16, 4),
                rules.lookup("allowed", inverted=True), rules.reject(rules.REJECT_ICMPX, 1),
            ]),
        )  # fmt: skip
        assert "127.0.0.2 expires" in listing() or "127.0.0.2 timeout" in listing()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("127.0.0.2", 9))
            with pytest.raises(PermissionError):
                sender.sendto(b"x", ("127.0.0.3", 9))
                sender.sendto(b"x", ("127.0.0.3", 9))

    def test_ranges_are_in_a_set_of_intervals(self) -> None:
        perform(
            rules.add_table("inet", "t"),
            rules.add_set("inet", "t", "nets", id=1, key_bytes=4, flags=rules.SET_INTERVAL,
                          key_type=7),
            rules.add_range("inet", "t", "nets", [
                (bytes([10, 0, 0, 0]), bytes([11, 0, 0, 0])), (bytes([224, 0, 0, 0]), b""),
            ]),
        )  # fmt: skip
        assert "10.0.0.0/8" in listing()
        assert "224.0.0.0" in listing()
