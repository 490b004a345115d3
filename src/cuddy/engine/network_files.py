"""Whose /etc/hosts, /etc/hostname and /etc/resolv.conf a container sees: ours, unless the user's.

As with Docker, ours hide what the image has there. A mount of the user's at one of the three
stays what it is, and so does what a mount at /etc brings along: a file with something in it.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.engine import mount_entries
from cuddy.kernel import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.container import Container
    from cuddy.engine.mounts import MountPoint
    from cuddy.runtime.spec import MountEntry

DIRECTORY = "/etc"
NAMES = ("resolv.conf", "hostname", "hosts")


def entries(container: Container) -> Iterator[MountEntry]:
    """How config.json has those of the three that are ours. Pure but for a mount at /etc."""
    targets = {point["Destination"]: point for point in container.get("Mounts") or ()}
    # As all else that is not a volume then.
    mode = "ro" if container["HostConfig"]["ReadonlyRootfs"] else "rw"
    paths = (container["ResolvConfPath"], container["HostnamePath"], container["HostsPath"])
    for name, path in zip(NAMES, paths, strict=True):
        target = f"{DIRECTORY}/{name}"
        if target not in targets and not is_brought(targets.get(DIRECTORY), name):
            yield mount_entries.bind_entry(path, target, mode=mode)


def is_brought(above: MountPoint | None, name: str) -> bool:
    """Whether a mount at /etc leaves no place for our file: there is one, or none can be made.

    A link that leads out of the mount leads into the container: there ours may be.
    """
    if above is None or above["Type"] == "tmpfs":
        return False
    try:
        top_fd = os.open(above["Source"], os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False  # mounting it will say why
    try:
        fd = resolve.openat2(top_fd, name, os.O_PATH, resolve=resolve.RESOLVE_BENEATH)
    except OSError as error:
        return error.errno == errno.ENOENT and not above["RW"] and not is_link(top_fd, name)
    finally:
        os.close(top_fd)
    try:
        facts = os.fstat(fd)
    finally:
        os.close(fd)
    return facts.st_size > 0 or not stat.S_ISREG(facts.st_mode)


def is_link(dir_fd: int, name: str) -> bool:
    """Whether a symbolic link has this name, wherever it leads."""
    try:
        return stat.S_ISLNK(os.lstat(name, dir_fd=dir_fd).st_mode)
    except OSError:
        return False


def take_places(root: str) -> None:
    """Put empty files where the image has links: /etc/resolv.conf often leads into /run, which is
    hidden when something is mounted there. Raises OSError.

    `root`: the container's, mounted for us only and without what the user mounts.
    """
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        dir_fd = resolve.open_in_root(root_fd, DIRECTORY, os.O_PATH | os.O_DIRECTORY)
    except OSError:
        return  # there is none, or none that is a directory
    finally:
        os.close(root_fd)
    try:
        for name in filter(lambda name: is_link(dir_fd, name), NAMES):
            os.unlink(name, dir_fd=dir_fd)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(name, flags, 0o644, dir_fd=dir_fd))
    finally:
        os.close(dir_fd)
