"""Messages are what another library, dnslib, takes them for; and hostile ones do no harm."""

from __future__ import annotations

import struct
import time

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.network import dns_messages as messages
from cuddy.network.dns_messages import Malformed, Query

LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20)
NAME = st.lists(LABEL, min_size=1, max_size=6).map(".".join)


def question(name: str = "web.example", qtype: str = "A", **edns: int) -> bytes:
    made = dnslib.DNSRecord.question(name, qtype)
    if edns:
        made.add_ar(dnslib.EDNS0(**edns))
    return bytes(made.pack())


def query(name: str = "web.example", qtype: str = "A", **edns: int) -> Query:
    return messages.read_query(question(name, qtype, **edns))


def answer(asked: bytes, *zone: str, **flags: int) -> bytes:
    made = dnslib.DNSRecord.parse(asked).reply(**flags)
    for line in zone:
        made.add_answer(*dnslib.RR.fromZone(line))
    return bytes(made.pack())


def read(asked: bytes, answered: bytes) -> messages.Answer:
    known = messages.read_query(asked)
    return messages.read_answer(known, known.id, answered)


class TestQueries:
    @given(NAME, st.sampled_from(["A", "AAAA", "MX", "PTR", "TXT"]))
    def test_any_question_is_read(self, name: str, qtype: str) -> None:
        found = query(name.upper(), qtype)
        assert (found.name, found.qtype) == (name, getattr(dnslib.QTYPE, qtype))
        assert found.udp_bytes == 512

    def test_edns_says_how_much_fits(self) -> None:
        found = query(udp_len=4096)
        assert (found.udp_bytes, found.has_edns, found.edns_version) == (4096, True, 0)
        assert query(udp_len=1).udp_bytes == 512
        assert query(udp_len=65535).udp_bytes == messages.MAX_UDP_BYTES
        assert query(version=1).edns_version == 1

    @pytest.mark.parametrize(
        ("flags", "counts", "code"),
        [
            (0x8180, (1, 0, 0, 0), -1),  # an answer is not answered
            (0x2800, (1, 0, 0, 0), messages.NOTIMP),  # UPDATE
            (0x0100, (0, 0, 0, 0), messages.FORMERR),
            (0x0100, (2, 0, 0, 0), messages.FORMERR),
            (0x0100, (1, 0, 0, 9), messages.FORMERR),
            (0x0100, (1, 0, 0, 1), messages.FORMERR),  # a record that is not there
        ],
    )
    def test_what_is_no_question_is_refused(
        self, flags: int, counts: tuple[int, ...], code: int
    ) -> None:
        data = messages.HEADER.pack(1, flags, *counts) + question()[12:]
        with pytest.raises(Malformed) as caught:
            messages.read_query(data)
        assert caught.value.code == code

    @pytest.mark.parametrize(
        "name",
        [
            b"\xc0\x0c",  # to itself
            b"\xc0\x00",  # into the header
            b"\x40" + b"a" * 64 + b"\0",  # a label of another kind
            b"\x3f" + b"a" * 10,  # cut off
            b"\x3f" + b"a" * 63 + b"\xff",
            (b"\x3f" + b"a" * 63) * 5 + b"\0",  # longer than 255
            b"",
        ],
    )
    def test_a_hostile_name_is_refused(self, name: bytes) -> None:
        data = messages.HEADER.pack(1, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1)
        with pytest.raises(Malformed):
            messages.read_query(data)

    def test_bytes_that_are_no_letters_do_not_look_like_any(self) -> None:
        def named(label: bytes) -> str:
            head = messages.HEADER.pack(1, 0x0100, 1, 0, 0, 0)
            body = bytes([len(label)]) + label + b"\0" + struct.pack("!HH", 1, 1)
            return messages.read_query(head + body).name

        assert named(b"a.b") == "a\\046b"
        assert named(b"\\046") == "\\092046"
        assert named("ü".encode()) == "\\195\\188"
        assert named(b"A_b-1") == "a_b-1"

    @given(st.binary(max_size=600))
    def test_no_bytes_are_misunderstood(self, data: bytes) -> None:
        """Fuzz target: any message is a question, or refused; what is answered can be read."""
        try:
            found = messages.read_query(data)
        except Malformed as error:
            if error.code >= 0:
                refused = dnslib.DNSRecord.parse(messages.refuse(data, error.code))
                assert refused.header.rcode == error.code
            return
        assert len(found.question) <= messages.MAX_NAME_BYTES + 4
        messages.reply(found, messages.SERVFAIL, is_udp=True)

    @given(st.data())
    def test_no_damage_to_a_question_is_misunderstood(self, data: st.DataObject) -> None:
        """Fuzz target: the same, near what is right."""
        damaged = bytearray(question("web.example.com", udp_len=1232))
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        try:
            messages.read_query(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
        except Malformed:
            pass


class TestReplies:
    def test_addresses_of_either_kind_are_answered(self) -> None:
        records = [messages.address_record(a, 7) for a in ("192.0.2.1", "192.0.2.2")]
        data = messages.reply(query("Web.Example"), 0, records, is_udp=True, is_own=True)
        found = dnslib.DNSRecord.parse(data)
        assert [(str(rr.rname), str(rr.rdata), rr.ttl) for rr in found.rr] == [
            ("Web.Example.", "192.0.2.1", 7),
            ("Web.Example.", "192.0.2.2", 7),
        ]
        assert (found.header.qr, found.header.ra, found.header.rd, found.header.aa) == (1, 1, 1, 1)
        six = messages.reply(
            query(qtype="AAAA"), 0, [messages.address_record("fd00::1", 0)], is_udp=True
        )
        assert str(dnslib.DNSRecord.parse(six).rr[0].rdata) == "fd00::1"

    def test_a_pointer_is_answered(self) -> None:
        record = messages.record(messages.PTR, 0, messages.write_name("web.mynet"))
        data = messages.reply(query("2.0.18.172.in-addr.arpa", "PTR"), 0, [record], is_udp=True)
        assert str(dnslib.DNSRecord.parse(data).rr[0].rdata) == "web.mynet."

    @pytest.mark.parametrize("edns", [{}, {"udp_len": 1232}])
    def test_what_does_not_fit_a_datagram_is_left_out_and_said(self, edns: dict[str, int]) -> None:
        records = [messages.address_record(f"10.0.{n // 250}.{n % 250}", 0) for n in range(500)]
        asked = query(**edns)
        data = messages.reply(asked, 0, records, is_udp=True)
        found = dnslib.DNSRecord.parse(data)
        assert found.header.tc == 1
        assert len(data) <= asked.udp_bytes < len(data) + 16
        whole = messages.reply(asked, 0, records, is_udp=False)
        assert len(dnslib.DNSRecord.parse(whole).rr) == 500
        assert dnslib.DNSRecord.parse(whole).header.tc == 0

    def test_who_speaks_edns_is_answered_in_it(self) -> None:
        found = dnslib.DNSRecord.parse(messages.reply(query(udp_len=4096), 0, is_udp=True))
        assert [(rr.rtype, rr.rclass) for rr in found.ar] == [(41, messages.OWN_UDP_BYTES)]
        bad = messages.reply(query(version=1), messages.BADVERS, is_udp=True)
        found = dnslib.DNSRecord.parse(bad)
        assert found.header.rcode | (found.ar[0].ttl >> 24) << 4 == messages.BADVERS
        assert not dnslib.DNSRecord.parse(messages.reply(query(), 0, is_udp=True)).ar

    def test_an_answer_of_others_is_passed_on_under_the_askers_id(self) -> None:
        asked = question()
        known = messages.read_query(asked)
        passed = messages.pass_on(known, b"\xff\xff" + answer(asked)[2:], is_udp=True)
        assert passed == answer(asked)

    def test_an_answer_of_others_that_does_not_fit_is_cut(self) -> None:
        asked = question()
        large = answer(asked, *(f"web.example 60 TXT {'x' * 200}" for _ in range(5)))
        known = messages.read_query(asked)
        cut = messages.pass_on(known, large, is_udp=True)
        assert len(cut) <= 512
        assert dnslib.DNSRecord.parse(cut).header.tc == 1
        assert messages.pass_on(known, large, is_udp=False) == large

    @pytest.mark.parametrize("name", ["", "a..b", "x" * 64, "ü", ".".join("a" * 130)])
    def test_not_every_text_is_a_name(self, name: str) -> None:
        assert not messages.is_name(name)


class TestAnswers:
    def test_addresses_are_found_by_way_of_aliases(self) -> None:
        asked = question("www.example")
        found = read(asked, answer(
            asked, "b.example 20 A 192.0.2.2", "www.example 60 CNAME a.example",
            "a.example 5 CNAME b.example", "b.example 30 A 192.0.2.1",
            "other.example 1 A 10.0.0.1",
        ))  # fmt: skip
        assert set(found.addresses) == {"192.0.2.1", "192.0.2.2"}
        assert found.ttl_s == 5

    def test_aliases_in_a_circle_lead_nowhere(self) -> None:
        asked = question("a.example")
        lines = ["a.example 60 CNAME b.example", "b.example 60 CNAME a.example"]
        assert read(asked, answer(asked, *lines)).addresses == ()

    def test_addresses_of_ipv6_are_found(self) -> None:
        asked = question(qtype="AAAA")
        assert read(asked, answer(asked, "web.example 9 AAAA fd00::1")).addresses == ("fd00::1",)

    @pytest.mark.parametrize(
        "other",
        [question("other.example"), question(qtype="AAAA"), dnslib.DNSRecord().pack()],
        ids=["name", "type", "none"],
    )
    def test_an_answer_to_something_else_is_none(self, other: bytes) -> None:
        asked = question()
        with pytest.raises(Malformed):
            read(asked, asked[:2] + answer(other)[2:])

    def test_an_answer_under_another_id_is_none(self) -> None:
        known = query()
        with pytest.raises(Malformed):
            messages.read_answer(known, known.id ^ 1, answer(question()))
        with pytest.raises(Malformed):
            read(question(), question())  # nor is a question

    def test_a_refusal_needs_no_question(self) -> None:
        asked = question()
        head = asked[:2] + struct.pack("!5H", 0x8181, 0, 0, 0, 0)
        assert read(asked, head).code == messages.FORMERR

    @given(st.binary(max_size=600))
    def test_any_bytes_are_an_answer_or_none(self, data: bytes) -> None:
        """Fuzz target: after the right beginning."""
        asked = question()
        head = asked[:2] + struct.pack("!5H", 0x8180, 1, 9, 0, 0) + asked[12:]
        try:
            found = read(asked, head + data)
        except Malformed:
            return
        assert len(found.addresses) <= 9

    @pytest.mark.parametrize("depth", [100, 127, 400, 3000])
    def test_pointers_to_pointers_do_not_keep_it_busy(self, depth: int) -> None:
        """dnslib takes 16 seconds for depth 900, and a crash for 3000."""
        body = bytearray(question("a")[:12] + b"\x01a\0" + struct.pack("!HH", 1, 1))
        start, last = len(body) + 11, 12
        chain = bytearray()
        for _ in range(depth):
            place = start + len(chain)
            chain += b"\x01b" + struct.pack("!H", 0xC000 | last)
            last = min(place, 0x3FFF)
        body += b"\0" + struct.pack("!HHIH", 65280, 1, 0, len(chain)) + chain
        count = 1
        while len(body) < 65000:
            body += struct.pack("!HHHIH4s", 0xC000 | last, 1, 1, 0, 4, b"\x0a\0\0\1")
            count += 1
        body[2:8] = struct.pack("!3H", 0x8180, 1, count)
        began = time.process_time()
        try:
            read(question("a"), bytes(question("a")[:2] + body[2:]))
        except Malformed:
            pass
        assert time.process_time() - began < 0.5
