"""What is asked of each network of a container: addresses, aliases, links.

    container.json    Networks    {"front": {"Aliases": ["web"]}, "back": {}}

As Docker's EndpointSettings, only what says something; in the order of the container's links. A
record without it is on the network that HostConfig.NetworkMode names, and asks for nothing.
"""

from __future__ import annotations

from cuddy.shapes import NamedTuple, TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.engine.container import Container

WITHOUT_OWN = ("host", "none")
BUILT_IN = ("bridge", "default", *WITHOUT_OWN)
PROGRAMS = ("pasta", "slirp4netns")
"""What --network can name for an ordinary user: `network/user_mode_options.py`."""


class IPAMConfig(TypedDict, total=False):
    """The addresses that an endpoint is to have."""

    IPv4Address: str
    IPv6Address: str
    LinkLocalIPs: list[str]


class EndpointConfig(TypedDict, total=False):
    """What is asked of one network."""

    IPAMConfig: IPAMConfig
    Links: list[str]  # "name:alias"
    Aliases: list[str]
    MacAddress: str
    DriverOpts: dict[str, str]
    GwPriority: int


class EndpointWish(NamedTuple):
    """A network, and what is asked of it."""

    network: str
    config: EndpointConfig = {}


def asked(record: Mapping[str, Any]) -> dict[str, EndpointConfig]:
    """What is asked of each network of a container, in the order of its links."""
    mode = record["HostConfig"]["NetworkMode"]
    if mode.startswith("container:"):
        return {}
    found: dict[str, EndpointConfig] | None = record.get("Networks")
    return {mode: {}} if found is None else found


def facts(record: Container) -> dict[str, dict[str, Any]]:
    """What became of them, network by network: the entries of NetworkSettings.Networks.

    Those of a stopped container are of its last life.
    """
    return record["NetworkSettings"].get("Networks") or {}


def has_own(record: Container) -> bool:
    """Whether a container is on its networks by links of its own.

    One that was made with `none` is so, once it has been taken from there.
    """
    return not set(asked(record)).intersection(WITHOUT_OWN)


def is_program(mode: str) -> bool:
    """Whether it is by a program of an ordinary user's, with or without options for that."""
    if mode.partition(":")[0] not in PROGRAMS:
        return False
    # Imported here: most networks are called otherwise.
    from cuddy.kernel import namespaces

    return not namespaces.is_initial("user")


def wanted(config: EndpointConfig) -> list[str]:
    """The addresses that an endpoint is to have."""
    found = config.get("IPAMConfig") or {}
    return [each for each in (found.get("IPv4Address"), found.get("IPv6Address")) if each]


def links(config: EndpointConfig) -> dict[str, str]:
    """What the container itself calls others on the network: alias -> name."""
    pairs = (text.partition(":") for text in config.get("Links", ()))
    return {alias or name: name for name, _, alias in pairs}


def shown(config: EndpointConfig) -> dict[str, Any]:
    """The wishes as `docker inspect` has them, complete."""
    return {
        "IPAMConfig": config.get("IPAMConfig"),
        "Links": config.get("Links"),
        "Aliases": config.get("Aliases"),
        "DriverOpts": config.get("DriverOpts"),
        "GwPriority": config.get("GwPriority") or 0,
    }
