"""A network, made ready for containers: its link, rules and switches, wherever some are missing.

They are when it was not used since the machine started, or when somebody has taken them away.
"""

from __future__ import annotations

from cuddy import files
from cuddy.engine import etc_files
from cuddy.errors import Conflict, NoSuchNetwork
from cuddy.kernel import netlink, rtnetlink
from cuddy.network import bridge, drivers, resolv
from cuddy.network import network as networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.engine.home import Home
    from cuddy.network.network import Network


def prepare(home: Home, name: str) -> Network:
    """The network of that name, ready for containers.

    Raises NoSuchNetwork, SystemFailure, Conflict.
    """
    servers = host_servers()
    run_dir = home.networks_run_dir
    if name == networks.DEFAULT:
        return bridge.ensure_default(home.networks_dir, run_dir, home.bridge_link, avoid=servers)
    found = networks.find(home.networks_dir, name)
    if found is None or found.config_only:
        raise NoSuchNetwork(name)
    if drivers.of(found).is_ready(found):
        return found
    files.make_directory(run_dir)
    with networks.lock(run_dir):
        network = networks.read(home.networks_dir, found.id)
        if network is None:
            raise NoSuchNetwork(name)
        network = place_subnet(home, network, servers)
        drivers.of(network).ensure(network, owner=home.networks_dir)
    return network


def place_subnet(home: Home, network: Network, avoid: Sequence[str]) -> Network:
    """A bridge that is to be made again: its subnet may be somebody else's by now.

    Raises Conflict when it is, and the user had asked for it.
    """
    if network.driver != "bridge" or not network.subnet:
        return network
    # Imported here: the bridge is mostly there.
    from cuddy.network import subnets

    with netlink.open() as kernel:
        if rtnetlink.find_link(kernel, network.bridge):
            return network
        network = subnets.renew(kernel, home.networks_dir, network, avoid)
        if not subnets.is_free(kernel, network.subnet, -1):
            raise Conflict(
                f"network {network.name}: a route of this host leads to {network.subnet} by now",
                hint="make the network anew with another --subnet",
            )
    return network


def host_servers() -> tuple[str, ...]:
    """The host's name servers, as far as containers can reach them."""
    return resolv.nameservers(
        etc_files.read_text(resolv.PATH), etc_files.read_text(resolv.UPSTREAM_PATH)
    )
