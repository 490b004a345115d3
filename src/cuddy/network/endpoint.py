"""A container's place on a network: its addresses, and the names of the links that make it.

The place is leased here, under the network's lock, before a driver makes the links. Killed in
between, a monitor leaves nothing to repair: links die with the container's network namespace, and
`sweep` releases the lease.
"""

from __future__ import annotations

from cuddy import files
from cuddy.network import ipam
from cuddy.network import network as networks
from cuddy.network.network import Network
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

CONTAINER_MAC = 0x02
LEASES_NAME = 64 + len(".json")  # characters of a file of leases
VETH, ID_DIGITS = "veth", 10
LINK_PREFIX = "com.docker.network.container_iface_prefix"


class Endpoint(NamedTuple):
    """A container's place in a network; "" and 0 for a family of addresses it does not have."""

    network: str  # its name
    address: str
    prefix_length: int
    gateway: str
    mac: str
    host_link: str  # name of the host's end
    link: str = "eth0"  # name of the container's end
    network_id: str = ""
    address6: str = ""
    prefix_length6: int = 0
    gateway6: str = ""
    link_local: tuple[str, ...] = ()  # further addresses, within the link only
    has_default_route: bool = True  # the driver sets it at once: there is no other endpoint
    container_id: str = ""  # for whoever finds the link on the host
    sysctls: tuple[tuple[str, str], ...] = ()  # paths with {} for the link's name, and values


def lease(
    run_dir: str,
    network: Network,
    container_id: str,
    *,
    slot: int = 0,
    wanted: Iterable[str] = (),
    names: Iterable[str] = (),
    links: Mapping[str, str] | None = None,
    mac: str = "",
    link_local: Iterable[str] = (),
) -> Endpoint:
    """A place for a container. Raises OSError, Conflict, InvalidArgument as `ipam.lease`.

    `slot`: which of the container's links it is, from 0. `mac`: "" for one made of the address.
    """
    files.make_directory(run_dir)
    path = networks.leases_path(run_dir, network.id)
    found = ipam.lease(
        path, network.pools, container_id, wanted=tuple(wanted), names=names, links=links
    )
    pool, length = _pool_of(network, found.address)
    pool6, length6 = _pool_of(network, found.address6)
    mac = mac or networks.mac_of(found.address or found.address6 or "0.0.0.0", CONTAINER_MAC)
    prefix = network.options.get(LINK_PREFIX) or "eth"
    return Endpoint(
        network.name, found.address, length, pool.gateway, mac,
        host_link(container_id, slot), f"{prefix}{slot}", network.id,
        found.address6, length6, pool6.gateway, tuple(link_local), container_id=container_id,
    )  # fmt: skip


def _pool_of(network: Network, address: str) -> tuple[ipam.Pool, int]:
    """The pool of an address, and the length of its prefix."""
    if address:
        number, bits = ipam.parse_address(address)
        for pool in network.pools:
            subnet = ipam.parse_subnet(pool.subnet)
            if subnet.bits == bits and number in subnet:
                return pool, subnet.prefix_length
    return ipam.Pool(""), 0


def host_link(container_id: str, slot: int = 0) -> str:
    """The name of the host's end of a container's link: digits of its id, and the slot.

    Names in veth* are left alone by the programs that manage a host's networks.
    """
    return f"{host_link_prefix(container_id)}{slot}"


def host_link_prefix(container_id: str) -> str:
    """How the names of all host's ends of a container's links begin."""
    return f"{VETH}{container_id[:ID_DIGITS]}"


def release(run_dir: str, container_id: str) -> None:
    """Release a dead container's addresses in every network. Raises OSError, CorruptContent."""
    for path in lease_files(run_dir):
        if container_id in ipam.read_leases(path):
            ipam.release(path, container_id)


def sweep(run_dir: str, is_living: Callable[[str], bool]) -> None:
    """Release the addresses of all dead containers. Raises OSError, CorruptContent."""
    for path in lease_files(run_dir):
        ipam.sweep(path, is_living)
    files.sweep_temporary(run_dir)


def lease_files(run_dir: str) -> list[str]:
    """The files of leases of all networks; earlier versions had one of another name, and form."""
    names = [name for name in files.list_directory(run_dir) if name.endswith(".json")]
    return [f"{run_dir}/{name}" for name in names if len(name) == LEASES_NAME]
