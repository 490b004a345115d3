"""The body of `POST /containers/create` as the options of a new container. Pure.

    {"Image": ..., "Cmd": ..., "HostConfig": {...}, "NetworkingConfig": {"EndpointsConfig": {...}}}

Three documents in one: what is independent of the host at the top (`create_config`), what ties it
to this host (`create_host`, `create_devices`, `create_mounts`), and its networks
(`create_networks`). Fields that Docker has and Linux does not use are passed over, as Docker does.
"""

from __future__ import annotations

from cuddy.api import (
    create_config,
    create_devices,
    create_host,
    create_mounts,
    create_networks,
    fields,
)
from cuddy.engine.options import ContainerOptions
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def options(document: dict[str, Any], *, name: str = "", platform: str = "") -> ContainerOptions:
    """What a client asks for. Raises InvalidArgument."""
    if not document:
        raise InvalidArgument("config cannot be empty in order to create a container")
    host = fields.mapping(document, "HostConfig")
    if (runtime := fields.text(document, "Runtime")) and not fields.text(host, "Runtime"):
        host = {**host, "Runtime": runtime}  # where docker-py has it
    endpoints = fields.mapping(fields.mapping(document, "NetworkingConfig"), "EndpointsConfig")
    given: dict[str, Any] = {
        "name": name,
        "platform": platform,
        "pull": "never",  # who wants it pulled asks for that first
        **create_config.options(document),
        **create_host.options(host),
        **create_devices.options(host),
        **create_mounts.options(document, host),
        **create_networks.options(document, host, endpoints),
    }
    return ContainerOptions(**given)


def warnings(document: dict[str, Any], version: tuple[int, int]) -> list[str]:
    """What to say of fields that are not what they were."""
    found = []
    if fields.text(document, "MacAddress") and version >= (1, 44):
        found.append(
            "The container-wide MacAddress field is now deprecated. It should be specified in"
            " EndpointsConfig instead."
        )
    return found
