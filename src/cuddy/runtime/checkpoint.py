"""Checkpoint: save a running container's processes to files (runc's `checkpoint`), by criu(8).

What lies outside the container is named, not saved: mounts from the host, standard streams, a
network namespace that was joined. Beside criu's images two files say what they were:
`descriptors.json`, as runc writes it, and `mounts.json`.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import Conflict, InvalidArgument, SystemFailure
from cuddy.kernel import mount, resolve
from cuddy.runtime import criu, delete, state
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.kernel.mount import MountPoint
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.criu import Value
    from cuddy.runtime.spec import State

NETWORK = "extRootNetNS"
LOG = "dump.log"
DESCRIPTORS, MOUNTS = "descriptors.json", "mounts.json"
CGROUP_TYPES = ("cgroup", "cgroup2")
HINTS = (
    ("vdso", "this criu is older than the kernel: criu 4 knows Linux 6.13 and later"),
    ("soft-dirty", "the kernel lacks CONFIG_MEM_SOFT_DIRTY"),
)


class Options(NamedTuple):
    """How to save: runc's flags. `switches`: criu's own yes-or-no options."""

    image_path: str
    work_path: str = ""
    parent_path: str = ""
    leave_running: bool = False
    pre_dump: bool = False
    cgroups_mode: str = "soft"
    page_server: str = ""
    status_fd: int = -1
    empty_ns: int = 0
    switches: tuple[str, ...] = ()
    program: str = "criu"


class Outer(NamedTuple):
    """A mount of something from outside: kind is bind, cgroup or host; what, of that kind."""

    target: str
    kind: str
    what: str


def checkpoint(state_root: str, container_id: str, options: Options, bundle: Bundle) -> list[str]:
    """Save a container; unless it is to go on, nothing is left of it. Returns warnings.

    Raises NoSuchContainer, Conflict, InvalidArgument, SystemFailure.
    """
    document = state.read(state_root, container_id)
    if document["status"] not in ("running", "paused"):
        raise Conflict("Container cannot be checkpointed in stopped state")
    path = criu.find(options.program)
    check_parent(options)
    with Undo() as undo:
        files.make_directory(options.image_path)
        work_path = options.work_path or options.image_path
        files.make_directory(work_path)
        fds = [os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
               for each in (options.image_path, work_path)]  # fmt: skip
        undo.add(close_all, fds)
        outer = find_outer(document, bundle)
        write_companions(document, options.image_path, outer)
        asked = request(options, bundle, document, outer, fds)
        kind = criu.PRE_DUMP if options.pre_dump else criu.DUMP
        given = fds if options.status_fd < 0 else [*fds, options.status_fd]
        with criu.Criu(path, given) as worker:
            answer = worker.ask(kind, asked)
        check(answer, "dump", os.path.join(work_path, LOG))
        close_all(fds)
    if options.leave_running or options.pre_dump:
        return []
    return delete.delete(state_root, container_id, force=True)


def close_all(descriptors: list[int]) -> None:
    """Close them, once."""
    while descriptors:
        os.close(descriptors.pop())


def check(answer: dict[int, int | bytes], doing: str, log: str) -> None:
    """Raise SystemFailure if criu has failed, with a hint for failures that are known."""
    try:
        criu.check(answer, doing, log)
    except SystemFailure as error:
        text = str(error).lower()
        hint = next((hint for word, hint in HINTS if word in text), "")
        raise SystemFailure(str(error), hint=hint) from None


def check_parent(options: Options) -> None:
    """The images of an earlier pre-dump are named from the new ones. Raises InvalidArgument."""
    if not options.parent_path:
        return
    if os.path.isabs(options.parent_path):
        raise InvalidArgument("invalid --parent-path: it must be relative to --image-path")
    if not os.path.isdir(os.path.join(options.image_path, options.parent_path)):
        raise InvalidArgument(f"invalid --parent-path: no directory {options.parent_path}")


def request(
    options: Options, bundle: Bundle, document: State, outer: list[Outer], fds: list[int]
) -> dict[str, Value]:
    """What criu is asked for."""
    external = [f"mnt[{each.target}]:{each.target}" for each in outer]
    external += [key for key in stream_keys(document["pid"]) if key.startswith("file[")]
    if bundle.namespace_path("network"):
        inode = os.stat(f"/proc/{document['pid']}/ns/net").st_ino
        external.append(f"net[{inode}]:{NETWORK}")
    asked: dict[str, Value] = {
        "images_dir_fd": fds[0],
        "work_dir_fd": fds[1],
        "pid": document["pid"],
        "log_level": 4,
        "log_file": LOG,
        "root": bundle.rootfs,
        "notify_scripts": True,
        "orphan_pts_master": True,
        "leave_running": options.leave_running,
        "external": external,
        **cgroups_mode(options.cgroups_mode),
        **dict.fromkeys(options.switches, True),
    }
    if options.parent_path:
        asked["parent_img"] = options.parent_path
    if options.pre_dump:
        asked["track_mem"] = True
    if options.status_fd >= 0:
        asked["status_fd"] = options.status_fd
    if options.empty_ns:
        asked["empty_ns"] = options.empty_ns
    if options.page_server:
        asked["ps"] = page_server(options.page_server)
    if config_file := bundle.config.get("annotations", {}).get("org.criu.config"):
        asked["config_file"] = config_file
    return asked


def cgroups_mode(name: str) -> dict[str, Value]:
    """criu's word for how to treat control groups. Raises InvalidArgument."""
    if name not in criu.CGROUP_MODES:
        raise InvalidArgument(f"Invalid manage-cgroups-mode value: {name}")
    return {"manage_cgroups": True, "manage_cgroups_mode": criu.CGROUP_MODES[name]}


