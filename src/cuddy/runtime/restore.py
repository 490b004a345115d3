"""Restore: bring back a container that `checkpoint` has saved (runc's `restore`), by criu(8).

criu makes namespaces, mounts and processes; ours are the control group it is born in, the root it
finds, and the names of what lies outside: mounts from the host, our standard streams, a network
namespace that is joined. It works in a mount namespace of its own, so the host sees no mount.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import cgroup, mount, namespaces, process
from cuddy.kernel.mount import MS_BIND, MS_REC, Mount
from cuddy.runtime import checkpoint, create, criu, devices, gate, hooks, launch, rootfs, state
from cuddy.runtime.checkpoint import DESCRIPTORS, MOUNTS, NETWORK, Outer
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.create import Birth
    from cuddy.runtime.criu import Value
    from cuddy.runtime.spec import Linux

LOG = "restore.log"
ROOT = "criu-root"
FIRST_SPARE = 10
MNT_DETACH = 2


class Options(NamedTuple):
    """How to bring it back: runc's flags. `switches`: criu's own yes-or-no options."""

    image_path: str
    work_path: str = ""
    cgroups_mode: str = "soft"
    cgroup: create.Options = create.DEFAULTS
    """Who makes the control group."""
    empty_ns: int = 0
    lsm_profile: str = ""
    lsm_mount_context: str = ""
    switches: tuple[str, ...] = ()
    program: str = "criu"
    on_terminal: Callable[[int], None] | None = None
    """Who takes the terminal's master."""


def restore(bundle: Bundle, container_id: str, options: Options, *, state_root: str) -> Birth:
    """Bring a container back, running, as our child. Raises CuddyError."""
    state.check_id(container_id)
    path = criu.find(options.program)
    outer, keys = read_companions(options.image_path)
    launch.check_labels(bundle.config.get("process", {}), "")
    with Undo() as undo:
        birth = create.Birth(bundle, container_id, state_root)
        os.close(gate.make(state_root, birth.directory))
        undo.add(files.remove_tree, birth.directory)
        settle = create.make_cgroup(birth, options.cgroup, undo)
        os.mkdir(os.path.join(birth.directory, ROOT), 0o700)
        work_path = options.work_path or options.image_path
        files.make_directory(work_path)
        fds = open_all(options.image_path, work_path, keys, bundle)
        undo.add(checkpoint.close_all, fds)
        undo.add(birth.cgroup.kill)
        asked = request(birth, options, outer, keys, fds)
        with begin(path, birth, outer, fds, (options.image_path, work_path)) as worker:
            answer = worker.ask(criu.RESTORE, asked, Listener(birth, options).hear)
        checkpoint.check(answer, "restore", os.path.join(work_path, LOG))
        checkpoint.close_all(fds)
        settle()
        birth.pid = criu.as_int(criu.decode(criu.as_bytes(answer.get(4))).get(1))
        birth.pidfd = process.pidfd_open(birth.pid)
        birth.bundle = with_clocks(birth)
        create.write_state(birth, keep_config=True)
        os.rmdir(os.path.join(birth.directory, ROOT))
        os.unlink(os.path.join(birth.directory, state.FIFO))
    return birth


def with_clocks(birth: Birth) -> Bundle:
    """The bundle with the time namespace that criu gives whatever it restores, for `exec` to join:
    a container with processes in two of them cannot be saved again.
    """
    linux = birth.bundle.config["linux"]
    differs = namespaces.differing(birth.pid) & namespaces.FLAGS["time"]
    if birth.bundle.has_namespace("time") or not differs:
        return birth.bundle
    added: Linux = {**linux, "namespaces": [*linux.get("namespaces", []), {"type": "time"}]}
    return birth.bundle._replace(config={**birth.bundle.config, "linux": added})


class Listener:
    """What is done at points of criu's work."""

    def __init__(self, birth: Birth, options: Options) -> None:
        self.birth = birth
        self.options = options

    def hear(self, script: str, pid: int, fd: int) -> None:
        """Hooks when the namespaces are there; the terminal's master when it has one."""
        if script == "setup-namespaces":
            self.birth.pid = pid
            for kind in ("prestart", "createRuntime"):
                bundle = self.birth.bundle
                hooks.run(bundle.config, kind, self.birth.document(), bundle.path)
        elif script == "orphan-pts-master" and fd >= 0:
            if self.options.on_terminal:
                self.options.on_terminal(fd)
            os.close(fd)


def read_companions(image_path: str) -> tuple[list[Outer], list[str]]:
    """What `checkpoint` has written beside criu's images. Raises InvalidArgument."""
    try:
        mounts = files.read_json(os.path.join(image_path, MOUNTS))
        keys = files.read_json(os.path.join(image_path, DESCRIPTORS))
    except (OSError, ValueError) as error:
        hint = "--image-path names the directory"
        raise InvalidArgument(f"no checkpoint in {image_path}: {error}", hint=hint) from None
    if not is_texts(keys) or not isinstance(mounts, list):
        raise InvalidArgument(f"{image_path}/{DESCRIPTORS} is none of a checkpoint's")
    if not all(is_texts(each) and len(each) == 3 for each in mounts):
        raise InvalidArgument(f"{image_path}/{MOUNTS} is none of a checkpoint's")
    return [Outer(*each) for each in mounts], keys


