"""The network namespaces of containers that run: found by pid, and never another process's."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import container, sharing
from cuddy.errors import CorruptContent, NoSuchContainer, NotRunning
from cuddy.kernel import namespaces
from cuddy.network import container_side, ipam
from cuddy.network import endpoint as endpoints
from cuddy.network import network as networks
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home


def open_of(home: Home, record: Container) -> int:
    """A container's network namespace. Raises NotRunning, OSError."""
    name = record["Id"][:12]
    try:
        document = state.read(home.run_root, record["Id"])
        netns_fd = namespaces.open_namespace(document["pid"], "network")
    except (NoSuchContainer, FileNotFoundError):
        raise NotRunning(name) from None
    if files.start_time(document["pid"]) != document["startTime"]:
        os.close(netns_fd)  # of a process that has its pid by now
        raise NotRunning(name)
    return netns_fd


def take_from_joined(home: Home, container_id: str) -> None:
    """Take from a dead container's network, in which others go on, the links that have no end here:
    those that ride on a wire. Their addresses will be another's. Raises OSError.
    """
    gone: list[str] = []
    for path in endpoints.lease_files(home.networks_run_dir):
        lease = ipam.read_leases(path).get(container_id)
        network = networks.read(home.networks_dir, networks.id_of(path)) if lease else None
        if lease and network and network.driver != "bridge":
            gone += [lease.address, lease.address6]
    for other in files.list_directory(home.containers_dir) if gone else ():
        try:
            record = container.read(home, other)
            if sharing.peer_of(record["HostConfig"]["NetworkMode"]) != container_id:
                continue
            netns_fd = open_of(home, record)
        except (NoSuchContainer, CorruptContent, NotRunning):
            continue
        try:
            container_side.delete_links_with(netns_fd, gone)
        finally:
            os.close(netns_fd)
