"""Which subnet a network gets: one that nobody on this host uses, by any route or link.

The kernel is asked when a network is made, and again when its bridge is (after a reboot the host
may be somewhere else). Docker's pools, in its order: 172.17 to 172.31, then 192.168.
"""

from __future__ import annotations

from cuddy import checksum, files
from cuddy.errors import SystemFailure
from cuddy.kernel import rtnetlink
from cuddy.network import ipam
from cuddy.network import network as networks
from cuddy.network.ipam import Pool, Subnet
from cuddy.network.network import DEFAULT, ETHERNET_MTU, Network, check_link_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.kernel.netlink import Socket

MIN_ROUTED_PREFIX = 8
USER_PREFIX = 22
"""Of a user's network: a bridge has 1,023 ports, and small subnets leave room for many networks."""


def default(kernel: Socket, networks_dir: str, link: str, *, avoid: Iterable[str] = ()) -> Network:
    """The network `bridge`, whose link is `link`: as recorded, or made now.

    Made anew as well when the link has no address (after a reboot it is not there at all) and
    somebody else uses the subnet meanwhile. `avoid`: addresses that a new subnet must not hold,
    such as the host's name servers. The caller holds the lock of the networks. Raises OSError,
    SystemFailure when no subnet is free.
    """
    record = networks.read(networks_dir, networks.predefined_id(networks_dir, DEFAULT))
    found = rtnetlink.find_link(kernel, check_link_name(link))
    index = found.ifindex if found else -1
    own = [address for address in rtnetlink.list_addresses(kernel) if address.link == index]
    if record and record.bridge == link:
        if record.gateway in (address.address for address in own):
            return record
        if not own and is_free(kernel, record.subnet, index):
            return _keep(networks_dir, record, record._replace(mtu=uplink_mtu(kernel)))
    if own:
        # The bridge of a Home whose record is lost: there may be containers on it.
        gateway, subnet = own[0].address, subnet_of(own[0])
    else:
        subnet = choose(kernel, networks_dir, index, avoid=avoid)
        gateway = ipam.format_address(ipam.gateway(subnet))
    network_id = networks.predefined_id(networks_dir, DEFAULT)
    created = record.created if record else files.now()
    made = Network(
        network_id, DEFAULT, bridge=link, pools=(Pool(str(subnet), gateway),),
        mtu=uplink_mtu(kernel), created=created, is_chosen=True,
    )  # fmt: skip
    return _keep(networks_dir, record, made)


def _keep(networks_dir: str, old: Network | None, new: Network) -> Network:
    if new != old:
        networks.write(networks_dir, new)
    return new


def renew(kernel: Socket, networks_dir: str, network: Network, avoid: Iterable[str]) -> Network:
    """The network with a subnet that is free now, if it was chosen by us and is so no longer.

    The caller holds the lock of the networks, and no container is on this one.
    """
    if not network.is_chosen or not network.subnet or is_free(kernel, network.subnet, -1):
        return network
    subnet = choose(kernel, networks_dir, -1, avoid=avoid, prefix_length=USER_PREFIX)
    pool = Pool(str(subnet), ipam.format_address(ipam.gateway(subnet)))
    rest = [each for each in network.pools if each.subnet != network.subnet]
    return _keep(networks_dir, network, network._replace(pools=(pool, *rest)))


def is_free(kernel: Socket, subnet: str, own_link: int) -> bool:
    """Whether nobody on this host, but for one link, uses an address of the subnet."""
    wanted = ipam.parse_subnet(subnet)
    return not any(wanted.overlaps(used) for used in used_subnets(kernel, own_link))


def choose(
    kernel: Socket, networks_dir: str, own_link: int, *, avoid: Iterable[str] = (),
    prefix_length: int = 0,
) -> Subnet:  # fmt: skip
    """A subnet of Docker's pools that neither this host nor a network of ours uses.

    `prefix_length`: of the subnet; 0: a whole pool. Raises SystemFailure.
    """
    taken = used_subnets(kernel, own_link)
    for address in avoid:
        number, bits = ipam.parse_address(address)
        taken.append(Subnet(number, bits, bits))
    if prefix_length:
        taken += [
            ipam.parse_subnet(pool.subnet)
            for network in networks.read_all(networks_dir)
            for pool in network.pools
        ]
    chosen = ipam.choose(taken, prefix_length)
    if chosen is None:
        raise SystemFailure(
            "no subnet is free for the bridge: routes of this host cover 172.16/12 and 192.168/16",
            hint="use --network host or --network none, or remove a route",
        )
    return chosen


def unique_local(network_id: str) -> Pool:
    """An IPv6 subnet of one's own, as good as random (RFC 4193)."""
    digits = checksum.fingerprint(network_id)[:14]
    subnet = ipam.parse_subnet(f"fd{digits[:2]}:{digits[2:6]}:{digits[6:10]}:{digits[10:14]}::/64")
    return Pool(str(subnet), ipam.format_address(ipam.gateway(subnet), 128))


def used_subnets(kernel: Socket, own_link: int) -> list[Subnet]:
    """What this host's links and routes reach, but for one link.

    A route to more than a /8 says where packets leave, not that a network is there: the default
    route, and the two halves of the internet that VPN clients set instead of it.
    """
    used = [
        subnet_of(address)
        for address in rtnetlink.list_addresses(kernel)
        if address.link != own_link
    ]
    used += [
        ipam.parse_subnet(f"{route.destination}/{route.prefix_length}")
        for route in rtnetlink.list_routes(kernel)
        if route.prefix_length >= MIN_ROUTED_PREFIX and route.link != own_link
    ]
    return used


def subnet_of(address: rtnetlink.Address) -> Subnet:
    """The subnet that an address of a link opens."""
    return ipam.parse_subnet(f"{address.address}/{address.prefix_length}")


def uplink_mtu(kernel: Socket) -> int:
    """The MTU of the link that the default route leaves by."""
    uplinks = {
        route.link
        for route in rtnetlink.list_routes(kernel)
        if not route.prefix_length and route.table == rtnetlink.RT_TABLE_MAIN
    }
    mtus = [link.mtu for link in rtnetlink.list_links(kernel) if link.ifindex in uplinks]
    return min(mtus, default=ETHERNET_MTU)
