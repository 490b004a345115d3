"""Zones: the names of containers, network by network, as they stand in the files of leases.

    <run_dir>/<network id>.json         who is on it, with which addresses and names (ipam.py)
    <networks_dir>/<network id>.json    what it is called, whether it leads anywhere (network.py)

Whoever connects or disconnects a container replaces a file by a rename; `Zones` looks at each
question whether that has happened, so what it knows is never older than the question.
"""

from __future__ import annotations

import os
import time

from cuddy import files
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

DEFAULT = "bridge"
"""The network on which names are not resolved, as Docker has it."""

RACY_NS = 50_000_000
"""A change so young may be followed by another one with the same time: file systems take the time
from a clock that moves every ten milliseconds at worst."""


class Member(NamedTuple):
    """A container on a network."""

    id: str
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    links: Mapping[str, str] = {}  # what it calls others by itself: alias -> name


class Zone(NamedTuple):
    """A network: who is there, who is called what, and whose an address is."""

    network: str
    internal: bool
    members: dict[str, Member]
    names: dict[str, list[Member]]
    owners: dict[str, str]  # address -> the first name of who has it


class Stamp(NamedTuple):
    """What tells one version of a file from another."""

    inode: int
    mtime_ns: int
    size: int


def make_zone(network: str, internal: bool, leases: Any) -> Zone:
    """The zone of a network's leases; entries that make no sense are passed over. Pure."""
    found = [
        member
        for container_id, lease in (leases.items() if isinstance(leases, dict) else ())
        if (member := read_member(container_id, lease))
    ]
    names: dict[str, list[Member]] = {}
    owners: dict[str, str] = {}
    for member in found:
        if network == DEFAULT:
            continue
        for name in dict.fromkeys(name.lower() for name in member.names):
            names.setdefault(name, []).append(member)
        for address in member.addresses:
            owners[address] = member.names[0] if member.names else ""
    return Zone(network, internal, {member.id: member for member in found}, names, owners)


def read_member(container_id: str, lease: Any) -> Member | None:
    """A lease as its file has it."""
    if not isinstance(lease, dict):
        return None
    addresses, names = lease.get("addresses"), lease.get("names")
    links = lease.get("links") or {}
    if not (isinstance(addresses, list) and isinstance(names, list) and isinstance(links, dict)):
        return None
    if not all(isinstance(word, str) for word in (*addresses, *names, *links, *links.values())):
        return None
    return Member(container_id, tuple(addresses), tuple(names), links)


class Zones:
    """The zones of a Home, read again as soon as they have changed."""

    def __init__(self, networks_dir: str, run_dir: str) -> None:
        self._networks_dir = networks_dir
        self._run_dir = run_dir
        self._seen = Stamp(0, 0, 0)
        self._stamps: dict[str, Stamp] = {}  # of each file
        self._zones: dict[str, Zone] = {}
        self._of: dict[str, list[Zone]] = {}  # who is where, as far as anybody has asked

    def of(self, container_id: str) -> list[Zone]:
        """The zones that a container is in, in the order of their networks' names."""
        self._refresh()
        found = self._of.get(container_id)
        if found is None:
            mine = [zone for zone in self._zones.values() if container_id in zone.members]
            found = self._of[container_id] = sorted(mine, key=lambda zone: zone.network)
        return found

    def _refresh(self) -> None:
        """Every change of a file changes its directory too, so mostly one look is enough."""
        try:
            stamp = stamp_of(self._run_dir)
        except OSError:
            stamp = Stamp(0, 0, 0)
        if stamp == self._seen:
            return
        self._of.clear()
        names = [name for name in files.list_directory(self._run_dir) if is_lease_file(name)]
        for gone in self._zones.keys() - set(names):
            del self._zones[gone], self._stamps[gone]
        is_settled = is_old(stamp)
        for name in names:
            is_settled &= self._read(name)
        self._seen = stamp if is_settled else Stamp(0, 0, 0)

    def _read(self, name: str) -> bool:
        """Read one file if it has changed; whether it is sure not to have done so again."""
        path = f"{self._run_dir}/{name}"
        try:
            stamp = stamp_of(path)
            if self._stamps.get(name) != stamp or not is_old(stamp):
                network = files.read_json(f"{self._networks_dir}/{name}")
                leases = files.read_json(path)["leases"]
                called, internal = str(network["name"]), bool(network.get("internal"))
                self._zones[name] = make_zone(called, internal, leases)
                self._stamps[name] = stamp
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            self._zones.pop(name, None)  # removed just now, or damaged: `system check` will tell
            self._stamps.pop(name, None)
            return False
        return is_old(stamp)


def stamp_of(path: str) -> Stamp:
    """The stamp of a file or directory. Raises OSError."""
    status = os.stat(path)
    return Stamp(status.st_ino, status.st_mtime_ns, status.st_size)


def is_old(stamp: Stamp) -> bool:
    """Whether a change that comes now would have another time."""
    return not 0 <= time.time_ns() - stamp.mtime_ns < RACY_NS


def is_lease_file(name: str) -> bool:
    """Whether a file's name is a network's id."""
    return name.endswith(".json") and "." not in name[:-5]
