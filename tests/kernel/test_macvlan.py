"""Containers on the wire of one of the host's links. Real traffic between namespaces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import netns
from cuddy.errors import Conflict, InvalidArgument, NotFound, SystemFailure
from cuddy.kernel import netlink, rtnetlink
from cuddy.network import drivers, macvlan, parent_link
from cuddy.network.network import Network
from lan import SHORT, Container, Lan, network


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


def on_wire(**options: str) -> Network:
    """A macvlan network; its parent is the link `uplink` that `Lan.outside` makes."""
    return network(1, driver="macvlan", bridge="", options={"parent": "uplink", **options})


def names() -> set[str]:
    with netlink.open() as kernel:
        return {link.name for link in rtnetlink.list_links(kernel)}


def test_containers_are_neighbours_of_what_is_on_the_wire(lan: Lan) -> None:
    far, net = lan.outside(), lan.make(on_wire(macvlan_mode=""))
    one, two = lan.container(net), lan.container(net)
    far.run("ip", "address", "add", "10.1.0.1/24", "dev", "eth0")
    far.run("ip", "address", "add", "fd00:1::1/64", "dev", "eth0", "nodad")
    with two.listen(), far.inside():
        server = netns.listen()
    with server, two.listen():
        for address in (two.address, two.address6):
            assert one.reaches(address)
            assert far.reaches(address)
        assert one.reaches("10.1.0.1")
        # Through the router of the wire, by the default route; but never to the parent itself.
        assert "default via 10.1.0.1 dev eth0" in one.netns.run("ip", "route")
        assert not one.reaches("198.51.100.1")
    assert "macvlan" in one.netns.run("ip", "-d", "link", "show", "eth0")


@pytest.mark.parametrize(("mode", "meet"), [("bridge", True), ("private", False), ("vepa", False)])
def test_modes_say_whether_containers_meet(lan: Lan, mode: str, meet: bool) -> None:
    lan.outside()
    net = lan.make(on_wire(macvlan_mode=mode))
    one, two = lan.container(net), lan.container(net)
    with two.listen():
        assert one.reaches(two.address) == meet


def test_a_parent_in_mode_passthru_carries_one_container(lan: Lan) -> None:
    far, net = lan.outside(), lan.make(on_wire(macvlan_mode="passthru"))
    one = lan.container(net)
    far.run("ip", "address", "add", "10.1.0.1/24", "dev", "eth0")
    with far.listen():
        assert one.reaches("10.1.0.1")
    two = lan.container()
    with pytest.raises(SystemFailure, match="cannot connect") as refused:
        two.join(net)
    assert "a single container" in refused.value.hint
    assert "eth0" not in two.netns.run("ip", "link")


def test_the_link_dies_with_its_container_or_when_it_leaves(lan: Lan) -> None:
    lan.outside()
    net, other = lan.make(on_wire()), lan.make(network(2))
    box = Container(2, other)
    before = names()
    for _ in range(2):  # under the same name
        endpoint = box.join(net, 1)
        assert "eth1" in box.netns.run("ip", "link")
        drivers.of(net).detach(net, endpoint, box.netns.fd)
        assert "eth1" not in box.netns.run("ip", "link")
    drivers.of(net).detach(net, endpoint, box.netns.fd)
    box.close()
    assert before <= names()
    drivers.of(net).remove(net)
    assert "uplink" in names()


def test_without_a_parent_containers_have_a_wire_to_themselves(lan: Lan) -> None:
    net = network(1, driver="macvlan", bridge="", internal=True)
    assert not macvlan.is_ready(net)
    drivers.of(net).ensure(net, owner="/x")
    assert macvlan.is_ready(net)
    one, two = lan.container(net), lan.container(net)
    with two.listen():
        for address in (two.address, two.address6):
            assert one.reaches(address)
        assert not netns.reaches(two.address, timeout_s=SHORT)
    assert "default" not in one.netns.run("ip", "route")
    assert "alias cuddy /x" in netns.run("ip", "link", "show", parent_link.name_of(net))
    one.close()
    drivers.of(net).remove(net)
    drivers.of(net).remove(net)
    assert names() == {"lo"}


def test_a_parent_that_is_not_there_or_down_is_named(lan: Lan) -> None:
    with pytest.raises(InvalidArgument, match="invalid subinterface vlan name eth9"):
        lan.make(on_wire(parent="eth9"))
    with pytest.raises(NotFound, match="the parent link eth9 does not exist"):
        lan.make(on_wire(parent="eth9.50"))
    with pytest.raises(InvalidArgument, match="between 1-4094, received: 4095"):
        lan.make(on_wire(parent="eth9.4095"))
    netns.run("ip", "link", "add", "eth9", "type", "bridge")
    with pytest.raises(Conflict, match="the parent link eth9 is down"):
        lan.make(on_wire(parent="eth9"))
    for options, message in (
        ({"parent": "lo"}, "loopback interface is not a valid macvlan parent link"),
        ({"macvlan_mode": "x"}, "requested macvlan mode 'x' is not valid, 'bridge' mode is"),
    ):
        with pytest.raises(InvalidArgument, match=message):
            macvlan.check(on_wire(**options))


def test_a_parent_with_a_vlan_tag_is_made_and_removed(lan: Lan) -> None:
    lan.outside()
    net = on_wire(parent="uplink.50")
    try:
        drivers.of(net).ensure(net, owner="/x")
    except SystemFailure as refused:
        if "no VLAN" in refused.hint:
            assert "uplink.50" not in names()
            pytest.skip("this kernel has no VLAN links")
        raise
    shown = netns.run("ip", "-d", "link", "show", "uplink.50")
    assert "vlan protocol 802.1Q id 50" in shown
    assert "alias cuddy /x" in shown
    lan.container(net)
    drivers.of(net).remove(net)
    assert "uplink.50" not in names()
    assert "uplink" in names()
