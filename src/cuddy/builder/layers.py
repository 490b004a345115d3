"""Layers of a build: what a step has written becomes a layer of the store, by one rename.

    upper ──reduce──▶ read once ──▶ diff_id ──rename──▶ layers/<chain-id>
                 └──▶ read by a worker ──▶ gzip ──▶ digest ──▶ blob      while the next step runs

A worker that would have to read many small files again is handed their archive instead.
The directory is never written a second time, and whoever unpacks the blob gets the same. Whoever
makes layers holds `store.lease` until the image or the step that they are for is known.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import upper
from cuddy.builder.snapshot import View
from cuddy.builder.state import Layer
from cuddy.errors import CorruptContent
from cuddy.image import (
    blobs,
    changeset,
    compression,
    inheritance,
    snapshots,
    spec,
    workers,
)  # fmt: skip
from cuddy.image import digest as digests
from cuddy.image import layer as unpacking
from cuddy.image.spec import Descriptor
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cuddy.builder.snapshot import Snapshot
    from cuddy.image.storage import Storage
    from cuddy.image.workers import Send

ENTRY_BYTES = 1024
"""What an entry takes in an archive, about."""
SMALL_BYTES = 1 << 20
"""An archive of this size is compressed in less time than it takes to start a worker for it."""
SMALL_FILE_BYTES = 1 << 15
"""Files of this size on the average take longer to be read again than to be compressed."""
SECOND_NS = 1_000_000_000


def commit(
    storage: Storage,
    snapshot: Snapshot,
    *,
    parents: Sequence[str] | None = None,
    epoch: int | None = None,
    compress: bool = False,
) -> Making | None:
    """Make a layer of what was written to a snapshot, which it ends; None if nothing was changed.

    `parents`: chain ids of the layers that it is to lie upon, if these are not the snapshot's.
    `epoch`: seconds, no time is later; `compress`: make the blob, too. Raises CorruptContent,
    SystemFailure, OSError.
    """
    snapshot.unmount()
    with View(storage, snapshot.chain_ids) as below:
        lower = below.root if snapshot.chain_ids else ""
        changes = upper.reduce(snapshot.upper, lower, epoch=epoch)
    if changes is None:
        return None
    created = files.now() if epoch is None else files.format_time(epoch * SECOND_NS)
    making = Making(storage, snapshot.upper, changes, created, is_portable=epoch is not None)
    try:
        making.start(snapshot.chain_ids if parents is None else parents, compress=compress)
    except BaseException:
        making.close()
        raise
    return making


class Making(Closing):
    """A layer that is there already, while its blob is still being made; `close` gives that up."""

    layer: Layer

    def __init__(
        self,
        storage: Storage,
        directory: str,
        changes: upper.Changes,
        created: str,
        *,
        is_portable: bool,
    ) -> None:
        self.storage = storage
        self.directory = directory
        self.changes = changes
        self.created = created
        self.is_portable = is_portable
        self._compressing: _Compressing | None = None
        self._leftover = ""

    @property
    def is_small(self) -> bool:
        """Whether its blob is made here and now."""
        return self.changes.size_bytes + self.changes.entries * ENTRY_BYTES <= SMALL_BYTES

    @property
    def is_handed_on(self) -> bool:
        """Whether the worker gets the archive; only from one that is as quick as we are."""
        is_fine = self.changes.size_bytes <= self.changes.entries * SMALL_FILE_BYTES
        return is_fine and not self.is_portable

    def start(self, parents: Sequence[str], *, compress: bool) -> None:
        """Find out its ids, and make it visible."""
        archive = Hashed(changeset.make(self.directory, changeset.nothing))
        blob = None
        if compress and self.is_small:
            blob = pack(self.storage, iter(archive), is_portable=self.is_portable)
        elif compress:
            directory = "" if self.is_handed_on else self.directory
            self._compressing = _Compressing(self.storage, directory, is_portable=self.is_portable)
            self._compressing.feed(iter(archive))
        else:
            for _ in archive:
                pass
        diff_id = archive.digest
        chain_id = chain_id_of(parents, diff_id)
        self.layer = Layer(chain_id, diff_id, self.changes.size_bytes, self.created, blob)
        self._publish()

    def _publish(self) -> None:
        try:
            os.rename(self.directory, snapshots.path(self.storage, self.layer.chain_id))
        except OSError:
            if not snapshots.has(self.storage, self.layer.chain_id):
                raise
            # Somebody was first. The worker reads on in ours.
            self._leftover = f"{self.storage.tmp_dir}/{files.name_temporary()}"
            os.rename(self.directory, self._leftover)

    def finish(self) -> Layer:
        """Wait for the blob, if one is being made; the layer with it.

        Raises CorruptContent, SystemFailure, OSError.
        """
        if self._compressing:
            self.layer = self.layer._replace(blob=self._compressing.finish(self.layer.diff_id))
        self.close()
        return self.layer

    def close(self) -> None:
        """Give up what is not finished; more than once is fine."""
        if self._compressing:
            self._compressing.close()
            self._compressing = None
        if self._leftover:
            files.remove_tree(self._leftover)
            self._leftover = ""


class _Compressing(Closing):
    """A worker that makes the blob of a layer: of its directory, which may be renamed meanwhile, or
    ("") of an archive that it is fed with.
    """

    def __init__(self, storage: Storage, directory: str, *, is_portable: bool) -> None:
        self.is_portable = is_portable
        self.crew = workers.Crew()
        self.draft = blobs.Draft(storage)
        self.draft.__enter__()
        self.feeder = -1
        try:
            if directory:
                self.fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            else:
                self.fd, self.feeder = os.pipe2(os.O_CLOEXEC)
            closing = (self.feeder,) if self.feeder >= 0 else ()
            try:
                self.worker = self.crew.start("compressing", self.work, closing=closing)
            finally:
                os.close(self.fd)
        except BaseException:
            self.close()
            raise

    def feed(self, chunks: Iterator[bytes]) -> None:
        """Hand all chunks on, if they are wanted. Raises what has ended the worker."""
        for chunk in chunks:
            if self.feeder >= 0:
                try:
                    files.write_all(self.feeder, chunk)
                except BrokenPipeError:
                    self.worker.finish()
                    raise
        self.end_feeding()

    def end_feeding(self) -> None:
        """There is no more to come."""
        if self.feeder >= 0:
            os.close(self.feeder)
            self.feeder = -1

    def chunks(self) -> Iterator[bytes]:
        """The archive, in the worker."""
        if self.feeder < 0:
            yield from changeset.make(f"/proc/self/fd/{self.fd}/.", changeset.nothing)
        while self.feeder >= 0 and (chunk := os.read(self.fd, changeset.CHUNK)):
            yield chunk

    def work(self, send: Send) -> None:
        archive = Hashed(self.chunks())
        for piece in compression.gzip(iter(archive), is_portable=self.is_portable):
            self.draft.append(piece)
        send(digest=self.draft.digest, size=self.draft.size, diff_id=archive.digest)

    def finish(self, diff_id: str) -> Descriptor:
        """Wait for the blob. Raises CorruptContent if it is not of this layer."""
        told = self.worker.finish()
        check_diff_id(told["diff_id"], diff_id)
        return descriptor(self.draft.commit(told["digest"]), told["size"])

    def close(self) -> None:
        """End the worker, and remove what it has not finished."""
        self.end_feeding()
        self.crew.__exit__()
        self.draft.__exit__(None, None, None)


class Hashed:
    """The chunks of an archive; when all have gone by, its digest is known."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._hash = digests.hasher()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._hash.update(chunk)
            yield chunk

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def pack(storage: Storage, chunks: Iterator[bytes], *, is_portable: bool) -> Descriptor:
    """Make the blob of a layer's archive in this process."""
    with blobs.Draft(storage) as draft:
        for piece in compression.gzip(chunks, is_portable=is_portable):
            draft.append(piece)
        return descriptor(draft.commit(), draft.size)


