"""A network's record: what was asked for, and which link of the host stands for it.

    <networks_dir>/<id>.json    the record; survives a reboot
    <run_dir>/<id>.json         who is on it (ipam.py); ends with the containers

Three networks are always there: `bridge`, which is made when first used, and `host` (the host's own
links) and `none` (a loopback link only), which need no record. Their ids follow from the directory.
"""

from __future__ import annotations

import os

from cuddy import checksum, files
from cuddy.errors import CorruptContent, InvalidArgument
from cuddy.network import ipam
from cuddy.network.ipam import Pool
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT = "bridge"
PREDEFINED = {DEFAULT: "bridge", "host": "host", "none": "null"}
"""The networks that are always there, and their drivers."""

ETHERNET_MTU = 1500
ALIAS, ALIAS_CHARACTERS = "cuddy", 255  # the kernel takes no more
LINK_NAME_BYTES = 15  # IFNAMSIZ less the NUL
OWN_LINKS = ("cud-", "cuddy")
"""How the names of links begin that we name ourselves."""
MAX_NAME_BYTES = 255


class Network(NamedTuple):
    """What is known of a network. A key that a record lacks has its default here."""

    id: str
    name: str
    driver: str = "bridge"
    bridge: str = ""  # name of the link: the bridge itself, or the parent of macvlan and ipvlan
    pools: tuple[Pool, ...] = ()
    mtu: int = ETHERNET_MTU
    internal: bool = False
    ipv4: bool = True
    ipv6: bool = False
    options: dict[str, str] = {}  # of the driver, as Docker calls them
    labels: dict[str, str] = {}
    created: str = ""
    attachable: bool = False
    is_chosen: bool = False  # the IPv4 subnet was not asked for: another will do as well
    ipam_driver: str = "default"
    ipam_options: dict[str, str] = {}
    config_only: bool = False
    config_from: str = ""

    @property
    def subnet(self) -> str:
        """The IPv4 subnet, "172.17.0.0/16"; "" without one."""
        return _first(self.pools, 32).subnet

    @property
    def gateway(self) -> str:
        """The bridge's own address in `subnet`, or the router there."""
        return _first(self.pools, 32).gateway

    @property
    def subnet6(self) -> str:
        """The IPv6 subnet; "" without one."""
        return _first(self.pools, 128).subnet

    @property
    def gateway6(self) -> str:
        """As `gateway`, of `subnet6`."""
        return _first(self.pools, 128).gateway

    @property
    def is_default(self) -> bool:
        """Whether it is `bridge`, on which names are not resolved."""
        return self.name == DEFAULT


def _first(pools: tuple[Pool, ...], bits: int) -> Pool:
    for pool in pools:
        if (":" in pool.subnet) == (bits == 128):
            return pool
    return Pool("")


def check_link_name(name: str) -> str:
    """The name, when it can be a link's and stand in a firewall script. Raises InvalidArgument."""
    words = name.replace("-", "").replace("_", "").replace(".", "")
    if not (words.isalnum() and name.isascii() and name[0].isalpha()):
        raise InvalidArgument(f"not a name for a network link: {name!r}")
    if len(name) > LINK_NAME_BYTES:
        raise InvalidArgument(f"name of a network link longer than {LINK_NAME_BYTES}: {name!r}")
    return name


def link_alias(owner: str) -> str:
    """What a link of ours says of itself, as `ip link` shows: whose it is.

    `owner`: of a network's link the directory of its record, of a container's the id.
    """
    return f"{ALIAS} {owner}".rstrip()[:ALIAS_CHARACTERS]


def is_marked(alias: str) -> bool:
    """Whether a link says so that we have made it."""
    return alias == ALIAS or alias.startswith(f"{ALIAS} ")


def predefined_id(networks_dir: str, name: str) -> str:
    """The id of `bridge`, `host` or `none`."""
    return checksum.fingerprint(f"{networks_dir} {name}")


def predefined(networks_dir: str, name: str) -> Network:
    """`host` or `none`, or `bridge` when it was never used."""
    return Network(predefined_id(networks_dir, name), name, PREDEFINED[name])


def bridge_name(network_id: str) -> str:
    """The name of a network's bridge, if the user has none for it."""
    return f"cud-{network_id[:11]}"


def leases_path(run_dir: str, network_id: str) -> str:
    """The file of a network's leases."""
    return f"{run_dir}/{network_id}.json"


def id_of(path: str) -> str:
    """The network whose record, or whose leases, a file has."""
    return path.rpartition("/")[2].removesuffix(".json")


