"""Contexts that are made for the time of a build, out of reach of everybody else.

Archives are unpacked by the rules of layers: whatever is in them, nothing is made elsewhere.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder.tree import Tree
from cuddy.errors import CorruptContent, SystemFailure
from cuddy.kernel import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.image.settings import Settings

NAME = "build context"
OWNER = (0, 0)
"""Whose the copies of a context's files are."""
OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
HEAD_BYTES = 1024
"""So much is looked at to tell a tar from a Dockerfile."""


def is_archive(head: bytes) -> bool:
    """Whether something that begins so is a tar, or compressed."""
    from cuddy.image import compression, tar

    if compression.kind(head):
        return True
    try:
        tar.check_header(head[: tar.BLOCK])
    except CorruptContent:
        return False
    return len(head) >= tar.BLOCK


def unpack(chunks: Iterator[bytes], scratch_dir: str, settings: Settings) -> Tree:
    """A context that comes as a tar. Raises CorruptContent, Conflict, SystemFailure."""
    from cuddy.engine.carriage import Carriage
    from cuddy.image import import_
    from cuddy.image.deposit import Deposit, Ownership

    fd = _make(f"{scratch_dir}/context")
    umask = os.umask(0)

    def find(path: bytes) -> int:
        return resolve.open_in_root(fd, path, os.O_RDONLY | os.O_DIRECTORY)

    try:
        root = Deposit(fd, "/", Ownership(is_kept=True), find, is_root=True)
        Carriage().unpack(import_.plain(chunks, settings.max_layer_bytes), root)
    except BaseException as error:
        os.close(fd)
        if isinstance(error, OSError):
            raise SystemFailure.from_os("cannot unpack the context", error) from error
        raise
    finally:
        os.umask(umask)
    return Tree(fd, NAME, owner=OWNER)


def empty(scratch_dir: str) -> Tree:
    """A context in which there is nothing."""
    return Tree(_make(f"{scratch_dir}/empty"), NAME, owner=OWNER)


def _make(directory: str) -> int:
    files.make_directory(directory)
    os.chmod(directory, 0o755)
    return os.open(directory, OPEN_DIRECTORY)
