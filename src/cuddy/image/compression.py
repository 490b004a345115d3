"""Compression as streams: gzip (several members too), zstd, bzip2, xz, or nothing at all.

What a blob is compressed with is told by its first bytes, as Docker does it: media types of real
images are not reliable, and the diff_id is verified anyway.
"""

from __future__ import annotations

from cuddy.errors import CorruptContent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol

    class Decoder(Protocol):
        """The interface that bz2, zstd and isal share."""

        @property
        def eof(self) -> bool: ...
        @property
        def needs_input(self) -> bool: ...
        @property
        def unused_data(self) -> bytes: ...
        def decompress(self, data: bytes, max_length: int) -> bytes: ...

    class Encoder(Protocol):
        """The interface that zlib and isal share."""

        def compress(self, data: bytes, /) -> bytes: ...
        def flush(self) -> bytes: ...

    # How to make a decoder, and the exception it raises; isal's own stubs are not exact.
    Format = tuple[Callable[[], Any], Any]

MAX_PIECE = 1 << 19
"""The most that is inflated at a time, however well the input was compressed; and what is
compressed at a time."""
MAGIC_BYTES = 10
"""By so many of its first bytes a stream's compression is known."""
GZIP_MAGIC = b"\x1f\x8b"
GZIP_WINDOW = 15 | 16
"""zlib's "wbits": the largest window, and gzip's header around it."""
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
BZIP2_MAGIC = b"BZh", b"1AY&SY"  # with a digit between
XZ_MAGIC = b"\xfd7zXZ\0"
XZ_MEMORY_BYTES = 256 << 20
"""What the dictionary of an xz stream may need."""
ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after one byte of 0x50..0x5f


def kind(first: bytes) -> str:
    """What a stream is compressed with that begins so; "" if it is nothing known."""
    if first.startswith(GZIP_MAGIC):
        return "gzip"
    if first.startswith(ZSTD_MAGIC) or (first[1:4] == ZSTD_SKIPPABLE and first[0] >> 4 == 5):
        return "zstd"
    if (first[:3], first[4:10]) == BZIP2_MAGIC:
        return "bzip2"
    return "xz" if first.startswith(XZ_MAGIC) else ""


def decompress(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of a compressed stream in pieces. Raises CorruptContent."""
    first = b""
    while len(first) < MAGIC_BYTES and (chunk := next(chunks, b"")):
        first += chunk
    found = kind(first)
    if not found:
        if first:
            yield first
        yield from chunks
        return
    make, damage = FORMATS[found]()
    try:
        yield from _decode(first, chunks, make)
    except (damage, EOFError) as error:
        raise CorruptContent(f"the compressed data is damaged: {error}") from None


def gzip(chunks: Iterator[bytes], *, is_portable: bool = False) -> Iterator[bytes]:
    """The gzip form of a stream in pieces; the same bytes for the same content, no time in it.

    `is_portable`: the same on all machines. What isal makes depends on the processor.
    """
    encoder = _portable_encoder() if is_portable else _encoder()
    for block in _blocks(chunks):
        if piece := encoder.compress(block):
            yield piece
    yield encoder.flush()


def _encoder() -> Encoder:
    try:
        from isal import isal_zlib
    except ImportError:
        return _portable_encoder()
    return isal_zlib.compressobj(level=1, wbits=GZIP_WINDOW)


def _portable_encoder() -> Encoder:
    import zlib

    return zlib.compressobj(level=1, wbits=GZIP_WINDOW)


def _blocks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same stream in pieces of one size: what isal makes of it depends on where it is cut."""
    pending: list[bytes] = []
    length = 0
    for chunk in chunks:
        pending.append(chunk)
        length += len(chunk)
        if length >= MAX_PIECE:
            data = b"".join(pending)
            whole = length - length % MAX_PIECE
            for start in range(0, whole, MAX_PIECE):
                yield data[start : start + MAX_PIECE]
            pending, length = [data[whole:]], length - whole
    yield b"".join(pending)


def _decode(first: bytes, chunks: Iterator[bytes], make: Callable[[], Decoder]) -> Iterator[bytes]:
    """Decode one member or frame after the other until the input ends."""
    decoder: Decoder | None = None
    data = first
    while data:
        while data or (decoder is not None and not decoder.needs_input):
            decoder = decoder or make()
            piece = decoder.decompress(data, MAX_PIECE)
            data = b""
            if piece:
                yield piece
            if decoder.eof:
                data, decoder = decoder.unused_data, None
        data = next(chunks, b"")
    if decoder is not None:
        raise EOFError("it ends too early")


def _gzip() -> Format:
    try:
        from isal import igzip_lib
    except ImportError:
        import zlib

        return _ZlibDecoder, zlib.error
    return (
        lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP),
        igzip_lib.IsalError,
    )


def _zstd() -> Format:
    library = zstd_library()
    return library.ZstdDecompressor, library.ZstdError


def zstd_library() -> Any:
    """Python's own module, or its twin for older Pythons."""
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports import zstd
    return zstd


def _bzip2() -> Format:
    import bz2

    return bz2.BZ2Decompressor, OSError


def _xz() -> Format:
    import lzma

    return lambda: lzma.LZMADecompressor(memlimit=XZ_MEMORY_BYTES), lzma.LZMAError


FORMATS = {"gzip": _gzip, "zstd": _zstd, "bzip2": _bzip2, "xz": _xz}


class _ZlibDecoder:
    """zlib behind the interface of the others, where isal has no wheel."""

    def __init__(self) -> None:
        import zlib

        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
