"""What a container made by hand stands on: layers, a place on a network, whether sources are files.

It is a new container like the one that is explained: the same layers, but a top of its own, and
another address. Nothing is made here; what is looked at may have changed when the commands run.
"""

from __future__ import annotations

import os

from cuddy.engine import spec
from cuddy.image import host, snapshots
from cuddy.network import ipam
from cuddy.network import network as networks
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.explain_facts import Facts
    from cuddy.engine.home import Home
    from cuddy.network.network import Network
    from cuddy.runtime.spec import MountEntry

SPARE = "10.213.77.0/24"
"""For a network that has never been used, and so has no subnet yet."""
OWN = ("none", "host")


class Wiring(NamedTuple):
    """A place on a bridge."""

    network: str
    bridge: str
    is_there: bool  # the bridge: else it is made, and taken away again
    address: str  # with the length of its prefix
    gateway: str  # the same
    leads_out: bool = True


class Ground(NamedTuple):
    """What is there to build upon."""

    lower_dirs: tuple[str, ...]  # the image's layers, uppermost first
    overlays: tuple[str, ...] = ()  # of the image `host`: directories, each an overlay of its own
    links: tuple[tuple[str, str], ...] = ()  # and symbolic links of its root
    masks: str = ""  # what covers secrets of the host's /etc
    mounts: tuple[MountEntry, ...] = ()
    directories: frozenset[str] = frozenset()  # sources of mounts that are directories
    missing: frozenset[str] = frozenset()  # sources that the first start will make
    wiring: Wiring | None = None


def survey(home: Home, facts: Facts) -> Ground:
    """Look at all that the commands need."""
    record = facts.record
    mounts = tuple(spec.build_mounts(record))
    sources = [entry.get("source", "") for entry in mounts if entry.get("type") == "bind"]
    ground = Ground(
        (),
        mounts=mounts,
        directories=frozenset(source for source in sources if os.path.isdir(source)),
        missing=frozenset(source for source in sources if not os.path.lexists(source)),
        wiring=find_wiring(home, facts),
    )
    if record["Image"] != host.IMAGE.id:
        lower = snapshots.lower_dirs(home.storage, record["ChainIds"])
        return ground._replace(lower_dirs=tuple(lower))
    linked = [name for name in host.OVERLAID_OR_LINKED if os.path.islink(f"/{name}")]
    return ground._replace(
        overlays=tuple(host.overlaid()),
        links=(*((name, os.readlink(f"/{name}")) for name in linked), *host.LINKS.items()),
        masks=f"{home.container_dir(record['Id'])}/masks",
    )


def find_wiring(home: Home, facts: Facts) -> Wiring | None:
    """A place beside the container's own on its first network; None if that is no bridge."""
    mode = facts.record["HostConfig"]["NetworkMode"]
    if mode in OWN or mode.startswith("container:"):
        return None
    wanted = networks.DEFAULT if mode in ("default", "bridge") else mode
    network = networks.find(home.networks_dir, wanted)
    if network is None or network.driver != "bridge":
        return None
    bridge = network.bridge or networks.bridge_name(network.id)
    subnet = ipam.parse_subnet(network.subnet or SPARE)
    gateway = network.gateway or ipam.format_address(ipam.gateway(subnet))
    taken = {gateway, *leased(home, network)}
    number = subnet.last - 1
    while ipam.format_address(number) in taken:
        number -= 1
    return Wiring(
        network.name,
        bridge,
        bridge in [link.name for link in facts.host.links],
        f"{ipam.format_address(number)}/{subnet.prefix_length}",
        f"{gateway}/{subnet.prefix_length}",
        not network.internal,
    )


def leased(home: Home, network: Network) -> set[str]:
    """The addresses that containers have."""
    path = networks.leases_path(home.networks_run_dir, network.id)
    try:
        return {lease.address for lease in ipam.read_leases(path).values()}
    except OSError:
        return set()
