"""What the options of a new container ask of its networks: checked, and brought into the record."""

from __future__ import annotations

from cuddy.engine.endpoint import BUILT_IN, WITHOUT_OWN, is_program
from cuddy.errors import InvalidArgument
from cuddy.kernel import namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.endpoint import EndpointConfig, IPAMConfig
    from cuddy.engine.home import Home
    from cuddy.engine.options import ContainerOptions


def check(options: ContainerOptions) -> None:
    """Refuse what makes no sense, in Docker's words. Raises InvalidArgument, Conflict."""
    if options.publish or options.expose or options.publish_all:
        # Imported here, as all below: most containers have neither ports nor links.
        from cuddy.engine import publishing

        publishing.check(options)
    if options.links:
        from cuddy.engine import links

        links.check(options)
        if options.network in BUILT_IN and not namespaces.is_initial("user"):
            from cuddy.engine import rootless_network

            rootless_network.refuse("--link")
    if options.mac_address:
        from cuddy.engine import network_wishes

        network_wishes.check_mac(options.mac_address)
        if options.network in WITHOUT_OWN:
            raise InvalidArgument(
                f"conflicting options: mac-address and the network mode {options.network}"
            )
    if options.endpoints:
        check_wishes(options)
    if is_program(options.network):
        from cuddy.network import user_mode_options

        user_mode_options.parse(options.network)
    if is_given(options.network) and (found := wish_of(options, options.network)):
        from cuddy.engine import network_wishes

        network_wishes.refuse_user_defined(found)
    egress_config(options, {})


def check_wishes(options: ContainerOptions) -> None:
    """Several networks, or one with wishes of its own. Raises InvalidArgument, Conflict."""
    from cuddy.engine import link_options, network_wishes

    names = [wish.network for wish in options.endpoints]
    for name in names:
        if names.count(name) > 1:
            raise InvalidArgument(f"network {name!r} is specified multiple times".replace("'", '"'))
        if len(names) > 1 and (name in WITHOUT_OWN or name.startswith("container:")):
            raise InvalidArgument(
                "conflicting options: cannot attach both user-defined and non-user-defined"
                " network-modes"
            )
    first = options.endpoints[0].config if names[0] == options.network else {}
    addresses: Mapping[str, Any] = first.get("IPAMConfig") or {}
    for given, own, what in (
        (options.network_aliases, first.get("Aliases"), "--network-alias and per-network alias"),
        (options.links, first.get("Links"), "--link and per-network links"),
        (options.ip, addresses.get("IPv4Address"), "--ip and per-network IPv4 address"),
        (options.ip6, addresses.get("IPv6Address"), "--ip6 and per-network IPv6 address"),
        (options.link_local_ips, addresses.get("LinkLocalIPs"),
         "--link-local-ip and per-network link-local IP addresses"),
        (options.mac_address, first.get("MacAddress"),
         "--mac-address and per-network MAC address"),
    ):  # fmt: skip
        if given and own:
            raise InvalidArgument(f"conflicting options: cannot specify both {what}")
    for wish in options.endpoints:
        network_wishes.check_wish(wish.config)
        if wish.config.get("DriverOpts") and not has_links(wish.network):
            raise InvalidArgument(
                f"conflicting options: driver-opt and the network mode {wish.network}"
            )
        if wish.network in BUILT_IN:
            network_wishes.refuse_user_defined(wish.config)
    link_options.check_names(wish.config for wish in options.endpoints)


def is_given(network: str) -> bool:
    """Whether it is there without anybody having made it."""
    return network in BUILT_IN or is_program(network)


def has_links(network: str) -> bool:
    """Whether a container on it has a link of its own there."""
    return network not in WITHOUT_OWN and not network.startswith("container:")


def wish_of(options: ContainerOptions, name: str) -> EndpointConfig:
    """All that is asked of a network; the options without a network's name are for the first."""
    found: EndpointConfig = {}
    for wish in options.endpoints:
        if wish.network == name:
            found |= wish.config
    if name != options.network:
        return found
    asked: IPAMConfig = {**found.get("IPAMConfig", {})}
    if options.ip:
        asked["IPv4Address"] = options.ip
    if options.ip6:
        asked["IPv6Address"] = options.ip6
    if options.link_local_ips:
        asked["LinkLocalIPs"] = list(options.link_local_ips)
    if asked:
        found["IPAMConfig"] = asked
    if options.network_aliases:
        found["Aliases"] = list(options.network_aliases)
    if options.links and name not in BUILT_IN:
        found["Links"] = list(options.links)
    if options.sysctls and has_links(name):
        found = add_sysctls(found, options)
    return found


def add_sysctls(config: EndpointConfig, options: ContainerOptions) -> EndpointConfig:
    """Kernel settings of eth0 are those of the first link, whatever its name is to be."""
    # Imported here: most containers ask for no such thing.
    from cuddy.engine import link_options

    texts = [text.partition("=") for text in options.sysctls]
    found = link_options.split({name: value for name, _, value in texts})[1]
    if not found:
        return config
    asked = config.get("DriverOpts") or {}
    earlier = asked.get(link_options.SYSCTLS)
    together = ",".join((earlier, *found) if earlier else found)
    return config | {"DriverOpts": {**asked, link_options.SYSCTLS: together}}


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

        if options.network in BUILT_IN:
            found["Links"] = links.find(home, options)
    return found


def networks(home: Home, options: ContainerOptions) -> Container:
    """The part of a record that is its `Networks`.

    Raises NoSuchNetwork; InvalidArgument for what one cannot give.
    """
    others = [wish.network for wish in options.endpoints if wish.network != options.network]
    if not others and (is_given(options.network) or options.network.startswith("container:")):
        found = wish_of(options, options.network)
        return {"Networks": {options.network: found}} if found else {}
    # Imported here: most containers are on `bridge` and ask for nothing.
    from cuddy.engine import network_wishes

    wishes = {name: wish_of(options, name) for name in (options.network, *others)}
    return {"Networks": network_wishes.settle(home, wishes)}


def egress_config(options: ContainerOptions, others: Mapping[str, Container]) -> dict[str, Any]:
    """HostConfig.Egress, or that of the container whose network it is.

    Raises InvalidArgument, Conflict, SystemFailure.
    """
    if not options.egress and not others:
        return {}
    # Imported here: few containers are under egress control.
    from cuddy.engine import egress

    return egress.host_config(options, others)