def is_texts(value: object) -> bool:
    """Whether it is a list of texts."""
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def open_all(image_path: str, work_path: str, keys: list[str], bundle: Bundle) -> list[int]:
    """Descriptors for criu: both directories, our streams, a network namespace to join."""
    import fcntl

    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    fds = [os.open(each, flags) for each in (image_path, work_path)]
    for number in range(len(keys[:3])):
        fds.append(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, FIRST_SPARE))
    if path := bundle.namespace_path("network"):
        fds.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    return fds


def request(
    birth: Birth, options: Options, outer: list[Outer], keys: list[str], fds: list[int]
) -> dict[str, Value]:
    """What criu is asked for."""
    inherited = [
        criu.encode({1: key, 2: fd})
        for key, fd in zip(keys[:3], fds[2:])
        if key.startswith(("pipe:", "file["))
    ]
    if birth.bundle.namespace_path("network"):
        inherited.append(criu.encode({1: NETWORK, 2: fds[-1]}))
    asked: dict[str, Value] = {
        "images_dir_fd": fds[0],
        "work_dir_fd": fds[1],
        "log_level": 4,
        "log_file": LOG,
        "root": os.path.join(birth.directory, ROOT),
        "notify_scripts": True,
        "orphan_pts_master": True,
        "rst_sibling": True,
        "external": [f"mnt[{each.target}]:{source_of(each, birth)}" for each in outer],
        "inherit_fd": inherited,
        **checkpoint.cgroups_mode(options.cgroups_mode),
        **dict.fromkeys(options.switches, True),
    }
    if options.cgroups_mode not in ("ignore", "none"):
        asked["cg_root"] = cgroup_roots(birth)
    for name in ("lsm_profile", "lsm_mount_context", "empty_ns"):
        if value := getattr(options, name):
            asked[name] = value
    if config_file := birth.bundle.config.get("annotations", {}).get("org.criu.config"):
        asked["config_file"] = config_file
    return asked


def source_of(outer: Outer, birth: Birth) -> str:
    """Where on this host the mount comes from. Raises InvalidArgument."""
    if outer.kind == "host" and outer.what in devices_of(birth.bundle):
        return outer.what
    if outer.kind == "cgroup" and outer.what in birth.cgroup.paths:
        return birth.cgroup.paths[outer.what]
    if outer.kind == "bind":
        return bind_source(outer, birth.bundle)
    raise InvalidArgument(f"the mount at {outer.target} is nowhere to be found on this host")


def devices_of(bundle: Bundle) -> set[str]:
    """What of the host's /dev a container may show: whoever wrote the images has no say in it."""
    return {device["path"] for device in devices.wanted(bundle.config)}


def bind_source(outer: Outer, bundle: Bundle) -> str:
    """The source of a bind of the config's. Raises InvalidArgument."""
    mounts = bundle.config.get("mounts", [])
    if not outer.what.isdecimal() or int(outer.what) >= len(mounts):
        raise InvalidArgument(f"the bundle has no mount for {outer.target} any more")
    source = os.path.join(bundle.path, mounts[int(outer.what)].get("source", ""))
    return os.path.realpath(source)


def cgroup_roots(birth: Birth) -> list[bytes]:
    """Where the saved groups are to be, by controllers, of version 1."""
    roots = []
    mounts = {point.target: point for point in mount.list_mounts()}
    for line in files.read_bytes("/proc/self/cgroup").decode().splitlines():
        _, names, _ = line.split(":", 2)
        first = names.split(",")[0].removeprefix("name=")
        if names and first in birth.cgroup.paths:
            path = birth.cgroup.paths[first]
            tops = [top for top in mounts if mount.contains(top, path) and top != "/"]
            relative = path[len(max(tops, key=len, default="")) :]
            roots.append(criu.encode({1: names, 2: relative or "/"}))
    return roots


def begin(
    path: str, birth: Birth, outer: list[Outer], fds: list[int], directories: tuple[str, str]
) -> criu.Criu:
    """criu in the container's control group, in mounts of its own."""
    doors, unified = birth.cgroup.open_doors(), birth.cgroup.open_unified()

    def prepare() -> None:
        cgroup.enter(doors)
        mount.set_propagation("/", mount.PROPAGATION["rslave"])
        for fd, directory in zip(fds, directories):  # again, among the mounts it may change
            os.dup2(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), fd)
        prepare_root(birth, outer)

    try:
        return criu.Criu(
            path, fds, flags=namespaces.CLONE_NEWNS, cgroup_fd=unified, prepare=prepare
        )
    finally:
        for fd in (*doors, *([unified] if unified >= 0 else [])):
            os.close(fd)


def prepare_root(birth: Birth, outer: list[Outer]) -> None:
    """The rootfs as a mount of its own, with a place for each bind.

    Some places are in what other binds show: all are made once, and taken away again; what was
    missing below them has been made by that. Raises OSError, SystemFailure.
    """
    root = os.path.join(birth.directory, ROOT)
    binds = [each for each in outer if each.kind == "bind"]
    if binds:
        mount.bind(birth.bundle.rootfs, root, recursive=True)
        root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        for each in binds:
            source = bind_source(each, birth.bundle)
            try:
                rootfs.attach_bind(Mount(source, each.target, "", MS_BIND | MS_REC), root_fd)
            except OSError as error:
                raise SystemFailure.from_os(f"cannot mount {source}", error) from error
        os.close(root_fd)
        mount.umount(root, MNT_DETACH)
    mount.bind(birth.bundle.rootfs, root, recursive=True)
