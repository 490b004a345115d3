"""Single files of a sandbox, from a descriptor and to one."""

from __future__ import annotations

import os
import stat
import time

from cuddy import files
from cuddy.engine import cp, cp_archive, cp_paths, sandboxes
from cuddy.engine.carriage import Carriage
from cuddy.errors import InvalidArgument
from cuddy.image import tar, tar_writer, workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.cp_inside import Inside
    from cuddy.engine.home import Home
    from cuddy.image.workers import Send

CHUNK_BYTES = 1 << 20
OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def write(home: Home, name: str, path: str, *, source_fd: int) -> None:
    """Make all that comes from a descriptor a file; it, and directories that are missing on the
    way, are the sandbox's user's. Raises NoSuchContainer, InvalidArgument, Conflict, OSError.
    """
    sandboxes.find(home, name)
    inside = os.fsencode(os.path.normpath(f"/{path}").lstrip("/"))
    if not inside or path.endswith("/") or b"\0" in inside:
        raise InvalidArgument(f"{path!r} is not the path of a file")
    archive_fd = pack(inside, source_fd)

    def work(send: Send) -> None:
        cp_archive.put(home, name, "/", archive_fd, to_user=True, gives_way=True, replaces=False)

    try:
        with workers.Crew() as crew:
            crew.start("write", work).finish()
    finally:
        os.close(archive_fd)


def pack(name: bytes, source_fd: int) -> int:
    """A tar of one file, in memory."""
    spool_fd, archive_fd = os.memfd_create("cuddy-file"), os.memfd_create("cuddy-archive")
    try:
        while data := os.read(source_fd, CHUNK_BYTES):
            files.write_all(spool_fd, data)
        size = os.lseek(spool_fd, 0, os.SEEK_CUR)
        os.lseek(spool_fd, 0, os.SEEK_SET)
        now_ns = time.time_ns()
        member = tar.Member(
            name, tar.FILE, 0o644, 0, 0, size, now_ns, b"", (0, 0), size, {}, None
        )  # fmt: skip
        files.write_all(archive_fd, tar_writer.header(member))
        while data := os.read(spool_fd, CHUNK_BYTES):
            files.write_all(archive_fd, data)
        files.write_all(archive_fd, tar_writer.padding(size) + tar_writer.END)
        os.lseek(archive_fd, 0, os.SEEK_SET)
    finally:
        os.close(spool_fd)
    return archive_fd


def read(home: Home, name: str, path: str, *, target_fd: int) -> None:
    """Write what a file holds to a descriptor. Raises NoSuchContainer, NotFound, InvalidArgument,
    OSError.
    """
    container_id = sandboxes.find(home, name)["Id"]

    def look(record: Container, view: Inside, carriage: Carriage) -> None:
        found = view.find_source(cp_paths.inside(path), follow=True).located
        if not found.status or not stat.S_ISREG(found.status.st_mode):
            raise InvalidArgument(f"{path} is not a file", hint="'cuddy sandbox get' copies it")
        fd = os.open(found.name, OPEN_FILE, dir_fd=found.parent_fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise InvalidArgument(f"{path} is no file any more")
        while data := os.read(fd, CHUNK_BYTES):
            files.write_all(target_fd, data)

    def work(send: Send) -> None:
        cp.reach(home, container_id, name, look, "", Carriage(), writable=False)

    with workers.Crew() as crew:
        crew.start("read", work).finish()
