"""A container's connection: its endpoint on a network, and the files that tell it about the world
(/etc/resolv.conf, /etc/hosts, /etc/hostname).
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import events
from cuddy.kernel import namespaces
from cuddy.network import bridge, resolv
from cuddy.network.network import Endpoint, Network
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

MAX_FILE_BYTES = 1 << 20
SYSTEMD_UPSTREAM = "/run/systemd/resolve/resolv.conf"


class Connection(NamedTuple):
    """Where a container is reachable; None, None without a network of its own."""

    network: Network | None = None
    endpoint: Endpoint | None = None


def connect(home: Home, container: Container, pid: int) -> Connection:
    """Give a newborn container its network. Raises SystemFailure, Conflict."""
    if container["HostConfig"]["NetworkMode"] != "bridge":
        return Connection()
    servers = resolv.nameservers(read_text("/etc/resolv.conf"), read_text(SYSTEMD_UPSTREAM))
    network = bridge.ensure_default(
        home.networks_dir, networks_run_dir(home), home.bridge_link, avoid=servers
    )
    netns_fd = namespaces.open_namespace(pid, "network")
    try:
        endpoint = bridge.connect(networks_run_dir(home), network, container["Id"], netns_fd)
    finally:
        os.close(netns_fd)
    events.emit_network(home, "connect", network.name, network.driver, container["Id"])
    return Connection(network, endpoint)


def release(home: Home, container_id: str) -> None:
    """Give the address back; the links went with the container's namespace."""
    bridge.release(networks_run_dir(home), container_id)


def note_disconnection(home: Home, container: Container) -> None:
    """Note that a container has left the networks that its record names."""
    for name in container["NetworkSettings"].get("Networks") or ():
        events.emit_network(home, "disconnect", name, "bridge", container["Id"])


def networks_run_dir(home: Home) -> str:
    """Where leases live."""
    return f"{home.run_root}/networks"


def make_files(container: Container) -> None:
    """The three files, empty: they are bound into the root before their text is known."""
    for path in (container["ResolvConfPath"], container["HostsPath"], container["HostnamePath"]):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        os.fchmod(fd, 0o644)
        os.close(fd)


def write_files(container: Container, connection: Connection) -> None:
    """The text of the three files, into the same inodes: the container sees these."""
    config, host_config = container["Config"], container["HostConfig"]
    overwrite(container["HostnamePath"], f"{config['Hostname']}\n")
    text = resolv.resolv_conf(
        read_text("/etc/resolv.conf"),
        dns=host_config["Dns"],
        search=host_config["DnsSearch"],
        options=host_config["DnsOptions"],
        upstream_text=read_text(SYSTEMD_UPSTREAM),
        on_host=host_config["NetworkMode"] == "host",
    )
    overwrite(container["ResolvConfPath"], text)
    overwrite(container["HostsPath"], hosts_text(container, connection))


def hosts_text(container: Container, connection: Connection) -> str:
    """/etc/hosts: the container's own name, and --add-host."""
    config, host_config = container["Config"], container["HostConfig"]
    endpoint = connection.endpoint
    extra = [
        resolv.parse_extra_host(text, gateway=endpoint.gateway if endpoint else "")
        for text in host_config["ExtraHosts"]
    ]
    if host_config["NetworkMode"] == "host":
        own = read_text("/etc/hosts")
        return own + "".join(f"{address}\t{name}\n" for name, address in extra)
    names = [config["Hostname"]]
    if config["Domainname"]:
        names.insert(0, f"{config['Hostname']}.{config['Domainname']}")
    return resolv.hosts(names, endpoint.address if endpoint else "", extra)


def read_text(path: str) -> str:
    """A text file of the host's; nothing if it is not there."""
    try:
        with open(path, errors="replace") as file:
            return file.read(MAX_FILE_BYTES)
    except OSError:
        return ""


def overwrite(path: str, text: str) -> None:
    """Replace a file's content but not the file."""
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        files.write_all(fd, text.encode())
    finally:
        os.close(fd)


def settings(connection: Connection) -> dict[str, Any]:
    """The `NetworkSettings` section of docker inspect."""
    endpoint = connection.endpoint
    if endpoint is None:
        nothing = {"IPAddress": "", "IPPrefixLen": 0, "Gateway": "", "MacAddress": ""}
        return {"Ports": {}, "Networks": {}, **nothing}
    facts = {
        "IPAddress": endpoint.address,
        "IPPrefixLen": endpoint.prefix_length,
        "Gateway": endpoint.gateway,
        "MacAddress": endpoint.mac,
    }
    return {"Ports": {}, "Networks": {endpoint.network: facts}, **facts}