def forget_leases(run_dir: str, network_id: str) -> None:
    """Remove the file of a network that is gone; who waited for its lock sees that it is."""
    path = leases_path(run_dir, network_id)
    for each in (path, f"{path}.lock"):
        files.remove_tree(each)


def sweep_leases(run_dir: str, networks_dir: str) -> None:
    """Remove what a removal that was killed has left of a network. Under `lock`."""
    known = {*list_ids(networks_dir), predefined_id(networks_dir, DEFAULT)}
    for name in files.list_directory(run_dir):
        network_id = name.removesuffix(".json.lock")
        if network_id != name and network_id not in known and _is_unused(run_dir, network_id):
            forget_leases(run_dir, network_id)


def _is_unused(run_dir: str, network_id: str) -> bool:
    """Whether nobody has a lease of a network."""
    try:
        return not ipam.read_leases(leases_path(run_dir, network_id))
    except CorruptContent:
        return False  # `check` tells of it


def lock(run_dir: str) -> files.Lock:
    """Held while networks and their links come and go."""
    return files.Lock(f"{run_dir}/lock")


def read(networks_dir: str, network_id: str) -> Network | None:
    """A network's record, None if there is none. Raises CorruptContent."""
    path = f"{networks_dir}/{network_id}.json"
    try:
        record = files.read_json(path)
        found = from_document(record)
        if found.id != network_id:
            raise ValueError("it is another one's")
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, AttributeError, InvalidArgument) as error:
        raise CorruptContent(f"{path} is not a network: {error}", hint="remove it") from error
    return found


def from_document(record: dict[str, Any]) -> Network:
    """The network of a record. Raises ValueError, InvalidArgument and what wrong types raise."""
    known = {field: record[field] for field in Network._fields if field in record}
    pools = [Pool(**pool) for pool in known.pop("pools", ())]
    found = Network(**known)._replace(pools=tuple(pools))
    usual = Network("", "")._asdict()
    if any(type(value) is not type(usual[key]) for key, value in found._asdict().items()):
        raise ValueError("a field is of the wrong type")
    if found.bridge or found.driver == "bridge" and not found.config_only:
        check_link_name(found.bridge)
    for pool in pools:
        subnet = ipam.parse_subnet(pool.subnet)
        if pool.gateway and ipam.parse_address(pool.gateway)[0] not in subnet:
            raise ValueError("gateway outside of the subnet")
    return found


def write(networks_dir: str, network: Network) -> None:
    """Keep a network's record."""
    document = network._asdict() | {"pools": [pool._asdict() for pool in network.pools]}
    files.write_json(f"{networks_dir}/{network.id}.json", document)


def delete(networks_dir: str, network_id: str) -> None:
    """Forget a network's record, if there is one."""
    try:
        os.unlink(f"{networks_dir}/{network_id}.json")
    except FileNotFoundError:
        pass


def list_ids(networks_dir: str) -> list[str]:
    """The ids of all networks that have a record."""
    names = files.list_directory(networks_dir)
    return [name[:64] for name in names if name.endswith(".json") and len(name) == 69]


def read_all(networks_dir: str) -> list[Network]:
    """Every network that has a record, but those that cannot be read: `check` tells of them."""
    found = []
    for network_id in list_ids(networks_dir):
        try:
            network = read(networks_dir, network_id)
        except CorruptContent:
            continue
        if network:
            found.append(network)
    return found


def find(networks_dir: str, ref: str) -> Network | None:
    """The network of that name or id, or whose id alone begins like that. InvalidArgument."""
    if ref in PREDEFINED:
        found = read(networks_dir, predefined_id(networks_dir, ref))
        return found or predefined(networks_dir, ref)
    known = [predefined(networks_dir, name) for name in PREDEFINED]
    known += [each for each in read_all(networks_dir) if each.name not in PREDEFINED]
    for field in ("name", "id"):
        for each in known:
            if getattr(each, field) == ref:
                return find_again(networks_dir, each)
    beginning = [each for each in known if ref and each.id.startswith(ref)]
    if len(beginning) > 1:
        hint = "type more of the id"
        raise InvalidArgument(
            f"network {ref} is ambiguous ({len(beginning)} matches found based on ID prefix)",
            hint=hint,
        )
    return find_again(networks_dir, beginning[0]) if beginning else None


def find_again(networks_dir: str, found: Network) -> Network:
    """As recorded, if it is: `bridge` may have been found without looking."""
    return read(networks_dir, found.id) or found


def mac_of(address: str, first: int = 0x02) -> str:
    """A MAC address made from an IP address, as docker's: unique where that one is unique."""
    number, _ = ipam.parse_address(address)
    return bytes([first, 0x42, *(number & 0xFFFFFFFF).to_bytes(4)]).hex(":")
