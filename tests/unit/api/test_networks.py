"""Bodies of requests about networks become what the engine takes, or are refused."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cuddy.api import networks
from cuddy.errors import InvalidArgument
from cuddy.network.ipam import Pool

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NETWORK = ("Name", "Driver", "Scope", "Internal", "Attachable", "Ingress", "EnableIPv4",
           "EnableIPv6", "IPAM", "Options", "Labels", "ConfigOnly", "ConfigFrom")  # fmt: skip
ENDPOINT = ("IPAMConfig", "Links", "Aliases", "MacAddress", "DriverOpts", "GwPriority")


def test_a_network_of_docker_py() -> None:
    wish = networks.read_wish({
        "Name": "a net",
        "Driver": None,
        "Options": None,
        "IPAM": {
            "Driver": "default",
            "Config": [{
                "Subnet": "10.9.0.0/16",
                "IPRange": "10.9.1.0/24",
                "Gateway": "10.9.0.9",
                "AuxiliaryAddresses": {"printer": "10.9.0.8"},
            }],
        },
        "CheckDuplicate": None,
        "Labels": {"a": "b"},
        "Scope": None,
    })  # fmt: skip
    assert wish.name == "a net" and wish.driver == "bridge" and wish.labels == {"a": "b"}
    assert wish.pools == (
        Pool("10.9.0.0/16", "10.9.0.9", "10.9.1.0/24", {"printer": "10.9.0.8"}),
    )  # fmt: skip


def test_what_says_nothing_is_asked_of_no_network() -> None:
    assert networks.read_endpoint({
        "IPAMConfig": {}, "Links": None, "Aliases": [], "MacAddress": "", "DriverOpts": None,
        "NetworkID": "", "EndpointID": "", "Gateway": "", "GwPriority": 0,
    }) == {}  # fmt: skip


def test_what_is_asked_of_a_network() -> None:
    said: dict[str, Any] = {
        "IPAMConfig": {
            "IPv4Address": "10.9.0.7", "IPv6Address": "fd00::7", "LinkLocalIPs": ["169.254.1.1"],
        },
        "Links": ["db:sql"], "Aliases": ["web"], "MacAddress": "02:42:00:00:00:01",
        "DriverOpts": {"a": "b"}, "GwPriority": 3,
    }  # fmt: skip
    assert networks.read_endpoint(said) == said


@given(st.dictionaries(st.sampled_from(NETWORK), ANYTHING))
def test_no_network_is_worse_than_refused(document: dict[str, Any]) -> None:
    try:
        networks.read_wish(document)
    except InvalidArgument:
        pass


@given(st.dictionaries(st.sampled_from(ENDPOINT), ANYTHING))
def test_no_endpoint_is_worse_than_refused(document: dict[str, Any]) -> None:
    try:
        networks.read_endpoint(document)
    except InvalidArgument:
        pass
