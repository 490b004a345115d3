"""The container's root: the plan of its mounts, and making them below a hostile root.

Targets lie in a file system an attacker filled. Each is opened by `openat2(RESOLVE_IN_ROOT)`, and
the mount goes onto that descriptor, never onto a name (CVE-2021-30465 and its family). /proc, /sys
and /dev must be real directories, and nothing may be mounted over what the runtime writes to below
/proc (CVE-2019-16884).
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import mount, namespaces, resolve
from cuddy.kernel.mount import MS_BIND, MS_RDONLY, MS_REC, Mount
from cuddy.runtime.bundle import IDMAP
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.kernel.cgroup import Cgroup
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.spec import Config, MountEntry

KERNEL_DIRECTORIES = ("/proc", "/sys", "/dev")
# Files that lxcfs and friends cover with their own; everything else below /proc stays the kernel's.
PROC_ALLOWED = frozenset(
    f"/proc/{name}"
    for name in (
        "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo",
        "net/dev", "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled",
    )
)  # fmt: skip
MOUNT_ATTRIBUTES = {
    mount.MS_RDONLY: mount.MOUNT_ATTR_RDONLY,
    mount.MS_NOSUID: mount.MOUNT_ATTR_NOSUID,
    mount.MS_NODEV: mount.MOUNT_ATTR_NODEV,
    mount.MS_NOEXEC: mount.MOUNT_ATTR_NOEXEC,
}
# Options for a bind and everything mounted below its source: config.json's `rro` and its kin.
RECURSIVE_ATTRIBUTES = {
    "rro": mount.MOUNT_ATTR_RDONLY,
    "rnosuid": mount.MOUNT_ATTR_NOSUID,
    "rnodev": mount.MOUNT_ATTR_NODEV,
    "rnoexec": mount.MOUNT_ATTR_NOEXEC,
}
LABELLED = ("tmpfs", "ramfs", "devpts")
"""File systems made for the container alone."""
BORROWED = {
    "sysfs": "/sys", "proc": "/proc", "mqueue": "/dev/mqueue", "cgroup2": "/sys/fs/cgroup",
}  # fmt: skip
"""What of a user's may not be mounted in a user namespace, and where the host has it."""
MAX_LINKS = 40
"""The kernel's own limit on symbolic links in a path (path_resolution(7))."""
ROOT_PROPAGATION = {"": mount.PROPAGATION["rslave"]} | mount.PROPAGATION


def plan_mounts(config: Config) -> list[Mount]:
    """The config's mounts in their order; targets are paths inside the container."""
    plans = [plan_mount(entry) for entry in config.get("mounts", [])]
    label = config.get("linux", {}).get("mountLabel", "")
    return [with_label(plan, label) for plan in plans] if label else plans


def with_label(plan: Mount, label: str) -> Mount:
    """The mount with a label of SELinux for all of its files, if they have none of their own."""
    if plan.fstype not in LABELLED:
        return plan
    return plan._replace(data=",".join(filter(None, (plan.data, f'context="{label}"'))))


def plan_mount(entry: MountEntry) -> Mount:
    """One entry of `mounts` as the arguments of mount(2). Raises InvalidArgument."""
    target = clean(entry["destination"])
    if target == "/":
        raise InvalidArgument(f"mount destination {entry['destination']!r} is the root itself")
    if target.startswith("/proc/") and target not in PROC_ALLOWED:
        raise InvalidArgument(f"nothing may be mounted at {target}: it is inside /proc")
    flags, propagation, data = parse_options(entry.get("options", []))
    fstype = entry.get("type", "")
    if fstype == "bind":
        flags |= MS_BIND
    if flags & MS_BIND:
        recursive = ",".join(option for option in data if option in RECURSIVE_ATTRIBUTES)
        return Mount(entry.get("source", ""), target, "", flags, recursive, propagation)
    if target == "/proc" and fstype != "proc":
        raise InvalidArgument(f"only proc may be mounted at /proc, not {fstype!r}")
    return Mount(entry.get("source", fstype), target, fstype, flags, ",".join(data), propagation)


def clean(path: str) -> str:
    """A path inside the container, absolute and in its one spelling."""
    # normpath() keeps a second slash at the beginning, which POSIX lets mean something else.
    return "/" + os.path.normpath("/" + path).lstrip("/")


def parse_options(options: list[str]) -> tuple[int, int, list[str]]:
    """Options of mount(8) -> flags, propagation, and what is left for the file system itself."""
    flags, propagation, data = 0, 0, []
    for option in options:
        if option in mount.OPTIONS:
            flag, clears = mount.OPTIONS[option]
            flags = flags & ~flag if clears else flags | flag
        elif option in mount.PROPAGATION:
            propagation = mount.PROPAGATION[option]
        elif option not in IDMAP:
            data.append(option)
    return flags, propagation, data


