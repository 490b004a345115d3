"""Whose a link, a chain or an entry is, by names and aliases alone."""

from __future__ import annotations

import pytest

from cuddy.kernel.rtnetlink import Link
from cuddy.network import chains, openings, strays
from cuddy.network.openings import Opening

BRIDGE = "cud-0123456789a"


def link(index: int, name: str, kind: str, *, master: int = 0, alias: str = "") -> Link:
    return Link(index, name, kind, True, 1500, "", master, True, alias)


@pytest.mark.parametrize("suffix", ["", "6"])
@pytest.mark.parametrize("bridge", [BRIDGE, "br-address", "x-ports", "ports"])
def test_the_bridge_stands_before_what_a_map_is_for(bridge: str, suffix: str) -> None:
    for name in chains.SETS:
        assert openings.bridge_of_map(name(bridge, suffix), {bridge}) == bridge


@pytest.mark.parametrize("name", ["", "__set0", "ports-", "names-0-4", "cuddy"])
def test_other_sets_are_nobodys(name: str) -> None:
    assert openings.bridge_of_map(name) == ""


def test_entries_are_read_back_as_they_were_written() -> None:
    tcp, port, inner = bytes((6, 0, 0, 0)), b"\x1f\x90\0\0", b"\x00\x50\0\0"
    four, six = bytes((172, 17, 0, 2)), bytes.fromhex("fd09") + bytes(13) + b"\x02"
    assert openings.parse("b", tcp + port, four + inner) == Opening(
        "b", "tcp", 8080, "172.17.0.2", 80
    )
    by_address = openings.parse("b", tcp + bytes((127, 0, 0, 1)) + port, four + inner)
    assert by_address.host_port == 8080
    assert openings.parse("b", tcp + port, six + inner).address == "fd09::2"
    assert openings.parse("b", tcp + four + inner, b"") == Opening("b", "tcp", 0, "172.17.0.2", 80)


def test_links_say_by_their_alias_whose_network_they_were_made_for() -> None:
    links = [
        link(2, BRIDGE, "bridge", alias="cuddy /a/networks"),
        link(3, "cud-other", "bridge", alias="cuddy /b/networks"),
        link(4, "br0", "bridge", alias="/a/networks"),
        link(5, "cud-silent", "bridge"),
    ]
    assert strays.network_links(links, "/a/networks") == {BRIDGE}


def test_containers_links_are_known_by_name_and_bridge() -> None:
    links = [
        link(2, BRIDGE, "bridge"),
        link(3, "br-docker", "bridge"),
        link(4, "veth01234567890", "veth", master=2),
        link(5, "veth01234567891", "veth"),
        link(6, "veth01234567892", "veth", master=3),
        link(7, "veth1a2b3c4", "veth", master=2),  # docker's have less digits
        link(8, "vethxyzxyzxyzx0", "veth", master=2),
        link(9, "veth01234567893", "bridge"),
    ]
    assert strays.container_links(links, {BRIDGE}) == [
        strays.ContainerLink("veth01234567890", "0123456789", BRIDGE),
        strays.ContainerLink("veth01234567891", "0123456789", ""),
    ]
