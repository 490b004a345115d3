"""Netlink messages as bytes."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.kernel import bridge_port, netlink, nftables, rtnetlink, sublinks
from cuddy.kernel.netlink import NLMSG_DONE, NLMSG_ERROR, Message, Request


def refusal(code: int, *, flags: int = 0, extra: bytes = b"") -> Message:
    return Message(NLMSG_ERROR, flags, 1, struct.pack("=i", -code) + bytes(16) + extra)


def test_a_request_travels_with_its_length_and_padded_to_four_bytes() -> None:
    data = netlink.encode(Request(18, 0, b"abc", "ask"), 7)
    assert data == struct.pack("=IHHII", 19, 18, netlink.NLM_F_REQUEST, 7, 0) + b"abc\0"


@given(st.lists(st.tuples(st.integers(16, 0xFFFF), st.binary(max_size=50)), max_size=5))
def test_messages_sent_in_one_go_are_told_apart(contents: list[tuple[int, bytes]]) -> None:
    data = b"".join(
        netlink.encode(Request(kind, 0, body, ""), n) for n, (kind, body) in enumerate(contents)
    )
    assert [(found.type, found.body) for found in netlink.split(data)] == contents


@given(st.dictionaries(st.integers(0, 0x3FFF), st.binary(max_size=50), max_size=8))
def test_attributes_are_read_as_they_were_written(values: dict[int, bytes]) -> None:
    data = b"".join(netlink.attribute(kind, value) for kind, value in values.items())
    assert netlink.attributes(data) == values


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_end_or_error(data: bytes) -> None:
    netlink.attributes(data)
    list(netlink.split(data))


def test_a_nested_attribute_is_read_by_its_plain_number() -> None:
    data = netlink.nest(18, netlink.attribute(1, "veth"))
    assert netlink.attributes(netlink.attributes(data)[18]) == {1: b"veth\0"}
    assert netlink.text(b"veth\0") == "veth"


def test_an_acknowledgement_is_no_error() -> None:
    assert netlink.parse_refusal(refusal(0), "x") is None


def test_a_refusal_says_what_was_being_done_and_why_not() -> None:
    error = netlink.parse_refusal(refusal(errno.EEXIST), "add bridge cuddy0")
    assert isinstance(error, FileExistsError)
    assert error.filename == "add bridge cuddy0"


def test_a_refusal_holds_the_kernels_own_words() -> None:
    extra = netlink.attribute(netlink.NLMSGERR_ATTR_MSG, "Nexthop has invalid gateway")
    message = refusal(errno.EINVAL, flags=netlink.NLM_F_ACK_TLVS, extra=extra)
    error = netlink.parse_refusal(message, "add route")
    assert error
    assert error.filename == "add route (Nexthop has invalid gateway)"


def test_a_dump_may_end_with_an_error() -> None:
    message = Message(NLMSG_DONE, 0, 1, struct.pack("=i", -errno.EPERM))
    assert isinstance(netlink.parse_refusal(message, "list"), PermissionError)


def test_an_ipv4_address_brings_its_broadcast_address() -> None:
    body = rtnetlink.add_address(3, "172.17.5.1", 16).body
    found = netlink.attributes(body[8:])
    assert found[rtnetlink.IFA_BROADCAST] == bytes([172, 17, 255, 255])
    assert rtnetlink.parse_address(body) == rtnetlink.Address(3, "172.17.5.1", 16)


def test_an_ipv6_address_is_used_without_asking_neighbours() -> None:
    found = netlink.attributes(rtnetlink.add_address(3, "fd00::1", 64).body[8:])
    assert struct.unpack("=I", found[rtnetlink.IFA_FLAGS])[0] == rtnetlink.IFA_F_NODAD


@pytest.mark.parametrize(
    ("request_", "route"),
    [
        (rtnetlink.add_route("", 0, gateway="172.17.0.1"), ("", 0, "172.17.0.1", 0)),
        (rtnetlink.add_route("10.0.0.0", 8, link=4), ("10.0.0.0", 8, "", 4)),
        (rtnetlink.add_route("fd00::", 64, link=4, metric=256), ("fd00::", 64, "", 4, 256)),
        (rtnetlink.add_route("", 0, gateway="fd00::1", link=2), ("", 0, "fd00::1", 2)),
        (rtnetlink.add_route("", 0, link=3, family=2), ("", 0, "", 3)),
    ],
)
def test_a_route_is_read_as_it_was_written(request_: Request, route: tuple[object, ...]) -> None:
    destination, prefix_length, gateway, link, *metric = route
    assert rtnetlink.parse_route(request_.body) == (
        destination, prefix_length, gateway, link, rtnetlink.RT_TABLE_MAIN, "", *(metric or [0]),
    )  # fmt: skip


def test_a_route_with_several_next_hops_leaves_by_the_first() -> None:
    head = rtnetlink.add_route("", 0, gateway="172.17.0.1").body[:12]
    hops = struct.pack("=HBBi", 8, 0, 0, 5) + struct.pack("=HBBi", 8, 0, 0, 6)
    route = rtnetlink.parse_route(head + netlink.attribute(rtnetlink.RTA_MULTIPATH, hops))
    assert route.link == 5


def test_a_link_is_named_by_index_or_by_name() -> None:
    assert netlink.attributes(rtnetlink.set_up("eth0").body[16:]) == {
        rtnetlink.IFLA_IFNAME: b"eth0\0"
    }
    assert struct.unpack_from("=i", rtnetlink.set_up(7).body, 4) == (7,)


def test_a_veths_far_end_is_born_in_the_other_namespace_under_its_last_name() -> None:
    request = rtnetlink.add_veth(
        "veth0", "eth0", peer_netns_fd=9, mac="fe:00:00:00:00:01", peer_mac="02:00:00:00:00:01",
        mtu=1400, master=3,
    )  # fmt: skip
    near = netlink.attributes(request.body[16:])
    assert near[rtnetlink.IFLA_MASTER] == struct.pack("=I", 3)
    data = netlink.attributes(near[rtnetlink.IFLA_LINKINFO])[rtnetlink.IFLA_INFO_DATA]
    far = netlink.attributes(netlink.attributes(data)[rtnetlink.VETH_INFO_PEER][16:])
    assert far[rtnetlink.IFLA_IFNAME] == b"eth0\0"
    assert far[rtnetlink.IFLA_NET_NS_FD] == struct.pack("=I", 9)
    assert far[rtnetlink.IFLA_ADDRESS] == bytes([2, 0, 0, 0, 0, 1])


def test_a_chain_of_another_program_is_read_with_hook_and_policy() -> None:
    hook = netlink.nest(
        nftables.NFTA_CHAIN_HOOK, netlink.attribute(nftables.NFTA_HOOK_HOOKNUM, bytes([0, 0, 0, 2]))
    )
    body = (
        bytes([2, 0, 0, 0])
        + netlink.attribute(nftables.NFTA_CHAIN_TABLE, "filter")
        + netlink.attribute(nftables.NFTA_CHAIN_NAME, "FORWARD")
        + hook
        + netlink.attribute(nftables.NFTA_CHAIN_POLICY, bytes(4))
    )
    assert nftables.parse_chain(body) == nftables.Chain("ip", "filter", "FORWARD", 2, 0)


def link_data(request: Request) -> tuple[str, dict[int, bytes], dict[int, bytes]]:
    """Kind, attributes and data of a kind of link, as the kernel takes them apart."""
    found = netlink.attributes(request.body[16:])
    info = netlink.attributes(found[rtnetlink.IFLA_LINKINFO])
    data = netlink.attributes(info.get(rtnetlink.IFLA_INFO_DATA, b""))
    return netlink.text(info[rtnetlink.IFLA_INFO_KIND]), found, data


def test_a_macvlan_is_born_in_its_container_on_its_parent() -> None:
    mac = "02:42:0a:00:00:02"
    request = sublinks.add_macvlan("eth0", 7, "passthru", netns_fd=9, mac=mac, mtu=1400)
    kind, found, data = link_data(request)
    assert kind == "macvlan"
    assert found[rtnetlink.IFLA_LINK] == struct.pack("=I", 7)
    assert found[rtnetlink.IFLA_NET_NS_FD] == struct.pack("=I", 9)
    assert found[rtnetlink.IFLA_MTU] == struct.pack("=I", 1400)
    assert found[rtnetlink.IFLA_ADDRESS] == bytes([2, 0x42, 10, 0, 0, 2])
    assert data == {sublinks.IFLA_MACVLAN_MODE: struct.pack("=I", 8)}


def test_an_ipvlan_has_no_address_of_its_own_on_the_wire() -> None:
    request = sublinks.add_ipvlan("eth0", 7, "l3s", "vepa", netns_fd=9)
    kind, found, data = link_data(request)
    assert kind == "ipvlan"
    assert rtnetlink.IFLA_ADDRESS not in found
    assert found[rtnetlink.IFLA_LINK] == struct.pack("=I", 7)
    # Both are 16 bits wide: linux/if_link.h, and iproute2's iplink_ipvlan.c.
    assert data == {1: struct.pack("=H", 2), 2: struct.pack("=H", 2)}


def test_a_vlan_is_its_parents_traffic_with_a_tag() -> None:
    kind, found, data = link_data(sublinks.add_vlan("eth0.50", 7, 50))
    assert (kind, netlink.text(found[rtnetlink.IFLA_IFNAME])) == ("vlan", "eth0.50")
    assert data == {sublinks.IFLA_VLAN_ID: struct.pack("=H", 50)}
    assert link_data(sublinks.add_dummy("dm-0"))[0] == "dummy"


def test_a_port_is_isolated_by_name_or_index() -> None:
    found = netlink.attributes(bridge_port.set_isolated("veth0").body[16:])
    assert netlink.text(found[rtnetlink.IFLA_IFNAME]) == "veth0"
    info = netlink.attributes(found[rtnetlink.IFLA_LINKINFO])
    assert netlink.attributes(info[bridge_port.IFLA_INFO_SLAVE_DATA]) == {33: b"\1"}


def test_an_alias_is_cut_to_what_a_link_can_hold() -> None:
    found = netlink.attributes(rtnetlink.set_up(3, alias="x" * 300).body[16:])
    assert netlink.text(found[rtnetlink.IFLA_IFALIAS]) == "x" * 255
