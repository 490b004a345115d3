"""The program that leads out of a network namespace: started, told of ports, ended.

    monitor ──▶ pasta (or slirp4netns) ── eth0 of the container

It may not look at the container's process, and neither may we while that is ours: so the namespace
is made before the container, and mounted at a path. The program is the child of whoever started it
and dies with that; whoever finds the run directory ends it, too.

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
from cuddy.network import network as networks
from cuddy.network import resolv, user_mode, user_mode_options
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.engine.connection import Place
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.kernel.companion import Companion
    from cuddy.network.publish import Published
    from cuddy.network.user_mode_options import Choice

TUN = "/dev/net/tun"
NAME = "way-out"
NETNS = "netns"
HINT = "or else --network none, or --network host for the host's own"
MNT_DETACH = 2
ANSWER_BYTES = 1 << 12


class Program(NamedTuple):
    """One that can lead out."""

    choice: Choice
    path: str


def mode_of(record: Container) -> str:
    """The only network of a container, if a program is to lead out of it; or ""."""
    asked = [*endpoint.asked(record)]
    is_ours = len(asked) == 1 and (asked[0] == networks.DEFAULT or endpoint.is_program(asked[0]))
    return asked[0] if is_ours else ""


def paths_of(home: Home, record: Container) -> dict[str, str]:
    """The network namespace of a container to be, by its path, if it is to be its own.

    The program that leads out may not look at the container's process, and neither may we while
    that is ours: so the namespace is there before. Raises SystemFailure.
    """
    if not (endpoint.asked(record) and endpoint.has_own(record)):
        return {}
    return {"network": make_namespace(home.run_dir(record["Id"]))}


def make_namespace(run_dir: str) -> str:
    """The path at which a new network namespace is mounted. Raises SystemFailure, OSError."""
    path = f"{run_dir}/{NETNS}"
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
        raise SystemFailure("cannot make a network namespace")
    return path


def furnish(path: str) -> None:
    """Make a network namespace as a container's is when it starts, and mount it."""
    namespaces.unshare(namespaces.CLONE_NEWNET)
    rtnetlink.loopback_up()
    for name, value in defaults.network_sysctls(spec.highest_gid()).items():
        control_file.write(f"/proc/sys/{name.replace('.', '/')}", value)
    mount.bind("/proc/self/ns/net", path)


def forwarder(places: Sequence[Place]) -> str:
    """The address at which a container there reaches the host's own name server; "" for none."""
    found = [x.endpoint for x in places if x.network.driver in user_mode_options.PROGRAMS]
    return user_mode.name_server(found[0]) if found else ""


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


def find_programs(choice: Choice) -> list[Program]:
    """What can lead out, the best first. Raises NotPermitted."""
    wanted = (choice.program,) if choice.program else user_mode_options.PROGRAMS
    paths = {name: program.find(name) for name in wanted}
    found = [Program(choice._replace(program=x), path) for x, path in paths.items() if path]
    if found and os.access(TUN, os.R_OK | os.W_OK):
        return found
    # Imported here: what is missing is told in the words of doctor.
    from cuddy.engine import doctor, doctor_facts

    facts = doctor.Facts(
        uid=1, programs=paths, devices={TUN: doctor_facts.state_of(TUN)},
        packager=next((name for name in doctor.INSTALL if program.find(name)), ""),
    )  # fmt: skip
    finding = next(doctor.networks(facts, wanted))
    raise NotPermitted(
        f"there is no network for an ordinary user's container: {finding.meaning}",
        hint="; ".join((*finding.fix, HINT)),
    )


def lead(
    run_dir: str, programs: Sequence[Program], mac: str, published: Sequence[Published], undo: Undo
) -> Program:
    """Start the first that does it: an old pasta wants the host to have a way out itself.

    Raises OSError, SystemFailure.
    """
    complaints = []
    for one in programs:
        is_pasta = one.choice.program == user_mode_options.PASTA
        begin = start_pasta if is_pasta else start_slirp4netns
        started = begin(run_dir, one, mac, published)
        if started.pid:
            undo.add(companion.end, started.pid, started.began)
            forget_namespace(run_dir)
            document = [started.pid, started.began]
            files.write_json(f"{run_dir}/{NAME}", document, durable=False)
            if not is_pasta:
                add_ports(run_dir, published)
            return one
        complaints.append(f"{one.choice.program}: {without_noise(started.complaint)}")
    forget_namespace(run_dir)
    raise SystemFailure(f"the container has no network: {'; '.join(complaints)}", hint=HINT)


def without_noise(complaint: str) -> str:
    """Without what an old pasta says for each line on a machine that has no syslog."""
    # Imported here: nearly all start.
    import re

    return re.sub(r"Failed to send \d+ bytes to syslog ?", "", complaint)


def start_pasta(
    run_dir: str, one: Program, mac: str, published: Sequence[Published]
) -> Companion:  # fmt: skip
    """It writes its pid when all is set up: into a pipe of ours."""
    pipe = f"{run_dir}/{NAME}.ready"
    os.mkfifo(pipe, 0o600)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        asked = resolv.parse(etc_files.read_text(resolv.PATH)).nameservers
        words = user_mode.pasta(
            one.path, f"{run_dir}/{NETNS}", pipe, mac, one.choice, published,
            forwards=bool(asked) and resolv.is_loopback(asked[0]),
        )  # fmt: skip
        return companion.start(words, reader)
    finally:
        os.close(reader)
        os.unlink(pipe)


def start_slirp4netns(
    run_dir: str, one: Program, mac: str, published: Sequence[Published]
) -> Companion:  # fmt: skip
    """It writes to a descriptor, and is told of ports afterwards."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    # By descriptor, as a socket's path holds 107 bytes at most.
    directory = os.open(run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        socket = f"/proc/self/fd/{directory}/{NAME}.sock" if published else ""
        netns = f"{run_dir}/{NETNS}"
        words = user_mode.slirp4netns(one.path, netns, writer, mac, one.choice, socket)
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


def end(run_dir: str) -> None:
    """End what led out of a container, if anything still does."""
    forget_namespace(run_dir)
    path = f"{run_dir}/{NAME}"
    try:
        pid, began = files.read_json(path)
    except (OSError, CorruptContent, ValueError):
        return
    companion.end(pid, began)
    os.unlink(path)