class Place(NamedTuple):
    """Where mounts are made, and what they are made of."""

    root_fd: int
    bundle_path: str
    cgroup: Cgroup
    trees: Mapping[int, int]
    """Sources that the creator has opened, by the position of their mounts: trees.py."""
    own_cgroups: bool
    """Whether we are in a cgroup namespace of the container's."""


def open_root(bundle: Bundle) -> int:
    """Cut propagation, make the rootfs, in which we stand, a mount point of its own, and open it.

    By no name: in a user namespace the way to it may be closed to us.
    """
    wanted = bundle.config["linux"].get("rootfsPropagation", "")
    if wanted not in ROOT_PROPAGATION:
        raise InvalidArgument(f"config.json: unknown rootfsPropagation {wanted!r}")
    mount.set_propagation("/", ROOT_PROPAGATION[wanted])
    root_fd = mount.open_tree(".", mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE)
    mount.move_mount(root_fd, ".")
    # pivot_root(2) refuses a new root whose mount, or whose parent's, is shared.
    mount.mount_setattr(root_fd, 0, propagation=mount.MS_PRIVATE)
    return root_fd


def perform(plans: list[Mount], place: Place) -> None:
    """Make the planned mounts, in order. Raises SystemFailure naming the one that failed."""
    for position, plan in enumerate(plans):
        try:
            if plan.fstype in ("cgroup", "cgroup2"):
                attach_cgroups(plan, place.root_fd, place.cgroup, own=place.own_cgroups)
            elif position in place.trees:
                attach_tree(place.trees[position], plan, place.root_fd)
            elif plan.flags & MS_BIND:
                source = os.path.join(place.bundle_path, plan.source)
                attach_bind(plan._replace(source=source), place.root_fd)
            else:
                attach(plan, place.root_fd)
        except OSError as error:
            doing = f"cannot mount {plan.source or plan.fstype} at {plan.target}"
            raise SystemFailure.from_os(doing, error) from error


def attach(plan: Mount, root_fd: int) -> None:
    """Mount a new file system."""
    target_fd = make_target(root_fd, plan.target, directory=True)
    placed = plan._replace(target=f"/proc/self/fd/{target_fd}")
    try:
        mount.perform(placed)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EINVAL) or namespaces.is_initial("user"):
            raise
        borrow(placed, target_fd, error)
    finally:
        os.close(target_fd)


def borrow(plan: Mount, target_fd: int, error: OSError) -> None:
    """What a user namespace may not mount is shown as the host has it.

    That is what belongs to a namespace of the host's: the network's sysfs, the processes' proc.
    Terminals are the container's own, though perhaps not of the usual group, which may not exist.
    """
    if plan.fstype == "devpts" and "gid=" in plan.data:
        options = [each for each in plan.data.split(",") if not each.startswith("gid=")]
        mount.perform(plan._replace(data=",".join(options)))
        return
    if plan.fstype not in BORROWED:
        raise error
    if not os.path.ismount(BORROWED[plan.fstype]):
        return  # the host does not show it either
    flags = mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE
    tree_fd = mount.open_tree(BORROWED[plan.fstype], flags)
    try:
        attributes = sum(a for flag, a in MOUNT_ATTRIBUTES.items() if plan.flags & flag)
        mount.mount_setattr(tree_fd, attributes, propagation=mount.MS_PRIVATE, recursive=True)
        mount.move_mount(tree_fd, "", dir_fd=target_fd)
    finally:
        os.close(tree_fd)


def attach_bind(plan: Mount, root_fd: int) -> None:
    """Show a file or directory of the host inside.

    The copy is made detached, gets its flags, and is then attached to the target's descriptor: at
    no moment is it visible without them, and no name is looked up twice.
    """
    recursive = bool(plan.flags & MS_REC)
    tree_flags = mount.OPEN_TREE_CLONE | (mount.AT_RECURSIVE if recursive else 0)
    attach_tree(mount.open_tree(plan.source, tree_flags), plan, root_fd)


def attach_tree(tree_fd: int, plan: Mount, root_fd: int) -> None:
    """Give a mount that is attached nowhere its flags and its place. Closes the descriptor."""
    try:
        if plan.target == "/proc" and mount.magic_of(tree_fd) != mount.PROC_SUPER_MAGIC:
            raise InvalidArgument(f"only proc may be mounted at /proc, not {plan.source}")
        directory = stat.S_ISDIR(os.fstat(tree_fd).st_mode)
        target_fd = make_target(root_fd, plan.target, directory=directory)
        try:
            set_flags(tree_fd, plan)
            mount.move_mount(tree_fd, "", dir_fd=target_fd)
        finally:
            os.close(target_fd)
    finally:
        os.close(tree_fd)


