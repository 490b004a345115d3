"""The network of an ordinary user's container: one program of the user's leads out of it.

    monitor ──▶ pasta (or slirp4netns) ── eth0 of the container

Bridges, and links between containers, would be in the machine's own network namespace, which is
root's. So there is one network, `bridge`, on which each container is alone: `way_out.py`.
"""

from __future__ import annotations

import errno
import os

from cuddy import files
from cuddy.engine import endpoint, etc_files, way_out
from cuddy.errors import NotPermitted, SystemFailure
from cuddy.network import ipam, user_mode, user_mode_options
from cuddy.network import network as networks
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from cuddy.engine.connection import Place
    from cuddy.engine.container import Container
    from cuddy.engine.endpoint import EndpointConfig
    from cuddy.engine.home import Home
    from cuddy.network.endpoint import Endpoint
    from cuddy.network.network import Network
    from cuddy.network.publish import Published
    from cuddy.network.user_mode_options import Choice


class WayOut(NamedTuple):
    """What a container has got."""

    network: Network
    endpoint: Endpoint
    asked: EndpointConfig
    published: tuple[Published, ...]
    holders: tuple[int, ...]  # sockets of ports that are ours to carry


def refuse() -> NoReturn:
    """Say what an ordinary user has instead of networks of their own. Raises NotPermitted."""
    raise NotPermitted(
        "an ordinary user's containers have no networks of their own making",
        hint="each is alone on the default one, and reached by published ports;"
        " --network container:NAME shares one",
    )


def connect(home: Home, record: Container, pid: int, *, is_confined: bool) -> WayOut:
    """Lead a newborn container out. Raises NotPermitted, Conflict, SystemFailure."""
    mode = way_out.mode_of(record)
    if not mode or record["HostConfig"]["Links"]:
        refuse()
    if is_confined:
        raise NotPermitted("--egress is not for an ordinary user's containers yet")
    programs = way_out.find_programs(user_mode_options.parse(mode))
    wish = endpoint.asked(record)[mode]
    mac = wish.get("MacAddress") or record["Config"].get("MacAddress") or ""
    found = networks.predefined(home.networks_dir, networks.DEFAULT)
    found = found._replace(name=mode.partition(":")[0])
    with Undo() as undo:
        published, holders = choose_ports(home, record, programs[0].choice)
        for fd in holders:
            undo.add(os.close, fd)
        theirs = [entry for entry in published if not is_ours(entry)]
        place = user_mode.endpoint(found, programs[0].choice, record["Id"], mac)
        used = way_out.lead(home.run_dir(record["Id"]), programs, place.mac, theirs, undo)
        if holders:
            carry(home, record["Id"], pid, place, published)
    text = etc_files.read_text(f"/proc/{pid}/net/if_inet6")
    address6, length6 = user_mode.global_address(text)
    place = place._replace(address6=address6, prefix_length6=length6)
    found = found._replace(driver=used.choice.program)
    return WayOut(found, place, wish, tuple(published), tuple(holders))


def forwarder(places: Sequence[Place]) -> str:
    """The address at which a container there reaches the host's own name server; "" for none."""
    found = [x.endpoint for x in places if x.network.driver in user_mode_options.PROGRAMS]
    return user_mode.name_server(found[0]) if found else ""


def choose_ports(
    home: Home, record: Container, choice: Choice
) -> tuple[list[Published], list[int]]:
    """The host's ports that lead to it, free a moment ago, and the sockets of those that are ours.

    Raises Conflict, SystemFailure.
    """
    host_config = record["HostConfig"]
    if not (host_config["PortBindings"] or host_config["PublishAllPorts"]):
        return [], []
    # Imported here: most containers publish nothing.
    from cuddy.engine import held_ports, publishing

    pool = ipam.Pool(choice.cidr, user_mode.plan(choice).gateway)
    found = networks.Network("", networks.DEFAULT, choice.program, pools=(pool,))
    try:
        published, holders = publishing.reserve(home, record, found)
    except SystemFailure as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EACCES:
            error.hint = low_ports()
        raise
    ours = [fd for fd in holders if held_ports.is_door(fd)]
    # The program is to have the others now.
    for fd in {*holders} - {*ours}:
        os.close(fd)
    user_mode.check(choice.program, published)
    return published, ours


def is_ours(entry: Published) -> bool:
    """Whether `port_proxy.py` carries what comes there.

    In IPv6, which slirp4netns knows not, nor pasta where the host has no way out in it.
    """
    return ":" in entry.host_ip


def carry(
    home: Home, container_id: str, pid: int, place: Endpoint, published: Sequence[Published]
) -> None:
    """Write down for the proxy where our ports lead, and in whose network namespace."""
    where = {
        "address": place.address,
        "inside": [pid, files.start_time(pid)],
        "ports": [
            [entry.port.protocol, entry.host_ip, entry.host_port, entry.port.number]
            for entry in published
            if is_ours(entry)
        ],
    }
    files.write_json(home.ports_path(container_id), where, durable=False)


def low_ports() -> str:
    """What to do about ports that are root's."""
    first = etc_files.read_text("/proc/sys/net/ipv4/ip_unprivileged_port_start").strip()
    return f"users have the ports from {first} on: sysctl net.ipv4.ip_unprivileged_port_start"
