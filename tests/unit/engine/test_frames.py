"""The monitor's protocol: frames put together and taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.engine import frames
from cuddy.engine.frames import Decoder, Frame

a_frame = st.builds(Frame, st.integers(0, 255), st.binary(max_size=300))


def decode(*pieces: bytes) -> list[Frame]:
    decoder = Decoder()
    return [frame for piece in pieces for frame in decoder.feed(piece)]


def test_a_frame_is_docker_s() -> None:
    assert frames.encode(frames.STDOUT, b"hi") == b"\x01\0\0\0\0\0\0\x02hi"


@given(st.lists(a_frame), st.data())
def test_however_the_bytes_are_split_the_frames_are_the_same(
    sent: list[Frame], data: st.DataObject
) -> None:
    stream = b"".join(frames.encode(*frame) for frame in sent)
    cuts = data.draw(st.lists(st.integers(0, len(stream))).map(sorted))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)])]
    assert decode(*pieces) == sent


def test_byte_by_byte() -> None:
    sent = [Frame(1, b"one"), Frame(2, b""), Frame(3, b"\0\0\0\x07")]
    stream = b"".join(frames.encode(*frame) for frame in sent)
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == sent


def test_a_frame_is_not_given_out_before_its_last_byte() -> None:
    decoder = Decoder()
    whole = frames.encode(1, b"abc")
    assert decoder.feed(whole[:-1]) == []
    assert decoder.feed(whole[-1:]) == [Frame(1, b"abc")]


def test_the_largest_frame_passes_and_a_larger_one_is_nonsense() -> None:
    largest = Frame(1, bytes(frames.MAX_FRAME_BYTES))
    assert decode(frames.encode(*largest)) == [largest]
    with pytest.raises(ValueError, match="frame of"):
        decode(frames.encode(1, bytes(frames.MAX_FRAME_BYTES + 1))[:8])


@given(st.binary())
def test_any_bytes_are_frames_or_nonsense(data: bytes) -> None:
    try:
        found = decode(data)
    except ValueError:
        return
    rest = len(data) - sum(len(frame.data) + 8 for frame in found)
    assert rest >= 0


def test_a_large_frame_in_small_pieces_takes_no_long_time() -> None:
    stream = frames.encode(1, bytes(frames.MAX_FRAME_BYTES))
    pieces = [stream[i : i + 100] for i in range(0, len(stream), 100)]
    assert [len(frame.data) for frame in decode(*pieces)] == [frames.MAX_FRAME_BYTES]
