"""Squash: several layers become one that shows the same.

They are put, one after the other, upon a snapshot of what lies below them: what one adds and
another removes leaves nothing.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import layers
from cuddy.builder.snapshot import Snapshot
from cuddy.image import changeset, snapshots, tar
from cuddy.image.deposit import SPECIAL_BITS, Deposit, Ownership
from cuddy.image.layer import OPAQUE, WHITEOUT
from cuddy.image.tree import split
from cuddy.kernel import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.layers import Making
    from cuddy.image.storage import Storage
    from cuddy.image.tar import Member


MADE_BY_NAME = (tar.CHARACTER, tar.BLOCK_DEVICE, tar.FIFO)


def squash(
    storage: Storage,
    base: Sequence[str],
    above: Sequence[str],
    *,
    epoch: int | None = None,
    compress: bool = False,
) -> Making | None:
    """One layer upon `base` for those of `above` (chain ids); None if together they change nothing.

    As `layers.commit`, for a process that has entered a private mount namespace. Raises
    CorruptContent, SystemFailure, OSError.
    """
    with Snapshot(storage, base) as snapshot:
        previous = os.umask(0)
        root_fd = os.open(snapshot.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for chain_id in above:
                replay(snapshots.path(storage, chain_id), root_fd)
        finally:
            os.close(root_fd)
            os.umask(previous)
        return layers.commit(storage, snapshot, epoch=epoch, compress=compress)


def replay(directory: str, root_fd: int) -> None:
    """Do to a root what a layer does."""
    stream = tar.Stream(changeset.make(directory, changeset.nothing))
    with Deposit(root_fd, "/", Ownership(is_kept=True), is_root=True) as deposit:
        for member in tar.members(stream):
            parent, name = split(member.name)
            if name.startswith(WHITEOUT):
                remove(root_fd, parent, name)
                continue
            if name:
                make_room(root_fd, parent, name, member)

            def fill(fd: int, size: int = member.size) -> None:
                stream.copy(size, lambda piece: files.write_all(fd, piece))

            deposit.add(member, fill)
            if member.kind in MADE_BY_NAME and member.mode & SPECIAL_BITS:
                restore_mode(root_fd, parent, name, member.mode)


def remove(root_fd: int, parent: bytes, whiteout: bytes) -> None:
    """Do what a whiteout says."""
    fd = open_directory(root_fd, parent)
    try:
        if whiteout == OPAQUE:
            files.remove_below(fd, *os.listdir(fd))
        else:
            files.remove_below(fd, os.fsdecode(whiteout.removeprefix(WHITEOUT)))
    finally:
        os.close(fd)


def make_room(root_fd: int, parent: bytes, name: bytes, member: Member) -> None:
    """Remove what is in an entry's place; of a directory that stays, its attributes."""
    fd = open_directory(root_fd, parent)
    try:
        if member.kind != tar.DIRECTORY:
            files.remove_below(fd, os.fsdecode(name))
            return
        try:
            found = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
        except FileNotFoundError:
            return
        except OSError:
            files.remove_below(fd, os.fsdecode(name))  # it is none
            return
        try:
            for attribute in os.listxattr(found):
                os.removexattr(found, attribute)
        finally:
            os.close(found)
    finally:
        os.close(fd)


def restore_mode(root_fd: int, parent: bytes, name: bytes, mode: int) -> None:
    """Set the bits that chown(2) has cleared; `Deposit` may not, as it works among strangers."""
    fd = open_directory(root_fd, parent)
    try:
        os.chmod(name, mode, dir_fd=fd)
    finally:
        os.close(fd)


def open_directory(root_fd: int, path: bytes) -> int:
    """A directory of the root; no link leads to it. Raises OSError."""
    return resolve.open_beneath(root_fd, path or b".", os.O_RDONLY | os.O_DIRECTORY)
