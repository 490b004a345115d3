"""Tables of sockets, hosts files, search lists and answers of servers, as texts and bytes."""

from __future__ import annotations

import sys

import dnslib
import pytest

from cuddy.network import dns_messages, reach, reach_names, resolv

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid ...\n"


def line(local: str, state: str, inode: int) -> str:
    rest = "00000000:00000000 00:00000000 00000000     0        0"
    return f"   0: {local} 00000000:0000 {state} {rest} {inode} 1 0000000000000000 100 0 0 10 0\n"


def word(*numbers: int) -> str:
    """Four bytes of an address as the kernel of this machine prints them."""
    return f"{int.from_bytes(bytes(numbers), sys.byteorder):08X}"


def test_sockets_that_listen_are_found_with_their_addresses() -> None:
    text = (
        HEAD
        + line(f"{word(127, 0, 0, 1)}:1538", "0A", 7)
        + line(f"{word(0, 0, 0, 0)}:0050", "0A", 8)
    )
    text += line(f"{word(172, 17, 0, 2)}:0050", "01", 9)
    assert list(reach.parse_sockets(text, "tcp")) == [
        reach.Listener("127.0.0.1", 5432, 7),
        reach.Listener("0.0.0.0", 80, 8),
    ]


def test_those_of_ipv6_and_of_both() -> None:
    zero = word(0, 0, 0, 0)
    mapped = zero * 2 + word(0, 0, 255, 255) + word(10, 0, 0, 1)
    text = HEAD + line(f"{zero * 4}:0050", "0A", 1) + line(f"{mapped}:0051", "0A", 2)
    found = [each.address for each in reach.parse_sockets(text, "tcp")]
    assert found == ["::", "10.0.0.1"]


def test_a_udp_socket_waits_when_it_is_bound_and_not_connected() -> None:
    text = (
        HEAD
        + line(f"{word(0, 0, 0, 0)}:0035", "07", 3)
        + line(f"{word(10, 0, 0, 1)}:0036", "01", 4)
    )
    assert [each.port for each in reach.parse_sockets(text, "udp")] == [53]


def test_hosts_files_are_read_as_the_c_library_does() -> None:
    text = "# x\n10.0.0.1\tdb DB.example # web\n::1 localhost\nfd00::7 db\n"
    text += "nonsense db\n\x1b[2J db\n10.0.0.9"
    assert reach_names.in_hosts(text, "DB") == ("10.0.0.1", "fd00::7")
    assert reach_names.in_hosts(text, "web") == ()


@pytest.mark.parametrize(
    ("name", "text", "order"),
    [
        ("db", "search a.b c", ["db.a.b", "db.c", "db"]),
        ("db.x", "search a.b", ["db.x", "db.x.a.b"]),
        ("db.x", "search a.b\noptions ndots:2", ["db.x.a.b", "db.x"]),
        ("db", "search a\noptions ndots:0", ["db", "db.a"]),
        ("db.", "search a", ["db."]),
        ("db", "options ndots:x ndots:", ["db"]),
    ],
)
def test_search_domains_are_tried_in_the_resolvers_order(
    name: str, text: str, order: list[str]
) -> None:
    assert list(reach_names.search_order(name, resolv.parse(text))) == order


def test_what_a_server_says() -> None:
    question = dns_messages.write_query("db", dns_messages.A, 7)
    reply = dnslib.DNSRecord.parse(question).reply()
    assert reach_names.read_answer(question, reply.pack()).problem == "nothing"
    reply.add_answer(dnslib.RR("db", rdata=dnslib.A("10.0.0.1"), ttl=1))
    assert reach_names.read_answer(question, reply.pack()).addresses == ("10.0.0.1",)
    reply = dnslib.DNSRecord.parse(question).reply()
    reply.header.rcode = dnslib.RCODE.NXDOMAIN
    assert reach_names.read_answer(question, reply.pack()).problem == "unknown"
    reply.header.rcode = dnslib.RCODE.SERVFAIL
    assert reach_names.read_answer(question, reply.pack()).problem == "refused"


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 12, b"\xff" * 40, b"ab\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c"]
)
def test_servers_may_say_anything(data: bytes) -> None:
    question = dns_messages.write_query("db", dns_messages.A, 0x6162)
    assert reach_names.read_answer(question, data).addresses == ()


@pytest.mark.parametrize("name", ["", ".", "a..b", "ä", "x" * 64, "x." * 200])
def test_names_that_cannot_be_asked_for_are_unknown(name: str) -> None:
    answer = reach_names.ask(-1, "127.0.0.1", name, dns_messages.A, 0.1)
    assert answer.problem == "unknown"


def test_an_echo_request_has_its_checksum() -> None:
    packet = reach.echo_request(8, b"\x12\x34\xff\xff")
    total = sum(int.from_bytes(packet[at : at + 2]) for at in range(0, len(packet), 2))
    assert (total >> 16) + (total & 0xFFFF) == 0xFFFF
