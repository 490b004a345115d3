"""Options of the bridge driver, as docker reads them."""

from __future__ import annotations

import pytest

from cuddy.errors import InvalidArgument
from cuddy.network import bridge_options
from cuddy.network.bridge_options import BridgeOptions

PREFIX = "com.docker.network.bridge."


def test_without_options_everything_is_dockers_default() -> None:
    assert bridge_options.parse({}) == BridgeOptions()
    assert (
        bridge_options.parse({"com.example.unknown": "1", f"{PREFIX}new": "x"}) == BridgeOptions()
    )


def test_each_option_is_read() -> None:
    options = {
        f"{PREFIX}enable_icc": "0",
        f"{PREFIX}enable_ip_masquerade": "F",
        f"{PREFIX}host_binding_ipv4": "127.0.0.1",
        f"{PREFIX}host_binding_ipv6": "0::1",
        f"{PREFIX}gateway_mode_ipv6": "routed",
        f"{PREFIX}inhibit_ipv4": "true",
        "com.docker.network.host_ipv4": "192.0.2.1",
        "com.docker.network.container_iface_prefix": "net",
        "com.docker.network.driver.mtu": "1400",
    }
    assert bridge_options.parse(options) == BridgeOptions(
        False, False, ("127.0.0.1", "::1"), ("nat", "routed"), ("192.0.2.1", ""), True, "net", 1400
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (f"{PREFIX}enable_icc", "no", "failed to parse .*enable_icc value: no"),
        (f"{PREFIX}host_binding_ipv4", "::1", "must be an IPv4 address: ::1"),
        (f"{PREFIX}host_binding_ipv6", "x", "failed to parse .*ipv6 value: x .nil ip"),
        (f"{PREFIX}gateway_mode_ipv4", "open", "unknown gateway mode open"),
        (f"{PREFIX}gateway_mode_ipv4", "isolated", "only be used for an internal network"),
        ("com.docker.network.container_iface_prefix", "../x", "not a name for a network link"),
        ("com.docker.network.driver.mtu", "fast", "strconv.Atoi: parsing .fast."),
        ("com.docker.network.driver.mtu", "-1", "invalid MTU number: -1"),
        ("com.docker.network.driver.mtu", "1" * 5000, "strconv.Atoi"),
        ("com.docker.network.driver.mtu", "67", "invalid MTU number: 67"),
        ("com.docker.network.driver.mtu", "\u0663\u0663\u0663", "strconv.Atoi"),
    ],
)
def test_what_makes_no_sense_is_refused(key: str, value: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        bridge_options.parse({key: value})


def test_an_internal_network_may_be_isolated() -> None:
    options = {f"{PREFIX}gateway_mode_ipv4": "isolated"}
    assert bridge_options.parse(options, internal=True).gateway_mode == ("isolated", "nat")
