"""The content store: blobs named by their digest (image-layout.md).

A blob is visible only when it is whole and its digest was verified: it grows in `ingest/` under a
name made of its digest and is renamed when done. An interrupted download leaves that file for the
next one to continue; the flock on it lets two pulls share one download.
"""

from __future__ import annotations

import os
import time

from cuddy import files
from cuddy.errors import CorruptContent
from cuddy.image import digest as digests
from cuddy.image.digest import Digest
from cuddy.image.storage import Storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

PARTIAL_DAYS = 7
"""How long an interrupted download may wait to be continued."""
CHUNK = 1 << 18


def path(storage: Storage, digest: str) -> str:
    """Where a blob is or will be."""
    algorithm, _, encoded = digests.check(digest, "blob").partition(":")
    return f"{storage.blobs_dir}/{algorithm}/{encoded}"


def has(storage: Storage, digest: str, size: int) -> bool:
    """Whether the blob is there, in full length (a power cut can leave a short one)."""
    try:
        return os.stat(path(storage, digest)).st_size == size
    except FileNotFoundError:
        return False


def read(storage: Storage, digest: str) -> bytes:
    """A small blob: a document. Raises CorruptContent if it is missing."""
    try:
        return files.read_bytes(path(storage, digest))
    except FileNotFoundError:
        raise CorruptContent(
            f"the image store lacks {digest}",
            hint="pull the image again; 'cuddy system check' says which",
        ) from None


