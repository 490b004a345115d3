"""A sandbox's root gives way to another, under the feet of its first process.

    here                       the sandbox's mounts                 its monitor's mounts
    mount the new root
    clone it twice ──────────▶ attach it over "/"
                               proc, dev, volumes ... as well
                               pivot_root, the old one goes ──────▶ the same in its `rootfs`

pivot_root(2) moves every process whose root or working directory is the old root: that is the first
process, which has no other. So nothing else may run there meanwhile.
"""

from __future__ import annotations

import os
import stat

from cuddy.engine import liveness, rootfs
from cuddy.errors import NotPermitted, NotRunning, SystemFailure
from cuddy.image import workers
from cuddy.kernel import mount, namespaces, process, resolve
from cuddy.kernel.pivot_root import pivot_root
from cuddy.runtime import state, targets
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.image.workers import Send
    from cuddy.kernel.mount import MountPoint

CLONE = mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE
Identity = list[int]


def identify(home: Home, record: Container) -> Identity:
    """Which directory a sandbox's root is: device and inode. Raises NotRunning."""
    document = state.read(home.run_root, record["Id"])
    try:
        status = os.stat(f"/proc/{document['pid']}/root")
    except OSError:
        raise NotRunning(record["Id"][:12]) from None
    return [status.st_dev, status.st_ino]


def exchange(home: Home, record: Container) -> None:
    """Have it stand on what its record now says. Raises NotRunning, NotPermitted, SystemFailure."""
    plans = rootfs.kept_as_long(record, rootfs.plan_root(home, record))
    document = state.read(home.run_root, record["Id"])
    with Undo() as undo:
        init_fd = process.open_exact(document["pid"], document["startTime"])
        monitor_fd = liveness.open_monitor(home.run_dir(record["Id"]))
        if init_fd < 0 or monitor_fd < 0:
            raise NotRunning(record["Id"][:12])
        undo.add(os.close, init_fd)
        undo.add(os.close, monitor_fd)
        # As it sees them; in there our own /proc is another.
        points = mount.list_mounts(document["pid"])
        check(points)

        def work(send: Send) -> None:
            where = f"{home.container_dir(record['Id'])}/rootfs"
            namespaces.unshare(namespaces.CLONE_NEWNS)
            mount.set_propagation("/", mount.MS_SLAVE | mount.MS_REC)
            rootfs.perform(plans)
            new_fd, twin_fd = mount.open_tree(where, CLONE), mount.open_tree(where, CLONE)
            inner = {plan.target.removeprefix(where) or "/" for plan in plans}
            namespaces.setns(init_fd, namespaces.CLONE_NEWNS)
            replace(record, new_fd, points, inner)
            namespaces.setns(monitor_fd, namespaces.CLONE_NEWNS)
            mount.umount(where, mount.MNT_DETACH)
            mount.move_mount(twin_fd, where)

        with workers.Crew() as crew:
            crew.start("exchange of the root", work).finish()
        undo.run()


def check(points: list[MountPoint]) -> None:
    """Whether this can be done. Raises NotPermitted."""
    root = root_of(points)
    if root.fstype.startswith("fuse"):
        raise NotPermitted(
            "this user has overlays of fuse-overlayfs only, and those cannot be replaced",
            hint="snapshots as an ordinary user need Linux 5.13 or later",
        )
    if "shared:" in root.tags:
        raise NotPermitted("what is mounted in this sandbox is shared with others")


def root_of(points: Iterable[MountPoint]) -> MountPoint:
    """The root: of mounts one over the other, the last."""
    return [point for point in points if point.target == "/"][-1]


def replace(
    record: Container, new_fd: int, points: list[MountPoint], inner: set[str]
) -> None:  # fmt: skip
    """In the sandbox's mount namespace: another root. `inner`: mounts that are part of it."""
    mount.move_mount(new_fd, "/")
    outer = {root_of(points).mount_id}
    devices = {root_of(points).device}
    carried = []
    for point in points:
        if point.parent_id not in outer:
            continue
        if point.target in inner and point.fstype == "overlay":
            outer.add(point.mount_id)
            devices.add(point.device)
        else:
            carried.append(point)
    for point in carried:
        if not point.target.endswith("//deleted"):
            carry(point, new_fd, of_root=point.device in devices)
    os.close(targets.make(new_fd, record["Config"]["WorkingDir"] or "/", directory=True))
    if record["HostConfig"]["ReadonlyRootfs"]:
        mount.mount_setattr(new_fd, mount.MOUNT_ATTR_RDONLY)
    pivot_root(new_fd)


def carry(point: MountPoint, new_fd: int, *, of_root: bool) -> None:
    """A mount of the old root is one of the new. `of_root`: it shows a part of the root itself."""
    if of_root:
        place = resolve.open_in_root(new_fd, point.target, os.O_PATH)
        flags = mount.OPEN_TREE_CLONE | mount.AT_EMPTY_PATH
        tree_fd = mount.open_tree("", flags, dir_fd=place)
        os.close(place)
        if "ro" in point.options.split(","):
            mount.mount_setattr(tree_fd, mount.MOUNT_ATTR_RDONLY)
    else:
        tree_fd = mount.open_tree(point.target, CLONE | mount.AT_SYMLINK_NOFOLLOW)
    is_directory = stat.S_ISDIR(os.fstat(tree_fd).st_mode)
    try:
        target_fd = targets.make(new_fd, point.target, directory=is_directory)
    except OSError as error:
        doing = f"what is mounted at {point.target} has no place in the snapshot"
        raise SystemFailure.from_os(doing, error) from error
    mount.move_mount(tree_fd, "", dir_fd=target_fd)
    os.close(target_fd)
    os.close(tree_fd)


def show(home: Home, record: Container) -> None:
    """Let its monitor see the root that it has, whatever it saw: for one whose exchange was cut
    short.
    """
    document = state.read(home.run_root, record["Id"])
    monitor_fd = liveness.open_monitor(home.run_dir(record["Id"]))
    init_fd = process.open_exact(document["pid"], document["startTime"])
    where = f"{home.container_dir(record['Id'])}/rootfs"
    inner = [p.target.removeprefix(where) or "/" for p in rootfs.plan_root(home, record)]

    def work(send: Send) -> None:
        namespaces.setns(init_fd, namespaces.CLONE_NEWNS)
        trees = {target: mount.open_tree(target, mount.OPEN_TREE_CLONE) for target in inner}
        namespaces.setns(monitor_fd, namespaces.CLONE_NEWNS)
        try:
            mount.umount(where, mount.MNT_DETACH)
        except OSError:
            pass  # the exchange had come so far
        for target, tree_fd in trees.items():
            mount.move_mount(tree_fd, f"{where}{target.rstrip('/')}")

    try:
        if init_fd >= 0 and monitor_fd >= 0:
            with workers.Crew() as crew:
                crew.start("view of the root", work).finish()
    finally:
        for fd in (init_fd, monitor_fd):
            if fd >= 0:
                os.close(fd)
