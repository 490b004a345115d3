"""Addresses are numbers, subnets are blocks of them, and each belongs to one container."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy import files
from cuddy.errors import Conflict, CorruptContent, InvalidArgument
from cuddy.network import ipam
from cuddy.network.ipam import Pool, Subnet, parse_subnet

SMALL = Pool("10.1.2.0/29")  # six addresses


def lease(path: str, pool: Pool, container_id: str, **options: Any) -> str:
    return ipam.lease(path, (pool,), container_id, **options).address


def held(path: str) -> dict[str, str]:
    return {key: each.address for key, each in ipam.read_leases(path).items()}


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
    low, high = ipam.usable(Pool(str(subnet)))
    usable = range(low, high + 1)
    assert usable == range(subnet.first + 1, subnet.last)
    taken = data.draw(st.sets(st.sampled_from(usable)))
    last = data.draw(st.integers(subnet.first - 2, subnet.last + 2))
    free = ipam.next_free(low, high, last, taken.__contains__)
    if free is None:
        assert taken == set(usable)
    else:
        assert free in usable
        assert free not in taken


def test_addresses_are_given_out_in_order(path: str) -> None:
    pool = SMALL._replace(gateway="10.1.2.1")
    leases = [lease(path, pool, name) for name in names(3)]
    assert leases == ["10.1.2.2", "10.1.2.3", "10.1.2.4"]


def test_a_container_that_asks_again_keeps_its_address(path: str) -> None:
    assert lease(path, SMALL, "a") == lease(path, SMALL, "a")


def test_an_address_just_released_is_not_the_next_to_be_given_out(path: str) -> None:
    first = lease(path, SMALL, "a")
    ipam.release(path, "a")
    assert lease(path, SMALL, "b") != first


def test_an_address_comes_round_again_when_all_others_were_used(path: str) -> None:
    given_out = []
    for name in names(12):
        given_out.append(lease(path, SMALL._replace(gateway="10.1.2.1"), name))
        ipam.release(path, name)
    assert len(set(given_out)) == 5
    assert given_out[:5] == given_out[5:10]


def test_a_full_subnet_says_so_and_has_room_after_a_release(path: str) -> None:
    for name in names(6):
        lease(path, SMALL, name)
    with pytest.raises(Conflict, match=r"no free address in 10\.1\.2\.0/29"):
        lease(path, SMALL, "late")
    ipam.release(path, names(6)[2])
    assert lease(path, SMALL, "late") == "10.1.2.3"


def test_releasing_what_is_not_leased_does_nothing(path: str) -> None:
    ipam.release(path, "a")
    assert os.listdir(os.path.dirname(path)) == []  # not even a lock, of a network that is gone
    lease(path, SMALL, "b")
    ipam.release(path, "a")
    assert held(path) == {"b": "10.1.2.1"}


def test_leases_of_an_earlier_subnet_are_not_in_the_way(path: str) -> None:
    lease(path, SMALL, "a")
    assert lease(path, Pool("10.9.0.0/24"), "a") == "10.9.0.1"


def test_a_sweep_releases_the_addresses_of_dead_containers_only(path: str) -> None:
    for name in ("a", "b", "c"):
        lease(path, SMALL, name)
    assert ipam.sweep(path, {"b"}.__contains__) == ["a", "c"]
    assert held(path) == {"b": "10.1.2.2"}


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"leases": {}}', '{"last": 1, "leases": {}}', '{"last": {}, "leases": {"a": 1}}',
     '{"last": {"a": 1}, "leases": {}}', '{"last": {}, "leases": {"a": {"addresses": [1]}}}'],
)  # fmt: skip
def test_a_broken_file_of_leases_is_an_error_that_names_it(path: str, text: str) -> None:
    Path(path).write_text(text)
    with pytest.raises(CorruptContent, match=path):
        lease(path, SMALL, "a")


def test_containers_that_lease_at_once_get_different_addresses(path: str) -> None:
    subnet = Pool("10.2.0.0/16")
    children = []
    for worker in range(4):
        pid = os.fork()
        if pid == 0:
            for n in range(25):
                lease(path, subnet, f"{worker}-{n}")
            os._exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
    leases = held(path)
    assert len(leases) == len(set(leases.values())) == 100


def test_a_writer_killed_half_way_leaves_the_leases_as_they_were(path: str, tmp_path: Path) -> None:
    lease(path, SMALL, "a")
    pid = os.fork()
    if pid == 0:
        os.rename = lambda *_: os.kill(os.getpid(), 9)  # type: ignore[assignment]
        lease(path, SMALL, "b")
    os.waitpid(pid, 0)
    assert held(path) == {"a": "10.1.2.1"}
    files.sweep_temporary(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["bridge.json", "bridge.json.lock"]


BOTH = (Pool("10.1.0.0/24", "10.1.0.1"), Pool("fd00::/64", "fd00::1"))


def test_a_network_with_ipv6_gives_one_address_of_each(path: str) -> None:
    found = ipam.lease(path, BOTH, "a", names=("web", "www"), links={"db": "pg"})
    assert (found.address, found.address6) == ("10.1.0.2", "fd00::2")
    assert ipam.read_leases(path) == {"a": found}
    assert (found.names, found.links) == (("web", "www"), {"db": "pg"})


def test_a_container_gets_the_address_it_asks_for(path: str) -> None:
    found = ipam.lease(path, BOTH, "a", wanted=("10.1.0.77", "fd00::77"))
    assert (found.address, found.address6) == ("10.1.0.77", "fd00::77")
    assert ipam.lease(path, BOTH, "b").address == "10.1.0.2"


@pytest.mark.parametrize("address", ["10.1.0.1", "10.1.0.9", "10.1.0.5", "10.1.0.0", "10.1.0.255"])
def test_an_address_that_is_another_ones_is_refused(path: str, address: str) -> None:
    pool = BOTH[0]._replace(auxiliary={"router": "10.1.0.9"})
    ipam.lease(path, (pool,), "a", wanted=("10.1.0.5",))
    with pytest.raises(Conflict, match="Address already in use"):
        ipam.lease(path, (pool,), "b", wanted=(address,))
    assert list(ipam.read_leases(path)) == ["a"]


def test_an_address_of_no_pool_is_refused(path: str) -> None:
    with pytest.raises(InvalidArgument, match=r"no configured subnet contains IP address 10\.2\."):
        ipam.lease(path, BOTH, "a", wanted=("10.2.0.1",))


def test_addresses_come_from_the_range_and_its_first_is_one_of_them(path: str) -> None:
    pool = Pool("10.1.0.0/16", "10.1.5.254", "10.1.5.0/24")
    assert [lease(path, pool, name) for name in names(2)] == ["10.1.5.0", "10.1.5.1"]
    last = Pool("10.1.0.0/16", "10.1.0.1", "10.1.255.252/30")
    assert [lease(f"{path}2", last, name) for name in names(3)][-1] == "10.1.255.254"


def test_of_two_pools_the_one_that_holds_the_wanted_address_counts(path: str) -> None:
    two = (Pool("10.1.0.0/24"), Pool("10.2.0.0/24"))
    assert ipam.lease(path, two, "a", wanted=("10.2.0.9",)).address == "10.2.0.9"
    assert ipam.lease(path, two, "b").address == "10.1.0.1"


def test_other_names_are_known_at_once_and_only_of_whoever_is_there(path: str) -> None:
    ipam.lease(path, BOTH, "a", names=("old",))
    ipam.set_names(path, "a", ("new",))
    ipam.set_names(path, "b", ("nobody",))
    assert {key: each.names for key, each in ipam.read_leases(path).items()} == {"a": ("new",)}


def test_user_networks_get_small_subnets_and_leave_the_first_pool_for_last() -> None:
    pieces = list(ipam.pools(22))
    assert str(pieces[0]) == "172.18.0.0/22"
    assert str(pieces[-1]) == "172.17.252.0/22"
    assert len(set(pieces)) == 15 * 64 + 16 * 4
    assert all(a.last < b.first or b.last < a.first for a, b in zip(pieces, pieces[1:]))
