"""The monitor's private view: the container's root file system mounted at `rootfs` of its bundle.

Nothing is mounted in the host's view, so nothing can be left there. Others who read a container's
files do so from views of their own, which end with their process.
"""

from __future__ import annotations

import errno
import os

from cuddy.engine import liveness, network_files, sharing
from cuddy.errors import Conflict, SystemFailure
from cuddy.image import host, snapshots
from cuddy.kernel import mount, namespaces, overlay
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.idmapped import Ground
    from cuddy.kernel.mount import Mount


def mount_root(home: Home, record: Container) -> Container:
    """Enter a mount namespace of our own and mount the root there; what else is to be mounted is
    prepared, and stands in the record that is returned. Raises CuddyError.
    """
    if not record["HostConfig"]["IDMappings"]:
        return mount_both(home, record, None)
    # Imported here: most containers have the host's users.
    from cuddy.engine import idmapped

    with idmapped.Ground(home, record) as ground:
        return mount_both(home, record, ground)


def mount_both(home: Home, record: Container, ground: Ground | None) -> Container:
    """The root, and what is mounted in it. `ground`: of one whose users are not the host's."""
    where = home.container_dir(record["Id"])
    with Undo() as undo:
        undo.add(mount.umount, f"{where}/rootfs", mount.MNT_DETACH)
        if not record.get("Mounts"):
            make_root(home, record, ground)
            return record
        from cuddy.engine import staging

        undo.add(staging.take_down, home, record)
        try:
            with staging.Staging(home, record) as preparation:
                make_root(home, record, ground)
                mounted = preparation.stage(ground)
        except OSError as error:
            raise SystemFailure.from_os("cannot prepare the container's mounts", error) from error
    staging.announce(home, record)
    return mounted


def make_root(home: Home, record: Container, ground: Ground | None) -> None:
    """Enter a mount namespace of our own with the root in it, ready for mounts of the runtime's."""
    where = home.container_dir(record["Id"])
    try:
        if ground:
            make_mapped_root(record, ground)
            return
        enter(record, where, kept_as_long(record, plan_root(home, record)))
        network_files.take_places(f"{where}/rootfs")
    except OSError as error:
        raise SystemFailure.from_os("cannot prepare the container's /etc", error) from error


def make_mapped_root(record: Container, ground: Ground) -> None:
    """The same for a container whose users are not the host's. Raises OSError, SystemFailure."""
    leave_hosts_view(record, ground.where)
    plans = ground.lay()
    # overlayfs makes its own files as who mounts it.
    with ground.acting_as_root():
        perform(kept_as_long(record, plans))
        ground.leave()
        network_files.take_places(f"{ground.where}/rootfs")


def enter(record: Container, where: str, plans: list[Mount]) -> None:
    """Enter a mount namespace of our own and make these mounts there. Raises SystemFailure.

    `where`: the container's directory.
    """
    try:
        leave_hosts_view(record, where)
        perform(plans)
    except OSError as error:
        raise SystemFailure.from_os("cannot mount the container's root", error) from error


def leave_hosts_view(record: Container, where: str) -> None:
    """Enter a mount namespace of our own. Raises OSError."""
    namespaces.unshare(namespaces.CLONE_NEWNS)
    mount.set_propagation("/", mount.MS_SLAVE | mount.MS_REC)
    if record["Image"] == host.IMAGE.id:
        host.make_masks(f"{where}/masks")


def perform(plans: list[Mount]) -> None:
    """Make the mounts of a root. Raises OSError."""
    for plan in plans:
        (overlay if plan.fstype == "overlay" else mount).perform(plan)


def kept_as_long(record: Container, plans: list[Mount]) -> list[Mount]:
    """The mounts of a root whose files are kept as long as its container.

    To sync what goes with it would wait for all that anybody writes to the disk.
    """
    return [*map(overlay.volatile, plans)] if record["HostConfig"]["AutoRemove"] else plans


