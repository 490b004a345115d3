"""Layers unpacked once per chain id, and overlays of them: what a container's root is made of.

`layers/<chain-id hex>/` holds one layer's changes, written by `layer.apply` and never again. A
container's root is an overlay of its image's layers under a directory of its own.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.image.storage import Storage
from cuddy.kernel import overlay
from cuddy.kernel.mount import MS_BIND, MS_RDONLY, Mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def path(storage: Storage, chain_id: str) -> str:
    """Where the layer with this chain id is or will be."""
    return f"{storage.layers_dir}/{chain_id.partition(':')[2]}"


def has(storage: Storage, chain_id: str) -> bool:
    """Whether the layer is unpacked."""
    return os.path.isdir(path(storage, chain_id))


def paths(storage: Storage, chain_ids: Sequence[str]) -> list[str]:
    """Where layers are, topmost first."""
    return [path(storage, chain_id) for chain_id in reversed(chain_ids)]


def lower_dirs(storage: Storage, chain_ids: Sequence[str]) -> list[str]:
    """The directories of a stack, topmost first.

    overlayfs heeds no opaque mark on the root itself, so a layer that hides all below its root ends
    the stack here.
    """
    directories = []
    for chain_id in reversed(chain_ids):
        directories.append(path(storage, chain_id))
        if _hides_all_below(directories[-1]):
            break
    return directories or [f"{storage.layers_dir}/empty"]


def _hides_all_below(directory: str) -> bool:
    try:
        return overlay.is_opaque(directory)
    except FileNotFoundError:
        return False  # whoever mounts will say it better


def prepare(
    storage: Storage, chain_ids: Sequence[str], upper_dir: str, work_dir: str, target: str
) -> Mount:
    """The writable overlay of a container over its image's layers; a plan, nothing is mounted."""
    return overlay.plan(lower_dirs(storage, chain_ids), upper_dir, work_dir, target)


def make_upper(storage: Storage, chain_ids: Sequence[str], upper_dir: str, work_dir: str) -> None:
    """Make the two directories of a writable overlay."""
    make_upper_like(lower_dirs(storage, chain_ids)[0], upper_dir, work_dir)


def make_upper_like(root_dir: str, upper_dir: str, work_dir: str) -> None:
    """The same over `root_dir`: the upper directory's owner, mode and time are what the container
    sees as those of `/`, and come from there.
    """
    root = os.stat(root_dir)
    os.mkdir(work_dir, 0o700)
    os.mkdir(upper_dir, 0o700)
    os.chown(upper_dir, root.st_uid, root.st_gid)
    os.chmod(upper_dir, root.st_mode & 0o7777)
    os.utime(upper_dir, ns=(root.st_atime_ns, root.st_mtime_ns))


def view(storage: Storage, chain_ids: Sequence[str], target: str, upper_dir: str = "") -> Mount:
    """The read-only overlay of an image's layers, and of what a container wrote over them.

    A plan, nothing is mounted. To overlayfs it is all lower directories: at the end of a writable
    overlay, all that anybody wrote to the file system of its upper directory goes to the disk.
    """
    directories = [*([upper_dir] if upper_dir else []), *lower_dirs(storage, chain_ids)]
    empty = f"{storage.layers_dir}/empty"
    if directories == [empty]:
        return Mount(empty, target, "", MS_BIND | MS_RDONLY)
    if len(directories) == 1:
        # overlayfs wants two directories where none is writable, and no one twice.
        directories.append(empty)
    return overlay.plan(directories, "", "", target)


def commit(storage: Storage, directory: str, chain_id: str) -> None:
    """Make an unpacked directory the layer of this chain id; the first of two to come stays."""
    try:
        os.rename(directory, path(storage, chain_id))
    except OSError:
        if not has(storage, chain_id):
            raise
        files.remove_tree(directory)


def delete(storage: Storage, chain_id: str) -> None:
    """Remove a layer: out of sight by one rename, then file by file."""
    doomed = f"{storage.tmp_dir}/{files.name_temporary()}"
    try:
        os.rename(path(storage, chain_id), doomed)
    except FileNotFoundError:
        return
    files.remove_tree(doomed)


def measure(storage: Storage, chain_id: str) -> int:
    """The bytes of a layer, counted on disk."""
    from cuddy.image import walk

    fd = os.open(path(storage, chain_id), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return walk.measure(fd)
    finally:
        os.close(fd)
