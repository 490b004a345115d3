"""Decompression as a stream."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator

import pytest

import images
from cuddy.errors import CorruptContent
from cuddy.image import compression

CONTENT = os.urandom(100_000) + bytes(300_000)


def chunked(data: bytes, size: int) -> Iterator[bytes]:
    for position in range(0, len(data), size):
        yield data[position : position + size]


def inflate(data: bytes, chunk: int = 1000) -> bytes:
    return b"".join(compression.decompress(chunked(data, chunk)))


PACKED = {"gzip": gzip.compress(CONTENT), "zstd": images.compress_zstd(CONTENT), "plain": CONTENT}
SKIPPABLE = b"\x53\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"


@pytest.mark.parametrize("chunk", [1, 3, 4096, 1 << 20])
@pytest.mark.parametrize("kind", PACKED)
def test_every_compression_is_told_by_its_first_bytes(kind: str, chunk: int) -> None:
    data = PACKED[kind][:20_000] if chunk == 1 else PACKED[kind]
    if chunk == 1 and kind != "plain":
        data = gzip.compress(b"x" * 5000) if kind == "gzip" else images.compress_zstd(b"x" * 5000)
        assert inflate(data, 1) == b"x" * 5000
    else:
        assert inflate(data, chunk) == CONTENT[: len(data) if kind == "plain" else None]


def test_nothing_is_nothing() -> None:
    assert inflate(b"") == b""


def test_gzip_members_and_zstd_frames_follow_one_another() -> None:
    assert inflate(gzip.compress(b"one") + gzip.compress(b"two")) == b"onetwo"
    two = images.compress_zstd(b"one") + SKIPPABLE + images.compress_zstd(b"two")
    assert inflate(two) == b"onetwo"
    assert inflate(SKIPPABLE + two) == b"onetwo"


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_truncated_stream_is_an_error(kind: str) -> None:
    with pytest.raises(CorruptContent):
        inflate(PACKED[kind][:-5])


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_damage_is_an_error(kind: str) -> None:
    data = bytearray(PACKED[kind])
    data[len(data) // 2] ^= 0xFF
    data[-6] ^= 0xFF
    with pytest.raises(CorruptContent, match="damaged"):
        inflate(bytes(data))


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_garbage_after_the_end_is_an_error(kind: str) -> None:
    with pytest.raises(CorruptContent, match="damaged"):
        inflate(PACKED[kind] + b"garbage garbage")


@pytest.mark.parametrize("pack", [gzip.compress, images.compress_zstd])
def test_a_bomb_comes_in_bounded_pieces(pack) -> None:
    bomb = pack(bytes(50_000_000))
    pieces = [len(piece) for piece in compression.decompress(iter([bomb]))]
    assert sum(pieces) == 50_000_000
    assert max(pieces) <= compression.MAX_PIECE


def test_zlib_does_what_isal_does() -> None:
    packed = PACKED["gzip"] + gzip.compress(b"more")
    decoded = compression._decode(b"", iter([]), compression._ZlibDecoder)
    assert list(decoded) == []
    pieces = list(
        compression._decode(packed[:5], chunked(packed[5:], 999), compression._ZlibDecoder)
    )
    assert b"".join(pieces) == CONTENT + b"more"
    assert max(map(len, pieces)) <= compression.MAX_PIECE


def test_how_a_stream_is_cut_does_not_show_in_its_gzip_form() -> None:
    data = bytes(range(256)) * 9000 + b"hello" * 100_000
    forms = {
        b"".join(compression.gzip(data[at : at + size] for at in range(0, len(data), size)))
        for size in (997, 1000, 65536, 1 << 20, len(data))
    }
    assert len(forms) == 1
    assert gzip.decompress(forms.pop()) == data
