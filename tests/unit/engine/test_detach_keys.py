"""ctrl-p ctrl-q leaves a container; everything else is passed on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.engine.detach_keys import DetachKeys, parse_keys
from cuddy.errors import UsageError


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", b"\x10\x11"), ("ctrl-p,ctrl-q", b"\x10\x11"), ("ctrl-@,ctrl-_", b"\x00\x1f"),
        ("ctrl-[,ctrl-\\,ctrl-]", b"\x1b\x1c\x1d"), ("a,B", b"ab"), ("Ctrl-A", b"\x01"),
    ],
)  # fmt: skip
def test_sequences_are_written_as_for_docker(text: str, keys: bytes) -> None:
    assert parse_keys(text) == keys


@pytest.mark.parametrize("text", ["foo", "ctrl-", "ctrl-aa", "ctrl-1", "a,,b", "é", "ctrl-p,"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="invalid detach keys"):
        parse_keys(text)


def test_the_sequence_detaches_and_what_came_before_is_passed_on() -> None:
    assert DetachKeys(b"\x10\x11").feed(b"ls\x10\x11rest") == (b"ls", True)


def test_the_sequence_may_come_in_pieces() -> None:
    keys = DetachKeys(b"\x10\x11")
    assert keys.feed(b"a\x10") == (b"a", False)
    assert keys.feed(b"\x11") == (b"", True)


def test_a_beginning_that_goes_on_otherwise_is_passed_on() -> None:
    keys = DetachKeys(b"\x10\x11")
    assert keys.feed(b"\x10") == (b"", False)
    assert keys.feed(b"x") == (b"\x10x", False)
    assert keys.feed(b"\x10\x10\x11") == (b"\x10", True)


def test_a_sequence_inside_its_own_beginning_is_found() -> None:
    assert DetachKeys(b"aab").feed(b"aaab") == (b"a", True)


@given(st.text("ab", min_size=1, max_size=4), st.text("abc", max_size=12), st.integers(0, 12))
def test_no_key_is_lost_and_the_first_sequence_is_found(keys: str, typed: str, cut: int) -> None:
    watcher = DetachKeys(keys.encode())
    passed = b""
    for piece in (typed[:cut].encode(), typed[cut:].encode()):
        found, done = watcher.feed(piece)
        passed += found
        if done:
            break
    assert done == (keys in typed)
    if done:
        assert passed == typed[: typed.index(keys)].encode()
    else:
        assert typed.encode().startswith(passed)
        assert keys.encode().startswith(typed.encode()[len(passed) :])
