"""A network's record, and what the kernel must tell before one is made: who uses which subnet.

    <networks_dir>/<name>.json    the record; survives a reboot
    <run_dir>/<name>.json         its leases (ipam.py); ends with the containers

A container's `--network` is `none` (a loopback link only), `host` (the host's own links) or the
name of a network. The network `bridge` is always there: it is made when first used.
"""

from __future__ import annotations

from cuddy import files
from cuddy.errors import CorruptContent, InvalidArgument, NoSuchNetwork, SystemFailure
from cuddy.kernel import rtnetlink
from cuddy.network import ipam
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.kernel.netlink import Socket

DEFAULT = "bridge"
MODES = (DEFAULT, "host", "none")
ETHERNET_MTU = 1500
MIN_ROUTED_PREFIX = 8
LINK_NAME_BYTES = 15  # IFNAMSIZ less the NUL


class Network(NamedTuple):
    """What is known of a network. A key that a record lacks has its default here."""

    name: str
    bridge: str  # name of the link
    subnet: str  # "172.17.0.0/16"
    gateway: str  # the bridge's own address in it
    mtu: int = ETHERNET_MTU
    driver: str = "bridge"


class Endpoint(NamedTuple):
    """A container's place in a network."""

    network: str
    address: str
    prefix_length: int
    gateway: str
    mac: str
    host_link: str  # name of the host's end
    link: str = "eth0"  # name of the container's end


def check_mode(name: str) -> str:
    """The name, when containers can be connected to it. Raises NoSuchNetwork."""
    if name not in MODES:
        raise NoSuchNetwork(name)
    return name


def check_link_name(name: str) -> str:
    """The name, when it can be a link's and stand in a firewall script. Raises InvalidArgument."""
    words = name.replace("-", "").replace("_", "").replace(".", "")
    if not (words.isalnum() and name.isascii() and name[0].isalpha()):
        raise InvalidArgument(f"not a name for a network link: {name!r}")
    if len(name) > LINK_NAME_BYTES:
        raise InvalidArgument(f"name of a network link longer than {LINK_NAME_BYTES}: {name!r}")
    return name


def leases_path(run_dir: str, name: str) -> str:
    """The file of a network's leases."""
    return f"{run_dir}/{name}.json"


def read(networks_dir: str, name: str) -> Network | None:
    """A network's record, None if there is none. Raises CorruptContent."""
    path = f"{networks_dir}/{name}.json"
    try:
        record = files.read_json(path)
        known = {field: record[field] for field in Network._fields if field in record}
        found = Network(**known)
        check_link_name(found.bridge)
        gateway, _ = ipam.parse_address(found.gateway)
        if gateway not in ipam.parse_subnet(found.subnet) or not isinstance(found.mtu, int):
            raise ValueError("gateway outside of the subnet")
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, AttributeError, InvalidArgument) as error:
        raise CorruptContent(f"{path} is not a network: {error}", hint="remove it") from error
    return found


def write(networks_dir: str, record: Network) -> None:
    """Keep a network's record."""
    files.write_json(f"{networks_dir}/{record.name}.json", record._asdict())


def default(kernel: Socket, networks_dir: str, link: str, *, avoid: Iterable[str] = ()) -> Network:
    """The network `bridge`, whose link is `link`: as recorded, or made now.

    Made anew as well when the link has no address (after a reboot it is not there at all) and
    somebody else uses the subnet meanwhile. `avoid`: addresses that a new subnet must not hold,
    such as the host's name servers. The caller holds the lock of the networks. Raises OSError,
    SystemFailure when no subnet is free.
    """
    record = read(networks_dir, DEFAULT)
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
        subnet = choose(kernel, index, avoid)
        gateway = ipam.format_address(ipam.gateway(subnet))
    made = Network(DEFAULT, link, str(subnet), gateway, uplink_mtu(kernel))
    return _keep(networks_dir, record, made)


def _keep(networks_dir: str, old: Network | None, new: Network) -> Network:
    if new != old:
        write(networks_dir, new)
    return new


def is_free(kernel: Socket, subnet: str, own_link: int) -> bool:
    """Whether nobody on this host, but for one link, uses an address of the subnet."""
    wanted = ipam.parse_subnet(subnet)
    return not any(wanted.overlaps(used) for used in used_subnets(kernel, own_link))


def choose(kernel: Socket, own_link: int, avoid: Iterable[str]) -> ipam.Subnet:
    """A subnet of Docker's pools that this host does not use. Raises SystemFailure."""
    taken = used_subnets(kernel, own_link)
    for address in avoid:
        number, bits = ipam.parse_address(address)
        taken.append(ipam.Subnet(number, bits, bits))
    chosen = ipam.choose(taken)
    if chosen is None:
        raise SystemFailure(
            "no subnet is free for the bridge: routes of this host cover 172.16/12 and 192.168/16",
            hint="use --network host or --network none, or remove a route",
        )
    return chosen


def used_subnets(kernel: Socket, own_link: int) -> list[ipam.Subnet]:
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


def subnet_of(address: rtnetlink.Address) -> ipam.Subnet:
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


def mac_of(address: str, first: int = 0x02) -> str:
    """A MAC address made from an IPv4 address, as docker's: unique where that one is unique."""
    number, _ = ipam.parse_address(address)
    return bytes([first, 0x42, *(number & 0xFFFFFFFF).to_bytes(4)]).hex(":")
