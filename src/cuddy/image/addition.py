"""A new layer: a changeset's tar becomes a blob of the store and a directory, in one pass.

    chunks --> diff_id                                 this process
       +------ pipe --> gzip --> digest --> blob       a worker
       +------ pipe --> layer.apply ------> directory  another

Whoever adds layers holds `store.lease` until the image that they are for is known.
"""

from __future__ import annotations

import fcntl
import os

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


class Added(NamedTuple):
    """A layer that was added: its compressed blob, its ids, and the bytes of its files."""

    blob: Descriptor
    diff_id: str
    chain_id: str
    size_bytes: int


def add(
    storage: Storage, chunks: Iterator[bytes], parents: Sequence[str], *, diff_id: str = ""
) -> Added:
    """Put a layer, given as the chunks of its tar, on top of the layers `parents` (chain ids).

    `diff_id`: what the layer has to be. Raises CorruptContent if it is not, or if the tar cannot
    be a layer; OSError for the host's faults.
    """
    directory = f"{storage.tmp_dir}/{files.name_temporary()}"
    tree, unfinished_path = f"{directory}/tree", f"{directory}/unfinished.json"
    try:
        files.make_directory(tree)
        with blobs.Draft(storage) as draft:
            found, told = _make(chunks, draft, tree, unfinished_path)
            if diff_id not in ("", found):
                raise CorruptContent(f"a layer should be {diff_id}, but it is {found}")
            chain_id = digests.chain_ids([parents[-1], found])[-1] if parents else found
            lower_dirs = snapshots.lower_dirs(storage, parents) if parents else []
            inheritance.finish(tree, read_unfinished(unfinished_path), lower_dirs)
            snapshots.commit(storage, tree, chain_id)
            digest = draft.commit(told["digest"])
        blob = Descriptor(mediaType=f"{spec.OCI_LAYER}+gzip", digest=digest, size=told["size"])
        return Added(blob, found, chain_id, told["unpacked"])
    finally:
        files.remove_tree(directory)


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
