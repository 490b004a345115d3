"""The network of an ordinary user's container: one program of the user's leads out of it.

    monitor ──▶ pasta (or slirp4netns) ── eth0 of the container

Bridges, and links between containers, would be in the machine's own network namespace, which is
root's. So there is one network, `bridge`, on which each container is alone. The program is the
monitor's child and dies with it; whoever finds the run directory ends it, too.

    <run dir>/netns       the namespace, until all is set up
    <run dir>/way-out     pid and start time of the program
"""

from __future__ import annotations

import _socket
import os

from cuddy import files
from cuddy.engine import defaults, endpoint, etc_files, spec
from cuddy.errors import CorruptContent, NotPermitted, SystemFailure
from cuddy.kernel import companion, control_file, mount, namespaces, program, rtnetlink
from cuddy.network import ipam, user_mode
from cuddy.network import network as networks
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from cuddy.engine.container import Container
    from cuddy.engine.endpoint import EndpointConfig
    from cuddy.engine.home import Home
    from cuddy.kernel.companion import Companion
    from cuddy.network.endpoint import Endpoint
    from cuddy.network.network import Network
    from cuddy.network.publish import Published

TUN = "/dev/net/tun"
NAME = "way-out"
NETNS = "netns"
HINT = "or else --network none, or --network host for the host's own"
MNT_DETACH = 2
ANSWER_BYTES = 1 << 12


class WayOut(NamedTuple):
    """What a container has got."""

    network: Network
    endpoint: Endpoint
    asked: EndpointConfig
    published: tuple[Published, ...]


def refuse() -> NoReturn:
    """Say what an ordinary user has instead of networks of their own. Raises NotPermitted."""
    raise NotPermitted(
        "an ordinary user's containers have no networks of their own making",
        hint="each is alone on the default one, and reached by published ports;"
        " --network container:NAME shares one",
    )


def connect(home: Home, record: Container, pid: int, *, is_confined: bool) -> WayOut:
    """Lead a newborn container out. Raises NotPermitted, Conflict, SystemFailure."""
    asked = endpoint.asked(record)
    if list(asked) != [networks.DEFAULT] or record["HostConfig"]["Links"]:
        refuse()
    if is_confined:
        raise NotPermitted("--egress is not for an ordinary user's containers yet")
    name, path = find_program()
    found = networks.predefined(home.networks_dir, networks.DEFAULT)._replace(driver=name)
    wish = asked[networks.DEFAULT]
    mac = wish.get("MacAddress") or record["Config"].get("MacAddress") or ""
    place = user_mode.endpoint(found, record["Id"], mac)
    published = choose_ports(home, record, name)
    run_dir = home.run_dir(record["Id"])
    with Undo() as undo:
        started = start(run_dir, [name, path], place, published, undo)
        if not started.pid:
            raise SystemFailure(f"{name} gave the container no network: {started.complaint}")
    text = etc_files.read_text(f"/proc/{pid}/net/if_inet6")
    address6, length6 = user_mode.global_address(text)
    place = place._replace(address6=address6, prefix_length6=length6)
    return WayOut(found, place, wish, tuple(published))


def paths_of(home: Home, record: Container) -> dict[str, str]:
    """The network namespace of a container to be, by its path, if a program is to lead out of it.

    The program may not look at the container's process, and neither may we while that is ours: so
    the namespace is there before. Raises SystemFailure.
    """
    if namespaces.is_initial("user") or networks.DEFAULT not in endpoint.asked(record):
        return {}
    path = f"{home.run_dir(record['Id'])}/{NETNS}"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    heard, say = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            furnish(path)
            os.write(say, b".")
        finally:
            os._exit(0)
    os.close(say)
    is_there = os.read(heard, 1)
    os.close(heard)
    os.waitpid(pid, 0)
    if not is_there:
        raise SystemFailure("cannot make the container's network namespace")
    return {"network": path}


def furnish(path: str) -> None:
    """Make a network namespace as a container's is when it starts, and mount it."""
    namespaces.unshare(namespaces.CLONE_NEWNET)
    rtnetlink.loopback_up()
    for name, value in defaults.network_sysctls(spec.highest_gid()).items():
        control_file.write(f"/proc/sys/{name.replace('.', '/')}", value)
    mount.bind("/proc/self/ns/net", path)


def forget_namespace(run_dir: str) -> None:
    """Whoever is in it keeps it."""
    try:
        mount.umount(f"{run_dir}/{NETNS}", MNT_DETACH)
    except OSError:
        pass  # it was another's mount, whose mounts have gone
    try:
        os.unlink(f"{run_dir}/{NETNS}")
    except FileNotFoundError:
        pass


