"""Networks of both layers side by side: who reaches whom. Real traffic between namespaces."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import netns
from cuddy.kernel import netlink, program, rtnetlink
from cuddy.network import bridge
from cuddy.network.network import Network
from lan import HOST, HOST6, OUTSIDE, OUTSIDE6, SHORT, Container, Lan, listen, network, talk

pytestmark = pytest.mark.skipif(not program.find("nft"), reason="nft is not installed")
OPTION = "com.docker.network.bridge."


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


def both(container: Container) -> tuple[str, str]:
    return container.address, container.address6


def test_a_bridge_has_both_addresses_and_says_whose_it_is(lan: Lan) -> None:
    net = network(1, mtu=1400)
    bridge.ensure(net, owner="/var/lib/x")
    assert bridge.is_ready(net)
    shown = netns.run("ip", "-d", "address", "show", "cud-1")
    assert "inet 10.1.0.1/24 brd 10.1.0.255" in shown
    assert "inet6 fd00:1::1/64" in shown
    assert "tentative" not in shown
    assert "mtu 1400" in shown
    assert "alias cuddy /var/lib/x" in shown
    assert "10.1.0.0/24 dev cud-1 proto kernel" in netns.run("ip", "route")
    for name, value in (("all/forwarding", "1"), ("cud-1/accept_ra", "0")):
        assert Path(f"/proc/sys/net/ipv6/conf/{name}").read_text().strip() == value


def test_a_container_has_addresses_of_both_layers_at_once_and_believes_no_router(lan: Lan) -> None:
    box = lan.container(lan.make(network(1)))
    shown = box.netns.run("ip", "-o", "address", "show", "eth0")
    assert "10.1.0.2/24" in shown
    assert "fd00:1::2/64" in shown
    assert "tentative" not in shown
    assert "default via fd00:1::1" in box.netns.run("ip", "-6", "route")
    accepts = box.netns.run("cat", "/proc/sys/net/ipv6/conf/eth0/accept_ra")
    assert accepts.strip() == "0"
    with listen():
        assert box.reaches("fd00:1::1")
        assert box.reaches("10.1.0.1")


def test_a_network_without_ipv6_speaks_none(lan: Lan) -> None:
    net = lan.make(network(1, ipv6=False))
    box = lan.container(net)
    assert "inet6" not in box.netns.run("ip", "address", "show", "eth0")
    assert "inet6" not in netns.run("ip", "address", "show", "cud-1")
    assert Path("/proc/sys/net/ipv6/conf/all/forwarding").read_text().strip() == "0"


def test_a_network_of_ipv6_alone_works(lan: Lan) -> None:
    far, net = lan.outside(), lan.make(network(1, ipv4=False))
    one, two = lan.container(net), lan.container(net)
    assert bridge.is_ready(net)
    with two.listen():
        assert one.reaches(two.address6)
    with far.inside():
        server = listen()
    with server:
        assert talk(one.netns.dial(OUTSIDE6), server) == HOST6
    assert one.netns.run("ip", "-4", "route") == ""


def test_containers_go_out_under_the_hosts_addresses(lan: Lan) -> None:
    far, net = lan.outside(), lan.make(network(1))
    box = lan.container(net)
    with far.inside():
        server = listen()
    with server:
        assert talk(box.netns.dial(OUTSIDE), server) == HOST
        assert talk(box.netns.dial(OUTSIDE6), server) == HOST6


def test_link_local_addresses_come_on_top(lan: Lan) -> None:
    net = lan.make(network(1, ipv6=False))
    box = lan.container()
    box.join(net, link_local=("169.254.3.4", "fe80::77"), mac="92:d0:c6:0a:29:33")
    shown = box.netns.run("ip", "address", "show", "eth0")
    assert "169.254.3.4/16" in shown
    assert "fe80::77/64" in shown
    assert "92:d0:c6:0a:29:33" in shown


def test_a_container_on_two_networks_reaches_both(lan: Lan) -> None:
    one, two = lan.make(network(1)), lan.make(network(2))
    middle, left, right = lan.container(one, two), lan.container(one), lan.container(two)
    with left.listen(), right.listen():
        for other in (left, right):
            assert all(middle.reaches(address) for address in both(other))
    assert "default via 10.1.0.1 dev eth0" in middle.netns.run("ip", "route")
    bridge.detach(two, middle.join(lan.make(network(3)), 2), middle.netns.fd)
    assert "eth2" not in middle.netns.run("ip", "link")


@pytest.fixture(params=["0", "1"], ids=["plain", "br_netfilter"])
def filtered(host: None, request: pytest.FixtureRequest) -> None:
    """Frames within bridges pass the firewall as well, as on hosts with docker; or they do not."""
    for layer in ("iptables", "ip6tables"):
        switch = Path(f"/proc/sys/net/bridge/bridge-nf-call-{layer}")
        if not switch.exists():
            pytest.skip("br_netfilter is not loaded")
        switch.write_text(request.param)


@pytest.mark.usefixtures("filtered")
def test_networks_do_not_reach_each_other(lan: Lan) -> None:
    one, two = lan.make(network(1)), lan.make(network(2))
    box, friend, stranger = lan.container(one), lan.container(one), lan.container(two)
    with friend.listen(), stranger.listen():
        for address in both(friend):
            assert box.reaches(address)
        for address in both(stranger):
            assert not box.reaches(address)


def test_the_outside_does_not_reach_containers_by_their_own_addresses(lan: Lan) -> None:
    far, net = lan.outside(), lan.make(network(1))
    box = lan.container(net)
    far.run("ip", "route", "add", "10.1.0.0/24", "via", HOST)
    far.run("ip", "route", "add", "fd00:1::/64", "via", HOST6)
    with box.listen(), lan.published(net, box, "8080:80"):
        for address in both(box):
            assert not far.reaches(address, timeout_s=SHORT)


def test_an_internal_network_is_closed(lan: Lan) -> None:
    far, net, other = lan.outside(), lan.make(network(1, internal=True)), lan.make(network(2))
    one, two, stranger = lan.container(net), lan.container(net), lan.container(other)
    assert bridge.is_ready(net)
    with two.listen():
        assert all(one.reaches(address) for address in both(two))
        assert not any(stranger.reaches(address) for address in both(two))
        assert all(netns.reaches(address) for address in both(two))  # the host itself
    assert "default" not in one.netns.run("ip", "route")
    # Even if they give themselves a route:
    one.netns.run("ip", "route", "add", "default", "via", "10.1.0.1")
    one.netns.run("ip", "-6", "route", "add", "default", "via", "fd00:1::1")
    far.run("ip", "route", "add", "10.1.0.0/24", "via", HOST)
    with far.inside():
        server = listen()
    with server, listen(), stranger.listen():
        for address in (OUTSIDE, OUTSIDE6, HOST, HOST6, "10.2.0.1", *both(stranger)):
            assert not one.reaches(address), address
        assert one.reaches("10.1.0.1")
        assert one.reaches("fd00:1::1")
    with one.listen():
        assert not far.reaches(one.address, timeout_s=SHORT)


@pytest.mark.usefixtures("filtered")
def test_containers_without_icc_reach_each_other_by_published_ports_alone(lan: Lan) -> None:
    far, net = lan.outside(), lan.make(network(1, options={f"{OPTION}enable_icc": "false"}))
    one, two = lan.container(net), lan.container(net)
    with far.inside():
        server = listen()
    with server:
        assert talk(one.netns.dial(OUTSIDE), server) == HOST
    with two.listen() as server, lan.published(net, two, "8080:80"):
        for address in both(two):
            assert not one.reaches(address)
        assert talk(one.netns.dial("10.1.0.1", 8080), server) == "10.1.0.1"
        assert talk(two.netns.dial("10.1.0.1", 8080), server) == "10.1.0.1"
        talk(one.netns.dial("fd00:1::1", 8080), server)
        # By way of the host as a router neither.
        one.netns.run("ip", "route", "add", two.address, "via", "10.1.0.1")
        assert not one.reaches(two.address)


def test_without_masquerading_containers_keep_their_addresses(lan: Lan) -> None:
    options = {f"{OPTION}enable_ip_masquerade": "false"}
    far, net = lan.outside(), lan.make(network(1, options=options))
    box = lan.container(net)
    far.run("ip", "route", "add", "10.1.0.0/24", "via", HOST)
    with far.inside():
        server = listen()
    with server:
        assert talk(box.netns.dial(OUTSIDE), server) == box.address


def test_the_address_outside_can_be_chosen(lan: Lan) -> None:
    far = lan.outside()
    netns.run("ip", "address", "add", "198.51.100.9/24", "dev", "uplink")
    net = lan.make(network(1, options={"com.docker.network.host_ipv4": "198.51.100.9"}))
    with far.inside():
        server = listen()
    with server:
        assert talk(lan.container(net).netns.dial(OUTSIDE), server) == "198.51.100.9"


def test_a_routed_network_is_reached_at_its_published_ports(lan: Lan) -> None:
    modes = {f"{OPTION}gateway_mode_ipv4": "routed", f"{OPTION}gateway_mode_ipv6": "routed"}
    far, net = lan.outside(), lan.make(network(1, options=modes))
    box = lan.container(net)
    far.run("ip", "route", "add", "10.1.0.0/24", "via", HOST)
    far.run("ip", "route", "add", "fd00:1::/64", "via", HOST6)
    with box.listen(), box.listen(81), lan.published(net, box, "8080:80") as found:
        assert {(entry.host_ip, entry.host_port) for entry in found} == {("0.0.0.0", 0), ("::", 0)}
        for address in both(box):
            assert far.reaches(address)
            assert not far.reaches(address, 81, timeout_s=SHORT)
        assert not far.reaches(HOST, 8080, timeout_s=SHORT)
    with box.listen():
        assert not far.reaches(box.address, timeout_s=SHORT)
    with far.inside():
        server = listen()
    with server:
        assert talk(box.netns.dial(OUTSIDE), server) == box.address


def test_an_unprotected_network_is_reached_at_all_ports(lan: Lan) -> None:
    options = {f"{OPTION}gateway_mode_ipv4": "nat-unprotected"}
    far, net, other = lan.outside(), lan.make(network(1, options=options)), lan.make(network(2))
    box, stranger = lan.container(net), lan.container(other)
    far.run("ip", "route", "add", "10.1.0.0/24", "via", HOST)
    far.run("ip", "route", "add", "fd00:1::/64", "via", HOST6)
    with box.listen(81):
        assert far.reaches(box.address, 81)
        assert not far.reaches(box.address6, 81, timeout_s=SHORT)
        assert not stranger.reaches(box.address, 81)


@pytest.mark.parametrize("tool", ["nft", "iptables"])
def test_an_unprotected_network_is_closed_to_bridges_that_a_user_has_named(
    lan: Lan, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tool == "iptables":
        if not program.find("ip6tables-restore"):
            pytest.skip("iptables is not installed")
        find = program.find
        monkeypatch.setattr(program, "find", lambda name: "" if name == "nft" else find(name))
    modes = {f"{OPTION}gateway_mode_ipv4": "nat-unprotected"}
    before, after = (network(number, bridge=f"br-mine{number}") for number in (2, 3))
    lan.make(before)
    far, net = lan.outside(), lan.make(network(1, options=modes, ipv6=False))
    lan.make(after)
    far.run("ip", "route", "add", "10.1.0.0/24", "via", HOST)
    box = lan.container(net)
    with box.listen():
        assert far.reaches(box.address)
        for other in (before, after):
            assert not lan.container(other).reaches(box.address)
    for each in (before, net, after):
        bridge.remove(each)
    assert netns.run("nft", "list", "ruleset").lower().count("cuddy") == 0


def test_the_last_bridge_that_a_user_has_named_takes_the_list_of_them_along(lan: Lan) -> None:
    lan.make(network(1))
    named = lan.make(network(2, bridge="br-mine2"))
    assert "set bridges" in netns.run("nft", "list", "ruleset")
    bridge.remove(named)
    assert "set bridges" not in netns.run("nft", "list", "ruleset")


def test_half_of_the_rules_is_not_all_of_them(lan: Lan, monkeypatch: pytest.MonkeyPatch) -> None:
    if not program.find("ip6tables-restore"):
        pytest.skip("iptables is not installed")
    find = program.find
    monkeypatch.setattr(program, "find", lambda name: "" if name == "nft" else find(name))
    net = lan.make(network(1))
    if not bridge.is_ready(net):
        pytest.skip("this iptables does not write to nf_tables")
    netns.run("ip6tables", "-D", "FORWARD", "-j", "CUDDY-cud-1")
    netns.run("ip6tables", "-F", "CUDDY-cud-1")
    netns.run("ip6tables", "-X", "CUDDY-cud-1")
    assert not bridge.is_ready(net)
    lan.make(net)
    assert bridge.is_ready(net)


def test_an_isolated_bridge_has_no_address(lan: Lan) -> None:
    modes = {f"{OPTION}gateway_mode_ipv4": "isolated", f"{OPTION}gateway_mode_ipv6": "isolated"}
    net = lan.make(network(1, internal=True, options=modes))
    one, two = lan.container(net), lan.container(net)
    assert bridge.is_ready(net)
    assert "inet 10" not in netns.run("ip", "address", "show", "cud-1")
    with two.listen():
        assert all(one.reaches(address) for address in both(two))
        assert not netns.reaches(two.address, timeout_s=SHORT)


def test_a_bridge_that_the_user_made_stays_his(lan: Lan) -> None:
    netns.run("ip", "link", "add", "mine0", "type", "bridge")
    net = lan.make(network(1, bridge="mine0"))
    one, two = lan.container(net), lan.container(net)
    with two.listen():
        assert one.reaches(two.address)
    bridge.remove(net)
    shown = netns.run("ip", "address", "show", "mine0")
    assert "10.1.0.1" not in shown
    assert "alias" not in shown
    assert netns.run("nft", "list", "ruleset") == ""


def test_networks_come_and_go_without_a_trace_of_others(lan: Lan) -> None:
    foreign = "table ip mine { chain c { type filter hook forward priority 5; policy accept; }; }"
    subprocess.run(["nft", foreign], check=True)
    before = netns.run("nft", "list", "ruleset")
    nets = [lan.make(network(1)), lan.make(network(2, internal=True))]
    box = lan.container(nets[0])
    with lan.published(nets[0], box, "8080:80", "[::1]:81:80", "127.0.0.1:82:80/udp"):
        assert netns.run("nft", "list", "table", "ip", "mine") in before
    bridge.remove(nets[0])
    assert bridge.is_ready(nets[1])
    bridge.remove(nets[1])
    assert netns.run("nft", "list", "ruleset") == before
    with netlink.open() as kernel:
        names = {link.name for link in rtnetlink.list_links(kernel)}
    assert not any(name.startswith("cud-") for name in names)


def test_a_drop_of_the_hosts_own_firewall_holds(lan: Lan) -> None:
    far, net = lan.outside(), lan.make(network(1))
    hook = "type filter hook forward priority 5; policy drop;"
    subprocess.run(["nft", f"table inet mine {{ chain c {{ {hook} }}; }}"], check=True)
    box = lan.container(net)
    with box.listen() as server, lan.published(net, box, "8080:80"):
        assert not far.reaches(HOST, 8080, timeout_s=SHORT)
        assert not far.reaches(HOST6, 8080, timeout_s=SHORT)
        talk(netns.dial("127.0.0.1", 8080), server)
    with far.inside():
        server = listen()
    with server:
        assert not box.reaches(OUTSIDE)


def test_the_hosts_uplinks_go_on_learning_routes(lan: Lan) -> None:
    lan.outside()
    lan.make(network(1, ipv6=False))
    accepts = Path("/proc/sys/net/ipv6/conf/uplink/accept_ra")
    assert accepts.read_text().strip() == "1"
    lan.make(network(2))
    assert accepts.read_text().strip() == "2"


def test_rules_survive_a_second_making(lan: Lan) -> None:
    net: Network = lan.make(network(1))
    before = netns.run("nft", "list", "ruleset")
    netns.run("ip", "address", "flush", "dev", "cud-1")
    assert not bridge.is_ready(net)
    lan.make(net)
    assert bridge.is_ready(net)
    assert netns.run("nft", "list", "ruleset") == before