def with_blobs(
    storage: Storage, wanted: Sequence[Layer], *, is_portable: bool = False
) -> list[Layer]:
    """The layers, each with a blob; those that are missing are made, several at once.

    Raises CorruptContent if a layer is not what it was; SystemFailure, OSError.
    """
    made = list(wanted)
    running: list[tuple[int, _Compressing]] = []

    def finish_first() -> None:
        position, first = running.pop(0)
        with first:
            made[position] = made[position]._replace(blob=first.finish(made[position].diff_id))

    try:
        for position, layer in enumerate(wanted):
            if layer.blob is None:
                if len(running) == len(os.sched_getaffinity(0)):
                    finish_first()
                directory = snapshots.path(storage, layer.chain_id)
                job = _Compressing(storage, directory, is_portable=is_portable)
                running.append((position, job))
        while running:
            finish_first()
    finally:
        for _, job in running:
            job.close()
    return made


def relink(storage: Storage, layer: Layer, parents: Sequence[str]) -> Layer:
    """The same layer on top of others, for what was copied without looking at what is below.

    Raises CorruptContent if it is not what it was; OSError.
    """
    chain_id = chain_id_of(parents, layer.diff_id)
    if snapshots.has(storage, chain_id):
        return layer._replace(chain_id=chain_id)
    aside = f"{storage.tmp_dir}/{files.name_temporary()}"
    archive = Hashed(changeset.make(snapshots.path(storage, layer.chain_id), changeset.nothing))
    try:
        os.mkdir(aside, 0o700)
        _, unfinished = unpacking.apply(iter(archive), aside)
        check_diff_id(archive.digest, layer.diff_id)
        lower_dirs = snapshots.lower_dirs(storage, parents) if parents else []
        inheritance.finish(aside, unfinished, lower_dirs)
        snapshots.commit(storage, aside, chain_id)
    finally:
        files.remove_tree(aside)
    return layer._replace(chain_id=chain_id)


def check_diff_id(found: str, wanted: str) -> None:
    """Raises CorruptContent if a layer's directory is not the layer any more."""
    if found != wanted:
        raise CorruptContent(
            f"layer {digests.short(wanted)} of the build cache is not what it was",
            hint="'cuddy builder prune --all' forgets the cache",
        )


def descriptor(digest: str, size: int) -> Descriptor:
    """What a manifest says of a layer's blob."""
    return Descriptor(mediaType=f"{spec.OCI_LAYER}+gzip", digest=digests.Digest(digest), size=size)


def chain_id_of(parents: Sequence[str], diff_id: str) -> str:
    """The chain id of a layer on top of others."""
    return digests.chain_ids([parents[-1], diff_id])[-1] if parents else diff_id
