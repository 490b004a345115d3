"""The volumes of a new container get what the image has at their places, if they are empty.

A worker looks at the image in a view of his own and copies; `volume_copy.py` is how. There he also
mounts the volumes that are mounts. A tmpfs would be gone with him, so it gets nothing.
"""

from __future__ import annotations

import errno
import os

from cuddy import files
from cuddy.engine import rootfs, staging, volume_copy, volumes
from cuddy.engine.volume_copy import Shelf
from cuddy.image import workers
from cuddy.kernel import idmap
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.owner_map import Owner
    from cuddy.image.workers import Send

IN_MEMORY = ("tmpfs", "ramfs")


class Errand(NamedTuple):
    """One volume to fill, from `place`; "": it is only given to its owner. `options`: how it has
    to be mounted, if it has to.

    `owner`: whose its files shall be on the host, as the record's `Map` says it.
    """

    name: str
    place: str
    options: dict[str, str]
    owner: str = ""


def fill(home: Home, record: Container, where: str) -> None:
    """Fill the volumes of a new container that are empty; their locks are held by the caller.

    `where`: the container's directory, which nobody sees yet. Raises SystemFailure.
    """
    errands = find_errands(home, record)
    if not errands:
        return

    def work(send: Send) -> None:
        root = rootfs.view_image(home, record, where)
        root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for errand in errands:
            run(home, errand, where, root_fd)

    with workers.Crew() as crew:
        crew.start("copying into volumes", work).finish()


def find_errands(home: Home, record: Container) -> list[Errand]:
    """The volumes that may get something: one place for each, the first."""
    found: dict[str, Errand] = {}
    for point in record["Mounts"]:
        wanted = (point.get("Spec") or {}).get("VolumeOptions") or {}
        if point["Type"] != "volume" or wanted.get("Subpath"):
            continue
        if wanted.get("NoCopy") and "Map" not in point:
            continue
        name = point["Name"]
        options = volumes.read(home, name).get("Options") or {}
        is_mount = bool(options.get("type"))
        if is_mount and options["type"] in IN_MEMORY:
            continue
        place = "" if wanted.get("NoCopy") else point["Destination"]
        if is_mount or volume_copy.is_fillable(volume_copy.shelf_of(home, name)):
            found.setdefault(name, Errand(name, place, options, point.get("Map", "")))
    return list(found.values())


def run(home: Home, errand: Errand, where: str, root_fd: int) -> None:
    """Fill one volume, in the worker's view."""
    shelf = volume_copy.shelf_of(home, errand.name)
    if errand.options.get("type"):
        spot = f"{where}/mounts/{errand.name}"
        files.make_directory(spot)
        staging.mount_volume(home, errand.name, errand.options, spot)
        shelf = volume_copy.shelf_in(spot)
    try:
        if not volume_copy.is_fillable(shelf):
            return
        owner = give(shelf, errand.owner) if errand.owner else None
        if errand.place and volume_copy.copy(shelf, errand.place, root_fd, owner):
            volume_copy.finish(shelf)
    except OSError as error:
        if error.errno != errno.EROFS:  # mounted read-only: it stays as it is
            raise


def give(shelf: Shelf, wanted: str) -> Owner:
    """Whose the files of a mapped volume shall be. A new one is given to him."""
    # Imported here: few volumes are mapped.
    from cuddy.engine import owner_map

    status = os.stat(shelf.data)
    owner = owner_map.find(wanted, status)
    if (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid()):
        idmap.chown(shelf.data, *owner)
    return owner
