"""Addresses are numbers, subnets are blocks of them, and each belongs to one container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy import files
from cuddy.errors import Conflict, CorruptContent, InvalidArgument
from cuddy.network import ipam
from cuddy.network.ipam import Subnet, parse_subnet

SMALL = parse_subnet("10.1.2.0/29")  # six addresses


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "bridge.json")


def names(number: int) -> list[str]:
    return [f"{n:064x}" for n in range(number)]


@pytest.mark.parametrize(
    "text", ["172.17.0.0/16", "10.0.0.0/8", "0.0.0.0/0", "fd00::/64", "1.2.3.4/32"]
)
def test_a_subnet_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_subnet(text)) == text


def test_bits_of_the_host_are_dropped_from_a_subnet() -> None:
    assert str(parse_subnet("172.17.3.4/16")) == "172.17.0.0/16"


@pytest.mark.parametrize(
    "text", ["", "1.2.3.4", "1.2.3.4/", "1.2.3.4/33", "1.2.3/8", "1.2.3.4/-1", "::/129", "a/8",
             "1.2.3.4/8\n", "1.2.3.4/٨", "1.2.3.4\0/8"],
)  # fmt: skip
def test_what_is_not_a_subnet_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_subnet(text)


blocks = st.builds(
    lambda base, length: Subnet(base >> 32 - length << 32 - length, length),
    st.integers(0, 2**32 - 1),
    st.integers(1, 32),
)


@given(blocks, blocks)
def test_two_subnets_overlap_when_one_holds_an_end_of_the_other(a: Subnet, b: Subnet) -> None:
    assert a.overlaps(b) == b.overlaps(a)
    assert a.overlaps(b) == (a.first in b or b.first in a)


@given(st.integers(0, 2**128 - 1))
def test_an_ipv6_address_is_written_as_it_was_read(number: int) -> None:
    assert ipam.parse_address(ipam.format_address(number, 128)) == (number, 128)


def test_the_pools_are_dockers() -> None:
    pools = [str(subnet) for subnet in ipam.pools()]
    assert pools[:2] == ["172.17.0.0/16", "172.18.0.0/16"]
    assert pools[14:17] == ["172.31.0.0/16", "192.168.0.0/20", "192.168.16.0/20"]
    assert pools[-1] == "192.168.240.0/20"


def test_a_subnet_that_overlaps_with_a_used_one_is_passed_over() -> None:
    taken = [parse_subnet("172.16.0.0/15"), parse_subnet("172.18.5.0/24")]
    assert str(ipam.choose(taken)) == "172.19.0.0/16"


def test_no_subnet_is_chosen_when_all_are_used() -> None:
    assert ipam.choose([parse_subnet("172.16.0.0/12"), parse_subnet("192.168.0.0/16")]) is None


@given(st.integers(24, 30), st.data())
def test_the_next_free_address_is_a_free_one_whatever_the_last(
    length: int, data: st.DataObject
) -> None:
    subnet = Subnet(10 << 24, length)
    usable = range(subnet.first + 1, subnet.last)
    taken = data.draw(st.sets(st.sampled_from(usable)))
    last = data.draw(st.integers(subnet.first - 2, subnet.last + 2))
    free = ipam.next_free(subnet, last, taken.__contains__)
    if free is None:
        assert taken == set(usable)
    else:
        assert free in usable
        assert free not in taken


def test_addresses_are_given_out_in_order(path: str) -> None:
    leases = [ipam.lease(path, SMALL, name, reserved=("10.1.2.1",)) for name in names(3)]
    assert leases == ["10.1.2.2", "10.1.2.3", "10.1.2.4"]


def test_a_container_that_asks_again_keeps_its_address(path: str) -> None:
    assert ipam.lease(path, SMALL, "a") == ipam.lease(path, SMALL, "a")


def test_an_address_just_released_is_not_the_next_to_be_given_out(path: str) -> None:
    first = ipam.lease(path, SMALL, "a")
    ipam.release(path, "a")
    assert ipam.lease(path, SMALL, "b") != first


def test_an_address_comes_round_again_when_all_others_were_used(path: str) -> None:
    given_out = []
    for name in names(12):
        given_out.append(ipam.lease(path, SMALL, name, reserved=("10.1.2.1",)))
        ipam.release(path, name)
    assert len(set(given_out)) == 5
    assert given_out[:5] == given_out[5:10]


def test_a_full_subnet_says_so_and_has_room_after_a_release(path: str) -> None:
    for name in names(6):
        ipam.lease(path, SMALL, name)
    with pytest.raises(Conflict, match=r"no free address in 10\.1\.2\.0/29"):
        ipam.lease(path, SMALL, "late")
    ipam.release(path, names(6)[2])
    assert ipam.lease(path, SMALL, "late") == "10.1.2.3"


def test_releasing_what_is_not_leased_does_nothing(path: str) -> None:
    ipam.release(path, "a")
    ipam.lease(path, SMALL, "b")
    ipam.release(path, "a")
    assert ipam.read_leases(path) == {"b": "10.1.2.1"}


def test_leases_of_an_earlier_subnet_are_not_in_the_way(path: str) -> None:
    ipam.lease(path, SMALL, "a")
    assert ipam.lease(path, parse_subnet("10.9.0.0/24"), "a") == "10.9.0.1"


def test_a_sweep_releases_the_addresses_of_dead_containers_only(path: str) -> None:
    for name in ("a", "b", "c"):
        ipam.lease(path, SMALL, name)
    assert ipam.sweep(path, {"b"}.__contains__) == ["a", "c"]
    assert ipam.read_leases(path) == {"b": "10.1.2.2"}


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"leases": {}}', '{"last": 1, "leases": {}}', '{"last": "", "leases": {"a": 1}}'],
)
def test_a_broken_file_of_leases_is_an_error_that_names_it(path: str, text: str) -> None:
    Path(path).write_text(text)
    with pytest.raises(CorruptContent, match=path):
        ipam.lease(path, SMALL, "a")


def test_containers_that_lease_at_once_get_different_addresses(path: str) -> None:
    subnet = parse_subnet("10.2.0.0/16")
    children = []
    for worker in range(4):
        pid = os.fork()
        if pid == 0:
            for n in range(25):
                ipam.lease(path, subnet, f"{worker}-{n}")
            os._exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
    leases = ipam.read_leases(path)
    assert len(leases) == len(set(leases.values())) == 100


def test_a_writer_killed_half_way_leaves_the_leases_as_they_were(path: str, tmp_path: Path) -> None:
    ipam.lease(path, SMALL, "a")
    pid = os.fork()
    if pid == 0:
        os.rename = lambda *_: os.kill(os.getpid(), 9)  # type: ignore[assignment]
        ipam.lease(path, SMALL, "b")
    os.waitpid(pid, 0)
    assert ipam.read_leases(path) == {"a": "10.1.2.1"}
    files.sweep_temporary(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["bridge.json", "bridge.json.lock"]
