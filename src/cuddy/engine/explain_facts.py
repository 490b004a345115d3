"""What `explain` tells is made of: a container's config and what the kernel says, from both sides.

Of a container that does not run the config is the one that it would get. The host's side is that of
the process that asks: of an ordinary user the one before it became root of its user namespace.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import container, containers, rootfs, spec, stats, top, users
from cuddy.errors import NoSuchContainer, SystemFailure
from cuddy.kernel import cgroup_hierarchies, control_file, elsewhere, mount, namespaces
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_stats import Stats
from cuddy.runtime import state
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.users import Identity
    from cuddy.kernel.cgroup_hierarchies import Hierarchies
    from cuddy.kernel.mount import MountPoint
    from cuddy.runtime.spec import Config

MOST_PROCESSES = 200


class Row(NamedTuple):
    """One thing, as it is for the host and for the container, and what that means."""

    thing: str
    host: str
    container: str
    note: str = ""


class Topic(NamedTuple):
    """Rows that belong together."""

    name: str
    rows: list[Row]


class Task(NamedTuple):
    """A process of the container: its number out here and in there."""

    pid: int
    inner_pid: int
    uid: int
    inner_uid: int
    command: str


class Link(NamedTuple):
    """A network link with its addresses."""

    name: str
    kind: str
    addresses: tuple[str, ...]


class Side(NamedTuple):
    """What one side sees."""

    namespaces: Mapping[str, int] = {}
    hostname: str = ""
    processes: int = 0
    mounts: tuple[MountPoint, ...] = ()
    links: tuple[Link, ...] = ()


class Facts(NamedTuple):
    """All that is known of one container."""

    record: Container
    config: Config
    host: Side
    hierarchies: Hierarchies
    machine: stats.Machine
    inside: Side | None = None  # None: it does not run
    tasks: tuple[Task, ...] = ()
    status: Mapping[str, str] = {}  # /proc/PID/status of its first process
    id_map: tuple[tuple[int, int, int], ...] = ()  # inside, out here, how many
    usage: Stats = Stats()
    groups: Mapping[str, str] = {}  # directories by controller


def own_namespaces() -> dict[str, int]:
    """Those of the calling process, by their names in config.json."""
    return namespaces_of("self")


def namespaces_of(pid: int | str) -> dict[str, int]:
    """The numbers of a process's namespaces. Raises OSError."""
    found = {}
    for kind in namespaces.FLAGS:
        try:
            text = namespaces.identify(pid, kind)
        except FileNotFoundError:
            continue  # a kernel without that kind
        found[kind] = int(text.partition("[")[2].rstrip("]"))
    return found


def gather(home: Home, name: str, outside: Mapping[str, int]) -> Facts:
    """Look at a container. `outside`: the host's namespaces, from `own_namespaces`.

    Raises NoSuchContainer, InvalidArgument for a container that could not start, SystemFailure.
    """
    record = containers.find(home, name)
    host = Side(
        outside or own_namespaces(),
        os.uname().nodename,
        sum(map(str.isdecimal, os.listdir("/proc"))),
        tuple(mount.list_mounts()),
        list_links("self"),
    )
    hierarchies, machine = cgroup_hierarchies.find(), stats.machine()
    if record["State"]["Running"]:
        try:
            document = state.read(home.run_root, record["Id"])
            config: Config = files.read_json(f"{home.container_dir(record['Id'])}/config.json")
            known = Facts(record, config, host, hierarchies, machine)
            groups = Cgroup(document["cgroupPaths"])
            return look_inside(known, document["pid"], top.pids_of(home, record["Id"]), groups)
        except (NoSuchContainer, OSError):
            record = containers.find(home, name)  # it has just ended
    return Facts(record, planned_config(home, record), host, hierarchies, machine)


def planned_config(home: Home, record: Container) -> Config:
    """The config that a container would get if it started now. Raises as `build_spec`."""
    return spec.build_spec(record, find_identity(home, record), spec.this_host(record))


def find_identity(home: Home, record: Container) -> Identity:
    """Numbers for the user's name: a child looks into the container's files for that."""

    def look() -> Identity:
        with container.lock(home, record["Id"]):
            root = rootfs.view_root(home, containers.read(home, record["Id"], locked=True))
            root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            user, groups = record["Config"]["User"], record["HostConfig"]["GroupAdd"]
            return users.read_identity(root_fd, user, groups)

    try:
        return elsewhere.call(-1, look)
    except OSError as error:
        raise SystemFailure.from_os("cannot look at the container's users", error) from error


def look_inside(known: Facts, pid: int, pids: list[int], groups: Cgroup) -> Facts:
    """The same facts with all that a running container's first process shows. Raises OSError."""
    status = read_status(pid)
    id_map = read_map(pid)
    found = (read_task(each, id_map) for each in pids[:MOST_PROCESSES])
    tasks = tuple(task for task in found if task)
    return known._replace(
        inside=Side(
            namespaces_of(pid),
            hostname_of(pid),
            len(pids),
            tuple(mount.list_mounts(pid)),
            list_links(pid),
        ),
        tasks=tasks,
        status=status,
        id_map=id_map,
        usage=groups.stats(),
        groups=groups.paths,
    )


def read_status(pid: int) -> dict[str, str]:
    """/proc/PID/status by field. Raises OSError."""
    with open(f"/proc/{pid}/status", errors="replace") as file:
        lines = file.read().split("\n")
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def read_map(pid: int) -> tuple[tuple[int, int, int], ...]:
    """The user ids of a process's namespace: first inside, first as we see it, how many."""
    lines = (control_file.read(f"/proc/{pid}/uid_map") or "").split("\n")
    words = [line.split() for line in lines]
    return tuple((int(a), int(b), int(c)) for a, b, c in (each for each in words if len(each) == 3))


def read_task(pid: int, id_map: tuple[tuple[int, int, int], ...]) -> Task | None:
    """One process; None if it has just ended."""
    try:
        status = read_status(pid)
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(4096).rstrip(b"\0").split(b"\0")
    except OSError:
        return None
    uid = int(status["Uid"].split()[1])
    inner = next((uid - out + first for first, out, n in id_map if out <= uid < out + n), uid)
    command = " ".join(os.fsdecode(word) for word in words) or f"[{status['Name']}]"
    return Task(pid, int(status.get("NSpid", str(pid)).split()[-1]), uid, inner, command)


def hostname_of(pid: int) -> str:
    """The host name that a process sees; "" if we may not look."""
    try:
        fd = namespaces.open_namespace(pid, "uts")
    except OSError:
        return ""
    try:
        with namespaces.Joined(fd, "uts"):
            return os.uname().nodename
    except OSError:
        return ""
    finally:
        os.close(fd)


def list_links(pid: int | str) -> tuple[Link, ...]:
    """The links of a process's network; none if we may not look."""
    try:
        fd = namespaces.open_namespace(pid, "network")
    except OSError:
        return ()
    try:
        return elsewhere.call(fd, read_links)
    except OSError:
        return ()
    finally:
        os.close(fd)


def read_links() -> tuple[Link, ...]:
    """The links of our own network namespace."""
    import _socket

    from cuddy.kernel import netlink, rtnetlink

    with netlink.Socket() as socket:
        links = rtnetlink.list_links(socket)
        addresses = rtnetlink.list_addresses(socket)
        addresses += rtnetlink.list_addresses(socket, _socket.AF_INET6)
    return tuple(
        Link(
            link.name,
            link.kind,
            tuple(f"{a.address}/{a.prefix_length}" for a in addresses if a.link == link.ifindex),
        )
        for link in links
    )
