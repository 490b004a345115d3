"""Whether networks can give a container what it asks of them."""

from __future__ import annotations

from cuddy.engine import endpoint
from cuddy.errors import InvalidArgument, NoSuchNetwork
from cuddy.network import ipam
from cuddy.network import network as networks

HEXADECIMAL = frozenset("0123456789abcdefABCDEF")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.engine.endpoint import EndpointConfig
    from cuddy.engine.home import Home
    from cuddy.network.network import Network


def settle(home: Home, wishes: Mapping[str, EndpointConfig]) -> dict[str, EndpointConfig]:
    """The wishes under the names that the networks have. Raises NoSuchNetwork, InvalidArgument."""
    found = {}
    for ref, config in wishes.items():
        network = find(home, ref)
        check(network, config)
        found[network.name] = config
    return found


def find(home: Home, ref: str) -> Network:
    """A network by name, id, or the beginning of an id. Raises NoSuchNetwork."""
    network = networks.find(home.networks_dir, ref)
    if network is None:
        is_program = ref.partition(":")[0] in endpoint.PROGRAMS
        hint = "pasta and slirp4netns lead out of an ordinary user's containers; root has bridges"
        raise NoSuchNetwork(ref, hint=hint if is_program else "")
    if network.config_only:
        raise NoSuchNetwork(ref, hint="it is but a configuration for others")
    return network


def check(network: Network, config: EndpointConfig) -> None:
    """Docker's rules. A link may name a container that comes later. Raises InvalidArgument."""
    check_wish(config)
    if network.name in networks.PREDEFINED:
        refuse_user_defined(config)
    for text in endpoint.wanted(config):
        number, bits = ipam.parse_address(text)
        if network.is_chosen and bits == 32:
            raise InvalidArgument(
                "user specified IP address is supported only when connecting to networks with"
                " user configured subnets",
                hint="make the network with --subnet",
            )
        subnets = [ipam.parse_subnet(pool.subnet) for pool in network.pools]
        if not any(each.bits == bits and number in each for each in subnets):
            raise InvalidArgument(f"no configured subnet contains IP address {text}")


def check_wish(config: EndpointConfig) -> None:
    """Addresses are addresses, options known ones. Raises InvalidArgument."""
    if config.get("DriverOpts"):
        from cuddy.engine import link_options

        link_options.check(config)
    if mac := config.get("MacAddress"):
        check_mac(mac)
    asked = config.get("IPAMConfig") or {}
    for text, bits in ((asked.get("IPv4Address"), 32), (asked.get("IPv6Address"), 128)):
        if text and ipam.parse_address(text)[1] != bits:
            raise InvalidArgument(f"invalid IPv{4 if bits == 32 else 6} address: {text}")
    for text in asked.get("LinkLocalIPs") or ():
        ipam.parse_address(text)


def refuse_user_defined(config: EndpointConfig) -> None:
    """What only a user's own network can give. Raises InvalidArgument."""
    hint = "'cuddy network create' makes one"
    if config.get("Aliases"):
        message = "network-scoped aliases are only supported for user-defined networks"
        raise InvalidArgument(message, hint=hint)
    if endpoint.wanted(config):
        message = "user specified IP address is supported on user defined networks only"
        raise InvalidArgument(message, hint=hint)


def check_mac(text: str) -> None:
    """Six bytes in hexadecimal, for one interface and not a group. Raises InvalidArgument."""
    parts = text.replace("-", ":").split(":")
    if len(parts) != 6 or any(len(p) != 2 or not HEXADECIMAL.issuperset(p) for p in parts):
        raise InvalidArgument(f"{text} is not a valid mac address", hint="92:d0:c6:0a:29:33")
    if int(parts[0], 16) & 1 or set(parts) == {"00"}:
        hint = "the last bit of the first byte must be 0"
        raise InvalidArgument(f"{text} is not the mac address of one interface", hint=hint)
