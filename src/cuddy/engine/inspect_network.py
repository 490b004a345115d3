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

WITHOUT_RECORD = {"host": "host", "none": "null"}
"""Networks that are always there, and their drivers."""


def inspect_network(home: Home, name: str) -> dict[str, Any]:
    """A network as `docker network inspect` shows it. Raises NoSuchNetwork, CorruptContent."""
    if name in WITHOUT_RECORD:
        return document(name, WITHOUT_RECORD[name], None, {})
    found = network.read(home.networks_dir, name) if "/" not in name and name else None
    if found is None:
        raise NoSuchNetwork(name)
    ipam = [{"Subnet": found.subnet, "Gateway": found.gateway}]
    running = containers.list_containers(home)
    members = {each["Id"]: member(each, name) for each in running if name in networks_of(each)}
    return document(name, found.driver, ipam, members)


def document(
    name: str, driver: str, ipam: list[dict[str, str]] | None, members: dict[str, Any]
) -> dict[str, Any]:
    """The network's fields in Docker's order; ours are known by name. Pure."""
    return {
        "Name": name,
        "Id": name,
        "Scope": "local",
        "Driver": driver,
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
