"""Containers behind the MAC address of one of the host's links. Skips on kernels without ipvlan."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import netns
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.network import drivers, ipvlan
from cuddy.network.network import Network
from lan import HOST, OUTSIDE, Lan, network


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


def behind(**options: str) -> Network:
    """An ipvlan network; its parent is the link `uplink` that `Lan.outside` makes."""
    return network(1, driver="ipvlan", bridge="", options={"parent": "uplink", **options})


@pytest.mark.parametrize("mode", ["l2", "l3", "l3s"])
def test_containers_reach_each_other_and_the_wire(lan: Lan, mode: str) -> None:
    far, net = lan.outside(), lan.make(behind(ipvlan_mode=mode))
    try:
        one, two = lan.container(net), lan.container(net)
    except SystemFailure as refused:
        assert refused.hint == "this kernel has no ipvlan links"
        pytest.skip(refused.hint)
    if mode == "l2":
        far.run("ip", "address", "add", "10.1.0.1/24", "dev", "eth0")
    else:  # the parent is a router
        far.run("ip", "route", "add", "10.1.0.0/24", "via", HOST)
    with two.listen(), far.listen():
        assert one.reaches(two.address)
        assert one.reaches(two.address6)
        assert one.reaches("10.1.0.1" if mode == "l2" else OUTSIDE, timeout_s=3)
    route = one.netns.run("ip", "route")
    assert ("default via 10.1.0.1" if mode == "l2" else "default dev eth0") in route
    drivers.of(net).detach(net, one.endpoints[0], one.netns.fd)
    assert "eth0" not in one.netns.run("ip", "link")


def test_options_are_checked() -> None:
    for options, message in (
        ({"ipvlan_mode": "l4"}, "requested ipvlan mode 'l4' is not valid, 'l2' mode is"),
        ({"ipvlan_flag": "x"}, "requested ipvlan flag 'x' is not valid, 'bridge' flag is"),
        ({"parent": "lo"}, "loopback interface is not a valid ipvlan parent link"),
    ):
        with pytest.raises(InvalidArgument, match=message):
            ipvlan.check(behind(**options))
