"""What a container's mounts need before its runtime can bind them: prepared in a private view.

config.json has plain binds only. What is more than a directory of the host is mounted first, by
the monitor and in its own mount namespace, in a room that vanishes with it:

    <bundle>/mounts/               a tmpfs
        volumes/<name>             a volume with a driver's options: nfs, tmpfs, a device, a bind
        <number>                   an image; a subdirectory; a bind whose mounts travel

A tmpfs would be another one for every container that mounts it, so who comes later gets the mount
of who was there before, out of his monitor's namespace.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.engine import events, liveness, mount_sources, volume_copy, volumes
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.image import snapshots
from cuddy.image.storage import Storage
from cuddy.kernel import mount, namespaces, overlay, resolve
from cuddy.kernel.mount import Mount
from cuddy.runtime import mount_plan
from cuddy.undo import close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.idmapped import Ground
    from cuddy.engine.mounts import MountPoint

SHARED = ("shared", "rshared")
SLAVE = ("slave", "rslave")
ADDRESSED = ("nfs", "nfs4", "cifs")
"""File systems whose option `addr` may be a name, which the kernel does not know."""


class Staging:
    """The preparation of one container's mounts. Make it before the private view, stage in it."""

    def __init__(self, home: Home, record: Container) -> None:
        self.home = home
        self.record = record
        self.points = record["Mounts"]
        self.room = room(home, record)
        self.has_room = False
        self.peers: dict[str, int] = {}
        self.ground: Ground | None = None

    def __enter__(self) -> Staging:
        had_life = is_room(self.room)
        for number, point in enumerate(self.points):
            if point["Type"] != "bind":
                continue
            mount_sources.find_bind(self.home, point)
            if point["Propagation"] in (SHARED if had_life else (*SHARED, *SLAVE)):
                self._take_peer(point, f"{self.room}/{number}" if had_life else "")
        take_down(self.home, self.record)
        return self

    def _take_peer(self, point: MountPoint, earlier: str) -> None:
        """See that mounts can travel, and take what is shared.

        A mount made in the container reaches the host only through one of the host's view, or
        what is left of it from an earlier life under the same monitor: `earlier`.
        """
        if earlier:
            source_fd = os.open(earlier, os.O_PATH | os.O_CLOEXEC)
        else:
            source_fd = open_source(self.home, point)
        try:
            if not earlier:
                check_propagation(point, os.readlink(f"/proc/self/fd/{source_fd}"))
            if point["Propagation"] in SHARED:
                flags = mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE | mount.AT_EMPTY_PATH
                tree_fd = mount.open_tree("", flags, dir_fd=source_fd)
                self.peers[point["Destination"]] = tree_fd
        finally:
            os.close(source_fd)

    def __exit__(self, *_: object) -> None:
        close_all(self.peers)

    def stage(self, ground: Ground | None = None) -> Container:
        """The record with the sources that the runtime is to bind. Raises CuddyError, OSError.

        `ground`: of a container whose users are not the host's.
        """
        self.ground = ground
        staged = [self._stage(number, point) for number, point in enumerate(self.points)]
        return {**self.record, "Mounts": staged}

    def _stage(self, number: int, point: MountPoint) -> MountPoint:
        source, subpath = point["Source"], ""
        spec = point.get("Spec") or {}
        if point["Type"] == "volume":
            source = self._volume(point["Name"])
            subpath = (spec.get("VolumeOptions") or {}).get("Subpath") or ""
        elif point["Type"] == "image":
            source = self._spot(str(number), is_directory=True)
            overlay.perform(snapshots.view(self._storage(), point["ChainIds"], source))
            subpath = (spec.get("ImageOptions") or {}).get("Subpath") or ""
        elif point["Destination"] in self.peers:
            source = self._attach(self.peers[point["Destination"]], str(number))
        elif point["Type"] == "bind":
            source, subpath = volumes.split_path(self.home, source)
        if subpath:
            source = self._subpath(number, point, source, subpath)
        if "Map" in point:
            source = self._mapped(number, point, source)
        staged: MountPoint = {**point, "Source": source}
        if self.ground:
            staged["Shift"] = self.ground.shift_of(staged)
        return staged

    def _storage(self) -> Storage:
        """Where layers are: with their owners shifted, for users that are not the host's."""
        if not self.ground:
            return self.home.storage
        top = f"{self.room}/shifted"
        if not os.path.isdir(top):
            self.ground.show_layers(self._spot("shifted/layers", is_directory=True))
        return Storage(top)

    def _spot(self, name: str, *, is_directory: bool) -> str:
        """A new place to mount at."""
        if not self.has_room:
            files.make_directory(self.room)
            mount.perform(Mount("tmpfs", self.room, "tmpfs", mount.MS_NOSUID, "mode=700,size=1m"))
            self.has_room = True
        path = f"{self.room}/{name}"
        files.make_directory(os.path.dirname(path))
        if is_directory:
            files.make_directory(path)
        else:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return path

    def _attach(self, tree_fd: int, name: str) -> str:
        """Where a mount that was attached nowhere is now."""
        spot = self._spot(name, is_directory=is_directory(tree_fd))
        mount.move_mount(tree_fd, spot)
        return spot

    def _subpath(self, number: int, point: MountPoint, top: str, subpath: str) -> str:
        """A directory or file in a volume or image, wherever links in it lead: not out of it."""
        flags = mount.OPEN_TREE_CLONE | mount.AT_EMPTY_PATH
        if point["Type"] == "bind":
            flags |= mount.AT_RECURSIVE  # unless it is to be flat, which the runtime does
        inside_fd = open_below(top, subpath, point)
        try:
            tree_fd = mount.open_tree("", flags, dir_fd=inside_fd)
        finally:
            os.close(inside_fd)
        try:
            return self._attach(tree_fd, f"below/{number}")
        finally:
            os.close(tree_fd)

    def _mapped(self, number: int, point: MountPoint, source: str) -> str:
        """What is to be mounted, its owners told otherwise."""
        # Imported here: few mounts are.
        from cuddy.engine import owner_map

        is_flat = ((point.get("Spec") or {}).get("BindOptions") or {}).get("NonRecursive")
        flags = mount.OPEN_TREE_CLONE | (0 if is_flat else mount.AT_RECURSIVE)
        root = f"{self.home.container_dir(self.record['Id'])}/rootfs"
        root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            user = owner_map.user_of(root_fd, self.record)
            if self.ground:
                user = owner_map.Owner(*self.ground.maps.outside(*user))
        finally:
            os.close(root_fd)
        tree_fd = mount.open_tree(source, flags)
        try:
            owner_map.apply(tree_fd, owner_map.find(point["Map"], os.fstat(tree_fd)), user, source)
            return self._attach(tree_fd, f"mapped/{number}")
        finally:
            os.close(tree_fd)

    def _volume(self, name: str) -> str:
        """Where what is in a volume is, mounted if it has to be. Raises NoSuchVolume."""
        volume = volumes.read(self.home, name)
        options = volume.get("Options") or {}
        if not options.get("type"):
            shelf = volume_copy.shelf_of(self.home, name)
            if os.path.isdir(shelf.copied):
                with volumes.Hold(self.home, name):
                    volume_copy.finish(shelf)
            return shelf.data
        spot = f"{self.room}/volumes/{name}"
        if os.path.isdir(spot) and is_mounted(spot):
            return spot  # at another place of this container
        # Two first containers of a volume would mount two file systems.
        with volumes.Hold(self.home, name):
            self._spot(f"volumes/{name}", is_directory=True)
            tree_fd = borrow(self.home, name, but=self.record["Id"])
            if tree_fd >= 0:
                mount.move_mount(tree_fd, spot)
                os.close(tree_fd)
            else:
                mount_volume(self.home, name, options, spot)
                volume_copy.finish(volume_copy.shelf_in(spot))
        return spot


