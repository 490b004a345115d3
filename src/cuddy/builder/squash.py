"""Squash: several layers become one that shows the same.

They are put, one after the other, upon a snapshot of what lies below them: what one adds and
another removes leaves nothing.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import layers
from cuddy.builder.snapshot import Snapshot, enter_private
from cuddy.builder.state import Layer
from cuddy.image import cached_steps, changeset, snapshots, tar, workers
from cuddy.image import digest as digests
from cuddy.image.deposit import SPECIAL_BITS, Deposit, Ownership
from cuddy.image.layer import OPAQUE, WHITEOUT, is_content
from cuddy.image.tree import split
from cuddy.kernel import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.layers import Making
    from cuddy.builder.state import State
    from cuddy.image.spec import History
    from cuddy.image.storage import Storage
    from cuddy.image.tar import Member
    from cuddy.image.workers import Send

VERSION = "cuddy squash 1"

MADE_BY_NAME = (tar.CHARACTER, tar.BLOCK_DEVICE, tar.FIFO)


def squash_state(storage: Storage, state: State, *, epoch: int | None) -> State:
    """An image all of whose layers above its base are one; the cache knows those made before.

    Raises CorruptContent, SystemFailure, OSError.
    """
    lower = [each.chain_id for each in state.layers if not each.created]  # of an image: no time
    above = state.chain_ids[len(lower) :]
    if len(above) < 2:
        return state
    parent = lower[-1] if lower else ""
    key = digests.of(files.format_json([VERSION, parent, above[-1], epoch]).encode())
    found = cached_steps.find(storage, key)
    if found is None:
        layer = have_squashed(storage, lower, above, epoch)
        found = cached_steps.Step(
            key, parent, *layer[:4], f"squash of {len(above)} layers", layer.blob
        )
        cached_steps.write(storage, found)
    layer = Layer(found.chain_id, found.diff_id, found.size_bytes, found.created, found.blob)
    return replaced(state, len(lower), layer)


def have_squashed(
    storage: Storage, lower: Sequence[str], above: Sequence[str], epoch: int | None
) -> Layer:
    """The layer that `squash` makes, by a process in a mount namespace of its own; one without ids
    if there is none.
    """

    def work(send: Send) -> None:
        enter_private()
        making = squash(storage, lower, above, epoch=epoch, compress=True)
        send(layer=making and list(making.finish()))

    with workers.Crew() as crew:
        told = crew.start("squashing", work).finish()
    return Layer(*told["layer"]) if told["layer"] else Layer("", "", 0, files.now())


def replaced(state: State, kept: int, layer: Layer) -> State:
    """The image with one layer (without ids: none) upon the `kept` lowest, and what its history
    says then: as with Docker, all steps are there, and what became of them.
    """
    told: list[History] = []
    seen = 0
    for entry in state.history:
        if not entry.get("empty_layer"):
            seen += 1
            entry = entry if seen <= kept else {**entry, "empty_layer": True}
        told.append(entry)
    lowest = state.layers[:kept]
    if layer.diff_id:
        count = len(state.layers) - kept
        told.append({"created": layer.created, "comment": f"merge of {count} layers"})
        lowest = (*lowest, layer)
    return state._replace(layers=lowest, history=tuple(told))


def squash(
    storage: Storage,
    lower: Sequence[str],
    above: Sequence[str],
    *,
    epoch: int | None = None,
    compress: bool = False,
) -> Making | None:
    """One layer upon `lower` for those of `above` (chain ids); None if they change nothing.

    As `layers.commit`, for a process that has entered a private mount namespace. Raises
    CorruptContent, SystemFailure, OSError.
    """
    with Snapshot(storage, lower) as snapshot:
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
            for attribute in changeset.list_attributes(found):
                if is_content(os.fsencode(attribute)):
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
