"""What a new network may be: Docker's rules, in its words."""

from __future__ import annotations

import pytest

from cuddy.engine import new_network
from cuddy.engine.new_network import Wish
from cuddy.errors import CuddyError
from cuddy.network import bridge_options
from cuddy.network.ipam import Pool
from cuddy.network.network import Network


def wish(*pools: Pool, **fields: object) -> Wish:
    return Wish("back")._replace(pools=pools, **fields)


@pytest.mark.parametrize(
    "good",
    [
        wish(),
        wish(Pool("10.0.0.0/8")),
        wish(Pool("10.0.0.0/30", "10.0.0.2")),
        wish(Pool("10.0.0.0/24", ip_range="10.0.0.128/25", auxiliary={"a": "10.0.0.9"})),
        wish(Pool("10.0.0.0/24", ip_range="10.0.0.0/24")),
        wish(Pool("fd00::/64", "fd00::1"), ipv6=True),
        wish(Pool("fd00::/127"), ipv6=True),
        wish(Pool("10.0.0.0/24"), Pool("fd00::/64"), ipv6=True),
        wish(Pool("10.0.0.0/24"), Pool("10.0.1.0/24"), driver="macvlan"),
        wish(options={"unknown": "anything"}),
        wish(config_only=True),
        wish(config_from="plan", internal=True),
        wish(scope="local"),
    ],
)
def test_what_can_be(good: Wish) -> None:
    new_network.check(good)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (wish(name=""), "invalid name"),
        (wish(name="a\x1b[2J"), "invalid name"),
        (wish(name="\ud800"), "invalid name"),
        (wish(name="none"), "operation is not permitted on predefined none network"),
        (wish(driver="weave"), 'plugin "weave" not found'),
        (wish(ipam_driver="dhcp"), 'plugin "dhcp" not found'),
        (wish(ipv4=False), "IPv4 or IPv6 must be enabled"),
        (wish(Pool("10.0.0.0")), "invalid CIDR address: 10.0.0.0"),
        (wish(Pool("10.0.0.0/-1")), "invalid CIDR address"),
        (wish(Pool("10.0.0.0/٢٤")), "invalid CIDR address"),
        (wish(Pool("10.0.0.1/24")), "it should be 10.0.0.0/24"),
        (wish(Pool("10.0.0.0/31")), "No available addresses on this pool"),
        (wish(Pool("fd00::1/128")), "No available addresses on this pool"),
        (wish(Pool("10.0.0.0/24", "10.0.0.0")), "failed to allocate gateway (10.0.0.0)"),
        (wish(Pool("10.0.0.0/24", "10.0.1.1")), "doesn't contain this address"),
        (wish(Pool("10.0.0.0/24", "fd00::1")), "doesn't contain this address"),
        (wish(Pool("10.0.0.0/24", "warp")), "invalid gateway warp"),
        (wish(Pool("10.0.0.0/24", ip_range="10.0.0.0/16")), "is bigger than its parent subnet"),
        (wish(Pool("10.0.0.0/24", ip_range="10.0.1.0/25")), "doesn't contain ip-range"),
        (wish(Pool("10.0.0.0/24", ip_range="10.0.0.9/25")), "it should be 10.0.0.0/25"),
        (wish(Pool("10.0.0.0/24", ip_range="fd00::/64")), "doesn't contain ip-range"),
        (wish(Pool("10.0.0.0/24", "10.0.0.1", auxiliary={"a": "10.0.0.1"})), "(a:10.0.0.1)"),
        (wish(Pool("10.0.0.0/24", auxiliary={"a": "10.0.0.7", "b": "10.0.0.7"})), "(b:10.0.0.7)"),
        (wish(Pool("10.0.0.0/24"), Pool("10.0.1.0/24")), "support multiple subnets"),
        (wish(Pool("10.0.0.0/8"), Pool("10.0.1.0/24")), "Pool overlaps with other one"),
        (wish(options={bridge_options.NAME: "a b"}), "not a name for a network link"),
        (wish(options={bridge_options.NAME: "x" * 16}), "longer than 15"),
        (wish(config_only=True, internal=True), "can only contain network specific fields"),
        (wish(config_from="plan", labels={"a": "b"}), "user specified configurations"),
    ],
)
def test_what_cannot_be(bad: Wish, words: str) -> None:
    with pytest.raises(CuddyError) as caught:
        new_network.check(bad)
    assert words in str(caught.value)


def test_a_gateway_is_the_first_address_that_nobody_has() -> None:
    pools = (
        Pool("10.0.0.0/24"),
        Pool("10.0.1.0/24", auxiliary={"a": "10.0.1.1", "b": "10.0.1.2"}),
        Pool("10.0.2.0/24", "10.0.2.9"),
        Pool("fd00::/64"),
    )
    found = [pool.gateway for pool in new_network.with_gateways(pools)]
    assert found == ["10.0.0.1", "10.0.1.3", "10.0.2.9", "fd00::1"]


def test_a_subnet_without_room_for_a_gateway_is_refused() -> None:
    pool = Pool("10.0.0.0/30", auxiliary={"a": "10.0.0.1", "b": "10.0.0.2"})
    with pytest.raises(CuddyError, match="No available addresses"):
        new_network.with_gateways([pool])


def test_only_families_that_the_network_has_are_kept() -> None:
    pools = (Pool("fd00::/64"), Pool("10.0.0.0/24"))
    found = new_network.record(wish(*pools), "1" * 64, "")
    assert [pool.subnet for pool in found.pools] == ["10.0.0.0/24"]
    found = new_network.record(wish(*pools, ipv6=True), "1" * 64, "")
    assert [pool.subnet for pool in found.pools] == ["10.0.0.0/24", "fd00::/64"]
    assert new_network.record(wish(*pools, config_only=True), "1" * 64, "").driver == "null"


def test_a_configuration_is_taken_over() -> None:
    source = Network("2" * 64, "plan", pools=(Pool("10.0.0.0/24"),), labels={"a": "b"}, ipv6=True,
                     config_only=True)  # fmt: skip
    found = new_network.configured(wish(config_from="plan", internal=True), source)
    assert (found.pools, found.labels, found.ipv6) == (source.pools, {"a": "b"}, True)
    assert (found.internal, found.config_from) == (True, "plan")
    for none in (None, source._replace(config_only=False)):
        with pytest.raises(CuddyError, match='configuration network "plan" does not exist'):
            new_network.configured(wish(config_from="plan"), none)
