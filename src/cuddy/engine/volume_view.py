"""What is in a volume, for those who copy: a view of a worker's own, which ends with it.

A volume with a driver's options is a mount. It is taken from a container that has it mounted, or
mounted here. In the view nothing takes effect by being looked at, as in `inside`.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import copy_up, staging, volume_copy, volumes
from cuddy.engine.inside import seal
from cuddy.errors import Conflict, NoSuchVolume, SystemFailure
from cuddy.kernel import mount, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def open_view(home: Home, name: str, *, writable: bool) -> int:
    """A descriptor of a volume's files, for a process that ends afterwards, single-threaded.

    Raises NoSuchVolume, CorruptContent, Conflict, SystemFailure.
    """
    options = volumes.read(home, name).get("Options") or {}
    try:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mount.set_propagation("/", mount.MS_PRIVATE | mount.MS_REC)
        if options.get("type"):
            tree_fd = open_mounted(home, name, options, writable=writable)
        else:
            tree_fd = open_own(home, name)
        seal(tree_fd, writable=writable)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot look into volume {name}", error) from error
    return tree_fd


def open_own(home: Home, name: str) -> int:
    """A copy of the mount of a volume's own directory."""
    shelf = volume_copy.shelf_of(home, name)
    if os.path.isdir(shelf.copied):
        with volumes.Hold(home, name):
            volume_copy.finish(shelf)
    try:
        return mount.open_tree(shelf.data, mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE)
    except FileNotFoundError:
        raise NoSuchVolume(name) from None


def open_mounted(home: Home, name: str, options: dict[str, str], *, writable: bool) -> int:
    """What a driver's options mount, attached nowhere."""
    tree_fd = staging.borrow(home, name)
    if tree_fd >= 0:
        return tree_fd
    if writable and options["type"] in copy_up.IN_MEMORY:
        raise Conflict(
            f"volume {name} is in memory, and no container has it mounted",
            hint="what were put into it now would be gone at once",
        )
    spot = f"{home.tmp_dir}/{files.name_temporary()}"
    os.mkdir(spot, 0o700)
    try:
        staging.mount_volume(home, name, options, spot)
        tree_fd = mount.open_tree(spot, mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE)
        mount.umount(spot, mount.MNT_DETACH)
    finally:
        os.rmdir(spot)
    return tree_fd


def check_presence(home: Home, name: str) -> None:
    """Whether a volume that was read was there to the end: otherwise some may lack.

    Raises Conflict.
    """
    if not os.path.isdir(volumes.path(home, name)):
        raise Conflict(f"volume {name} was removed meanwhile")
