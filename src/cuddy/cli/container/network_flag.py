"""The value of `--network`: a network's name, or `name=NETWORK,alias=...,ip=...` (docker/cli
opts/network.go).
"""

from __future__ import annotations

from cuddy import comma_separated
from cuddy.cli import values
from cuddy.engine.endpoint import EndpointConfig, EndpointWish

PROGRAMS = ("pasta:", "slirp4netns:")
"""What has options of its own after the colon, as podman has it."""
ADDRESSES = {"ip": "IPv4Address", "ip6": "IPv6Address", "link-local-ip": "LinkLocalIPs"}


def wish(word: str) -> EndpointWish:
    """A network, and what is asked of it. Raises ValueError."""
    if "=" not in word or word.startswith(PROGRAMS):
        return EndpointWish(word)
    name, config = "", EndpointConfig()
    for key, value in fields(word):
        if key == "name":
            name = value
        else:
            fill(config, key, value)
    if not name:
        raise ValueError("network name/id is not specified")
    return EndpointWish(name, config)


def fields(word: str) -> list[tuple[str, str]]:
    """The parts of a long value. Raises ValueError."""
    found = []
    for part in comma_separated.read_record(word):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"invalid field {part}")
        found.append((key.strip().lower(), value.strip()))
    return found


def fill(config: EndpointConfig, key: str, value: str) -> None:
    """Take up one wish. Raises ValueError."""
    if key == "alias":
        config.setdefault("Aliases", []).append(value)
    elif key == "mac-address":
        config["MacAddress"] = value
    elif key == "driver-opt":
        option, equals, setting = value.partition("=")
        if not equals:
            raise ValueError("invalid key value pair format in driver options")
        config.setdefault("DriverOpts", {})[option.strip().lower()] = setting.strip()
    elif key == "gw-priority":
        config["GwPriority"] = priority(value)
    elif key in ADDRESSES:
        address(config, key, value)
    else:
        raise ValueError(f"invalid field key {key}")


def priority(value: str) -> int:
    """As Go's strconv.Atoi reads it. Raises ValueError."""
    try:
        found = int(value if value.isascii() and "_" not in value else "")
    except ValueError:
        raise ValueError(f"invalid gw-priority ({value}): invalid syntax") from None
    if not -(1 << 63) <= found < 1 << 63:
        raise ValueError(f"invalid gw-priority ({value}): value out of range")
    return found


def address(config: EndpointConfig, key: str, value: str) -> None:
    """Take up an address. Raises ValueError."""
    asked = config.setdefault("IPAMConfig", {})
    text = values.address(value)
    if key == "ip":
        asked["IPv4Address"] = text
    elif key == "ip6":
        asked["IPv6Address"] = text
    else:
        asked.setdefault("LinkLocalIPs", []).append(text)
