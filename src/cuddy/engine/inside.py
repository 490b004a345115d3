"""A container's files as its own programs see them: root, volumes and all, for those who copy.

    running, paused    a copy of its mounts, taken in its mount namespace
    not running        its root and volumes, mounted for us alone

Either way they are reached by a descriptor, as `kernel/resolve.py` wants it, and they are gone with
the process that looks. Nothing takes effect by being looked at: no device can be opened.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.engine import liveness, rootfs, spec, staging, userns
from cuddy.errors import Conflict, NoSuchContainer, NotFound, SystemFailure
from cuddy.image import host
from cuddy.kernel import mount, namespaces, process, resolve
from cuddy.runtime import mount_plan, state
from cuddy.runtime import rootfs as runtime_rootfs
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.kernel.idmap import Maps
    from cuddy.kernel.mount import Mount

OPEN = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
HARMLESS = mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NODEV | mount.MOUNT_ATTR_NOEXEC
SEALED = HARMLESS | mount.MOUNT_ATTR_RDONLY | mount.MOUNT_ATTR_NOATIME
MAX_LINKS = 40
"""The kernel's own limit on symbolic links in a path (path_resolution(7))."""


class View(NamedTuple):
    """`root_fd`: where the files are. `is_writable`: nobody else may mount them meanwhile."""

    root_fd: int
    is_writable: bool
    maps: Maps | None = None  # of its users, where the files are seen as theirs


def open_view(home: Home, record: Container, *, writable: bool) -> View:
    """A container's files, for a process that ends afterwards, single-threaded.

    Of a container that does not run the caller has the lock. Raises SystemFailure, Conflict.
    """
    if record["State"]["Restarting"]:
        hint = "wait until it runs, or stop it"
        raise Conflict(f"container {record['Id'][:12]} is restarting", hint=hint)
    try:
        if record["State"]["Running"]:
            view = View(copy_mounts(home, record), False, userns.maps_of(record))
        else:
            view = mount_all(home, record, writable=writable)
        seal(view.root_fd, writable=writable)
    except OSError as error:
        raise SystemFailure.from_os("cannot look at the container's files", error) from error
    return view


def seal(tree_fd: int, *, writable: bool) -> None:
    """See that nothing takes effect by being looked at."""
    if writable:
        mount.mount_setattr(tree_fd, HARMLESS, recursive=True)
        return
    try:
        mount.mount_setattr(tree_fd, SEALED, mount.MOUNT_ATTR__ATIME, recursive=True)
    except PermissionError:
        # In a user namespace nobody changes when the host's mounts note that files were read.
        quiet = SEALED & ~mount.MOUNT_ATTR_NOATIME
        mount.mount_setattr(tree_fd, quiet, recursive=True)


def copy_mounts(home: Home, record: Container) -> int:
    """A copy of all that a running container's first process sees, attached nowhere."""
    just_ended = Conflict(f"container {record['Id'][:12]} has just ended", hint="try again")
    try:
        document = state.read(home.run_root, record["Id"])
    except NoSuchContainer:
        raise just_ended from None
    if "runtime" in document:
        owner_fd = liveness.open_monitor(home.run_dir(record["Id"]))
        path = f"{home.container_dir(record['Id'])}/rootfs"
    else:
        owner_fd, path = process.open_exact(document["pid"], document["startTime"]), "/"
    if owner_fd < 0:
        raise just_ended
    try:
        tree_fd = copy_tree(owner_fd, path)
    except ProcessLookupError:
        raise just_ended from None
    finally:
        os.close(owner_fd)
    return show_volumes(home, record, tree_fd) if "runtime" in document else tree_fd


def copy_tree(owner_fd: int, path: str) -> int:
    """A copy of the mounts at a path as the process of a pidfd sees it. Raises OSError."""
    back_fd = namespaces.open_namespace("self", "mount")
    root_fd = os.open("/", OPEN)
    try:
        namespaces.setns(owner_fd, namespaces.CLONE_NEWNS)
        try:
            return mount.open_tree(path, mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE)
        finally:
            # Back in ours, setns(2) has left us at the namespace's root instead of our own.
            namespaces.setns(back_fd, namespaces.CLONE_NEWNS)
            os.fchdir(root_fd)
            os.chroot(".")
    finally:
        os.close(back_fd)
        os.close(root_fd)


