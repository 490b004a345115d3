"""`NetworkSettings` of a container in Docker's words: where it is on each of its networks. Pure."""

from __future__ import annotations

from cuddy.engine import endpoint
from cuddy.network import network as networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.engine.connection import Connection, Place
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home


def settings(home: Home, record: Container, connection: Connection) -> dict[str, Any]:
    """The section of a running container."""
    found = document(connection.places)
    if not connection.places:
        mode = record["HostConfig"]["NetworkMode"]
        if mode in endpoint.WITHOUT_OWN and mode in endpoint.asked(record):
            network_id = networks.predefined_id(home.networks_dir, mode)
            found["Networks"] = {mode: {"NetworkID": network_id, "EndpointID": record["Id"]}}
        return {"Ports": {}, **found}
    return {"Ports": ports_document(record, connection), **found}


def document(places: Sequence[Place]) -> dict[str, Any]:
    """All of it but the ports. The fields outside of `Networks` are those of `bridge`, as ever."""
    facts = {place.network.name: endpoint_document(place) for place in places}
    fields = (
        "IPAddress", "IPPrefixLen", "Gateway", "MacAddress", "EndpointID", "GlobalIPv6Address",
        "GlobalIPv6PrefixLen", "IPv6Gateway",
    )  # fmt: skip
    default = facts.get(networks.DEFAULT, {})
    nothing = {"IPAddress": "", "IPPrefixLen": 0, "Gateway": "", "MacAddress": ""}
    return {"Networks": facts, **nothing, **{key: default[key] for key in fields if default}}


def endpoint_document(place: Place) -> dict[str, Any]:
    """One entry of `Networks`; Driver, Link and HostLink are ours."""
    network, found, asked = place.network, place.endpoint, place.asked
    leads_out = not network.internal
    own_names = None if network.is_default else list(place.names)
    return {
        **endpoint.shown(asked),
        "MacAddress": found.mac,
        "NetworkID": network.id,
        "EndpointID": place.id,
        "Gateway": found.gateway if leads_out else "",
        "IPAddress": found.address,
        "IPPrefixLen": found.prefix_length,
        "IPv6Gateway": found.gateway6 if leads_out else "",
        "GlobalIPv6Address": found.address6,
        "GlobalIPv6PrefixLen": found.prefix_length6,
        "DNSNames": own_names,
        "Driver": network.driver,
        "Link": found.link,
        "HostLink": found.host_link,
    }


def ports_document(record: Container, connection: Connection) -> dict[str, Any]:
    """NetworkSettings.Ports: the exposed ones, and where the published ones are."""
    if not (record["Config"].get("ExposedPorts") or connection.published):
        return {}
    from cuddy.engine import publishing

    return publishing.published_document(record, connection.published)
