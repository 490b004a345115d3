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
"""A layer may unpack to the larger of this and MAX_RATIO times its compressed size."""


def unpack(reader: int, wanted: Layer, tree: str, unfinished_path: str, send: Send) -> None:
    """Unpack a compressed layer from a descriptor into `tree`, and verify its diff_id."""
    total = wanted.blob["size"]
    tell = progress.throttled(send, progress.EXTRACTING, total)
    algorithm = wanted.diff_id.partition(":")[0]
    found = digests.hasher(algorithm)
    limit = max(MIN_LIMIT_BYTES, total * MAX_RATIO)

    def compressed() -> Iterator[bytes]:
        done = 0
        for chunk in blobs.read_chunks(reader):
            yield chunk
            done += len(chunk)
            tell(done)

    def hashed() -> Iterator[bytes]:
        length = 0
        for piece in compression.decompress(compressed()):
            found.update(piece)
            length += len(piece)
            if length > limit:
                raise CorruptContent(f"layer {wanted.id} unpacks to more than {limit} bytes")
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
