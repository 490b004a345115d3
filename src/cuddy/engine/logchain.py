"""Reading a log's files one after another while their writer puts them aside.

    log.json.2 -> log.json.1 -> log.json          the oldest first

Names change under a reader, so it goes by inodes: the next file is that with the number below the
one that ours has now, whatever it had when we opened it. As long as we hold it open, no other file
can have its inode; a compressed copy tells from which it was made.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from cuddy import files
from cuddy.engine import logrotation
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cuddy.engine.logrotation import Name

ATTEMPTS = 100
"""To open a file whose name changes meanwhile: a rotation moves all of them in a moment."""
PAUSE_S = 0.01
CHUNK_BYTES = 1 << 18
MAX_UNPACKED_BYTES = 1 << 32


class Link(NamedTuple):
    """One file of the chain, open for reading."""

    fd: int  # of the content
    held_fd: int  # of the file itself, whose inode is ours while it is open; the same if plain
    inode: int

    def close(self) -> None:
        os.close(self.fd)
        if self.held_fd != self.fd:
            os.close(self.held_fd)


class Placed(NamedTuple):
    """A file and the name that it has for the moment."""

    name: Name
    inode: int


def open_oldest(path: str) -> Link | None:
    """The beginning of the log; None if there is none. Raises OSError."""
    return _retry(path, lambda names: names[0] if names else None)


def open_newest(path: str) -> Link | None:
    """The file that is written; None if there is none. Raises OSError."""
    return _retry(path, lambda names: names[-1] if names else None)


def open_older(path: str, link: Link) -> Link | None:
    """The file before this one; None at the beginning. Raises OSError."""

    def choose(names: list[Placed]) -> Placed | None:
        position = _position(names, link)
        return names[position - 1] if position > 0 else None

    return _retry(path, choose)


def open_newer(path: str, link: Link) -> Link | None:
    """The file after this one; None if it is still the last. Raises OSError.

    Of one that is gone, put aside too often or cleared, the next is the oldest that is left.
    """

    def choose(names: list[Placed]) -> Placed | None:
        position = _position(names, link)
        return names[position + 1] if position + 1 < len(names) else None

    try:
        if os.lstat(path).st_ino == link.inode:
            return None
    except FileNotFoundError:
        pass
    return _retry(path, choose)


def open_file(path: str, inode: int) -> Link | None:
    """The file with this inode, if it is not compressed yet; None if it is gone. Raises OSError."""

    def choose(names: list[Placed]) -> Placed | None:
        found = [each for each in names if each.inode == inode and not each.name.is_compressed]
        return found[0] if found else None

    return _retry(path, choose)


def is_older(path: str, link: Link, other: Link) -> bool:
    """Whether a file is of those before another one that is still there. Raises OSError."""
    for _ in attempts():
        try:
            names = _place(path)
            if names == _place(path):
                return _position(names, link) < _position(names, other)
        except FileNotFoundError:
            continue
    return False


def attempts() -> Iterator[None]:
    """So many, of which the later ones leave a busy writer time to end its rotation."""
    for number in range(ATTEMPTS):
        if number >= ATTEMPTS // 2:
            time.sleep(PAUSE_S)
        yield


def _position(names: list[Placed], link: Link) -> int:
    """Where in the list our file is now; -1 if it is gone. Raises FileNotFoundError while it is
    on the move."""
    # From the newest on: there we are most of the time, and of two compressed copies that tell of
    # one inode the older is of a file that had it before ours. A copy may also tell of an inode
    # that ours got later: so first comes the file that is ours, and only then copies of it.
    newest_first = list(reversed(list(enumerate(names))))
    for position, (_, inode) in newest_first:
        if inode == link.inode:
            return position
    for position, (name, _) in newest_first:
        if name.is_compressed and _origin(name.path) == link.inode:
            return position
    if os.fstat(link.held_fd).st_nlink:
        raise FileNotFoundError
    return -1


def _origin(path: str) -> int:
    fd = _open(path)
    try:
        return logrotation.origin(os.read(fd, logrotation.GZIP_HEADER.size))
    finally:
        os.close(fd)


def _retry(path: str, choose: Callable[[list[Placed]], Placed | None]) -> Link | None:
    """Open what is chosen among the files, as they were at one moment.

    What was read of them twice with the same result was so in between.
    """
    for _ in attempts():
        try:
            names = _place(path)
            if names != _place(path):
                continue
            chosen = choose(names)
            link = open_link(chosen.name) if chosen else None
        except FileNotFoundError:
            continue
        if not link or not chosen or link.inode == chosen.inode:
            return link
        link.close()
    return None


def _place(path: str) -> list[Placed]:
    """The files by name, the oldest first. Raises FileNotFoundError while names change."""
    return [Placed(name, os.lstat(name.path).st_ino) for name in logrotation.names(path)]


def _open(path: str) -> int:
    """A regular file, for reading. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "not a regular file", path)


def open_link(name: Name) -> Link:
    """Open one file; a compressed one is unpacked to where nobody sees it. Raises OSError."""
    fd = _open(name.path)
    inode = os.fstat(fd).st_ino
    if not name.is_compressed:
        return Link(fd, fd, inode)
    try:
        return Link(open_unpacked(fd, os.path.dirname(name.path)), fd, inode)
    except BaseException:
        os.close(fd)
        raise


def open_unpacked(fd: int, directory: str) -> int:
    """The content of a compressed file: beside it, or in memory where that cannot be, as on a full
    disk. Raises OSError.
    """
    try:
        return unpack(fd, os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError:
        os.lseek(fd, 0, os.SEEK_SET)
        return unpack(fd, os.memfd_create("log"))


def unpack(source: int, target: int) -> int:
    """Decompress as far as the file is good, into `target`, which is closed if that fails and else
    returned at its beginning. Raises OSError.
    """
    try:
        write_unpacked(source, target)
        os.lseek(target, 0, os.SEEK_SET)
        return target
    except BaseException:
        os.close(target)
        raise


def write_unpacked(source: int, target: int) -> None:
    """The same, to where `target` stands. Raises OSError."""
    import zlib

    unpacker = zlib.decompressobj(31)
    size = 0
    while not unpacker.eof and (chunk := os.read(source, CHUNK_BYTES)):
        while chunk and size < MAX_UNPACKED_BYTES:
            try:
                plain = unpacker.decompress(chunk, CHUNK_BYTES)
            except zlib.error:
                chunk, size = b"", MAX_UNPACKED_BYTES
                break
            files.write_all(target, plain)
            size += len(plain)
            chunk = unpacker.unconsumed_tail
