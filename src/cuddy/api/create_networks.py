"""The networks of a create body: `NetworkMode`, `NetworkingConfig`, ports, names.

A container is on the networks of `EndpointsConfig`, if that has any, else on that of `NetworkMode`.
"default" is the network that one gets who does not ask.
"""

from __future__ import annotations

from cuddy.api import fields, networks
from cuddy.engine.endpoint import EndpointWish
from cuddy.network import network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

USUAL = ("", "default")


def options(
    document: Mapping[str, Any], host: Mapping[str, Any], endpoints: Mapping[str, Any]
) -> dict[str, Any]:
    """Their part of the options. Raises InvalidArgument."""
    mode = real(fields.text(host, "NetworkMode"))
    wishes = tuple(
        EndpointWish(real(name), networks.read_endpoint(fields.mapping(endpoints, name)))
        for name in endpoints
    )
    if fields.flag(document, "NetworkDisabled"):
        mode, wishes = "none", ()
    if mode.startswith("container:"):
        wishes = ()
    if wishes and all(wish.network != mode for wish in wishes):
        if mode == network.DEFAULT:
            mode = wishes[0].network
        else:
            wishes = (EndpointWish(mode), *wishes)
    mac = fields.text(document, "MacAddress")
    if any(wish.network == mode and wish.config.get("MacAddress") == mac for wish in wishes):
        mac = ""  # clients of both times say it twice
    return {
        "network": mode,
        "endpoints": wishes if any(wish.config or wish.network != mode for wish in wishes) else (),
        "mac_address": mac,
        "publish": published(fields.mapping(host, "PortBindings")),
        "publish_all": fields.flag(host, "PublishAllPorts"),
        "links": tuple(fields.texts(host, "Links")),
        "add_hosts": tuple(fields.texts(host, "ExtraHosts")),
        "dns": tuple(fields.texts(host, "Dns")),
        "dns_search": tuple(fields.texts(host, "DnsSearch")),
        "dns_options": tuple(fields.texts(host, "DnsOptions")),
    }


def real(name: str) -> str:
    """The name that a network has here."""
    return network.DEFAULT if name in USUAL else name


def published(document: Mapping[str, Any]) -> tuple[str, ...]:
    """`PortBindings` as --publish has them. A port without a place gets a free one of the host's.

    Raises InvalidArgument.
    """
    found = []
    for port in document:
        for place in fields.mappings(document, port) or [{}]:
            address = fields.text(place, "HostIp")
            number = fields.text(place, "HostPort").removeprefix("0")
            where = f"[{address}]" if ":" in address and address[0] != "[" else address
            found.append(f"{where}:{number}:{port}" if where or number else port)
    return tuple(found)