def chunks(storage: Storage, digest: str) -> Iterator[bytes]:
    """A blob of any size, piece by piece."""
    fd = os.open(path(storage, digest), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield from read_chunks(fd)
    finally:
        os.close(fd)


def read_chunks(fd: int) -> Iterator[bytes]:
    """What a descriptor has, piece by piece."""
    while chunk := os.read(fd, CHUNK):
        yield chunk


def write(storage: Storage, data: bytes, digest: str = "") -> Digest:
    """Store a document. Raises CorruptContent if it is not what `digest` names."""
    actual = digests.of(data, digest.partition(":")[0] or "sha256")
    if digest and actual != digest:
        raise CorruptContent(f"content does not match its digest {digest}: it is {actual}")
    if not has(storage, actual, len(data)):
        target = path(storage, actual)
        files.make_directory(os.path.dirname(target))
        temporary = f"{storage.tmp_dir}/{files.name_temporary()}"
        files.write(temporary, data)
        os.rename(temporary, target)
    return actual


def delete(storage: Storage, digest: str) -> None:
    """Remove a blob; a missing one is fine."""
    try:
        os.unlink(path(storage, digest))
    except FileNotFoundError:
        pass


def discard(storage: Storage, digest: str) -> None:
    """Forget what an interrupted download has left, unless somebody goes on with it just now."""
    partial = _partial(storage, digest)
    lock = files.Lock(partial)
    try:
        if os.path.exists(partial) and lock.attempt():
            os.unlink(partial)
    except FileNotFoundError:
        pass
    finally:
        lock.close()


def partials(storage: Storage) -> list[str]:
    """The files that interrupted downloads have left, and those that grow just now."""
    return [f"{storage.ingest_dir}/{name}" for name in files.list_directory(storage.ingest_dir)]


def _partial(storage: Storage, digest: str) -> str:
    return f"{storage.ingest_dir}/{digest.replace(':', '-')}"


class Ingest:
    """One blob on its way in: locked, continued where the last attempt stopped, verified, renamed.

        with blobs.Ingest(storage, digest, size) as ingest:
            if not ingest.done:
                for chunk in ingest.resume():     # always, and to the end: it is being hashed
                    ...
                ingest.append(chunk)
                ingest.commit()

    Leaving the block without `commit` keeps what has arrived for the next attempt.
    """

    def __init__(self, storage: Storage, digest: str, size: int) -> None:
        self.storage = storage
        self.digest = digest
        self.size = size
        self.received = 0
        self.done = False
        self._target = path(storage, digest)
        self._partial = _partial(storage, digest)
        self._hash = digests.hasher(digest.partition(":")[0])
        self._lock = files.Lock(self._partial)

    def __enter__(self) -> Ingest:
        """Wait for our turn; somebody else may have finished the blob meanwhile (`done`)."""
        while True:
            self._lock.__enter__()
            self.done = has(self.storage, self.digest, self.size)
            if self.done or self._owns_name():
                break
            self._lock.close()
        if self.done and self._owns_name():
            os.unlink(self._partial)
        return self

    def _owns_name(self) -> bool:
        """Whether the file we locked is still the one at the partial name, not one renamed away."""
        try:
            return os.path.samestat(os.fstat(self._lock.fd), os.stat(self._partial))
        except FileNotFoundError:
            return False

    @property
    def leftover_bytes(self) -> int:
        """How much an earlier attempt left."""
        return os.fstat(self._lock.fd).st_size

    def resume(self) -> Iterator[bytes]:
        """Read back what an earlier attempt left, hashing it."""
        for chunk in read_chunks(self._lock.fd):
            self._count(chunk)
            yield chunk

    def restart(self) -> None:
        """Forget what an earlier attempt left, and begin at the beginning."""
        os.ftruncate(self._lock.fd, 0)

    def append(self, chunk: bytes) -> None:
        """Take the next bytes. Raises CorruptContent when more come than were announced."""
        self._count(chunk)
        files.write_all(self._lock.fd, chunk)

    def _count(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self.received > self.size:
            self.discard()
            raise CorruptContent(f"{self.digest} is longer than the {self.size} bytes announced")
        self._hash.update(chunk)

    def commit(self, *, durable: bool = False) -> None:
        """Verify length and digest, and make the blob visible. Raises CorruptContent.

        `durable`: for documents, without which all of an image is lost after a power cut.
        """
        algorithm = self.digest.partition(":")[0]
        actual = f"{algorithm}:{self._hash.hexdigest()}"
        if self.received != self.size or actual != self.digest:
            self.discard()
            raise CorruptContent(
                f"content does not match its digest {self.digest}: "
                f"it is {self.received} of {self.size} bytes with {actual}"
            )
        if durable:
            os.fsync(self._lock.fd)
        files.make_directory(os.path.dirname(self._target))
        os.rename(self._partial, self._target)
        self.done = True

    def discard(self) -> None:
        """Forget what has arrived."""
        os.unlink(self._partial)
        self._lock.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.close()


class Draft:
    """A blob that is being made here: its digest is known when it is whole.

        with blobs.Draft(storage) as draft:
            draft.append(chunk)
            digest = draft.commit()

    Leaving the block without `commit` leaves nothing.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.size = 0
        self._temporary = f"{storage.tmp_dir}/{files.name_temporary()}"
        self._hash = digests.hasher()
        self._fd = -1

    def __enter__(self) -> Draft:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._fd = os.open(self._temporary, flags, 0o600)
        return self

    def append(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.size += len(chunk)
        self._hash.update(chunk)
        files.write_all(self._fd, chunk)

    @property
    def digest(self) -> Digest:
        """Of what this process has appended."""
        return Digest(f"sha256:{self._hash.hexdigest()}")

    def commit(self, digest: str = "") -> Digest:
        """Make the blob visible under its digest; a worker that has appended all of it knows it."""
        found = Digest(digest) if digest else self.digest
        os.rename(self._temporary, path(self.storage, found))
        return found

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)
        try:
            os.unlink(self._temporary)
        except FileNotFoundError:
            pass  # it was committed


def sweep(storage: Storage) -> None:
    """Remove what dead processes left half done, and downloads that nobody continued for days."""
    for directory in (storage.tmp_dir, storage.images_dir, storage.root):
        files.sweep_temporary(directory)
    oldest = time.time() - PARTIAL_DAYS * 86400
    for name in files.list_directory(storage.ingest_dir):
        _remove_stale(f"{storage.ingest_dir}/{name}", oldest)


def _remove_stale(partial: str, oldest: float) -> None:
    lock = files.Lock(partial)
    try:
        if os.stat(partial).st_mtime < oldest and lock.attempt():
            os.unlink(partial)
    except FileNotFoundError:
        pass
    finally:
        lock.close()
