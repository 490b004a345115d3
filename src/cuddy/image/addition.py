"""A new layer: a changeset's tar becomes a blob of the store and a directory, in one pass.

    chunks --> diff_id --> gzip --> digest --> blob        this process
       +------ pipe -----> layer.apply ------> directory   a worker

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
    from collections.abc import Iterator, Sequence

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
        with workers.Crew() as crew, blobs.Draft(storage) as draft:
            reader, writer = os.pipe2(os.O_CLOEXEC)
            try:
                fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

                def work(send: Send) -> None:
                    send(unpacked=apply(blobs.read_chunks(reader), tree, unfinished_path))

                worker = crew.start("unpacking", work, closing=(writer,))
                os.close(reader)
                found = _pack(chunks, draft, writer)
            finally:
                os.close(writer)
            size_bytes: int = worker.finish()["unpacked"]
            if diff_id not in ("", found):
                raise CorruptContent(f"a layer should be {diff_id}, but it is {found}")
            blob = Descriptor(
                mediaType=f"{spec.OCI_LAYER}+gzip", digest=draft.commit(), size=draft.size
            )
        chain_id = digests.chain_ids([parents[-1], found])[-1] if parents else found
        lower_dirs = snapshots.lower_dirs(storage, parents) if parents else []
        inheritance.finish(tree, read_unfinished(unfinished_path), lower_dirs)
        snapshots.commit(storage, tree, chain_id)
        return Added(blob, found, chain_id, size_bytes)
    finally:
        files.remove_tree(directory)


def _pack(chunks: Iterator[bytes], draft: blobs.Draft, writer: int) -> str:
    """Write the compressed blob, and hand the tar on to the worker; returns the diff_id."""
    found = digests.hasher()

    def passed_on() -> Iterator[bytes]:
        for chunk in chunks:
            found.update(chunk)
            files.write_all(writer, chunk)
            yield chunk

    try:
        for piece in compression.gzip(passed_on()):
            draft.append(piece)
    except BrokenPipeError:
        pass  # the worker has ended, and tells why
    return f"sha256:{found.hexdigest()}"
