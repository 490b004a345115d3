"""The unpacking worker: one compressed layer from a descriptor into a directory, verified."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import CorruptContent
from cuddy.image import blobs, compression, layer, progress
from cuddy.image import digest as digests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cuddy.image.fetch import Layer
    from cuddy.image.workers import Send

MAX_RATIO = 200
MIN_LIMIT_BYTES = 8 << 30


def limit_bytes(compressed_bytes: int, configured: int = 0) -> int:
    """What a layer may unpack to: as configured, or in proportion to its compressed size."""
    return configured or max(MIN_LIMIT_BYTES, compressed_bytes * MAX_RATIO)


def bounded(chunks: Iterator[bytes], limit: int, what: str) -> Iterator[bytes]:
    """The chunks as they come. Raises CorruptContent once there are more than `limit` bytes."""
    length = 0
    for chunk in chunks:
        length += len(chunk)
        if length > limit:
            raise too_large(what, limit)
        yield chunk


def too_large(what: str, limit: int) -> CorruptContent:
    """The error for what unpacks to more than is allowed."""
    return CorruptContent(
        f"{what} unpacks to more than {limit} bytes",
        hint="CUDDY_MAX_LAYER_SIZE=BYTES allows more, if you trust it",
    )


def unpack(
    reader: int, wanted: Layer, tree: str, unfinished_path: str, send: Send, *, limit: int
) -> None:
    """Unpack a compressed layer from a descriptor into `tree`, and verify its diff_id.

    `limit`: the most bytes it may unpack to.
    """
    total = wanted.blob["size"]
    tell = progress.throttled(send, progress.EXTRACTING, total)
    algorithm = wanted.diff_id.partition(":")[0]
    found = digests.hasher(algorithm)

    def compressed() -> Iterator[bytes]:
        done = 0
        for chunk in blobs.read_chunks(reader):
            yield chunk
            done += len(chunk)
            tell(done)

    def hashed() -> Iterator[bytes]:
        plain = compression.decompress(compressed())
        for piece in bounded(plain, limit, f"layer {wanted.id}"):
            found.update(piece)
            yield piece

    try:
        size = apply(hashed(), tree, unfinished_path)
        if f"{algorithm}:{found.hexdigest()}" != wanted.diff_id:
            raise CorruptContent(f"layer {wanted.id} is not the one that the image's config names")
    except CorruptContent:
        for _ in blobs.read_chunks(
            reader
        ):  # let the download end: it may know better what is wrong
            pass
        raise
    send(unpacked=size)


def apply(chunks: Iterator[bytes], tree: str, unfinished_path: str) -> int:
    """Unpack a layer's tar into `tree`, and note what its parents are needed for.

    Returns the bytes of its files. Raises CorruptContent, OSError.
    """
    size, unfinished = layer.apply(chunks, tree)
    files.write_json(unfinished_path, _as_text(unfinished), durable=False)
    return size


def _as_text(unfinished: layer.Unfinished) -> dict[str, Any]:
    """JSON has no bytes; Python's escapes for what is not UTF-8 survive it."""
    return {
        "implicit": [os.fsdecode(path) for path in unfinished.implicit],
        "links": [[os.fsdecode(path) for path in pair] for pair in unfinished.links],
        "whiteouts": [os.fsdecode(path) for path in unfinished.whiteouts],
    }


def read_unfinished(path: str) -> layer.Unfinished:
    """What an unpacking worker left to do."""
    document = files.parse_json(files.read_bytes(path, limit=1 << 31))
    return layer.Unfinished(
        [os.fsencode(name) for name in document["implicit"]],
        [(os.fsencode(name), os.fsencode(target)) for name, target in document["links"]],
        [os.fsencode(name) for name in document["whiteouts"]],
    )
