"""A disk for an engine's Home that is new whenever one wants it.

Emptying a store instead would measure something else: ext4 avoids inodes that were deleted in the
last minutes and searches long for others, which makes each round slower than the one before.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = 16 << 30
"""Of a file with holes: only what an engine writes takes room."""


@contextmanager
def new(target: Path) -> Iterator[None]:
    """An empty ext4, mounted for a while; an empty directory where there are no loop devices."""
    target.mkdir(parents=True)
    image = target.with_suffix(".ext4")
    try:
        if os.path.exists("/dev/loop-control"):
            image.touch()
            os.truncate(image, SIZE)
            options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard"
            subprocess.run(["mkfs.ext4", "-q", "-E", options, image], check=True)
            subprocess.run(["mount", "-o", "loop", image, target], check=True)
        yield
    finally:
        # An engine may still hold something in there for a moment.
        subprocess.run(["umount", "--lazy", target], stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", "--one-file-system", target, image], check=True)