def show_volumes(home: Home, record: Container, tree_fd: int) -> int:
    """The root of a container of another runtime's, with its volumes: that one may show them to
    nobody but its own kernel (gVisor). Takes `tree_fd` over.
    """
    where = f"{home.container_dir(record['Id'])}/rootfs"
    namespaces.unshare(namespaces.CLONE_NEWNS)
    mount.set_propagation("/", mount.PROPAGATION["rprivate"])
    mount.move_mount(tree_fd, where)
    os.close(tree_fd)
    volumes = plan_volumes(staging.Staging(home, record).stage())
    return cover(record, View(os.open(where, OPEN), False), volumes).root_fd


def mount_all(home: Home, record: Container, *, writable: bool) -> View:
    """Mount root and volumes of a container that does not run, where nobody else sees it."""
    where = f"{home.container_dir(record['Id'])}/rootfs"
    directory = home.container_dir(record["Id"])
    # What covers the host's secrets is made anew by the next start: it has to wait for us.
    writable = writable or record["Image"] == host.IMAGE.id
    plans = rootfs.plan_root if writable else rootfs.plan_view
    record = as_hosts(record)
    rootfs.enter(record, directory, plans(home, record))
    volumes = plan_volumes(staging.Staging(home, record).stage())
    if not writable:
        root_fd = os.open(where, OPEN)
        if all(is_there(root_fd, plan.target) for plan in volumes):
            return cover(record, View(root_fd, False), volumes)
        # A mount point that is missing has to be made.
        os.close(root_fd)
        mount.umount(where, mount.MNT_DETACH)
        rootfs.enter(record, directory, rootfs.plan_root(home, record))
    return cover(record, View(os.open(where, OPEN), True), volumes)


def as_hosts(record: Container) -> Container:
    """A container whose users are the host's: as its files are on the disk."""
    return {**record, "HostConfig": {**record["HostConfig"], "IDMappings": {}}}


def cover(record: Container, view: View, volumes: list[Mount]) -> View:
    """Mount the volumes over a root."""
    for plan in volumes:
        runtime_rootfs.attach_bind(plan, view.root_fd)
    if record["HostConfig"]["ReadonlyRootfs"]:
        mount.mount_setattr(view.root_fd, mount.MOUNT_ATTR_RDONLY)
    return view


def plan_volumes(record: Container) -> list[Mount]:
    """What of the host the container would see. The engine's own files only if they were made."""
    plans = mount_plan.plan_mounts({"mounts": spec.build_mounts(record)})
    own = (record["ResolvConfPath"], record["HostnamePath"], record["HostsPath"])
    return [
        plan
        for plan in plans
        if plan.flags & mount.MS_BIND and (plan.source not in own or os.path.exists(plan.source))
    ]


def is_there(root_fd: int, path: str) -> bool:
    """Whether there is anything at a path inside."""
    try:
        os.close(resolve.open_in_root(root_fd, path, os.O_PATH))
        return True
    except OSError:
        return False


class Located(NamedTuple):
    """A name in a directory inside, and what it is; `status` is None if nothing is there.

    `name` is b"." for a directory itself. `path`: where that is, links on the way aside.
    """

    parent_fd: int
    name: bytes
    path: str
    status: os.stat_result | None

    @property
    def is_directory(self) -> bool:
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    @property
    def is_link(self) -> bool:
        return self.status is not None and stat.S_ISLNK(self.status.st_mode)


def locate(root_fd: int, path: str) -> Located:
    """The name at the end of an absolute, tidy path, which is not followed if it is a link.

    Raises OSError if there is no such directory.
    """
    parent, name = os.path.split(path)
    if name in ("", ".", ".."):
        fd = resolve.open_in_root(root_fd, path, OPEN)
        return Located(fd, b".", path, os.fstat(fd))
    fd = resolve.open_in_root(root_fd, parent, OPEN)
    try:
        return Located(fd, os.fsencode(name), path, _status(fd, name))
    except BaseException:
        os.close(fd)
        raise


def follow(root_fd: int, found: Located) -> Located:
    """What a link leads to, also if nothing is there; anything else is what it is.

    Takes `found` over. Raises NotFound, OSError whose file name is where the last link leads.
    """
    for _ in range(MAX_LINKS):
        if not found.is_link:
            return found
        try:
            target = os.readlink(os.fsdecode(found.name), dir_fd=found.parent_fd)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            target = os.path.basename(found.path)  # no link any more: look again
        finally:
            os.close(found.parent_fd)
        path = os.path.join(os.path.dirname(found.path), target)
        try:
            found = locate(root_fd, path)
        except OSError as error:
            raise OSError(error.errno, os.strerror(error.errno or 0), path) from None
    raise NotFound(f"too many symlinks in {found.path}")


def _status(dir_fd: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
