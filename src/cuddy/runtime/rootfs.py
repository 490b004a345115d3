"""The container's root: making its mounts, as `mount_plan` has them, below a hostile root.

The mount goes onto a descriptor, which `targets` opens, never onto a name (CVE-2021-30465 and its
family). /proc, /sys and /dev must be real directories.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import cgroup_v2, mount, namespaces, resolve
from cuddy.kernel.mount import MS_BIND, MS_RDONLY, MS_REC, MS_REMOUNT, Mount
from cuddy.runtime import mount_plan, targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.kernel.cgroup import Cgroup
    from cuddy.runtime.bundle import Bundle

REFUSED = (errno.EPERM, errno.EINVAL, errno.EBUSY)
"""How the kernel says so: EBUSY for what belongs to other users already."""
KEPT_PRIVATE = ("private", "rprivate", "unbindable", "runbindable")
"""Values of rootfsPropagation with which no mount of ours is to travel while we make them."""
READ_ONLY = mount.Change(mount.MOUNT_ATTR_RDONLY)
BORROWED = {
    "sysfs": "/sys", "proc": "/proc", "mqueue": "/dev/mqueue", "cgroup2": "/sys/fs/cgroup",
}  # fmt: skip
"""What a user namespace may not mount anew if the namespace it shows is not its own: the host's."""


class Place:
    """Where mounts are made, and what they are made of."""

    def __init__(
        self, root_fd: int, bundle_path: str, cgroup: Cgroup, *, own_cgroups: bool
    ) -> None:
        self.root_fd = root_fd
        self.bundle_path = bundle_path
        self.cgroup = cgroup
        self.own_cgroups = own_cgroups
        """Whether we are in a cgroup namespace of the container's."""
        self.late: list[int] = []
        """Mounts that become read-only when all else is made."""

    def take_source(self, position: int, plan: Mount) -> int:
        """The source of a bind, attached nowhere. `position`: of its mount in the config."""
        return open_source(os.path.join(self.bundle_path, plan.source), plan)

    def take_made(self, position: int) -> int:
        """A file system that the creator has made, attached nowhere; -1: it has made none."""
        return -1


def open_root(bundle: Bundle) -> int:
    """Cut propagation, make the rootfs, in which we stand, a mount point of its own, and open it.

    By no name: in a user namespace the way to it may be closed to us.
    """
    wanted = bundle.config["linux"].get("rootfsPropagation", "")
    kept = mount.MS_SLAVE if "slave" in wanted else mount.MS_PRIVATE
    if bundle.has_namespace("mount"):
        meanwhile = "rprivate" if wanted in KEPT_PRIVATE else wanted or "rslave"
        mount.set_propagation("/", mount.PROPAGATION[meanwhile])
        # pivot_root(2) refuses a new root whose mount, or whose parent's, is shared.
        if "shared" in wanted or wanted == "slave":
            mount.set_propagation(mount.nearest(bundle.rootfs), kept)
    root_fd = mount.open_tree(".", mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE)
    mount.move_mount(root_fd, ".")
    mount.mount_setattr(root_fd, 0, propagation=kept)
    return root_fd


def perform(plans: list[Mount], place: Place) -> None:
    """Make the planned mounts, in order. Raises SystemFailure naming the one that failed."""
    for position, plan in enumerate(plans):
        try:
            if plan.flags & MS_REMOUNT:
                change_mount(plan, place.root_fd)
            elif plan.fstype in ("cgroup", "cgroup2"):
                attach_cgroups(plan, place.root_fd, place.cgroup, own=place.own_cgroups)
            elif plan.fstype == "tmpfs":
                attach_tmpfs(plan, place, place.take_made(position))
            elif not plan.flags & MS_BIND:
                attach(plan, place.root_fd)
            elif plan.target == "/":
                cover_root(place.take_source(position, plan), plan, place)
            else:
                attach_tree(place.take_source(position, plan), plan, place.root_fd)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR) and is_kernels(plan):
                what = f"{plan.fstype or plan.source} at {plan.target}"
                raise SystemFailure(f"{what} must be mounted on ordinary directory") from error
            doing = f"cannot mount {plan.source or plan.fstype} at {plan.target}"
            raise SystemFailure.from_os(doing, error) from error


def is_kernels(plan: Mount) -> bool:
    """Whether a mount's target must be no link of the image's: others write through it."""
    return plan.target in targets.KERNEL_DIRECTORIES or plan.fstype in ("proc", "sysfs")


