"""A directory in the root of an image under construction, with those above it, if it is missing.

The image is a stranger's: links in it are followed as a program in it would, never out of it.
"""

from __future__ import annotations

import errno
import os

from cuddy.engine import users
from cuddy.errors import InvalidArgument
from cuddy.kernel import idmap, resolve

MODE = 0o755
MAX_LINKS = 40
OPEN = os.O_PATH | os.O_DIRECTORY


def make(root: str, path: str, user: str = "") -> None:
    """Make a directory below `root`; new ones belong to `user`, by name or number.

    Raises InvalidArgument if something else is there, or there is no such user; OSError.
    """
    root_fd = os.open(root, OPEN | os.O_CLOEXEC)
    try:
        owner = (0, 0)
        if user and not is_there(root_fd, path):
            identity = users.read_identity(root_fd, user)
            owner = (identity.uid, identity.gid)
        os.close(open_made(root_fd, path, owner, links=MAX_LINKS))
    finally:
        os.close(root_fd)


def is_there(root_fd: int, path: str) -> bool:
    """Whether there is a directory already."""
    try:
        os.close(resolve.open_in_root(root_fd, path, OPEN))
    except OSError:
        return False
    return True


def open_made(root_fd: int, path: str, owner: tuple[int, int], *, links: int) -> int:
    """The directory, made if it is missing; the caller closes it. As `make`."""
    try:
        return resolve.open_in_root(root_fd, path, OPEN)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise InvalidArgument(f"{path} is there, and is no directory") from None
        raise
    above, _, name = path.rstrip("/").rpartition("/")
    parent_fd = open_made(root_fd, above or "/", owner, links=links)
    try:
        return make_in(root_fd, parent_fd, f"{above}/{name}", owner, links)
    finally:
        os.close(parent_fd)


def make_in(root_fd: int, parent_fd: int, path: str, owner: tuple[int, int], links: int) -> int:
    """The last name of a path in its directory; a link that leads nowhere is made to lead there."""
    name = path.rpartition("/")[2]
    try:
        os.mkdir(name, MODE, dir_fd=parent_fd)
    except FileExistsError:
        target = os.readlink(name, dir_fd=parent_fd)
        if not links:
            raise InvalidArgument(f"{path}: too many symbolic links") from None
        led = target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"
        os.close(open_made(root_fd, led, owner, links=links - 1))
        return resolve.open_in_root(root_fd, path, OPEN)
    fd = resolve.open_beneath(parent_fd, name, OPEN)
    idmap.chown(name, *owner, dir_fd=parent_fd)
    os.chmod(f"/proc/self/fd/{fd}", MODE)
    return fd
