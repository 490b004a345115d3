"""Cp by archives: what is at a path of a container, as a tar from it, as a tar into it.

`look` has a worker reach into the container; `take` and `put` are for a worker of the caller's.
"""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.engine import containers, cp, cp_paths, inside
from cuddy.engine.carriage import Carriage
from cuddy.engine.cp_inside import NOT_THERE, shown_target
from cuddy.errors import InvalidArgument
from cuddy.image import blobs, compression
from cuddy.image.deposit import Deposit, Ownership
from cuddy.image.workers import Crew
from cuddy.kernel import idmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.cp_inside import FoundSource, Inside
    from cuddy.engine.home import Home
    from cuddy.image.workers import Send

GO_MODES = {
    stat.S_IFDIR: 1 << 31, stat.S_IFLNK: 1 << 27, stat.S_IFBLK: 1 << 26, stat.S_IFIFO: 1 << 25,
    stat.S_IFSOCK: 1 << 24, stat.S_IFCHR: 1 << 26 | 1 << 21,
}  # fmt: skip
MAX_NAME_BYTES, MAX_PATH_BYTES = 255, 4095
"""linux/limits.h."""
GO_BITS = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}


def look(home: Home, name: str, path: str) -> dict[str, Any]:
    """What is at a path. Raises NoSuchContainer, NotFound, InvalidArgument."""
    container_id = find(home, name, path)

    def reach_in(send: Send) -> None:
        def work(record: Container, view: Inside, carriage: Carriage) -> None:
            send(found=describe(view, view.find_source(cp_paths.inside(path), follow=False)))

        cp.reach(home, container_id, name, work, "", Carriage(), writable=False)

    with Crew() as crew:
        found: dict[str, Any] = crew.start("look", reach_in).finish()["found"]
        return found


def take(home: Home, name: str, path: str, fd: int, *, limit_bytes: int = 0) -> None:
    """Write to a descriptor what is at a path: what it is as a line of JSON, then a tar of it.

    `limit_bytes`: of the tar; 0: as much as there is. Holes of files count: they take no room there
    and all of it here. For a process that ends afterwards. Raises as `look` does, and OSError.
    """
    container_id = find(home, name, path)

    def work(record: Container, view: Inside, carriage: Carriage) -> None:
        found = view.find_source(cp_paths.inside(path), follow=False)
        files.write_all(fd, files.format_json(describe(view, found)).encode() + b"\n")
        carriage.stream(view.gather(found, streamed=True), fd)

    carriage = Carriage(limit_bytes=limit_bytes)
    cp.reach(home, container_id, name, work, "archive-path", carriage, writable=False)


def put(
    home: Home, name: str, path: str, fd: int, *, to_user: bool = False, replaces: bool = True,
    gives_way: bool = False,
) -> None:  # fmt: skip
    """Unpack a tar that comes from a descriptor, compressed or not, into a directory that is there.

    `to_user`: all is the container's user's, with `gives_way` also directories that the archive
    only passes through. `replaces`: what is there gives way even if one of the
    two is a directory. For a process that ends afterwards. Raises NoSuchContainer, NotFound,
    InvalidArgument, NotPermitted, Conflict, CorruptContent, OSError.
    """
    container_id = find(home, name, path)

    def work(record: Container, view: Inside, carriage: Carriage) -> None:
        owner = cp.user_of(record, view) if to_user else None
        ownership = Ownership(is_kept=True, user=owner, maps=view.maps)
        if view.maps is None:
            unpack(view, ownership, carriage)
            return
        with idmap.ActingAs(*view.maps.outside(0, 0)):
            unpack(view, ownership, carriage)

    def unpack(view: Inside, ownership: Ownership, carriage: Carriage) -> None:
        into = view.find_target(path)
        if into.located is None or into.located.status is None:
            raise view.missing(path)
        if not into.target.is_directory:
            raise InvalidArgument("extraction point is not a directory")
        decision = cp_paths.Decision(True, b"")
        shown = shown_target(into, decision)
        directory_fd = view.open_target(into, decision)
        finder = view.finder(shown)
        deposit = Deposit(
            directory_fd, shown, ownership, finder, replaces=replaces, gives_way=gives_way
        )
        carriage.unpack(compression.decompress(blobs.read_chunks(fd)), deposit)

    os.umask(0)
    cp.reach(home, container_id, name, work, "extract-to-dir", Carriage(), writable=True)


def find(home: Home, name: str, path: str) -> str:
    """The container. Raises NoSuchContainer, InvalidArgument for a path that is none."""
    if not path or "\0" in path:
        raise InvalidArgument("bad parameter: path cannot be empty or have a NUL in it")
    name_bytes = max(map(len, os.fsencode(path).split(b"/")))
    if name_bytes > MAX_NAME_BYTES or len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise InvalidArgument("bad parameter: path is too long, or a name in it")
    return containers.find_id(home, name)


def describe(view: Inside, found: FoundSource) -> dict[str, Any]:
    """What is at a place, in Docker's words."""
    located = found.located
    status = located.status
    assert status
    target = ""
    if located.is_link:
        copy = located._replace(parent_fd=os.dup(located.parent_fd))
        try:
            target = inside.follow(view.root_fd, copy).path
        except NOT_THERE as error:
            target = error.filename or ""
    return {
        "name": os.path.basename(located.path.rstrip("/")) or "/",
        "size": status.st_size,
        "mode": go_mode(status.st_mode),
        "mtime": files.format_time(status.st_mtime_ns),
        "linkTarget": target,
    }


def go_mode(mode: int) -> int:
    """A mode as Go's os.FileMode has its bits."""
    bits = sum(go for unix, go in GO_BITS.items() if mode & unix)
    return stat.S_IMODE(mode) & 0o777 | GO_MODES.get(stat.S_IFMT(mode), 0) | bits
