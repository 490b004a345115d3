"""`cuddy network create`: make a network."""

from __future__ import annotations

from cuddy.cli import boundary, values
from cuddy.cli.flags import BOOL, STRING, STRINGS, Args, Command, Flag, Kind
from cuddy.engine import networks
from cuddy.engine.new_network import Wish
from cuddy.errors import InvalidArgument
from cuddy.network import drivers, ipam
from cuddy.network.ipam import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

UNEVEN = "every ip-range or gateway must have a corresponding subnet"
OVERLAPPING = "multiple overlapping subnet configuration is not supported"


def create(home: Home, args: Args) -> int:
    wish = Wish(
        args.names[0],
        driver=args.driver,
        pools=pools(
            values.comma_separated(args.subnet),
            values.comma_separated(args.ip_range),
            values.comma_separated(args.gateway),
            values.pairs(args.aux_address),
        ),
        ipv4=args.ipv4,
        ipv6=args.ipv6,
        internal=args.internal,
        attachable=args.attachable,
        ingress=args.ingress,
        scope=args.scope,
        options=values.pairs(args.opt),
        labels=values.pairs(args.label),
        ipam_driver=args.ipam_driver,
        ipam_options=values.pairs(args.ipam_opt),
        config_only=args.config_only,
        config_from=args.config_from,
    )
    made = networks.create(home, wish)
    if not wish.config_only:
        unknown = drivers.unknown_options(made)
        meaningless = [f"option {name} means nothing to driver {made.driver}" for name in unknown]
        boundary.warn([*left_out(wish), *meaningless])
    print(made.id)
    return 0


def left_out(wish: Wish) -> list[str]:
    """What docker passes over in silence. Pure."""
    unused = [
        pool.subnet for pool in wish.pools if not (wish.ipv6 if ":" in pool.subnet else wish.ipv4)
    ]
    return [f"subnet {subnet} is not used: the network has no such addresses" for subnet in unused]


def pools(
    subnets: list[str], ranges: list[str], gateways: list[str], auxiliary: dict[str, str]
) -> tuple[Pool, ...]:
    """Subnets with what belongs to each, by the rules and in the words of docker's client. Pure.

    Raises InvalidArgument.
    """
    if len(subnets) < max(len(ranges), len(gateways)):
        raise InvalidArgument(UNEVEN, hint="write --subnet too")
    found: dict[str, Pool] = {}
    for subnet in subnets:
        if any(_is_in(subnet, other) or _is_in(other, subnet) for other in found):
            raise InvalidArgument(OVERLAPPING)
        found[subnet] = Pool(subnet)
    for text in ranges:
        _check_range(text)
        pool = _pool_of(found, text, "range")
        if pool.ip_range:
            both = f"({text}, {pool.ip_range})"
            message = f"cannot configure multiple ranges {both} on the same subnet ({pool.subnet})"
            raise InvalidArgument(message)
        found[pool.subnet] = pool._replace(ip_range=text)
    for text in gateways:
        pool = _pool_of(found, text, "gateway")
        if pool.gateway:
            both = f"({text}, {pool.gateway})"
            message = (
                f"cannot configure multiple gateways {both} for the same subnet ({pool.subnet})"
            )
            raise InvalidArgument(message)
        found[pool.subnet] = pool._replace(gateway=text)
    for name, text in auxiliary.items():
        pool = _pool_of(found, text, "aux-address")
        found[pool.subnet] = pool._replace(auxiliary=pool.auxiliary | {name: text})
    return tuple(found.values())


def _check_range(text: str) -> None:
    try:
        ipam.parse_subnet(text)
    except InvalidArgument:
        raise InvalidArgument(f"invalid CIDR address: {text}") from None


def _pool_of(found: dict[str, Pool], text: str, what: str) -> Pool:
    """The pool that an address, or the beginning of a range, lies in. Raises InvalidArgument."""
    for pool in found.values():
        if _is_in(text, pool.subnet):
            return pool
    raise InvalidArgument(f"no matching subnet for {what} {text}")


def _is_in(text: str, subnet: str) -> bool:
    """Whether an address lies in a subnet; what is neither is nowhere."""
    if not ipam.is_address(text.partition("/")[0]):
        return False
    number, bits = ipam.parse_address(text.partition("/")[0])
    try:
        block = ipam.parse_subnet(subnet)
    except InvalidArgument:
        message = f"invalid subnet: invalid CIDR address: {subnet}"
        raise InvalidArgument(message, hint="write it as 172.30.0.0/16") from None
    return bits == block.bits and number in block


MAP = Kind("map", str, (), many=True)

COMMAND = Command(
    summary="Create a network",
    arguments="NETWORK",
    flags=(
        Flag("attachable", "", BOOL, "Enable manual container attachment"),
        Flag("aux-address", "", MAP, "Auxiliary IPv4 or IPv6 addresses used by Network driver"),
        Flag("config-from", "", STRING, "The network from which to copy the configuration"),
        Flag("config-only", "", BOOL, "Create a configuration only network"),
        Flag("driver", "d", STRING, "Driver to manage the Network", "bridge"),
        Flag("gateway", "", STRINGS, "IPv4 or IPv6 Gateway for the master subnet"),
        Flag("ingress", "", BOOL, "Create swarm routing-mesh network"),
        Flag("internal", "", BOOL, "Restrict external access to the network"),
        Flag("ip-range", "", STRINGS, "Allocate container ip from a sub-range"),
        Flag("ipam-driver", "", STRING, "IP Address Management Driver", "default"),
        Flag("ipam-opt", "", MAP, "Set IPAM driver specific options"),
        Flag("ipv4", "", BOOL, "Enable or disable IPv4 address assignment", True),
        Flag("ipv6", "", BOOL, "Enable or disable IPv6 address assignment"),
        Flag("label", "", Kind("list", values.label, (), many=True), "Set metadata on a network"),
        Flag("opt", "o", MAP, "Set driver specific options"),
        Flag("scope", "", STRING, "Control the network's scope"),
        Flag("subnet", "", STRINGS, "Subnet in CIDR format that represents a network segment"),
    ),
    least=1,
    most=1,
    action=create,
)
