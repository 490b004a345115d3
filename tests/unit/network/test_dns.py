"""What a container is told: names of its networks by us, others by others."""

from __future__ import annotations

import dnslib
import pytest

from cuddy.network import dns, dns_messages, zones
from cuddy.network.dns import Own
from cuddy.network.zones import Zone

ME, DB, DB2 = "1" * 64, "2" * 64, "3" * 64


def zone(name: str = "mynet", *, internal: bool = False, **leases: dict[str, object]) -> Zone:
    known = {"me": ME, "db": DB, "db2": DB2}
    return zones.make_zone(name, internal, {known[key]: lease for key, lease in leases.items()})


def lease(*names: str, at: tuple[str, ...] = ("172.18.0.2",), **links: str) -> dict[str, object]:
    return {"addresses": list(at), "names": list(names), "links": links}


ZONE = zone(
    me=lease("me", at=("172.18.0.9",), pg="db"),
    db=lease("db", "DataBase", at=("172.18.0.2", "fd00::2")),
    db2=lease("db.two", "database", at=("172.18.0.3",)),
)


def decide(
    name: str, qtype: str = "A", *, zones: tuple[Zone, ...] = (ZONE,), has_ndots: bool = False
) -> Own | None:
    data = dnslib.DNSRecord.question(name, qtype).pack()
    query = dns_messages.read_query(bytes(data))
    return dns.decide(zones, ME, query, has_ndots=has_ndots)


@pytest.mark.parametrize("name", ["db", "DB", "db.mynet", "Db.MYNET", "pg", "PG", "pg.mynet"])
def test_a_container_is_known_by_its_names_in_any_case(name: str) -> None:
    assert decide(name) == Own(("172.18.0.2",))


def test_one_name_of_several_is_all_their_addresses() -> None:
    assert decide("database") == Own(("172.18.0.2", "172.18.0.3"))
    assert decide("database", "AAAA") == Own(("fd00::2",))
    assert decide("database", "ANY") == Own(("172.18.0.2", "fd00::2", "172.18.0.3"))


@pytest.mark.parametrize("name", ["db.two", "db.two.mynet"])
def test_names_may_have_dots(name: str) -> None:
    assert decide(name) == Own(("172.18.0.3",))


def test_networks_may_have_dots() -> None:
    assert decide("db.my.net", zones=(zone("my.net", db=lease("db")),)) == Own(("172.18.0.2",))


@pytest.mark.parametrize("qtype", ["AAAA", "MX", "TXT", "SRV", "HTTPS", "PTR"])
def test_what_a_name_of_ours_does_not_have_is_nothing(qtype: str) -> None:
    assert decide("db.two", qtype) == Own()


@pytest.mark.parametrize("name", ["example.com", "nobody", "db.othernet", "mynet", ".", "db.db"])
def test_other_names_are_asked_of_others(name: str) -> None:
    assert decide(name) is None


def test_a_single_label_is_not_asked_of_others_if_ndots_says_so() -> None:
    assert decide("nobody", has_ndots=True) == Own()
    assert decide("nobody", "AAAA", has_ndots=True) == Own()
    assert decide("nobody", "TXT", has_ndots=True) is None
    assert decide("nobody.example", has_ndots=True) is None


def test_the_first_network_that_has_a_name_answers() -> None:
    first = zone("anet", me=lease("me"), db2=lease("x", at=("10.0.0.2",)))
    second = zone("bnet", me=lease("me"), db=lease("x", at=("10.1.0.2",)))
    assert decide("x", zones=(first, second)) == Own(("10.0.0.2",))
    assert decide("x.bnet", zones=(first, second)) == Own(("10.1.0.2",))


@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("2.0.18.172.in-addr.arpa", "db.mynet"),
        ("3.0.18.172.IN-ADDR.ARPA", "db.two.mynet"),
        (dnslib.DNSLabel("2." + "0." * 27 + "0.0.d.f.ip6.arpa"), "db.mynet"),
    ],
)
def test_an_address_has_the_name_of_its_container_and_network(name: str, pointer: str) -> None:
    assert decide(str(name), "PTR") == Own(pointer=pointer)


@pytest.mark.parametrize(
    "name",
    [
        "5.0.18.172.in-addr.arpa", "1.2.in-addr.arpa", "x.in-addr.arpa", "2.ip6.arpa",
        "1.2.3.4.5.in-addr.arpa", "z." * 32 + "ip6.arpa", "256.0.18.172.in-addr.arpa",
    ],
)  # fmt: skip
def test_addresses_of_nobody_are_asked_of_others(name: str) -> None:
    assert decide(name, "PTR") is None


def test_other_classes_are_not_ours() -> None:
    data = dnslib.DNSRecord(q=dnslib.DNSQuestion("db", 1, 3)).pack()
    assert dns.decide([ZONE], ME, dns_messages.read_query(bytes(data))) is None


def test_addresses_take_turns() -> None:
    found = decide("database")
    assert found
    firsts = [found.records(turn)[0][-4:] for turn in range(4)]
    assert firsts[0] == firsts[2] != firsts[1] == firsts[3]
    assert all(len(found.records(turn)) == 2 for turn in range(4))


def test_a_name_that_cannot_be_written_is_not_told() -> None:
    long = zone(db=lease("x" * 64, at=("172.18.0.2",)))
    assert decide("2.0.18.172.in-addr.arpa", "PTR", zones=(long,)) is None
