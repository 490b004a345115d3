"""A network's record on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cuddy.errors import CorruptContent, InvalidArgument, NoSuchNetwork
from cuddy.network import network
from cuddy.network.network import Network

RECORD = Network("bridge", "cuddy0", "172.17.0.0/16", "172.17.0.1", 1400)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    network.write(str(tmp_path), RECORD)
    assert network.read(str(tmp_path), "bridge") == RECORD


def test_a_network_without_a_record_is_unknown(tmp_path: Path) -> None:
    assert network.read(str(tmp_path), "bridge") is None


def test_a_record_of_another_version_is_read_with_defaults(tmp_path: Path) -> None:
    record = {
        "name": "bridge",
        "bridge": "cuddy0",
        "subnet": "172.17.0.0/16",
        "gateway": "172.17.0.1",
    }
    (tmp_path / "bridge.json").write_text(json.dumps(record | {"color": "blue"}))
    assert network.read(str(tmp_path), "bridge") == RECORD._replace(mtu=1500)


@pytest.mark.parametrize(
    "change",
    [{"bridge": 'x"; flush ruleset'}, {"bridge": ""}, {"subnet": "172.17/16"},
     {"gateway": "10.0.0.1"}, {"mtu": "big"}, {"bridge": 7}, {"subnet": None}],
)  # fmt: skip
def test_a_record_that_makes_no_sense_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "bridge.json").write_text(json.dumps(RECORD._asdict() | change))
    with pytest.raises(CorruptContent, match="is not a network"):
        network.read(str(tmp_path), "bridge")


@pytest.mark.parametrize("name", ["", "a b", "0a", "a\n", "sixteen-letters-", 'a"', "é0", "a/b"])
def test_a_link_name_that_could_be_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        network.check_link_name(name)


def test_containers_connect_to_bridge_host_and_none() -> None:
    assert [network.check_mode(name) for name in ("bridge", "host", "none")]
    with pytest.raises(NoSuchNetwork, match="no such network: web"):
        network.check_mode("web")


def test_a_mac_address_holds_the_address_as_dockers_does() -> None:
    assert network.mac_of("172.17.0.2") == "02:42:ac:11:00:02"
