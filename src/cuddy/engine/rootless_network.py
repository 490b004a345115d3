"""The networks of an ordinary user's containers.

    monitor ──▶ pasta (or slirp4netns) ── eth0 of the container              the default one
    containers ── bridge ── eth0 of the user's network namespace ── pasta    networks of the user's

On the default network, `bridge`, each container is alone (`way_out.py`): that costs least. On
networks of the user's own, containers are as root's are, but in a network namespace of the user's
(`user_netns.py`); into that no rule of a firewall leads from the host, so that ports are carried.
"""

from __future__ import annotations

import _socket
import errno
import os

from cuddy.engine import (
    carried_ports,
    connection,
    endpoint,
    etc_files,
    new_network,
    user_netns,
    way_out,
)
from cuddy.errors import Conflict, NotPermitted, SystemFailure
from cuddy.kernel import elsewhere
from cuddy.network import ipam, user_mode, user_mode_options
from cuddy.network import network as networks
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn, TypeVar

    from cuddy.engine.connection import Connection, Place
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.new_network import Wish
    from cuddy.network.publish import Published
    from cuddy.network.user_mode_options import Choice

    T = TypeVar("T")

BACKLOG = 128


def connect(home: Home, record: Container, pid: int, *, is_told: bool = True) -> Connection:
    """Lead a newborn container out, or put it on the user's networks.

    Raises NotPermitted, Conflict, SystemFailure, NoSuchNetwork.
    """
    if not endpoint.asked(record) or not endpoint.has_own(record):
        return connection.connect(home, record, pid)
    if connection.is_confined(record):
        from cuddy.engine import egress_powers  # here: of a record that another user made

        egress_powers.check_user()
    mode = way_out.mode_of(record)
    if mode and record["HostConfig"]["Links"]:
        refuse("--link")
    with Undo() as undo:
        undo.add(connection.release, home, record["Id"])
        made = (lead if mode else join)(home, record, pid, undo)
    connection.tell_connected(home, record, made.places if is_told else ())
    return made


def join(home: Home, record: Container, pid: int, undo: Undo) -> Connection:
    """Put a container on networks of the user's."""
    run_dir = home.run_dir(record["Id"])
    netns_fd = os.open(f"{run_dir}/{way_out.NETNS}", os.O_RDONLY | os.O_CLOEXEC)
    users_fd = -1

    def join_all() -> tuple[Place, ...]:
        places = connection.join_all(home, record, netns_fd)
        connection.serve_names(home, record, places, netns_fd, pid)
        return places

    try:
        users_fd = user_netns.come(home, pid)
        places = elsewhere.call(users_fd, join_all)
    finally:
        for fd in {netns_fd, users_fd} - {-1}:
            os.close(fd)
    way_out.forget_namespace(run_dir)
    published, holders = reserve_ports(home, record, places)
    for fd in holders:
        undo.add(os.close, fd)
    connection.publish_ports(home, record["Id"], places, published)
    return connection.Connection(places, tuple(published), tuple(holders))


def reserve_ports(
    home: Home, record: Container, places: Sequence[Place]
) -> tuple[list[Published], list[int]]:
    """The host's ports that lead to it, all of them ours to carry. Raises Conflict."""
    try:
        published, holders = connection.reserve_ports(home, record, places)
    except SystemFailure as error:
        explain(error)
        raise
    for fd in holders:
        door = _socket.socket(fileno=fd)
        if door.type == _socket.SOCK_STREAM:
            door.listen(BACKLOG)
        door.detach()
    return published, holders


def lead(home: Home, record: Container, pid: int, undo: Undo) -> Connection:
    """Have a program lead out of a container that is alone."""
    mode = way_out.mode_of(record)
    programs = way_out.find_programs(user_mode_options.parse(mode))
    wish = endpoint.asked(record)[mode]
    mac = wish.get("MacAddress") or record["Config"].get("MacAddress") or ""
    found = networks.predefined(home.networks_dir, networks.DEFAULT)
    found = found._replace(name=mode.partition(":")[0])
    published, holders = choose_ports(home, record, programs[0].choice)
    for fd in holders:
        undo.add(os.close, fd)
    theirs = [entry for entry in published if ":" not in entry.host_ip]
    place = user_mode.endpoint(found, programs[0].choice, record["Id"], mac)
    used = way_out.lead(home.run_dir(record["Id"]), programs, place.mac, theirs, undo)
    if holders:
        ours = [entry for entry in published if ":" in entry.host_ip]
        carried_ports.note(home, record["Id"], place, ours)
    text = etc_files.read_text(f"/proc/{pid}/net/if_inet6")
    address6, length6 = user_mode.global_address(text)
    place = place._replace(address6=address6, prefix_length6=length6)
    found = found._replace(driver=used.choice.program)
    where = connection.Place(found, place, wish, os.urandom(32).hex())
    return connection.Connection((where,), tuple(published), tuple(holders))


def check_network(wish: Wish) -> None:
    """Whether an ordinary user can have such a network. Raises NotPermitted, Conflict."""
    if wish.driver != "bridge":
        raise NotPermitted(
            f"networks of {wish.driver} ride on a link of the host, which is root's",
            hint="--driver bridge",
        )
    if wish.name in user_mode_options.PROGRAMS:
        raise NotPermitted(f"--network {wish.name} is the program of that name", hint="another")
    way = ipam.parse_subnet(user_mode_options.CIDR)
    for pool in wish.pools:
        if new_network.parse_pool(pool.subnet).overlaps(way):
            raise Conflict(f"the way out of your networks is by {user_mode_options.CIDR}")


def change(home: Home, record: Container, action: Callable[[], T]) -> T:
    """Do something to the networks of a container that runs, where their links are.

    Raises NotPermitted, SystemFailure and what it raises.
    """
    if way_out.mode_of(record):
        raise NotPermitted(
            "while it runs, a container that is alone on the default network stays there",
            hint="stop it first, or start it on a network of your own",
        )
    users_fd = user_netns.come(home, record["State"]["Pid"])
    try:
        return elsewhere.call(users_fd, action)
    finally:
        os.close(users_fd)


def refuse(what: str) -> NoReturn:
    """Say what an ordinary user has for that instead. Raises NotPermitted."""
    raise NotPermitted(
        f"{what}: on the default network an ordinary user's container is alone",
        hint="'cuddy network create' makes one for several",
    )


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
        explain(error)
        raise
    # Those of IPv6 are ours to carry: slirp4netns knows it not, nor pasta where the host has no way
    # out in it. The program is to have the others now.
    ours = [fd for fd in holders if held_ports.is_of_ipv6(fd)]
    for fd in {*holders} - {*ours}:
        os.close(fd)
    user_mode.check(choice.program, published)
    return published, ours


def explain(error: SystemFailure) -> None:
    """Add what to do about ports that are root's."""
    if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EACCES:
        first = etc_files.read_text("/proc/sys/net/ipv4/ip_unprivileged_port_start").strip()
        setting = "sysctl net.ipv4.ip_unprivileged_port_start"
        error.hint = f"users have the ports from {first} on: {setting}"
