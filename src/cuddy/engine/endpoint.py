"""What a user can ask of a container's place on its network: ports, links, addresses."""

from __future__ import annotations

from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.engine.options import ContainerOptions

HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


def check(options: ContainerOptions) -> None:
    """Refuse what makes no sense, in Docker's words. Raises InvalidArgument, Conflict."""
    if options.publish or options.expose or options.publish_all:
        # Imported here, as all below: most containers have neither ports nor links.
        from cuddy.engine import publishing

        publishing.check(options)
    if options.links:
        from cuddy.engine import links

        links.check(options)
    if options.mac_address:
        check_mac(options.mac_address)
        if options.network != "bridge":
            raise InvalidArgument(
                f"conflicting options: mac-address and the network mode {options.network}"
            )
    if options.network_aliases:
        raise InvalidArgument("network-scoped aliases are only supported for user-defined networks")
    if options.ip or options.ip6 or options.link_local_ips:
        message = "user specified IP address is supported on user defined networks only"
        raise InvalidArgument(message)


def check_mac(text: str) -> None:
    """Six bytes in hexadecimal, for one interface and not a group. Raises InvalidArgument."""
    parts = text.replace("-", ":").split(":")
    if len(parts) != 6 or any(len(p) != 2 or not HEXADECIMAL.issuperset(p) for p in parts):
        raise InvalidArgument(f"{text} is not a valid mac address", hint="92:d0:c6:0a:29:33")
    if int(parts[0], 16) & 1 or set(parts) == {"00"}:
        hint = "the last bit of the first byte must be 0"
        raise InvalidArgument(f"{text} is not the mac address of one interface", hint=hint)


def config(options: ContainerOptions, image: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the section `Config`, only those that say something."""
    found: dict[str, Any] = {}
    if options.publish or options.expose or image.get("ExposedPorts"):
        from cuddy.engine import publishing

        if exposed := publishing.exposed(options, image):
            found["ExposedPorts"] = exposed
    if options.mac_address:
        found["MacAddress"] = options.mac_address.replace("-", ":").lower()
    return found


def host_config(home: Home, options: ContainerOptions) -> dict[str, Any]:
    """Fields of the section `HostConfig`. Raises NoSuchContainer for a link that leads nowhere."""
    found: dict[str, Any] = {}
    if options.publish or options.publish_all:
        from cuddy.engine import publishing

        found |= publishing.host_config(options)
    if options.links:
        from cuddy.engine import links

        found["Links"] = links.find(home, options)
    return found