def page_server(address: str) -> bytes:
    """ADDRESS:PORT of a page server. Raises InvalidArgument."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise InvalidArgument("Use --page-server ADDRESS:PORT to specify page server")
    return criu.encode({1: host, 2: int(port)})


def stream_keys(pid: int) -> list[str]:
    """What the standard streams of a process are to criu: pipes, or files of another mount's."""
    inside = {point.mount_id for point in mount.list_mounts(pid)}
    return [stream_key(pid, number, inside) for number in (0, 1, 2)]


def stream_key(pid: int, number: int, inside: set[int]) -> str:
    """The name of one stream."""
    try:
        link = os.readlink(f"/proc/{pid}/fd/{number}")
        about = files.read_bytes(f"/proc/{pid}/fdinfo/{number}").decode()
    except OSError:
        return ""  # closed
    fields = dict(line.split(":", 1) for line in about.splitlines() if ":" in line)
    mount_id = int(fields.get("mnt_id", "0"))
    if not link.startswith("/") or mount_id in inside:
        return link
    return f"file[{mount_id:x}:{os.stat(f'/proc/{pid}/fd/{number}').st_ino:x}]"


def find_outer(document: State, bundle: Bundle) -> list[Outer]:
    """The container's mounts of what is not its own, as the kernel tells them."""
    pid = document["pid"]
    binds = bind_targets(pid, bundle)
    groups = {os.stat(path).st_dev: name for name, path in document["cgroupPaths"].items()}
    null = os.stat("/dev/null", follow_symlinks=False).st_dev
    found = []
    for point in mount.list_mounts(pid):
        device = device_of(point)
        if point.target in binds:
            found.append(Outer(point.target, "bind", binds[point.target]))
        elif point.fstype in CGROUP_TYPES and device in groups:
            found.append(Outer(point.target, "cgroup", groups[device]))
        elif device == null and point.root != "/":
            found.append(Outer(point.target, "host", f"/dev{point.root}"))
    return found


def device_of(point: MountPoint) -> int:
    """The device number of a mount's file system."""
    major, _, minor = point.device.partition(":")
    return os.makedev(int(major), int(minor))


def bind_targets(pid: int, bundle: Bundle) -> dict[str, str]:
    """Where the config's binds really are -> their position in the config."""
    targets = {}
    root_fd = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for position, entry in enumerate(bundle.config.get("mounts", [])):
            if entry.get("type") == "bind" or {"bind", "rbind"} & set(entry.get("options") or ()):
                try:
                    fd = resolve.open_in_root(root_fd, entry["destination"], os.O_PATH)
                except OSError:
                    continue  # the container has unmounted it
                targets[os.readlink(f"/proc/self/fd/{fd}")] = str(position)
                os.close(fd)
    finally:
        os.close(root_fd)
    return targets


def write_companions(document: State, image_path: str, outer: list[Outer]) -> None:
    """What a restore must know beside criu's own images."""
    keys = stream_keys(document["pid"])
    files.write_json(os.path.join(image_path, DESCRIPTORS), keys, durable=False)
    files.write_json(
        os.path.join(image_path, MOUNTS), [list(each) for each in outer], durable=False
    )