def umount_root(home: Home, record: Container, *, again: bool = False) -> None:
    """Take the root down, so that its directories can be removed while we live on.

    `again`: another life follows, for whose mounts those of this one are still needed.
    """
    if sharing.peer_of(record["HostConfig"]["IpcMode"]):
        try:
            mount.umount(f"{home.container_dir(record['Id'])}/{sharing.MEMORY}", mount.MNT_DETACH)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT):  # it never came to be mounted
                raise
    mount.umount(f"{home.container_dir(record['Id'])}/rootfs", mount.MNT_DETACH)
    if record.get("Mounts"):
        from cuddy.engine import staging

        staging.leave(home, record, again=again)


SEALED = mount.MS_RDONLY | mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC | mount.MS_NOATIME
"""How to look at files that somebody hostile owns: nothing in them takes effect."""


def view_root(home: Home, record: Container) -> str:
    """Enter a sealed view of a container's root, without its volumes; returns where it is.

    For a process that ends afterwards, single-threaded. Of a container that does not run the
    caller has the lock. Raises SystemFailure; Conflict if the container has just ended.
    """
    where = f"{home.container_dir(record['Id'])}/rootfs"
    if not record["State"]["Running"]:
        enter(record, home.container_dir(record["Id"]), plan_view(home, record))
    elif not join_view(home, record):
        raise Conflict(f"container {record['Id'][:12]} has just ended", hint="try again")
    try:
        targets = [point.target for point in mount.list_mounts()]
        if where not in targets:
            raise Conflict(f"container {record['Id'][:12]} has just ended", hint="try again")
        for target in targets:
            if target == where or target.startswith(f"{where}/"):
                mount.remount_bind(target, SEALED)
    except OSError as error:
        raise SystemFailure.from_os("cannot look at the container's root", error) from error
    return where


def join_view(home: Home, record: Container) -> bool:
    """Enter a copy of the monitor's view; False if the monitor is gone."""
    pidfd = liveness.open_monitor(home.run_dir(record["Id"]))
    if pidfd < 0:
        return False
    try:
        namespaces.setns(pidfd, namespaces.CLONE_NEWNS)
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mount.set_propagation("/", mount.MS_PRIVATE | mount.MS_REC)
    except ProcessLookupError:
        return False
    except OSError as error:
        raise SystemFailure.from_os("cannot look at the container's root", error) from error
    finally:
        os.close(pidfd)
    return True


def view_files(where: str) -> str:
    """Enter a sealed view of what a container has written; returns where it is. As `view_root`."""
    try:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mount.set_propagation("/", mount.MS_PRIVATE | mount.MS_REC)
        mount.perform(mount.Mount(where, where, "", mount.MS_BIND | SEALED))
    except OSError as error:
        raise SystemFailure.from_os("cannot look at the container's files", error) from error
    return where


def view_image(home: Home, record: Container, where: str) -> str:
    """Enter a view of the root of a container that is being made in `where`; returns where it is.

    For a process that ends afterwards, single-threaded. Raises SystemFailure.
    """
    target = f"{where}/rootfs"
    if record["Image"] == host.IMAGE.id:
        enter(record, where, plan_root(home, record, where))
    else:
        enter(record, where, [snapshots.view(home.storage, record["ChainIds"], target)])
    return target


def plan_root(home: Home, record: Container, where: str = "") -> list[Mount]:
    """The mounts that make the root; `where`: the directory of a container in the making."""
    where = where or home.container_dir(record["Id"])
    upper, work, target = f"{where}/upper", f"{where}/work", f"{where}/rootfs"
    if record["Image"] == host.IMAGE.id:
        # The masks cover the host's secrets.
        layers = snapshots.paths(home.storage, record["ChainIds"])
        return host.plan_view(upper, work, f"{where}/masks", target, layers=layers)
    return [snapshots.prepare(home.storage, record["ChainIds"], upper, work, target)]


def plan_view(home: Home, record: Container) -> list[Mount]:
    """The mounts that show the root of a container that does not run, to read it."""
    where = home.container_dir(record["Id"])
    if record["Image"] == host.IMAGE.id:
        return plan_root(home, record)
    upper, target = f"{where}/upper", f"{where}/rootfs"
    return [snapshots.view(home.storage, record["ChainIds"], target, upper)]
