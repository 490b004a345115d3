"""Frames of WebSockets: what a client has said comes out, and nonsense is refused."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.api import websocket
from cuddy.api.websocket import BINARY, Reader


def masked(kind: int, data: bytes, mask: bytes) -> bytes:
    """A frame of a client's: ours, with the mask that it must have."""
    plain = websocket.frame(kind, data)
    head = plain[: len(plain) - len(data)]
    return bytes([head[0], head[1] | 0x80]) + head[2:] + mask + websocket.unmask(mask, data)


@given(st.lists(st.binary(max_size=70_000), max_size=3), st.integers(1, 5000))
def test_what_was_said_comes_out_in_whatever_pieces_it_comes(said: list[bytes], size: int) -> None:
    sent = b"".join(masked(BINARY, each, os.urandom(4)) for each in said)
    reader = Reader()
    found = [
        frame for start in range(0, len(sent), size)
        for frame in reader.feed(sent[start : start + size])
    ]  # fmt: skip
    assert found == [(BINARY, each) for each in said]


@given(st.binary(max_size=300))
def test_any_bytes_are_frames_or_refused(data: bytes) -> None:
    try:
        for kind, content in Reader().feed(data):
            assert 0 <= kind < 16
            assert len(content) <= len(data)
    except ValueError:
        pass


@pytest.mark.parametrize(
    "data", [b"\x82\x05hello", b"\xc2\x80mask", struct.pack(">BBQ", 0x82, 0xFF, 1 << 40)]
)
def test_no_mask_unknown_bits_and_sizes_beyond_all_measure_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="a frame"):
        Reader().feed(data)
