"""All that is in a directory tree which a stranger filled: by descriptors, no link is followed.

Directories are opened below the tree's root with RESOLVE_BENEATH and without symbolic links. Depth
costs neither recursion nor descriptors.
"""

from __future__ import annotations

import os
import stat

from cuddy.kernel import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def listing(root_fd: int, path: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """The names in one directory of the tree with what they are; the root is b"". Raises OSError.

    What vanishes meanwhile is left out.
    """
    fd = resolve.open_beneath(root_fd, path or b".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                try:
                    yield os.fsencode(entry.name), entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
    finally:
        os.close(fd)


def walk(root_fd: int) -> Iterator[tuple[bytes, os.stat_result]]:
    """Every path below the root with what is there; a directory comes before what is in it."""
    pending = [b""]
    while pending:
        parent = pending.pop()
        for name, status in listing(root_fd, parent):
            path = parent + b"/" + name if parent else name
            yield path, status
            if stat.S_ISDIR(status.st_mode):
                pending.append(path)


def measure(root_fd: int) -> int:
    """The bytes of a tree as docker counts a layer's: files once, and the targets of links."""
    total, seen = 0, set()
    for _, status in walk(root_fd):
        if stat.S_ISDIR(status.st_mode):
            continue
        if status.st_nlink > 1:
            if status.st_ino in seen:
                continue
            seen.add(status.st_ino)
        total += status.st_size
    return total
