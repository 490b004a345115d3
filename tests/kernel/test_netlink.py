"""Links, addresses and routes of real network namespaces."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

import pytest

import netns
from cuddy.kernel import bridge_port, namespaces, netlink, rtnetlink, sublinks


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    with netns.own():
        yield


@pytest.fixture
def kernel() -> Iterator[netlink.Socket]:
    with netlink.open() as opened:
        yield opened


def add_bridge(kernel: netlink.Socket, name: str = "br0") -> rtnetlink.Link:
    kernel.ask(rtnetlink.add_bridge(name, "02:42:0a:00:00:01"))
    found = rtnetlink.find_link(kernel, name)
    assert found
    return found


def add_veth(kernel: netlink.Socket, far: netns.Netns, master: int) -> None:
    kernel.ask(
        rtnetlink.add_veth(
            "near", "eth0", peer_netns_fd=far.fd, mac="fe:42:0a:00:00:02",
            peer_mac="02:42:0a:00:00:02", mtu=1400, master=master,
        )
    )  # fmt: skip


def test_the_loopback_link_comes_up_with_its_addresses(kernel: netlink.Socket) -> None:
    found = rtnetlink.find_link(kernel, "lo")
    assert found
    assert (found.ifindex, found.is_up) == (rtnetlink.LOOPBACK_INDEX, True)
    assert [a.address for a in rtnetlink.list_addresses(kernel)] == ["127.0.0.1"]
    assert [a.address for a in rtnetlink.list_addresses(kernel, socket.AF_INET6)] == ["::1"]


def test_a_link_that_is_not_there_is_none(kernel: netlink.Socket) -> None:
    assert rtnetlink.find_link(kernel, "nothing") is None


def test_a_bridge_forwards_at_once_and_keeps_its_mac(kernel: netlink.Socket) -> None:
    bridge = add_bridge(kernel)
    assert (bridge.kind, bridge.mac, bridge.is_up) == ("bridge", "02:42:0a:00:00:01", False)
    kernel.ask(rtnetlink.set_up("br0", mtu=1400))
    shown = netns.run("ip", "-d", "link", "show", "br0")
    assert "forward_delay 0 " in shown
    assert "stp_state 0 " in shown
    assert "mcast_snooping 0 " in shown
    assert "mtu 1400 " in shown
    assert ",UP" in shown


def test_a_veths_far_end_appears_in_the_other_namespace_only(kernel: netlink.Socket) -> None:
    bridge = add_bridge(kernel)
    with netns.fresh() as far:
        add_veth(kernel, far, bridge.ifindex)
        assert {link.name for link in rtnetlink.list_links(kernel)} == {"lo", "br0", "near"}
        near = rtnetlink.find_link(kernel, "near")
        assert near
        assert (near.kind, near.master, near.mtu) == ("veth", bridge.ifindex, 1400)
        assert near.mac == "fe:42:0a:00:00:02"
        with netlink.open(far.fd) as inside:
            end = rtnetlink.find_link(inside, "eth0")
        assert end
        assert (end.kind, end.mtu, end.mac) == ("veth", 1400, "02:42:0a:00:00:02")
        kernel.ask(rtnetlink.delete_link("near"))
        with netlink.open(far.fd) as inside:
            assert rtnetlink.find_link(inside, "eth0") is None


def test_a_port_without_ipv6_gets_no_address_by_itself(kernel: netlink.Socket) -> None:
    bridge = add_bridge(kernel)
    with netns.fresh() as far:
        add_veth(kernel, far, bridge.ifindex)
        kernel.ask(rtnetlink.set_up("near", without_ipv6=True), rtnetlink.set_up("br0"))
        links = {a.link for a in rtnetlink.list_addresses(kernel, socket.AF_INET6)}
        near = rtnetlink.find_link(kernel, "near")
        assert near
        assert near.ifindex not in links


def test_several_changes_go_out_in_one_message(kernel: netlink.Socket) -> None:
    bridge = add_bridge(kernel)
    kernel.ask(
        rtnetlink.set_up(bridge.ifindex),
        rtnetlink.add_address(bridge.ifindex, "10.0.0.1", 24),
        rtnetlink.add_address(bridge.ifindex, "fd00::1", 64),
        rtnetlink.add_route("", 0, gateway="10.0.0.2"),
        rtnetlink.add_route("10.9.0.0", 16, link=bridge.ifindex),
    )
    assert "default via 10.0.0.2 dev br0" in netns.run("ip", "route")
    assert "10.0.0.1/24 brd 10.0.0.255" in netns.run("ip", "address", "show", "br0")
    assert "fd00::1/64" in netns.run("ip", "address", "show", "br0")
    main = [r for r in rtnetlink.list_routes(kernel) if r.table == rtnetlink.RT_TABLE_MAIN]
    assert rtnetlink.Route("", 0, "10.0.0.2", bridge.ifindex, 254) in main
    assert rtnetlink.Route("10.9.0.0", 16, "", bridge.ifindex, 254) in main


def test_what_follows_a_refused_change_is_still_tried(kernel: netlink.Socket) -> None:
    with pytest.raises(OSError, match="add route") as refused:
        kernel.ask(
            rtnetlink.add_route("", 0, gateway="10.0.0.2"),
            rtnetlink.add_bridge("br0", "02:42:0a:00:00:01"),
        )
    assert refused.value.errno == errno.ENETUNREACH
    assert rtnetlink.find_link(kernel, "br0")


def test_a_refusal_names_what_was_tried_and_the_kernels_reason(kernel: netlink.Socket) -> None:
    with pytest.raises(OSError, match=r"add route .*\(Nexthop has invalid gateway\)"):
        kernel.ask(rtnetlink.add_route("", 0, gateway="10.0.0.2"))
    add_bridge(kernel)
    with pytest.raises(FileExistsError, match="add bridge br0"):
        kernel.ask(rtnetlink.add_bridge("br0", "02:42:0a:00:00:01"))


def test_a_socket_goes_on_after_a_refusal(kernel: netlink.Socket) -> None:
    with pytest.raises(OSError, match="delete link"):
        kernel.ask(rtnetlink.delete_link("nothing"))
    assert rtnetlink.find_link(kernel, "lo")


def test_a_route_can_be_claimed_only_once(kernel: netlink.Socket) -> None:
    one, two = add_bridge(kernel, "br1"), add_bridge(kernel, "br2")
    kernel.ask(rtnetlink.set_up("br1"), rtnetlink.set_up("br2"))
    kernel.ask(rtnetlink.add_route("10.9.0.0", 16, link=one.ifindex))
    with pytest.raises(FileExistsError):
        kernel.ask(rtnetlink.add_route("10.9.0.0", 16, link=two.ifindex))
    kernel.ask(rtnetlink.delete_route("10.9.0.0", 16, link=one.ifindex))
    kernel.ask(rtnetlink.add_route("10.9.0.0", 16, link=two.ifindex))


def test_many_links_are_listed_over_several_reads(kernel: netlink.Socket) -> None:
    kernel.ask(*(rtnetlink.add_bridge(f"br{n}", "02:42:0a:00:00:01") for n in range(50)))
    assert len(rtnetlink.list_links(kernel)) == 51


def test_a_visit_to_another_namespace_ends_at_home(kernel: netlink.Socket) -> None:
    home = namespaces.identify("self", "network")
    with netns.fresh() as far, netlink.open(far.fd) as inside:
        assert namespaces.identify("self", "network") == home
        inside.ask(rtnetlink.add_bridge("there", "02:42:0a:00:00:01"))
    assert rtnetlink.find_link(kernel, "there") is None


def test_a_visit_that_fails_ends_at_home_too() -> None:
    home = namespaces.identify("self", "network")
    with netns.fresh() as far:
        with pytest.raises(ZeroDivisionError), far.inside():
            assert namespaces.identify("self", "network") != home
            1 / 0  # noqa: B018
        assert namespaces.identify("self", "network") == home
    fd = os.open("/", os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="setns"):
            netlink.open(fd)
    finally:
        os.close(fd)
    assert namespaces.identify("self", "network") == home


def test_a_link_says_whose_it_is(kernel: netlink.Socket) -> None:
    bridge = add_bridge(kernel)
    assert bridge.alias == ""
    kernel.ask(rtnetlink.set_up("br0", alias="cuddy /run/\u00e4"))
    assert [link.alias for link in rtnetlink.list_links(kernel)] == ["", "cuddy /run/\u00e4"]


def test_ports_of_a_bridge_are_isolated_and_reflect(kernel: netlink.Socket) -> None:
    bridge = add_bridge(kernel)
    with netns.fresh() as far:
        add_veth(kernel, far, bridge.ifindex)
        kernel.ask(bridge_port.set_isolated("near"), bridge_port.set_hairpin("near"))
        shown = netns.run("ip", "-d", "link", "show", "near")
        assert "isolated on" in shown
        assert "hairpin on" in shown


def test_a_default_route_is_taken_away_wherever_it_leads(kernel: netlink.Socket) -> None:
    bridge = add_bridge(kernel)
    kernel.ask(
        rtnetlink.set_up(bridge.ifindex),
        rtnetlink.add_address(bridge.ifindex, "10.0.0.1", 24),
        rtnetlink.add_address(bridge.ifindex, "fd00::1", 64),
    )
    for family, gateway in ((socket.AF_INET, "10.0.0.2"), (socket.AF_INET6, "fd00::2")):
        for where in ({"gateway": gateway}, {"link": bridge.ifindex, "family": family}):
            kernel.ask(rtnetlink.add_route("", 0, **where))
            kernel.ask(rtnetlink.delete_default(family))
        with pytest.raises(ProcessLookupError):
            kernel.ask(rtnetlink.delete_default(family))


def test_a_macvlan_lives_in_its_container_and_dies_with_it(kernel: netlink.Socket) -> None:
    bridge = add_bridge(kernel)
    with netns.fresh() as far:
        mac = "02:42:0a:00:00:07"
        request = sublinks.add_macvlan("eth0", bridge.ifindex, "bridge", netns_fd=far.fd, mac=mac)
        kernel.ask(request)
        with netlink.open(far.fd) as inside:
            end = rtnetlink.find_link(inside, "eth0")
        assert end
        assert (end.kind, end.mac, end.parent) == ("macvlan", mac, bridge.ifindex)
        assert "mode bridge" in far.run("ip", "-d", "link", "show", "eth0")
        assert [link.name for link in rtnetlink.list_links(kernel)] == ["lo", "br0"]
