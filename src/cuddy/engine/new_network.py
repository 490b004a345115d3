"""What a new network is to be, and whether such a one can be. Pure; the words are Docker's.

What depends on the host and on other networks is seen when it is made (`networks.create`).
"""

from __future__ import annotations

from cuddy import files
from cuddy.errors import Conflict, InvalidArgument, NoSuchPlugin, NotFound, NotPermitted
from cuddy.network import bridge_options, drivers, ipam, network
from cuddy.network.ipam import Pool, Subnet
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_NAMES = (*network.PREDEFINED, "default")
NO_SWARM = "cuddy knows no Swarm"

NO_ROOM = "failed to allocate gateway (): No available addresses on this pool"


class Wish(NamedTuple):
    """A network that somebody wants to be there."""

    name: str
    driver: str = "bridge"
    pools: tuple[Pool, ...] = ()
    ipv4: bool = True
    ipv6: bool = False
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    scope: str = ""
    options: dict[str, str] = {}
    labels: dict[str, str] = {}
    ipam_driver: str = "default"
    ipam_options: dict[str, str] = {}
    config_only: bool = False
    config_from: str = ""


def check(wish: Wish) -> None:
    """Whether it can be. Raises InvalidArgument, NotPermitted, Conflict, NoSuchPlugin."""
    check_name(wish.name)
    check_scope(wish)
    check_driver(wish.driver)
    check_configuration(wish)
    if wish.ipam_driver not in ("", "default"):
        if wish.ipam_driver == "null":
            hint = "the addresses of networks are cuddy's to give"
            raise InvalidArgument("ipv4 pool is empty", hint=hint)
        raise NoSuchPlugin(wish.ipam_driver)
    if not wish.ipv4 and not wish.ipv6:
        raise InvalidArgument("IPv4 or IPv6 must be enabled", hint="--ipv6")
    if name := wish.options.get(bridge_options.NAME):
        network.check_link_name(name)
    check_pools(wish)


def check_name(name: str) -> None:
    """Any text that can be read. Raises InvalidArgument, NotPermitted."""
    if not name.strip():
        raise InvalidArgument(f"invalid name: {files.quote(name)}", hint="a name is not blank")
    if not name.isprintable():
        raise InvalidArgument(f"invalid name: {files.quote(name)}", hint="what can be read only")
    if len(name.encode(errors="surrogateescape")) > network.MAX_NAME_BYTES:
        raise InvalidArgument(f"invalid name: {name[:20]}...", hint="it is too long")
    if name in DEFAULT_NAMES:
        raise NotPermitted(f"operation is not permitted on predefined {name} network")


def check_scope(wish: Wish) -> None:
    """Networks are this host's. Raises InvalidArgument, NotPermitted."""
    if wish.ingress:
        raise InvalidArgument("Ingress network can only be global scope network", hint=NO_SWARM)
    if wish.scope == "swarm":
        message = "cannot create a swarm scoped network when swarm is not active"
        raise NotPermitted(message, hint=NO_SWARM)
    if wish.scope not in ("", "local") or wish.driver == "overlay":
        raise NotPermitted("This node is not a swarm manager", hint=NO_SWARM)


def check_driver(driver: str) -> None:
    """Whether networks of it can be made. Raises NotPermitted, NoSuchPlugin."""
    if driver in ("host", "null"):
        raise NotPermitted(f'only one instance of "{driver}" network is allowed')
    if driver not in drivers.NAMES:
        raise NoSuchPlugin(driver)


def check_configuration(wish: Wish) -> None:
    """Networks that only lend others their configuration, and those. Raises NotPermitted."""
    if wish.config_only:
        if wish.ingress or wish.internal or wish.attachable or wish.scope:
            raise NotPermitted(
                "configuration network can only contain network specific fields. Network operator "
                "fields like [ ingress | internal | attachable | scope ] are not supported."
            )
        if wish.config_from:
            message = "a configuration network cannot depend on another configuration network"
            raise NotPermitted(message)
    elif wish.config_from and (
        wish.ipv6 or wish.labels or wish.options or wish.pools or wish.ipam_options
    ):
        raise NotPermitted(
            "user specified configurations are not supported if the network depends on a "
            "configuration network"
        )


def configured(wish: Wish, source: network.Network | None) -> Wish:
    """The wish with what it takes from a configuration network. Raises NotFound."""
    if source is None or not source.config_only:
        raise NotFound(
            f"configuration network {files.quote(wish.config_from)} does not exist",
            hint="--config-only makes one",
        )
    return wish._replace(
        pools=source.pools,
        ipv4=source.ipv4,
        ipv6=source.ipv6,
        options=source.options,
        labels=source.labels,
        ipam_options=source.ipam_options,
    )


