"""The downloading worker: one blob from its source into the store, and on to who unpacks it.

What arrives is kept whatever happens; a connection that breaks is taken up where it broke.
"""

from __future__ import annotations

from cuddy import files
from cuddy.errors import CuddyError, RegistryBusy, RegistryUnreachable
from cuddy.image import blobs, progress
from cuddy.image.spec import Descriptor
from cuddy.image.storage import Storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from cuddy.image.settings import Settings
    from cuddy.image.workers import Send

    class Source(Protocol):
        """Where blobs come from: a repository of a registry, or an archive."""

        settings: Settings

        def reopen(self) -> None:
            """Called by a forked worker before all else."""

        def blob(self, digest: str, offset: int) -> Iterator[bytes]:
            """One attempt at a blob's bytes from `offset` on. Raises CuddyError."""


MAX_ATTEMPTS = 50
"""Of one blob, even if each attempt brought some of it."""
SOME_BYTES = 4096
"""An attempt that brought less was in vain."""


def download(storage: Storage, source: Source, blob: Descriptor, writer: int, send: Send) -> None:
    """Fetch one blob into the store, and hand every byte on to `writer` unless that is -1."""
    source.reopen()
    tell = progress.throttled(send, progress.DOWNLOADING, blob["size"])
    with blobs.Ingest(storage, blob["digest"], blob["size"]) as ingest:
        if ingest.done:
            for chunk in blobs.chunks(storage, blob["digest"]):
                _feed(writer, chunk)
        else:
            if ingest.leftover_bytes:
                send(resumed=True)
            for chunk in ingest.resume():
                _feed(writer, chunk)
            for chunk in _remaining(source, ingest):
                ingest.append(chunk)
                _feed(writer, chunk)
                tell(ingest.received)
            ingest.commit()
        send(state=progress.VERIFIED)


def _remaining(source: Source, ingest: blobs.Ingest) -> Iterator[bytes]:
    """The rest of a blob, however often the connection breaks."""
    fruitless = 0
    for _ in range(MAX_ATTEMPTS):
        before = ingest.received
        try:
            yield from source.blob(ingest.digest, ingest.received)
            if ingest.received >= ingest.size:
                return
            error: CuddyError = RegistryBusy(f"the registry sent only a part of {ingest.digest}")
        except (RegistryBusy, RegistryUnreachable) as problem:
            error = problem
        # Imported here: an archive never comes to this, and does without the network's libraries.
        from cuddy.image.server import ATTEMPTS, pause

        fruitless = 0 if ingest.received >= before + SOME_BYTES else fruitless + 1
        if fruitless == ATTEMPTS:
            raise error
        pause(source.settings, fruitless, getattr(error, "retry_after_s", 0))
    raise error


def _feed(writer: int, chunk: bytes) -> None:
    if writer >= 0:
        try:
            files.write_all(writer, chunk)
        except BrokenPipeError:
            pass  # who unpacks has given up, and tells why itself
