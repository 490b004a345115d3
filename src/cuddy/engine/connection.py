"""A container's connection: its endpoint on a network, and the files that tell it about the world
(/etc/resolv.conf, /etc/hosts, /etc/hostname).
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import events, sharing
from cuddy.kernel import namespaces
from cuddy.network import bridge, ipam, resolv
from cuddy.network import network as networks
from cuddy.network.network import Endpoint, Network
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.network.publish import Published

MAX_FILE_BYTES = 1 << 20
SYSTEMD_UPSTREAM = "/run/systemd/resolve/resolv.conf"


class Connection(NamedTuple):
    """Where a container is reachable; None, None without a network of its own."""

    network: Network | None = None
    endpoint: Endpoint | None = None
    published: tuple[Published, ...] = ()
    holders: tuple[int, ...] = ()  # descriptors that keep the published ports from others


def connect(home: Home, record: Container, pid: int) -> Connection:
    """Give a newborn container its network. Raises SystemFailure, Conflict."""
    if record["HostConfig"]["NetworkMode"] != "bridge":
        return Connection()
    servers = resolv.nameservers(read_text("/etc/resolv.conf"), read_text(SYSTEMD_UPSTREAM))
    network = bridge.ensure_default(
        home.networks_dir, networks_run_dir(home), home.bridge_link, avoid=servers
    )
    published, holders = reserve_ports(home, record)
    with Undo() as undo:
        for fd in holders:
            undo.add(os.close, fd)
        endpoint = join(home, record, network, pid)
        if published:
            publish_ports(home, record["Id"], network, endpoint, published)
    events.emit_network(home, "connect", network.name, network.driver, record["Id"])
    return Connection(network, endpoint, tuple(published), tuple(holders))


def reserve_ports(home: Home, record: Container) -> tuple[list[Published], list[int]]:
    """Take the host's ports that it publishes; the descriptors keep them. Raises Conflict."""
    if not (record["HostConfig"]["PortBindings"] or record["HostConfig"]["PublishAllPorts"]):
        return [], []
    # Imported here: most containers publish nothing.
    from cuddy.engine import publishing

    return publishing.reserve(home, record)


def join(home: Home, record: Container, network: Network, pid: int) -> Endpoint:
    """Give the network namespace of a process its link and address."""
    mac = record["Config"].get("MacAddress") or ""
    netns_fd = namespaces.open_namespace(pid, "network")
    try:
        return bridge.connect(networks_run_dir(home), network, record["Id"], netns_fd, mac=mac)
    finally:
        os.close(netns_fd)


def publish_ports(
    home: Home, container_id: str, network: Network, endpoint: Endpoint, published: list[Published]
) -> None:
    """Lead the host's ports to the container, noted first so that `release` knows of it."""
    from cuddy.network import publish

    files.write(ports_path(home, container_id), b"", durable=False)
    publish.publish(network, endpoint, published)


def ports_path(home: Home, container_id: str) -> str:
    """It is there while something may lead to a container's address."""
    return f"{home.run_dir(container_id)}/ports"


def release(home: Home, container_id: str) -> None:
    """Give ports and address back; the links went with the container's namespace."""
    run_dir = networks_run_dir(home)
    if os.path.exists(f"{home.run_dir(container_id)}/{sharing.JOINED}"):
        # Somebody else is in the namespace, who must not keep an address that will be another's.
        bridge.delete_link(bridge.host_link(container_id))
    if os.path.exists(ports_path(home, container_id)):
        from cuddy.network import publish

        path = networks.leases_path(run_dir, networks.DEFAULT)
        if address := ipam.read_leases(path).get(container_id):
            publish.withdraw(home.bridge_link, address)
    bridge.release(run_dir, container_id)


def note_disconnection(home: Home, container_id: str, settings: dict[str, Any]) -> None:
    """Note that a container has left the networks that its `NetworkSettings` name."""
    for name in settings.get("Networks") or ():
        events.emit_network(home, "disconnect", name, "bridge", container_id)


def networks_run_dir(home: Home) -> str:
    """Where leases live."""
    return f"{home.run_root}/networks"


def make_files(container: Container) -> None:
    """The three files, empty: they are bound into the root before their text is known.

    Those of another container's network are that container's.
    """
    if sharing.peer_of(container["HostConfig"]["NetworkMode"]):
        return
    for path in (container["ResolvConfPath"], container["HostsPath"], container["HostnamePath"]):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        os.fchmod(fd, 0o644)
        os.close(fd)


def write_files(
    container: Container, connection: Connection, linked: Sequence[tuple[str, str]] = ()
) -> None:
    """The text of the three files, into the same inodes: the container sees these."""
    config, host_config = container["Config"], container["HostConfig"]
    if sharing.peer_of(host_config["NetworkMode"]):
        return
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
    overwrite(container["HostsPath"], hosts_text(container, connection, linked))


def hosts_text(
    container: Container, connection: Connection, linked: Sequence[tuple[str, str]] = ()
) -> str:
    """/etc/hosts: the container's own name, --add-host, and names and addresses of its links."""
    config, host_config = container["Config"], container["HostConfig"]
    endpoint = connection.endpoint
    # On the host's own network that is where the host is; without any, nothing is anywhere.
    gateway = endpoint.gateway if endpoint else "127.0.0.1"
    extra = [resolv.parse_extra_host(t, gateway=gateway) for t in host_config["ExtraHosts"]]
    extra += linked
    own = read_text("/etc/hosts") if host_config["NetworkMode"] == "host" else ""
    own += "\n" if own and not own.endswith("\n") else ""
    others = own + resolv.format_hosts(extra)
    extra += resolv.host_names(host_address(host_config, connection), others)
    if host_config["NetworkMode"] == "host":
        return own + resolv.format_hosts(extra)
    names = [config["Hostname"]]
    if config["Domainname"]:
        names.insert(0, f"{config['Hostname']}.{config['Domainname']}")
    return resolv.hosts(names, endpoint.address if endpoint else "", extra)


def host_address(host_config: dict[str, Any], connection: Connection) -> str:
    """Where a container reaches the host: at its bridge; "" if it cannot."""
    if host_config["NetworkMode"] == "host":
        return "127.0.0.1"
    network, endpoint = connection.network, connection.endpoint
    return endpoint.gateway if network and endpoint and network.driver == "bridge" else ""


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


def settings(record: Container, connection: Connection) -> dict[str, Any]:
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
    return {
        "Ports": ports_document(record, connection),
        "Networks": {endpoint.network: facts},
        **facts,
    }


def ports_document(record: Container, connection: Connection) -> dict[str, Any]:
    """NetworkSettings.Ports: the exposed ones, and where the published ones are."""
    if not (record["Config"].get("ExposedPorts") or connection.published):
        return {}
    from cuddy.engine import publishing

    return publishing.published_document(record, connection.published)
