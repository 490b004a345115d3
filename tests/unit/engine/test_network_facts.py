"""What `inspect` says of a container's networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cuddy.engine import network_facts
from cuddy.engine.connection import Connection, Place
from cuddy.engine.home import Home
from cuddy.network import network as networks
from cuddy.network.endpoint import Endpoint
from cuddy.network.ipam import Pool
from cuddy.network.network import Network

ENDPOINT = Endpoint("bridge", "172.17.0.2", 16, "172.17.0.1", "02:42:ac:11:00:02", "veth0")
NETWORK = Network("0" * 64, "bridge", "bridge", "cuddy0", (Pool("172.17.0.0/16", "172.17.0.1"),))
SHOP = Network("2" * 64, "shop", "bridge", "cud-2", (Pool("10.1.0.0/24", "10.1.0.1"),))
PLACE = Place(NETWORK, ENDPOINT, {}, "1" * 64, ("web",))


def container(mode: str = "bridge") -> Any:
    return {"Id": "f" * 64, "Config": {}, "HostConfig": {"NetworkMode": mode}}


def test_the_endpoint_on_bridge_is_shown_twice_as_docker_does() -> None:
    shown = network_facts.settings(Home(), container(), Connection((PLACE,)))
    assert shown["IPAddress"] == shown["Networks"]["bridge"]["IPAddress"] == "172.17.0.2"
    assert (shown["Gateway"], shown["IPPrefixLen"]) == ("172.17.0.1", 16)
    assert shown["Networks"]["bridge"]["NetworkID"] == NETWORK.id


def test_an_endpoint_on_a_users_network_is_shown_once_with_its_names() -> None:
    place = Place(SHOP, ENDPOINT, {"Aliases": ["www"]}, "1" * 64, ("web", "www"))
    shown = network_facts.settings(Home(), container("shop"), Connection((place,)))
    assert (shown["IPAddress"], shown["Gateway"]) == ("", "")
    assert shown["Networks"]["shop"]["DNSNames"] == ["web", "www"]
    assert shown["Networks"]["shop"]["Aliases"] == ["www"]


def test_an_internal_network_leads_nowhere() -> None:
    place = PLACE._replace(network=SHOP._replace(internal=True))
    shown = network_facts.settings(Home(), container("shop"), Connection((place,)))
    assert shown["Networks"]["shop"]["Gateway"] == ""


def test_without_a_network_of_its_own_it_is_nowhere(tmp_path: Path) -> None:
    home = Home(str(tmp_path), str(tmp_path))
    nowhere = network_facts.settings(home, container("none"), Connection())
    assert (nowhere["IPAddress"], nowhere["Gateway"]) == ("", "")
    network_id = nowhere["Networks"]["none"]["NetworkID"]
    assert network_id == networks.predefined_id(home.networks_dir, "none")
    assert network_facts.settings(home, container("container:x"), Connection())["Networks"] == {}
