"""What a new container mounts is there: directories of the host, volumes, images."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import mounts, volumes
from cuddy.engine.mount_grammar import OF_SOURCE
from cuddy.engine.volume_use import Claim
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.image import host, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.mounts import Lender, MountPoint


def claim(home: Home, record: Container, lenders: Sequence[Lender]) -> Claim:
    """See to the sources of a new container's mounts. Its volumes are had inside `with`.

    The caller holds the image store, so that no image goes meanwhile. Raises CuddyError.
    """
    points = record["Mounts"]
    for point in points:
        if point["Type"] == "bind":
            find_bind(home, point)
        elif point["Type"] == "image" and "Image" not in point:
            find_image(home, point)
    lent = {point.get("Name", "") for lender in lenders for point in lender["mounts"]}
    return Claim(home, record["Id"], mounts.wishes(points), frozenset(lent))


def find_bind(home: Home, point: MountPoint) -> None:
    """The source of a bind is there; one of -v is made if need be.

    Raises InvalidArgument, SystemFailure.
    """
    source = point["Source"]
    if os.path.lexists(source):
        return
    options = (point.get("Spec") or {}).get("BindOptions") or {}
    if not options.get("CreateMountpoint"):
        raise InvalidArgument(
            f'invalid mount config for type "bind": bind source path does not exist: {source}',
            hint="make it first; -v would have made a directory",
        )
    try:
        fd = make_directory(home, source)
        try:
            if point.get("Map", OF_SOURCE) != OF_SOURCE:
                # Imported here: few mounts are mapped.
                from cuddy.engine import owner_map

                os.chown(f"/proc/self/fd/{fd}", *owner_map.parse(point["Map"]))
        finally:
            os.close(fd)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot make the volume {source}", error) from error


def make_directory(home: Home, source: str) -> int:
    """A directory of the host with those above it, open as O_PATH. Raises OSError."""
    flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
    top, below = volumes.split_path(home, source)
    if not below:
        files.make_directory(source, 0o755)
        return os.open(source, flags)
    # Imported here: few sources are in a volume.
    from cuddy.runtime import targets

    top_fd = os.open(top, flags)
    try:
        return targets.make(top_fd, f"/{below}", directory=True)
    finally:
        os.close(top_fd)


def find_image(home: Home, point: MountPoint) -> None:
    """The image to mount is there: what is mounted is what it is now. Raises NoSuchImage."""
    if point["Name"] == host.NAME:
        hint = "mount directories of the host with type=bind"
        raise InvalidArgument(f"the image {host.NAME} cannot be mounted", hint=hint)
    image = store.resolve(home.storage, point["Name"])
    point["Image"] = image.id
    point["ChainIds"] = list(image.chain_ids)