def borrow(home: Home, name: str, *, but: str = "") -> int:
    """The mount of a container that has the volume mounted already, detached; -1: nobody.

    `but`: not of this container.
    """
    for container_id in volumes.users(home, name):
        pidfd = liveness.open_monitor(home.run_dir(container_id))
        if pidfd < 0 or container_id == but:
            continue
        try:
            spot = f"{home.container_dir(container_id)}/mounts/volumes/{name}"
            if (tree_fd := clone_elsewhere(pidfd, spot)) >= 0:
                return tree_fd
        finally:
            os.close(pidfd)
    return -1


def room(home: Home, record: Container) -> str:
    """Where a container's mounts are prepared."""
    return f"{home.container_dir(record['Id'])}/mounts"


def leave(home: Home, record: Container, *, again: bool = False) -> None:
    """Take down what was staged, so that the container's directory can be removed.

    `again`: the next preparation does.
    """
    for point in record.get("Mounts") or ():
        if point["Type"] == "volume":
            attributes = {"container": record["Id"], "driver": volumes.DRIVER}
            events.emit(home, "volume", "unmount", point["Name"], attributes)
    if not again:
        take_down(home, record)


def take_down(home: Home, record: Container) -> None:
    """Unmount what was staged, if anything was. What the container mounted for the host to see
    stays there.
    """
    where = room(home, record)
    if is_room(where):
        mount.set_propagation(where, mount.MS_PRIVATE | mount.MS_REC)
        mount.umount(where, mount.MNT_DETACH)


def is_room(where: str) -> bool:
    """Whether mounts have been prepared there."""
    return os.path.isdir(where) and is_mounted(where)


