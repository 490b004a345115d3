"""Zones are the files of leases, as they are at the moment of the question."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.network import ipam, zones
from cuddy.network.ipam import Pool

ONE, TWO = "1" * 64, "2" * 64
NET = "a" * 64


class Home:
    def __init__(self, directory: Path) -> None:
        self.networks, self.run = directory / "networks", directory / "run"
        self.networks.mkdir()
        self.run.mkdir()
        self.zones = zones.Zones(str(self.networks), str(self.run))

    def network(self, network_id: str, name: str, **more: object) -> None:
        (self.networks / f"{network_id}.json").write_text(json.dumps({"name": name, **more}))

    def write(self, leases: dict[str, Any], network_id: str = NET) -> None:
        temporary = self.run / "new"
        temporary.write_text(json.dumps({"last": {}, "leases": leases}))
        temporary.rename(self.run / f"{network_id}.json")

    def names(self, container_id: str = ONE) -> list[set[str]]:
        return [set(zone.names) for zone in self.zones.of(container_id)]


def lease(*names: str, address: str = "172.18.0.2") -> dict[str, Any]:
    return {"addresses": [address], "names": list(names)}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.network(NET, "mynet")
    return made


def test_what_ipam_leases_is_a_zone(home: Home) -> None:
    path = str(home.run / f"{NET}.json")
    ipam.lease(path, [Pool("172.18.0.0/24")], ONE, names=("Web", "db"))
    (zone,) = home.zones.of(ONE)
    assert zone.network == "mynet"
    assert set(zone.names) == {"web", "db"}
    assert zone.owners == {"172.18.0.1": "Web"}
    assert home.zones.of(TWO) == []


def test_each_change_is_seen_at_once(home: Home) -> None:
    """Many within one tick of a file system's clock."""
    for number in range(200):
        home.write({ONE: lease(f"n{number}")})
        assert home.names() == [{f"n{number}"}]


def test_a_change_is_seen_after_a_while_too(home: Home) -> None:
    home.write({ONE: lease("old")})
    past = 1_000_000_000
    os.utime(home.run / f"{NET}.json", ns=(past, past))
    os.utime(home.run, ns=(past, past))
    assert home.names() == [{"old"}]
    home.write({ONE: lease("new")})
    assert home.names() == [{"new"}]
    (home.run / f"{NET}.json").unlink()
    assert home.names() == []


def test_a_container_is_in_the_zones_of_its_networks_only(home: Home) -> None:
    home.network("b" * 64, "another", internal=True)
    home.network("c" * 64, "third")
    home.write({ONE: lease("web")})
    home.write({ONE: lease("web"), TWO: lease("db")}, "b" * 64)
    home.write({TWO: lease("secret")}, "c" * 64)
    found = home.zones.of(ONE)
    assert [(zone.network, zone.internal) for zone in found] == [
        ("another", True),
        ("mynet", False),
    ]


def test_on_the_default_network_there_are_no_names(home: Home) -> None:
    home.network(NET, "bridge")
    home.write({ONE: lease("web")})
    (zone,) = home.zones.of(ONE)
    assert not zone.names
    assert not zone.owners


@pytest.mark.parametrize("text", ["", "{", "[]", '{"leases": 3}', '{"leases": {"1": 2}}'])
def test_a_damaged_file_is_no_zone_until_it_is_mended(home: Home, text: str) -> None:
    (home.run / f"{NET}.json").write_text(text)
    assert home.names() == []
    home.write({ONE: lease("web")})
    assert home.names() == [{"web"}]


def test_without_any_directory_there_are_none(tmp_path: Path) -> None:
    assert zones.Zones(str(tmp_path / "no"), str(tmp_path / "nowhere")).of(ONE) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON) | JSON)
def test_any_leases_make_a_zone(leases: object) -> None:
    assert zones.make_zone("mynet", False, leases).network == "mynet"
