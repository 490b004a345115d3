"""Putting a log's full file aside: shifting names, compressing, clearing.

    log.json -> log.json.1 -> log.json.2 -> gone          (max-file 3)

Names change by rename(2), the oldest first, so that a kill in between leaves a gap in the numbers
and loses nothing; a gap is closed by the next rotation. A new file is made under a temporary name
before anything is moved: a disk that has no room for it leaves all as it was.

Compression is a child process of the monitor's, so that the container's output does not wait for
it. It writes to a temporary name, and what it has compressed is found again by its inode: names may
have shifted meanwhile. Where a file and its compressed copy both exist, the copy does not count.
"""

from __future__ import annotations

import _signal
import os
import struct

from cuddy import files
from cuddy.kernel import process
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.engine.logfile import Limits

# RFC 1952: magic, deflate, FEXTRA, no time, fastest, Unix; then a subfield "CU" with eight bytes
GZIP_HEADER = struct.Struct("<4s4xBBH2sHQ")
GZIP_START = b"\x1f\x8b\x08\x04"
GZIP_TRAILER = struct.Struct("<II")
CHUNK_BYTES = 1 << 18
PR_SET_PDEATHSIG = 1


class Name(NamedTuple):
    """A file of a log: 0 is the one that is written, the highest the oldest."""

    number: int
    path: str
    is_compressed: bool


def names(path: str) -> list[Name]:
    """The files of a log, oldest first; a compressed copy only where it is alone."""
    directory, _, name = path.rpartition("/")
    found: dict[int, Name] = {}
    for entry in files.list_directory(directory):
        if not entry.startswith(name):
            continue
        suffix = entry[len(name) :].removesuffix(".gz")
        is_compressed = entry.endswith(".gz")
        number = int(suffix[1:]) if suffix[:1] == "." and is_number(suffix[1:]) else -1
        if (entry == name or number > 0) and not (is_compressed and number in found):
            found[max(number, 0)] = Name(max(number, 0), f"{directory}/{entry}", is_compressed)
    return [found[number] for number in sorted(found, reverse=True)]


def is_number(text: str) -> bool:
    """Whether it is what we number files with: 1, 2, ... 99999."""
    return text.isdecimal() and text.isascii() and text[0] != "0" and len(text) < 6


def lock(path: str) -> files.Lock:
    """Held while names shift, by the monitor and by the child that compresses."""
    return files.Lock(f"{path}.lock")


def begin(path: str) -> tuple[int, str]:
    """An empty file that nobody sees yet: its descriptor and temporary name. Raises OSError."""
    temporary = f"{path}.{files.name_temporary()}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
    return os.open(temporary, flags, 0o600), temporary


def rotate(path: str, limits: Limits) -> int:
    """Put the file aside and begin another; the descriptor of that. Raises OSError."""
    fd, temporary = begin(path)
    try:
        with lock(path):
            if limits.max_files > 1:
                shift(path, limits.max_files)
                put_aside(path)
            os.rename(temporary, path)
    except OSError:
        os.close(fd)
        os.unlink(temporary)
        raise
    sweep(path)
    return fd


def put_aside(path: str) -> None:
    """Give the file that was written the number 1, unless somebody has removed it."""
    try:
        os.rename(path, f"{path}.1")
    except FileNotFoundError:
        pass


def shift(path: str, max_files: int) -> None:
    """Make `path.1` free: give every file the next number as far as there is no gap before it."""
    by_number = {name.number: name for name in names(path)}
    gap = next(number for number in range(1, len(by_number) + 2) if number not in by_number)
    for number, name in sorted(by_number.items(), reverse=True):
        if number > 0 and not name.is_compressed:
            remove(f"{name.path}.gz")  # half of a pair that a kill has left
        following = number + 1 if 0 < number < gap else number
        if following >= max_files:
            os.unlink(name.path)
        elif following > number:
            os.rename(name.path, f"{path}.{following}{'.gz' * name.is_compressed}")


def remove(path: str) -> None:
    """unlink(2); what is not there is fine."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def clear(path: str) -> int:
    """Begin an empty log; its descriptor. A reader sees the old one, a later part of it, or the
    new one, and never half a line. Raises OSError.
    """
    fd, temporary = begin(path)
    try:
        with lock(path):
            for name in names(path):
                if name.number:
                    remove(f"{path}.{name.number}.gz")
                    remove(f"{path}.{name.number}")
            os.rename(temporary, path)
    except OSError:
        os.close(fd)
        os.unlink(temporary)
        raise
    sweep(path)
    return fd


def sweep(path: str) -> None:
    """Remove what killed processes left under temporary names."""
    directory, _, name = path.rpartition("/")
    for entry in files.list_directory(directory):
        if entry.startswith(f"{name}.") and files.is_abandoned(entry):
            remove(f"{directory}/{entry}")


def start_compressing(path: str) -> int:
    """A child that compresses all that is put aside and is not yet; its pid, 0 if there is none."""
    monitor = os.getpid()
    try:
        child = os.fork()
    except OSError:
        return 0
    if not child:
        compress_and_exit(path, monitor)
    return child


def compress_and_exit(path: str, monitor: int) -> NoReturn:
    """The child's whole life."""
    try:
        process.prctl(PR_SET_PDEATHSIG, _signal.SIGKILL)
        process.close_from(3)  # clients must not wait for us, nor the container
        os.nice(10)
        while os.getppid() == monitor and (waiting := uncompressed(path)):
            compress(path, waiting[0])
    finally:
        os._exit(0)


def uncompressed(path: str) -> list[Name]:
    """What is put aside and has no compressed copy, oldest first."""
    return [name for name in names(path) if name.number and not name.is_compressed]


def compress(path: str, name: Name) -> None:
    """Replace a file by its compressed copy, wherever it is by then. Raises OSError."""
    source = os.open(name.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    inode = os.fstat(source).st_ino
    target, temporary = begin(path)
    try:
        write_gzip(source, target, inode)
        # Once the original is gone nothing else has these lines: not even a power cut may.
        os.fsync(target)
        with lock(path):
            found = [n for n in uncompressed(path) if os.lstat(n.path).st_ino == inode]
            if found:
                os.rename(temporary, f"{found[0].path}.gz")
                os.unlink(found[0].path)
    finally:
        os.close(source)
        os.close(target)
        remove(temporary)


def write_gzip(source: int, target: int, inode: int) -> None:
    """Compress one descriptor's file into another's, with the inode it comes from."""
    import zlib

    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    check, size = 0, 0
    os.write(target, GZIP_HEADER.pack(GZIP_START, 4, 3, 12, b"CU", 8, inode))
    while chunk := os.read(source, CHUNK_BYTES):
        check, size = zlib.crc32(chunk, check), size + len(chunk)
        files.write_all(target, packer.compress(chunk))
    files.write_all(target, packer.flush() + GZIP_TRAILER.pack(check, size & 0xFFFFFFFF))


def origin(gzip: bytes) -> int:
    """The inode of the file that was compressed, from the first bytes of its copy; 0 if unknown."""
    if len(gzip) < GZIP_HEADER.size or not gzip.startswith(GZIP_START):
        return 0
    *_, length, kind, size, inode = GZIP_HEADER.unpack_from(gzip)
    return inode if (length, kind, size) == (12, b"CU", 8) else 0