def set_flags(tree_fd: int, plan: Mount) -> None:
    """Give a detached mount its flags and propagation (private unless asked for)."""
    attributes = 0
    for flag, attribute in MOUNT_ATTRIBUTES.items():
        attributes |= attribute if plan.flags & flag else 0
    propagation = plan.propagation & ~MS_REC or mount.MS_PRIVATE
    recursive = not plan.propagation or bool(plan.propagation & MS_REC)
    mount.mount_setattr(tree_fd, 0, propagation=propagation, recursive=recursive)
    if attributes:
        mount.mount_setattr(tree_fd, attributes)
    for option in plan.data.split(",") if plan.data else ():
        mount.mount_setattr(tree_fd, RECURSIVE_ATTRIBUTES[option], recursive=True)


def attach_cgroups(plan: Mount, root_fd: int, cgroup: Cgroup, *, own: bool) -> None:
    """The container's own cgroups: one mount on version 2, a directory of mounts on version 1.

    Without a namespace of its `own`, version 1 would show the host's groups: the container's are
    bound there instead, as runc does.
    """
    if not cgroup.mount_names():
        attach(plan._replace(source="cgroup", fstype="cgroup2", data=""), root_fd)
        return
    tmpfs = Mount("tmpfs", plan.target, "tmpfs", plan.flags & ~MS_RDONLY, "mode=755")
    attach(tmpfs, root_fd)
    for name, options in cgroup.mount_names():
        target = f"{plan.target}/{name}"
        if own:
            attach(Mount("cgroup", target, "cgroup", plan.flags, options), root_fd)
        else:
            directory = cgroup.paths[options.partition(",")[0]]
            attach_bind(Mount(directory, target, "", plan.flags | MS_BIND), root_fd)
        for alias in options.split(",") if "," in options else ():
            link_controller(root_fd, plan.target, alias, name)
    if plan.flags & MS_RDONLY:
        remount_readonly(root_fd, plan.target, plan.flags)


def link_controller(root_fd: int, target: str, alias: str, name: str) -> None:
    """cpu -> cpu,cpuacct, as every host with joint controllers has it."""
    directory_fd = resolve.open_in_root(root_fd, target, os.O_PATH | os.O_DIRECTORY)
    try:
        os.symlink(name, alias, dir_fd=directory_fd)
    finally:
        os.close(directory_fd)


def remount_readonly(root_fd: int, target: str, flags: int = 0) -> None:
    """Make the mount at `target` read-only, keeping its other flags."""
    fd = resolve.open_in_root(root_fd, target, os.O_PATH)
    try:
        mount.remount_bind(f"/proc/self/fd/{fd}", (flags & ~MS_REC) | MS_RDONLY)
    finally:
        os.close(fd)


def make_target(root_fd: int, target: str, *, directory: bool) -> int:
    """Open a mount's target, making it and its parents where they are missing. An O_PATH
    descriptor.

    Raises OSError: ELOOP or ENOTDIR where the image put a link or file in the way of /proc, /sys,
    /dev.
    """
    kernel_directory = target in KERNEL_DIRECTORIES
    opening = resolve.open_beneath if kernel_directory else resolve.open_in_root
    path = target.lstrip("/") if kernel_directory else target
    try:
        fd = opening(root_fd, path, os.O_PATH)
    except FileNotFoundError:
        make_parents(root_fd, target)
        make_leaf(root_fd, target, directory=directory)
        fd = opening(root_fd, path, os.O_PATH)
    is_directory = stat.S_ISDIR(os.fstat(fd).st_mode)
    if is_directory != directory:
        os.close(fd)
        code = errno.ENOTDIR if directory else errno.EISDIR
        raise OSError(code, os.strerror(code), f"mount target {target}")
    return fd


def make_parents(root_fd: int, target: str) -> None:
    """mkdir -p of the directory above `target`, inside the root."""
    parent = os.path.dirname(target)
    if parent == "/":
        return
    try:
        os.close(resolve.open_in_root(root_fd, parent, os.O_PATH | os.O_DIRECTORY))
    except FileNotFoundError:
        make_parents(root_fd, parent)
        make_leaf(root_fd, parent, directory=True)


def make_leaf(root_fd: int, target: str, *, directory: bool, links: int = MAX_LINKS) -> None:
    """Make one missing directory, or one empty file.

    Either may be the end of a dangling link of the image's (/etc/resolv.conf often is): it is made
    where the link leads, inside the root. `links`: how many more to follow.
    """
    parent, name = os.path.split(target)
    parent_fd = resolve.open_in_root(root_fd, parent, os.O_PATH | os.O_DIRECTORY)
    try:
        if directory:
            os.mkdir(name, 0o755, dir_fd=parent_fd)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY
            os.close(resolve.open_in_root(root_fd, target, flags, mode=0o644))
        return
    except (FileExistsError, FileNotFoundError):
        # A link, into nothing: for a file, into a directory that is not there either.
        if not links or target in KERNEL_DIRECTORIES:
            raise
        end = os.path.join(parent, os.readlink(name, dir_fd=parent_fd))
    finally:
        os.close(parent_fd)
    make_parents(root_fd, end)
    make_leaf(root_fd, end, directory=directory, links=links - 1)
