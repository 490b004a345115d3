"""A network's record on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cuddy.errors import CorruptContent, InvalidArgument
from cuddy.network import network
from cuddy.network.ipam import Pool
from cuddy.network.network import Network

ID = "5" * 64
POOL = Pool("172.17.0.0/16", "172.17.0.1")
RECORD = Network(ID, "shop", bridge="cud-5", pools=(POOL,), mtu=1400, labels={"a": "b"})


def plain(network_: Network) -> dict[str, object]:
    return network_._asdict() | {"pools": [pool._asdict() for pool in network_.pools]}


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    network.write(str(tmp_path), RECORD)
    assert network.read(str(tmp_path), ID) == RECORD
    assert network.read_all(str(tmp_path)) == [RECORD]


def test_a_network_without_a_record_is_unknown(tmp_path: Path) -> None:
    assert network.read(str(tmp_path), ID) is None


def test_a_record_of_another_version_is_read_with_defaults(tmp_path: Path) -> None:
    record = {"id": ID, "name": "shop", "bridge": "cud-5", "pools": [POOL._asdict()]}
    (tmp_path / f"{ID}.json").write_text(json.dumps(record | {"color": "blue"}))
    assert network.read(str(tmp_path), ID) == RECORD._replace(mtu=1500, labels={})


@pytest.mark.parametrize(
    "change",
    [{"bridge": 'x"; flush ruleset'}, {"bridge": ""}, {"pools": [{"subnet": "172.17/16"}]},
     {"pools": [{"subnet": "172.17.0.0/16", "gateway": "10.0.0.1"}]}, {"mtu": "big"},
     {"bridge": 7}, {"pools": 4}, {"id": "6" * 64}, {"labels": []}],
)  # fmt: skip
def test_a_record_that_makes_no_sense_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / f"{ID}.json").write_text(json.dumps(plain(RECORD) | change))
    with pytest.raises(CorruptContent, match="is not a network"):
        network.read(str(tmp_path), ID)
    assert network.read_all(str(tmp_path)) == []


def test_a_network_is_found_by_name_id_and_the_beginning_of_its_id(tmp_path: Path) -> None:
    network.write(str(tmp_path), RECORD)
    network.write(str(tmp_path), RECORD._replace(id="55" + "a" * 62, name="5555"))
    for ref in ("shop", ID, ID[:5]):
        assert network.find(str(tmp_path), ref) == RECORD
    found = network.find(str(tmp_path), "5555")
    assert found
    assert found.name == "5555"  # a name goes before the beginning of an id
    assert network.find(str(tmp_path), "nosuch") is None
    assert network.find(str(tmp_path), "") is None
    with pytest.raises(InvalidArgument, match="ambiguous"):
        network.find(str(tmp_path), "55")


def test_three_networks_are_always_there(tmp_path: Path) -> None:
    for name, driver in (("bridge", "bridge"), ("host", "host"), ("none", "null")):
        found = network.find(str(tmp_path), name)
        assert found
        assert (found.name, found.driver, len(found.id)) == (name, driver, 64)
        assert network.find(str(tmp_path), found.id[:12]) == found
        assert network.predefined_id("/elsewhere", name) != found.id


def test_the_first_pool_of_each_family_gives_the_gateways() -> None:
    both = RECORD._replace(pools=(Pool("fd00::/64", "fd00::1"), POOL, Pool("10.0.0.0/8")))
    assert (both.subnet, both.gateway) == ("172.17.0.0/16", "172.17.0.1")
    assert (both.subnet6, both.gateway6) == ("fd00::/64", "fd00::1")
    assert (RECORD.subnet6, RECORD.gateway6) == ("", "")


@pytest.mark.parametrize("name", ["", "a b", "0a", "a\n", "sixteen-letters-", 'a"', "é0", "a/b"])
def test_a_link_name_that_could_be_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        network.check_link_name(name)


def test_a_mac_address_holds_the_address_as_dockers_does() -> None:
    assert network.mac_of("172.17.0.2") == "02:42:ac:11:00:02"
