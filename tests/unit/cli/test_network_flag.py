"""--network: what docker's command line makes of it, and the words of its errors.

Both were taken from the docker 28 command line, which was asked for each of these.
"""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.cli.container import creation, network_flag
from cuddy.engine.endpoint import EndpointWish


@pytest.mark.parametrize(
    ("text", "network", "config"),
    [
        ("shop", "shop", {}),
        ("name=shop", "shop", {}),
        ("NAME=shop, alias=db,alias=pg", "shop", {"Aliases": ["db", "pg"]}),
        (
            "name=shop,ip=10.0.0.2,ip6=fd00::2,link-local-ip=169.254.1.1",
            "shop",
            {
                "IPAMConfig": {
                    "IPv4Address": "10.0.0.2",
                    "IPv6Address": "fd00::2",
                    "LinkLocalIPs": ["169.254.1.1"],
                }
            },
        ),
        ("name=a,driver-opt=X=1,driver-opt=y=2", "a", {"DriverOpts": {"x": "1", "y": "2"}}),
        ("name=a,mac-address=02:42:0a:00:00:02", "a", {"MacAddress": "02:42:0a:00:00:02"}),
        ("name=a,gw-priority=-3", "a", {"GwPriority": -3}),
        ('"name=a","alias=b,c"', "a", {"Aliases": ["b,c"]}),
    ],
)
def test_what_it_becomes(text: str, network: str, config: dict[str, Any]) -> None:
    assert network_flag.wish(text) == EndpointWish(network, config)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a=b", "invalid field key a"),
        ("name=x,alias", "invalid field alias"),
        ("alias=y", "network name/id is not specified"),
        ("name=x,driver-opt=zz", "invalid key value pair format in driver options"),
        ("name=x,gw-priority=zz", "invalid gw-priority (zz): invalid syntax"),
        ("name=x,gw-priority=1_0", "invalid gw-priority (1_0): invalid syntax"),
        (
            "name=x,gw-priority=99999999999999999999",
            "invalid gw-priority (99999999999999999999): value out of range",
        ),
        ("name=x,ip=zz", "IP address is not correctly formatted: zz"),
    ],
)
def test_what_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError) as caught:
        network_flag.wish(text)
    assert str(caught.value) == complaint


def test_the_first_network_is_the_mode_and_default_is_bridge() -> None:
    assert creation.networks([EndpointWish("default")]) == {"network": "bridge"}
    two = [EndpointWish("a", {"Aliases": ["x"]}), EndpointWish("b")]
    assert creation.networks(two) == {"network": "a", "endpoints": tuple(two)}
