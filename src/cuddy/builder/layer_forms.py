"""The forms in which a layer travels: its tar compressed by gzip, by zstd, or not at all.

The usual one, gzip of the usual level, `layers` makes beside the steps; these are the others.
"""

from __future__ import annotations

from cuddy.builder import layers
from cuddy.builder.outputs import GZIP, UNCOMPRESSED, ZSTD
from cuddy.image import blobs, changeset, compression, snapshots, spec
from cuddy.image.spec import Descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cuddy.builder.outputs import Output
    from cuddy.builder.state import Layer
    from cuddy.image.storage import Storage

TYPES = {
    GZIP: f"{spec.OCI_LAYER}+gzip",
    ZSTD: f"{spec.OCI_LAYER}+zstd",
    UNCOMPRESSED: spec.OCI_LAYER,
}
ZSTD_LEVEL = 3


def in_form(
    storage: Storage, wanted: Sequence[Layer], output: Output, *, is_portable: bool
) -> list[Layer]:
    """The layers, each with a blob in the form that an output wants. Raises as `blob`."""
    return [
        layer._replace(blob=blob(storage, layer, output, is_portable=is_portable))
        for layer in wanted
    ]


def blob(
    storage: Storage, layer: Layer, output: Output, *, is_portable: bool = False
) -> Descriptor:
    """A blob of a layer in the store, made if there is none of the form that an output wants.

    A layer that is in that form stays as it is unless it is to be forced, whatever the level.
    `is_portable`: the same bytes on all machines. Raises CorruptContent, OSError.
    """
    form, level = output.compression, output.level
    has_blob = layer.blob is not None and blobs.has(
        storage, layer.blob["digest"], layer.blob["size"]
    )
    if layer.blob and has_blob:
        is_so = not form or form_of(layer.blob) == form
        if is_so and not (output.is_forced and level is not None):
            return layer.blob
    archive = layers.Hashed(plain(storage, layer, has_blob=has_blob))
    with blobs.Draft(storage) as draft:
        for piece in encode(iter(archive), form or GZIP, level, is_portable=is_portable):
            draft.append(piece)
        layers.check_diff_id(archive.digest, layer.diff_id)
        return Descriptor(mediaType=TYPES[form or GZIP], digest=draft.commit(), size=draft.size)


def form_of(blob: Descriptor) -> str:
    """The form that a blob says to have."""
    return spec.compression(blob) or UNCOMPRESSED


def plain(storage: Storage, layer: Layer, *, has_blob: bool) -> Iterator[bytes]:
    """The tar of a layer: out of its blob, or made of its directory."""
    if layer.blob and has_blob:
        return compression.decompress(blobs.chunks(storage, layer.blob["digest"]))
    return changeset.make(snapshots.path(storage, layer.chain_id), changeset.nothing)


def encode(
    chunks: Iterator[bytes], form: str, level: int | None = None, *, is_portable: bool = False
) -> Iterator[bytes]:
    """A stream in one of the forms."""
    if form == UNCOMPRESSED:
        return chunks
    if form == ZSTD:
        return _zstd(chunks, ZSTD_LEVEL if level is None else level)
    if level is None:
        return compression.gzip(chunks, is_portable=is_portable)
    return _gzip(chunks, level)


def _gzip(chunks: Iterator[bytes], level: int) -> Iterator[bytes]:
    import zlib

    encoder = zlib.compressobj(level, wbits=compression.GZIP_WINDOW)
    for chunk in chunks:
        if piece := encoder.compress(chunk):
            yield piece
    yield encoder.flush()


def _zstd(chunks: Iterator[bytes], level: int) -> Iterator[bytes]:
    encoder = compression.zstd_library().ZstdCompressor(level)
    for chunk in chunks:
        if piece := encoder.compress(chunk):
            yield piece
    yield encoder.flush()
