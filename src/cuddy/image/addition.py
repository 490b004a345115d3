"""A new layer: a changeset's tar becomes a blob of the store and a directory, in one pass.

    chunks --> diff_id                                 this process
       +------ pipe --> gzip --> digest --> blob       a worker
       +------ pipe --> layer.apply ------> directory  another

Tars that lie in a file are read by both workers there, and several layers are made at once.

Whoever adds layers holds `store.lease` until the image that they are for is known.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack

from cuddy import files
from cuddy.errors import CorruptContent
from cuddy.image import blobs, compression, inheritance, snapshots, spec, workers
from cuddy.image import digest as digests
from cuddy.image.spec import Descriptor
from cuddy.image.storage import Storage
from cuddy.image.unpack import apply, read_unfinished
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from cuddy.image.workers import Send

PIPE_BYTES = 1 << 20
JOBS = 3
"""Layers that are made at the same time."""


class Added(NamedTuple):
    """A layer that was added: its compressed blob, its ids, and the bytes of its files."""

    blob: Descriptor
    diff_id: str
    chain_id: str
    size_bytes: int


class Tar(NamedTuple):
    """A layer's tar that can be read more than once, what it has to be, and what lies below it."""

    chunks: Callable[[], Iterator[bytes]]
    diff_id: str
    parents: Sequence[str]


def add(storage: Storage, chunks: Iterator[bytes], parents: Sequence[str]) -> Added:
    """Put a layer, given as the chunks of its tar, on top of the layers `parents` (chain ids).

    Raises CorruptContent if the tar is not one that can be a layer; OSError for the host's faults.
    """
    directory = f"{storage.tmp_dir}/{files.name_temporary()}"
    tree, unfinished_path = f"{directory}/tree", f"{directory}/unfinished.json"
    try:
        files.make_directory(tree)
        with blobs.Draft(storage) as draft:
            found, told = _make(chunks, draft, tree, unfinished_path)
            return _publish(storage, directory, draft, Tar(lambda: chunks, found, parents), told)
    finally:
        files.remove_tree(directory)


def add_several(storage: Storage, tars: Sequence[Tar], done: Callable[[Tar, Added], None]) -> None:
    """Put layers on top of one another, the lowest first; tells of each when it is there.

    Raises CorruptContent if one is not what it has to be; those below it are there then.
    """
    with ExitStack() as leftovers, workers.Crew() as crew:
        making: list[_Making] = []
        for position, tar in enumerate(tars):
            for other in tars[len(making) : position + JOBS]:
                making.append(_Making(storage, other, crew, leftovers))
            done(tar, making[position].finish())


class _Making:
    """One layer on its way: two workers read its tar, of which one packs and one unpacks it."""

    def __init__(
        self, storage: Storage, tar: Tar, crew: workers.Crew, leftovers: ExitStack
    ) -> None:
        self.storage = storage
        self.tar = tar
        self.directory = f"{storage.tmp_dir}/{files.name_temporary()}"
        leftovers.callback(files.remove_tree, self.directory)
        files.make_directory(f"{self.directory}/tree")
        self.draft = leftovers.enter_context(blobs.Draft(storage))
        self.workers = [
            crew.start("compressing", self.pack),
            crew.start("unpacking", self.unpack),
        ]

    def pack(self, send: Send) -> None:
        for piece in compression.gzip(self.verified()):
            self.draft.append(piece)
        send(digest=self.draft.digest, size=self.draft.size)

    def unpack(self, send: Send) -> None:
        tree, unfinished_path = f"{self.directory}/tree", f"{self.directory}/unfinished.json"
        send(unpacked=apply(self.verified(), tree, unfinished_path))

    def verified(self) -> Iterator[bytes]:
        """The tar; at its end it has to have been the right one."""
        algorithm = self.tar.diff_id.partition(":")[0]
        found = digests.hasher(algorithm)
        for chunk in self.tar.chunks():
            found.update(chunk)
            yield chunk
        if f"{algorithm}:{found.hexdigest()}" != self.tar.diff_id:
            raise CorruptContent(f"a layer should be {self.tar.diff_id}, but it is something else")

    def finish(self) -> Added:
        """Wait for both, and publish what they made. Raises the error that one of them met."""
        told: dict[str, Any] = {}
        for worker in reversed(self.workers):
            told |= worker.finish()
        return _publish(self.storage, self.directory, self.draft, self.tar, told)


def _publish(
    storage: Storage, directory: str, draft: blobs.Draft, tar: Tar, told: dict[str, Any]
) -> Added:
    """Complete a layer by what lies below it, and make it visible with its blob."""
    parents = tar.parents
    chain_id = digests.chain_ids([parents[-1], tar.diff_id])[-1] if parents else tar.diff_id
    lower_dirs = snapshots.lower_dirs(storage, parents) if parents else []
    tree, unfinished_path = f"{directory}/tree", f"{directory}/unfinished.json"
    inheritance.finish(tree, read_unfinished(unfinished_path), lower_dirs)
    snapshots.commit(storage, tree, chain_id)
    digest = draft.commit(told["digest"])
    blob = Descriptor(mediaType=f"{spec.OCI_LAYER}+gzip", digest=digest, size=told["size"])
    return Added(blob, tar.diff_id, chain_id, told["unpacked"])


def _make(
    chunks: Iterator[bytes], draft: blobs.Draft, tree: str, unfinished_path: str
) -> tuple[str, dict[str, Any]]:
    """Compress into the draft and unpack into the tree; the diff_id, and what the workers told."""

    def pack(reader: int, send: Send) -> None:
        for piece in compression.gzip(blobs.read_chunks(reader)):
            draft.append(piece)
        send(digest=draft.digest, size=draft.size)

    def unpack(reader: int, send: Send) -> None:
        send(unpacked=apply(blobs.read_chunks(reader), tree, unfinished_path))

    found = digests.hasher()
    with (
        workers.Crew() as crew,
        _Branch(crew, "compressing", pack) as packing,
        _Branch(crew, "unpacking", unpack, closing=(packing.fd,)) as unpacking,
    ):
        for chunk in chunks:
            found.update(chunk)
            packing.feed(chunk)
            unpacking.feed(chunk)
        told = unpacking.finish() | packing.finish()
    return f"sha256:{found.hexdigest()}", told


class _Branch:
    """A worker that gets the tar through a pipe."""

    def __init__(
        self,
        crew: workers.Crew,
        name: str,
        work: Callable[[int, Send], None],
        *,
        closing: tuple[int, ...] = (),
    ) -> None:
        reader, self.fd = os.pipe2(os.O_CLOEXEC)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self.worker = crew.start(name, lambda send: work(reader, send), closing=(self.fd, *closing))
        os.close(reader)

    def feed(self, chunk: bytes) -> None:
        """Hand on a piece. Raises what the worker has met, if it has ended."""
        try:
            files.write_all(self.fd, chunk)
        except BrokenPipeError:
            self.finish()
            raise

    def finish(self) -> dict[str, Any]:
        """Tell the worker that this was all; what it has told. Raises the error that it met."""
        self.close()
        return self.worker.finish()

    def close(self) -> None:
        """Close the pipe; more than once is fine."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> _Branch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
