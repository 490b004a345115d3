"""What trees of files take on disk, counted as du(1) counts: allocated blocks, each file once."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

FAR = 1024
"""Of a longer relative path the walk begins anew: trees may be deeper than any path is long."""
BLOCK = 512
"""The unit of st_blocks, whatever the file system's is (inode(7))."""
OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Meter:
    """Counts trees. A file with several names counts where it is met first.

    What vanishes meanwhile does not count; nothing is followed. `by_length`: count the bytes that
    can be read of files, as docker does of containers, instead of the blocks they take.
    """

    def __init__(self, *, by_length: bool = False) -> None:
        self._by_length = by_length
        self._seen: set[tuple[int, int]] = set()

    def tree(self, path: str, *, without: Collection[str] = ()) -> int:
        """Bytes of a file, or of a directory and all below it; none if it is not there.

        `without`: paths below it that do not count.
        """
        left_out = {f"./{os.path.relpath(each, path)}" for each in without}
        try:
            status = os.lstat(path)
            total = self._count(status)
            if stat.S_ISDIR(status.st_mode):
                fd = os.open(path, OPEN_DIRECTORY)
                try:
                    total += self._below(fd, left_out)
                finally:
                    os.close(fd)
            return total
        except FileNotFoundError:
            return 0

    def entry(self, path: str) -> int:
        """Bytes of a file or of a directory itself."""
        try:
            return self._count(os.lstat(path))
        except FileNotFoundError:
            return 0

    def _count(self, status: os.stat_result) -> int:
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            identity = (status.st_dev, status.st_ino)
            if identity in self._seen:
                return 0
            self._seen.add(identity)
        if self._by_length:
            return 0 if stat.S_ISDIR(status.st_mode) else status.st_size
        return status.st_blocks * BLOCK

    def _below(self, top: int, left_out: Collection[str] = ()) -> int:
        total, pending = 0, ["."]
        while pending:
            path = pending.pop()
            try:
                fd = os.open(path, OPEN_DIRECTORY, dir_fd=top)
            except (FileNotFoundError, NotADirectoryError):
                continue
            try:
                if len(path) > FAR:
                    total += self._below(fd)
                else:
                    total += self._directory(fd, path, pending, left_out)
            finally:
                os.close(fd)
        return total

    def _directory(self, fd: int, path: str, pending: list[str], left_out: Collection[str]) -> int:
        """The entries of one directory; its directories come to `pending`."""
        total = 0
        with os.scandir(fd) as entries:
            for entry in entries:
                if left_out and f"{path}/{entry.name}" in left_out:
                    continue
                try:
                    total += self._count(entry.stat(follow_symlinks=False))
                except FileNotFoundError:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{path}/{entry.name}")
        return total


def tree_bytes(path: str) -> int:
    """What one tree takes on disk."""
    return Meter().tree(path)