def find_program() -> tuple[str, str]:
    """What leads out: its name and its path. Raises NotPermitted."""
    # Imported here, as below: what is missing is told in the words of doctor.
    from cuddy.engine import doctor, doctor_facts

    paths = {name: program.find(name) for name in user_mode.PROGRAMS}
    for name, path in paths.items():
        if path and os.access(TUN, os.R_OK | os.W_OK):
            return name, path
    facts = doctor.Facts(
        uid=1, programs=paths, devices={TUN: doctor_facts.state_of(TUN)},
        packager=next((name for name in doctor.INSTALL if program.find(name)), ""),
    )  # fmt: skip
    finding = next(doctor.networks(facts))
    raise NotPermitted(
        f"there is no network for an ordinary user's container: {finding.meaning}",
        hint="; ".join((*finding.fix, HINT)),
    )


def choose_ports(home: Home, record: Container, name: str) -> list[Published]:
    """The host's ports that lead to it, free a moment ago. Raises Conflict, SystemFailure."""
    host_config = record["HostConfig"]
    if not (host_config["PortBindings"] or host_config["PublishAllPorts"]):
        return []
    # Imported here: most containers publish nothing.
    from cuddy.engine import publishing

    pool = ipam.Pool(f"{user_mode.ADDRESS}/{user_mode.PREFIX_LENGTH}", user_mode.GATEWAY)
    found = networks.Network("", networks.DEFAULT, name, pools=(pool,))
    try:
        published, holders = publishing.reserve(home, record, found)
    except SystemFailure as error:
        error.hint = error.hint or low_ports()
        raise
    # The program is to have them now.
    for fd in holders:
        os.close(fd)
    user_mode.check(name, published)
    return published


def low_ports() -> str:
    """What to do about ports that are root's."""
    first = etc_files.read_text("/proc/sys/net/ipv4/ip_unprivileged_port_start").strip()
    return f"users have the ports from {first} on: sysctl net.ipv4.ip_unprivileged_port_start"


def start(
    run_dir: str, chosen: Sequence[str], place: Endpoint, published: Sequence[Published],
    undo: Undo,
) -> Companion:  # fmt: skip
    """Start the program and note it. Raises OSError, CuddyError."""
    name, path = chosen
    begin = start_pasta if name == "pasta" else start_slirp4netns
    started = begin(run_dir, path, f"{run_dir}/{NETNS}", place, published)
    forget_namespace(run_dir)
    if started.pid:
        undo.add(companion.end, started.pid, started.began)
        document = [started.pid, started.began]
        files.write_json(f"{run_dir}/{NAME}", document, durable=False)
        if name != "pasta":
            add_ports(run_dir, published)
    return started


def start_pasta(
    run_dir: str, path: str, netns: str, place: Endpoint, published: Sequence[Published]
) -> Companion:
    """It writes its pid when all is set up: into a pipe of ours."""
    pipe = f"{run_dir}/{NAME}.ready"
    os.mkfifo(pipe, 0o600)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        words = user_mode.pasta(path, netns, pipe, place.mac, published)
        return companion.start(words, reader)
    finally:
        os.close(reader)
        os.unlink(pipe)


def start_slirp4netns(
    run_dir: str, path: str, netns: str, place: Endpoint, published: Sequence[Published]
) -> Companion:
    """It writes to a descriptor, and is told of ports afterwards."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    # By descriptor, as a socket's path holds 107 bytes at most.
    directory = os.open(run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        socket = f"/proc/self/fd/{directory}/{NAME}.sock" if published else ""
        words = user_mode.slirp4netns(path, netns, writer, place.mac, socket)
        return companion.start(words, reader, (writer, directory))
    finally:
        for fd in (reader, writer, directory):
            os.close(fd)


def add_ports(run_dir: str, published: Sequence[Published]) -> None:
    """Have slirp4netns publish them. Raises SystemFailure."""
    for entry in published:
        directory = os.open(run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        try:
            socket.settimeout(companion.READY_S)
            socket.connect(f"/proc/self/fd/{directory}/{NAME}.sock")
            socket.sendall(files.format_json(user_mode.forward(entry)).encode())
            socket.shutdown(_socket.SHUT_WR)
            answer = files.parse_json(socket.recv(ANSWER_BYTES).decode())
        finally:
            socket.close()
            os.close(directory)
        if "error" in answer:
            where = f"{entry.host_ip}:{entry.host_port}"
            raise SystemFailure(f"slirp4netns does not publish {where}: {answer['error']}")


def end(home: Home, container_id: str) -> None:
    """End what led out of a container, if anything still does."""
    forget_namespace(home.run_dir(container_id))
    path = f"{home.run_dir(container_id)}/{NAME}"
    try:
        pid, began = files.read_json(path)
    except (OSError, CorruptContent, ValueError):
        return
    companion.end(pid, began)
    os.unlink(path)