def attach_tmpfs(plan: Mount, place: Place, made_fd: int) -> None:
    """A tmpfs: as accessible as the directory it covers, and read-only only in the end, so that
    mounts below it find their places. `made_fd`: it has been made already; -1: it has not.
    """
    if "mode=" not in plan.data and (mode := mode_of(place.root_fd, plan.target)):
        plan = plan._replace(data=f"{plan.data},mode={mode:o}".lstrip(","))
    writable = plan._replace(flags=plan.flags & ~MS_RDONLY)
    if made_fd >= 0:
        attach_tree(made_fd, plan, place.root_fd)
        renew(plan.target, place.root_fd)
    elif mount_plan.COPY_UP in plan.extras:
        attach_filled(writable, place.root_fd)
    else:
        attach(writable, place.root_fd)
    if plan.flags & MS_RDONLY:
        place.late.append(resolve.open_in_root(place.root_fd, plan.target, os.O_PATH))


def renew(target: str, root_fd: int) -> None:
    """Mount once more what is mounted: it comes after earlier mounts then, as the config has it.

    /proc/self/mountinfo is sorted by numbers that mounts get when they are made.
    """
    old_fd = resolve.open_in_root(root_fd, target, os.O_PATH)
    try:
        flags = mount.OPEN_TREE_CLONE | mount.AT_EMPTY_PATH
        tree_fd = mount.open_tree("", flags, dir_fd=old_fd)
        mount.umount(f"/proc/self/fd/{old_fd}", mount.MNT_DETACH)
    finally:
        os.close(old_fd)
    attach_tree(tree_fd, Mount("", target), root_fd)


def attach_filled(plan: Mount, root_fd: int) -> None:
    """A tmpfs that begins with what it covers."""
    from cuddy.runtime import copy_up  # which the creator has loaded

    os.close(targets.make(root_fd, plan.target, directory=True))
    reading = os.O_RDONLY | os.O_DIRECTORY
    covered_fd = resolve.open_in_root(root_fd, plan.target, reading)
    try:
        attach(plan, root_fd)
        top_fd = resolve.open_in_root(root_fd, plan.target, reading)
        try:
            copy_up.fill(top_fd, covered_fd)
        finally:
            os.close(top_fd)
    finally:
        os.close(covered_fd)


def mode_of(root_fd: int, target: str) -> int:
    """The permissions of a directory inside; 0 if there is none."""
    try:
        fd = resolve.open_in_root(root_fd, target, os.O_PATH)
    except OSError:
        return 0
    try:
        return stat.S_IMODE(os.fstat(fd).st_mode)
    finally:
        os.close(fd)


def attach(plan: Mount, root_fd: int) -> None:
    """Mount a new file system."""
    target_fd = targets.make(
        root_fd, plan.target, directory=True, through_links=not is_kernels(plan)
    )
    placed = plan._replace(target=f"/proc/self/fd/{target_fd}")
    try:
        mount.perform(placed)
    except OSError as error:
        if error.errno not in REFUSED or namespaces.is_initial("user"):
            raise
        borrow(placed, target_fd, error)
    finally:
        os.close(target_fd)
    if plan.changes:
        change_mount(plan, root_fd)


def change_mount(plan: Mount, root_fd: int) -> None:
    """What is to be changed at a mount that is there."""
    fd = resolve.open_in_root(root_fd, plan.target, os.O_PATH)
    try:
        if plan.flags & MS_REMOUNT and not plan.flags & MS_BIND:
            mount.perform(plan._replace(target=f"/proc/self/fd/{fd}"))
        mount.change(fd, plan.changes)
    finally:
        os.close(fd)


def finish(place: Place) -> None:
    """Make read-only what had to be filled before. Raises SystemFailure."""
    try:
        for fd in place.late:
            mount.mount_setattr(fd, mount.MOUNT_ATTR_RDONLY)
    except OSError as error:
        raise SystemFailure.from_os("cannot make a mount read-only", error) from error
    finally:
        while place.late:
            os.close(place.late.pop())


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
    cloning = mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE
    tree_fd = mount.open_tree(BORROWED[plan.fstype], cloning)
    try:
        # Groups of the host's are not for a container to change (CVE-2023-25809).
        flags = plan.flags | (MS_RDONLY if plan.fstype == "cgroup2" else 0)
        attributes = sum(a for flag, a in mount_plan.ATTRIBUTES.items() if flags & flag)
        mount.mount_setattr(tree_fd, attributes, propagation=mount.MS_PRIVATE, recursive=True)
        mount.move_mount(tree_fd, "", dir_fd=target_fd)
    finally:
        os.close(tree_fd)