def announce(home: Home, record: Container) -> None:
    """Tell of the volumes that are mounted, as Docker does."""
    for point in record["Mounts"]:
        if point["Type"] == "volume":
            attributes = {
                "container": record["Id"],
                "destination": point["Destination"],
                "driver": volumes.DRIVER,
                "propagation": point.get("Propagation", ""),
                "read/write": "true" if point["RW"] else "false",
            }
            events.emit(home, "volume", "mount", point["Name"], attributes)


def check_propagation(point: MountPoint, path: str) -> None:
    """Whether mounts can travel from or to where the source is. Raises SystemFailure."""
    wanted = point["Propagation"]
    above = [each for each in mount.list_mounts() if mount.contains(each.target, path)]
    nearest = max(enumerate(above), key=lambda pair: (len(pair[1].target), pair[0]))[1]
    if "shared:" in nearest.tags or (wanted in SLAVE and "master:" in nearest.tags):
        return
    kind = "shared" if wanted in SHARED else "shared or slave"
    raise SystemFailure(
        f"path {path} is mounted on {nearest.target} but it is not a {kind} mount",
        hint=f"'mount --make-shared {nearest.target}' makes it one",
    )


def open_source(home: Home, point: MountPoint) -> int:
    """The source of a bind as O_PATH: what lies in a volume only if it does not lead out of it.

    Raises InvalidArgument, OSError.
    """
    return open_below(*volumes.split_path(home, point["Source"]), point)


def open_below(top: str, subpath: str, point: MountPoint) -> int:
    """A path below a volume's or image's root, or without one that itself. As `open_inside`."""
    top_fd = os.open(top, os.O_PATH | os.O_CLOEXEC)
    if not subpath:
        return top_fd
    try:
        return open_inside(top_fd, subpath, point)
    finally:
        os.close(top_fd)


def open_inside(top_fd: int, subpath: str, point: MountPoint) -> int:
    """A path below a volume's or image's root. Raises InvalidArgument, OSError."""
    flags = resolve.RESOLVE_BENEATH | resolve.RESOLVE_NO_MAGICLINKS
    try:
        return resolve.openat2(top_fd, subpath, os.O_PATH, resolve=flags)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EXDEV, errno.ELOOP):
            raise
        why = "it leads out of it" if error.errno == errno.EXDEV else os.strerror(error.errno)
        where = f"{point['Type']} {point.get('Name') or point['Source']}"
        raise InvalidArgument(f"cannot access path {subpath} of {where}: {why.lower()}") from None


def is_directory(fd: int) -> bool:
    """Whether an open file is a directory."""
    return stat.S_ISDIR(os.fstat(fd).st_mode)


def is_mounted(path: str) -> bool:
    """Whether a file system of its own is at a directory."""
    return os.stat(path).st_dev != os.stat(os.path.dirname(path)).st_dev


def clone_elsewhere(pidfd: int, path: str) -> int:
    """A detached copy of what is mounted at a path in another process's view; -1: nothing is."""
    here = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        namespaces.setns(pidfd, namespaces.CLONE_NEWNS)
        try:
            return mount.open_tree(path) if is_mounted(path) else -1
        finally:
            namespaces.setns(here, namespaces.CLONE_NEWNS)
    except (FileNotFoundError, ProcessLookupError):
        return -1
    finally:
        os.close(here)


def mount_volume(home: Home, name: str, options: dict[str, str], target: str) -> None:
    """Mount what the local driver's options say, as mount(8) would. Raises SystemFailure."""
    kind, device, words = options["type"], options.get("device", ""), options.get("o", "")
    if kind in ADDRESSED:
        words = resolve_address(words)
    parsed = mount_plan.parse(words.split(",") if words else ())
    propagation = parsed.propagation[-1] if parsed.propagation else 0
    plan = Mount(device, target, kind, parsed.flags, ",".join(parsed.data), propagation)
    try:
        if parsed.flags & mount.MS_BIND:
            # Here, so that no link in another volume leads out of that.
            source_fd = open_source(home, {"Type": "bind", "Source": device})
            try:
                mount.perform(plan._replace(source=f"/proc/self/fd/{source_fd}"))
            finally:
                os.close(source_fd)
        else:
            mount.perform(plan)
    except OSError as error:
        # Not the options: a password may be among them.
        doing = f"cannot mount volume {name}: failed to mount local volume: mount {device}"
        reason = os.strerror(error.errno or 0).lower()
        raise SystemFailure(f"{doing}: {reason}") from error


def resolve_address(words: str) -> str:
    """`addr=NAME` becomes `addr=ADDRESS`. Raises SystemFailure."""
    import _socket

    found = []
    for word in words.split(","):
        key, _, value = word.partition("=")
        if key == "addr" and value:
            try:
                value = str(_socket.getaddrinfo(value, None)[0][4][0])
            except OSError as error:
                message = f"error resolving passed in network volume address {value}"
                raise SystemFailure(f"{message}: {error.strerror}") from error
            word = f"addr={value}"
        found.append(word)
    return ",".join(found)