def record(wish: Wish, network_id: str, created: str) -> network.Network:
    """The record that a wish becomes, as far as nobody else has a say in it."""
    pools = [
        pool
        for pool in wish.pools
        if wish.config_only or (wish.ipv6 if ":" in pool.subnet else wish.ipv4)
    ]
    return network.Network(
        network_id,
        wish.name,
        driver="null" if wish.config_only else wish.driver,
        pools=tuple(sorted(pools, key=lambda pool: ":" in pool.subnet)),
        internal=wish.internal,
        ipv4=wish.ipv4,
        ipv6=wish.ipv6,
        options=wish.options,
        labels=wish.labels,
        created=created,
        attachable=wish.attachable,
        ipam_options=wish.ipam_options,
        config_only=wish.config_only,
        config_from=wish.config_from,
    )


def check_pools(wish: Wish) -> None:
    """Subnets, and what belongs to them. Raises InvalidArgument, Conflict, NotPermitted."""
    seen: list[Subnet] = []
    for pool in wish.pools:
        subnet = parse_pool(pool.subnet)
        check_range(pool, subnet)
        check_addresses(pool, subnet)
        if any(subnet.overlaps(other) for other in seen):
            raise Conflict("Pool overlaps with other one on this address space")
        seen.append(subnet)
    for bits in (32, 128):
        if wish.driver == "bridge" and sum(subnet.bits == bits for subnet in seen) > 1:
            raise NotPermitted("bridge driver doesn't support multiple subnets")


def parse_pool(text: str) -> Subnet:
    """The subnet of a pool, with room for a gateway and a container. Raises InvalidArgument."""
    try:
        subnet = ipam.parse_subnet(text)
    except InvalidArgument:
        message = f"Invalid subnet {text} : invalid CIDR address: {text}"
        raise InvalidArgument(message, hint="write it as 172.30.0.0/16") from None
    if ipam.parse_address(text.partition("/")[0])[0] != subnet.first:
        raise InvalidArgument(f"invalid subnet {text}: it should be {subnet}")
    if subnet.bits - subnet.prefix_length < (2 if subnet.bits == 32 else 1):
        raise InvalidArgument(NO_ROOM)
    return subnet


def check_range(pool: Pool, subnet: Subnet) -> None:
    """The part of a subnet from which addresses are given out. Raises InvalidArgument."""
    if not pool.ip_range:
        return
    what = f"invalid ip-range {pool.ip_range}"
    try:
        found = ipam.parse_subnet(pool.ip_range)
    except InvalidArgument:
        raise InvalidArgument(f"{what}: invalid CIDR block notation") from None
    if ipam.parse_address(pool.ip_range.partition("/")[0])[0] != found.first:
        raise InvalidArgument(f"{what}: it should be {found}")
    if found.bits != subnet.bits or found.first not in subnet and subnet.first not in found:
        raise InvalidArgument(f"{what}: parent subnet {subnet} doesn't contain ip-range")
    if found.prefix_length < subnet.prefix_length:
        raise InvalidArgument(f"{what}: CIDR block is bigger than its parent subnet {subnet}")


def check_addresses(pool: Pool, subnet: Subnet) -> None:
    """Its gateway, and the addresses that others have. Raises InvalidArgument, Conflict."""
    taken: set[int] = set()
    named = [("gateway", "", pool.gateway)] if pool.gateway else []
    named += [("auxiliary address", f"{name}:", pool.auxiliary[name]) for name in pool.auxiliary]
    for what, name, address in named:
        try:
            number, bits = ipam.parse_address(address)
        except InvalidArgument:
            raise InvalidArgument(f"invalid {what} {address}: invalid address") from None
        if bits != subnet.bits or number not in subnet:
            why = f"parent subnet {subnet} doesn't contain this address"
            raise InvalidArgument(f"invalid {what} {address}: {why}")
        low, high = ipam.usable(Pool(pool.subnet))
        if not low <= number <= high or number in taken:
            what = "gateway" if what == "gateway" else "secondary ip address"
            raise Conflict(f"failed to allocate {what} ({name}{address}): Address already in use")
        taken.add(number)


def with_gateways(pools: Iterable[Pool]) -> tuple[Pool, ...]:
    """The pools, each with a gateway: the first address that nobody has. Raises InvalidArgument."""
    found = []
    for pool in pools:
        if not pool.gateway:
            subnet = ipam.parse_subnet(pool.subnet)
            taken = {ipam.parse_address(each)[0] for each in pool.auxiliary.values()}
            number = subnet.first + 1
            while number in taken:
                number += 1
            if number > ipam.usable(pool._replace(ip_range=""))[1]:
                raise InvalidArgument(NO_ROOM)
            pool = pool._replace(gateway=ipam.format_address(number, subnet.bits))
        found.append(pool)
    return tuple(found)