def attach_bind(plan: Mount, root_fd: int) -> None:
    """Show a file or directory of the host inside.

    The copy is made detached, gets its flags, and is then attached to the target's descriptor: at
    no moment is it visible without them, and no name is looked up twice.
    """
    attach_tree(open_source(plan.source, plan), plan, root_fd)


def open_source(path: str, plan: Mount) -> int:
    """A detached copy of the mount at a path, with those below if the bind is to have them."""
    flags = mount.OPEN_TREE_CLONE | (mount.AT_RECURSIVE if plan.flags & MS_REC else 0)
    if not mount_plan.NOT_FOLLOWING.isdisjoint(plan.extras):
        flags |= mount.AT_SYMLINK_NOFOLLOW
    return mount.open_tree(path, flags)


def attach_tree(tree_fd: int, plan: Mount, root_fd: int) -> None:
    """Give a mount that is attached nowhere its flags and its place. Closes the descriptor."""
    try:
        if plan.target == "/proc" and mount.magic_of(tree_fd) != mount.PROC_SUPER_MAGIC:
            raise InvalidArgument(f"only proc may be mounted at /proc, not {plan.source}")
        kind = stat.S_IFMT(os.fstat(tree_fd).st_mode)
        if kind == stat.S_IFLNK and mount_plan.COPY_LINK in plan.extras:
            targets.make_link(root_fd, plan.target, os.readlink("", dir_fd=tree_fd))
            return
        target_fd = targets.make(
            root_fd, plan.target, directory=kind == stat.S_IFDIR,
            follow=mount_plan.TARGET_LINK not in plan.extras,
        )  # fmt: skip
        try:
            mount.change(tree_fd, plan.changes)
            mount.move_mount(tree_fd, "", dir_fd=target_fd)
        finally:
            os.close(target_fd)
    finally:
        os.close(tree_fd)


def cover_root(tree_fd: int, plan: Mount, place: Place) -> None:
    """Mount over the whole root: from now on it is that. Takes over the descriptor."""
    mount.change(tree_fd, plan.changes)
    # See open_root.
    mount.mount_setattr(tree_fd, 0, propagation=mount.MS_PRIVATE)
    mount.move_mount(tree_fd, "", dir_fd=place.root_fd)
    os.close(place.root_fd)
    place.root_fd = tree_fd


def attach_cgroups(plan: Mount, root_fd: int, cgroup: Cgroup, *, own: bool) -> None:
    """The container's own cgroups: one mount on version 2, a directory of mounts on version 1.

    Without a namespace of its `own`, version 1 would show the host's groups: the container's are
    bound there instead, as runc does.
    """
    if not cgroup.mount_names():
        kept = "" if own else cgroup_v2.root_options(mount.list_mounts())
        attach(plan._replace(source="cgroup", fstype="cgroup2", data=kept), root_fd)
        return
    tmpfs = Mount("tmpfs", plan.target, "tmpfs", plan.flags & ~MS_RDONLY, "mode=755")
    attach(tmpfs, root_fd)
    for name, options in cgroup.mount_names():
        target = f"{plan.target}/{name}"
        if own:
            attach(Mount("cgroup", target, "cgroup", plan.flags, options), root_fd)
        else:
            directory = cgroup.paths[options.partition(",")[0]]
            changes = mount_plan.changes_of_bind(mount_plan.Options(plan.flags | MS_BIND))
            attach_bind(Mount(directory, target, "", MS_BIND, changes=changes), root_fd)
        for alias in options.split(",") if "," in options else ():
            link_controller(root_fd, plan.target, alias, name)
    if plan.flags & MS_RDONLY:
        change_mount(plan._replace(flags=0, changes=(READ_ONLY,)), root_fd)


def link_controller(root_fd: int, target: str, alias: str, name: str) -> None:
    """cpu -> cpu,cpuacct, as every host with joint controllers has it."""
    directory_fd = resolve.open_in_root(root_fd, target, os.O_PATH | os.O_DIRECTORY)
    try:
        os.symlink(name, alias, dir_fd=directory_fd)
    finally:
        os.close(directory_fd)
