"""The root of a container whose users are not the host's: its files' owners, told otherwise.

Nothing on the disk is given to other owners or copied. The directories are mounted once more, their
owners shifted by the container's own maps (mount_setattr(2), "ID-mapped mounts"), and the overlay
lies over these mounts:

    <container>/work/            the container's directory, shifted
        upper/  work/            what it writes, and where overlayfs prepares it
        rootfs/                  all layers, shifted; of the image `host` a directory for each of
                                 the host's that it shows
    <container>/rootfs/          the overlay

Of a hundred layers there is one mount, as they are all in one directory. Only the overlay stays: it
keeps what it lies on.
"""

from __future__ import annotations

import errno
import os

from cuddy.engine import userns
from cuddy.errors import SystemFailure
from cuddy.image import host, snapshots
from cuddy.kernel import idmap, mount, overlay
from cuddy.kernel.mount import Mount
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.mounts import MountPoint

NOT_ALLOWED = (errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)


class Ground(Closing):
    """What the root of one container lies on. Make it first, and lay it in a mount namespace of
    our own.
    """

    def __init__(self, home: Home, record: Container) -> None:
        maps = userns.maps_of(record)
        assert maps
        self.maps = maps
        self.home = home
        self.record = record
        self.where = home.container_dir(record["Id"])
        self.spot = f"{self.where}/work"
        self.namespace = make_namespace(maps)
        self.userns_fd = self.namespace.fd

    def close(self) -> None:
        self.namespace.close()

    def lay(self) -> list[Mount]:
        """Mount it; the mounts of the root over it, to be made. Raises SystemFailure, OSError."""
        attach(self.where, self.spot, self.userns_fd)
        if self.record["Image"] == host.IMAGE.id:
            return self._plan_host()
        layers = f"{self.spot}/rootfs"
        self.show_layers(layers)
        there = [
            f"{layers}/{os.path.basename(path)}"
            for path in snapshots.lower_dirs(self.home.storage, self.record["ChainIds"])
        ]
        upper, work = f"{self.spot}/upper", f"{self.spot}/work"
        return [overlay.plan(there, upper, work, f"{self.where}/rootfs")]

    def _plan_host(self) -> list[Mount]:
        """Those of the image `host`, over the host's own directories."""
        lower = f"{self.spot}/rootfs"
        mount.perform(Mount("tmpfs", lower, "tmpfs", mount.MS_NOSUID, "mode=700,size=1m"))
        for path in host.overlaid():
            os.mkdir(f"{lower}/{host.flat(path)}")
            attach(f"/{path}", f"{lower}/{host.flat(path)}", self.userns_fd)
        upper, work, masks = (f"{self.spot}/{name}" for name in ("upper", "work", "masks"))
        return host.plan_view(upper, work, masks, f"{self.where}/rootfs", lower)

    def show_layers(self, target: str) -> None:
        """Mount all layers at a place, their owners shifted. Raises SystemFailure, OSError."""
        attach(self.home.storage.layers_dir, target, self.userns_fd)

    def shift_of(self, point: MountPoint) -> str:
        """How the owners of a mount are to be shifted: with those of all below it (ridmap), its
        own only (idmap), or "" not at all.

        Where a file system does not allow it, its files are nobody's inside: that is no hole.
        """
        if not is_to_shift(self.record, point):
            return ""
        is_flat = ((point.get("Spec") or {}).get("BindOptions") or {}).get("NonRecursive")
        for recursive in (False,) if is_flat else (True, False):
            if self._allows(point["Source"], recursive=recursive):
                return "ridmap" if recursive else "idmap"
        return ""

    def _allows(self, source: str, *, recursive: bool) -> bool:
        """Whether the owners of what is at a path can be shifted. Raises OSError."""
        flags = mount.OPEN_TREE_CLONE | (mount.AT_RECURSIVE if recursive else 0)
        tree_fd = mount.open_tree(source, flags)
        try:
            attribute = mount.MOUNT_ATTR_IDMAP
            mount.mount_setattr(tree_fd, attribute, recursive=recursive, userns_fd=self.userns_fd)
            return True
        except OSError as error:
            if error.errno not in NOT_ALLOWED:
                raise
            return False
        finally:
            os.close(tree_fd)

    def acting_as_root(self) -> idmap.ActingAs:
        """Inside `with`, what we make belongs to the container's root."""
        return idmap.ActingAs(*self.maps.outside(0, 0))

    def leave(self) -> None:
        """Take it down: the root keeps what it lies on."""
        mount.umount(self.spot, mount.MNT_DETACH)


def is_to_shift(record: Container, point: MountPoint) -> bool:
    """Whether a mount's owners are to be told otherwise: not where `map` has given it to somebody,
    and what layers are made of is shifted already. Pure.
    """
    if point["Type"] not in ("bind", "volume") or "Map" in point:
        return False
    mode = record["HostConfig"]["UsernsMode"].partition(":")[0]
    return point["Type"] == "volume" or mode not in (userns.KEEP_ID, userns.NOMAP)


def warnings(record: Container) -> list[str]:
    """What a user should hear of staged mounts that were to be shifted and could not be. Pure."""
    return [
        f"files at {point['Destination']} are nobody's in the container:"
        f" the file system of {point['Source']} does not let their owners be shifted"
        for point in record.get("Mounts", [])
        if is_to_shift(record, point) and not point["Shift"]
    ]


def make_namespace(maps: idmap.Maps) -> idmap.Namespace:
    """A user namespace with these maps. Raises SystemFailure."""
    try:
        return idmap.Namespace(maps.uids, maps.gids)
    except OSError as error:
        raise SystemFailure.from_os("cannot map the container's ids", error) from error


def attach(source: str, target: str, userns_fd: int) -> None:
    """Show a directory at `target`, its files' owners shifted. Raises SystemFailure, OSError."""
    tree_fd = mount.open_tree(source)
    try:
        mount.mount_setattr(tree_fd, mount.MOUNT_ATTR_IDMAP, userns_fd=userns_fd)
        mount.move_mount(tree_fd, target)
    except OSError as error:
        if error.errno not in NOT_ALLOWED:
            raise
        raise SystemFailure(
            f"cannot shift the owners of {source}: its file system does not allow it",
            hint="ext4, xfs, btrfs and tmpfs do, on a kernel that is new enough; "
            "or have the host's users: --userns=host",
        ) from error
    finally:
        os.close(tree_fd)
