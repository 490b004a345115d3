"""What options ask of networks, and what of it makes no sense."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import network_options
from cuddy.engine.endpoint import EndpointWish
from cuddy.engine.options import ContainerOptions
from cuddy.errors import CuddyError

MAC = "02:42:0a:00:00:02"


def options(**given: Any) -> ContainerOptions:
    return ContainerOptions("alpine", **given)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (
            {"endpoints": (EndpointWish("a"), EndpointWish("a"))},
            'network "a" is specified multiple times',
        ),
        (
            {"endpoints": (EndpointWish("a"), EndpointWish("host"))},
            "cannot attach both user-defined and non-user-defined network-modes",
        ),
        (
            {"endpoints": (EndpointWish("a", {"Aliases": ["x"]}),), "network_aliases": ("y",)},
            "cannot specify both --network-alias and per-network alias",
        ),
        (
            {"endpoints": (EndpointWish("a", {"MacAddress": MAC}),), "mac_address": MAC},
            "cannot specify both --mac-address and per-network MAC address",
        ),
        (
            {
                "endpoints": (EndpointWish("a", {"IPAMConfig": {"IPv4Address": "10.0.0.2"}}),),
                "ip": "10.0.0.3",
            },
            "cannot specify both --ip and per-network IPv4 address",
        ),
        (
            {"endpoints": (EndpointWish("a", {"IPAMConfig": {"IPv6Address": "10.0.0.2"}}),)},
            "invalid IPv6 address: 10.0.0.2",
        ),
        (
            {"endpoints": (EndpointWish("a", {"MacAddress": "01:00:00:00:00:01"}),)},
            "is not the mac address of one interface",
        ),
        (
            {"network": "bridge", "network_aliases": ("x",)},
            "network-scoped aliases are only supported for user-defined networks",
        ),
        (
            {"network": "bridge", "ip": "10.0.0.2"},
            "user specified IP address is supported on user defined networks only",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(CuddyError) as caught:
        network_options.check(options(**{"network": "a", **given}))
    assert complaint in caught.value.message


def test_options_without_a_network_are_for_the_first() -> None:
    given = options(
        network="a", network_aliases=("x",), ip="10.0.0.2", links=("db:pg",),
        endpoints=(EndpointWish("a", {"GwPriority": 1}), EndpointWish("b", {"Aliases": ["y"]})),
    )  # fmt: skip
    network_options.check(given)
    assert network_options.wish_of(given, "a") == {
        "GwPriority": 1,
        "IPAMConfig": {"IPv4Address": "10.0.0.2"},
        "Aliases": ["x"],
        "Links": ["db:pg"],
    }
    assert network_options.wish_of(given, "b") == {"Aliases": ["y"]}
