"""What a process that lives for long remembers of files: as long as they are the same, it holds.

A file is the same if it has the inode, the size and the time of change that it had. All records are
replaced by a rename, and so get another inode; but an inode may come again, and the clock of some
file systems ticks only every few milliseconds. So nothing is believed of a file that had changed
just before it was looked at: whatever changes it later gives it another time.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable
    from typing import Any, TypeVar

    T = TypeVar("T")
    Stamp = tuple[int, int, int, int]

SETTLED_NS = 100_000_000
"""So long a file must have been as it is."""
MOST = 1000
"""Things remembered: a container's record takes some 10 KB."""


class Memory:
    """Values that were made of files."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[tuple[Stamp | None, ...], Any]] = {}

    def recall(self, key: Hashable, paths: Collection[str], make: Callable[[], T]) -> T:
        """What `make` returns, or has returned when the files were what they are now.

        It must look at nothing but these files. Nobody may change what he gets.
        """
        now_ns = time.time_ns()
        stamps = tuple(map(_stamp, paths))
        known = self._known.get(key)
        if known and known[0] == stamps:
            value: T = known[1]
            return value
        value = make()
        if all(stamp is None or stamp[3] < now_ns - SETTLED_NS for stamp in stamps):
            if key in self._known or len(self._known) < MOST:
                self._known[key] = stamps, value
        else:
            self._known.pop(key, None)
        return value

    def forget_others(self, keys: Collection[Hashable]) -> None:
        """Forget all but these, if there is more."""
        if len(self._known) > len(keys):
            self._known = {key: self._known[key] for key in keys if key in self._known}


def _stamp(path: str) -> Stamp | None:
    """What tells a file from all that come in its place; None if there is none."""
    try:
        status = os.stat(path, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
