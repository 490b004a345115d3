"""Inspect of a network: what was asked for, what became of it, and which containers are on it."""

from __future__ import annotations

from cuddy.engine import containers, endpoint, networks
from cuddy.network import network as records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.network.ipam import Pool
    from cuddy.network.network import Network

NEVER = "0001-01-01T00:00:00Z"


def inspect_network(home: Home, ref: str) -> dict[str, Any]:
    """A network as `docker network inspect` shows it. Raises NoSuchNetwork, InvalidArgument."""
    network = networks.find(home, ref)
    return document(network, members(home, network))


def document(network: Network, members: dict[str, dict[str, str]]) -> dict[str, Any]:
    """The network's fields in Docker's order. Pure."""
    is_always_there = network.name in records.PREDEFINED
    ipam_options = network.ipam_options or (None if is_always_there else {})
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": network.created or NEVER,
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": network.ipv4,
        "EnableIPv6": network.ipv6,
        "IPAM": {
            "Driver": network.ipam_driver,
            "Options": ipam_options,
            "Config": [configuration(pool) for pool in network.pools],
        },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": network.config_from},
        "ConfigOnly": network.config_only,
        "Containers": members,
        "Options": options(network),
        "Labels": network.labels,
    }


def configuration(pool: Pool) -> dict[str, Any]:
    """A pool in Docker's words; what it does not say is left out."""
    found = {"Subnet": pool.subnet, "IPRange": pool.ip_range, "Gateway": pool.gateway}
    shown: dict[str, Any] = {key: value for key, value in found.items() if value}
    return shown | ({"AuxiliaryAddresses": pool.auxiliary} if pool.auxiliary else {})


def options(network: Network) -> dict[str, str]:
    """The driver's options; those of `bridge`, which nobody chose, are told in full."""
    if not (network.is_default and network.bridge):
        return network.options
    return {
        "com.docker.network.bridge.default_bridge": "true",
        "com.docker.network.bridge.enable_icc": "true",
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
        "com.docker.network.bridge.name": network.bridge,
        "com.docker.network.driver.mtu": str(network.mtu),
        **network.options,
    }


def members(home: Home, network: Network) -> dict[str, dict[str, str]]:
    """The running containers on a network, by id."""
    found = {}
    for container in containers.list_containers(home):
        place = endpoint.facts(container).get(network.name)
        if place is not None and place.get("NetworkID") == network.id:
            found[container["Id"]] = member(container, place)
    return found


def used(home: Home) -> set[str]:
    """The ids of the networks that running containers are on."""
    running = containers.list_containers(home)
    return {
        str(place.get("NetworkID")) for each in running for place in endpoint.facts(each).values()
    }


def member(container: Container, place: dict[str, Any]) -> dict[str, str]:
    """A container as its network sees it. Pure."""
    length6 = place.get("GlobalIPv6PrefixLen")
    return {
        "Name": container["Name"].removeprefix("/"),
        "EndpointID": place.get("EndpointID", ""),
        "MacAddress": place.get("MacAddress", ""),
        "IPv4Address": with_length(place.get("IPAddress"), place.get("IPPrefixLen")),
        "IPv6Address": with_length(place.get("GlobalIPv6Address"), length6),
    }


def with_length(address: str | None, length: int | None) -> str:
    """An address with the length of its prefix; "" if there is none."""
    return f"{address}/{length}" if address else ""
