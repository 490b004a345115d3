"""Inspect of a network: `bridge`, once a container was on it, and those that are none."""

from __future__ import annotations

from cuddy.engine import containers
from cuddy.errors import NoSuchNetwork
from cuddy.network import network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.network.network import Network


def inspect_network(home: Home, name: str) -> dict[str, Any]:
    """A network as `docker network inspect` shows it. Raises NoSuchNetwork, InvalidArgument."""
    found = network.find(home.networks_dir, name)
    if found is None:
        raise NoSuchNetwork(name)
    ipam = [{"Subnet": pool.subnet, "Gateway": pool.gateway} for pool in found.pools]
    running = containers.list_containers(home)
    members = {
        each["Id"]: member(each, found.name) for each in running if found.name in networks_of(each)
    }
    return document(found, ipam or None, members)


def document(
    found: Network, ipam: list[dict[str, str]] | None, members: dict[str, Any]
) -> dict[str, Any]:
    """The network's fields in Docker's order. Pure."""
    return {
        "Name": found.name,
        "Id": found.id,
        "Scope": "local",
        "Driver": found.driver,
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": ipam},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": members,
        "Options": {},
        "Labels": {},
    }


def networks_of(container: Container) -> dict[str, Any]:
    """The networks that a container is on, and its endpoints."""
    return container["NetworkSettings"].get("Networks") or {}


def member(container: Container, name: str) -> dict[str, str]:
    """A container as its network sees it. Pure."""
    endpoint = networks_of(container)[name]
    return {
        "Name": container["Name"].removeprefix("/"),
        "EndpointID": endpoint.get("EndpointID", ""),
        "MacAddress": endpoint.get("MacAddress", ""),
        "IPv4Address": f"{endpoint.get('IPAddress', '')}/{endpoint.get('IPPrefixLen', 0)}",
        "IPv6Address": "",
    }
