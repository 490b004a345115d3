"""Output of strangers' programs, as a terminal may be shown it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.cli.build_lines import Lines, Tail, clean


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"plain", "plain"),
        ("größer 界".encode(), "größer 界"),
        (b"a\tb", "a\tb"),
        (b"\x1b[31mred\x1b[0m and \x1b[1;4mbold\x1b[m", "red and bold"),
        (b"\x1b[2J\x1b[Hgone", "\\x1b[2J\\x1b[Hgone"),
        (b"\x1b]0;title\x07", "\\x1b]0;title\\a"),
        (b"10%\r50%\r100%\x1b[K", "100%"),
        (b"windows\r", "windows"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"\x9b31m", "\\x9b31m"),
        (b"", ""),
        (b"\r\r", ""),
    ],
)
def test_a_line_is_shown_without_what_a_terminal_would_obey(line: bytes, shown: str) -> None:
    assert clean(line) == shown


@given(st.lists(st.binary(max_size=80), max_size=8))
def test_no_control_character_gets_through_in_whatever_pieces_it_comes(pieces: list[bytes]) -> None:
    lines = Lines()
    shown = [line for piece in pieces for line in lines.feed(piece)] + lines.end()
    assert all(c == "\t" or c.isprintable() for line in shown for c in line)
    assert len(shown) <= b"".join(pieces).count(b"\n") + 1


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_pieces_make_the_same_lines_as_the_whole(pieces: list[bytes]) -> None:
    lines, whole = Lines(), Lines()
    shown = [line for piece in pieces for line in lines.feed(piece)]
    assert shown == whole.feed(b"".join(pieces))
    assert lines.end() == whole.end()


def test_a_line_that_never_ends_is_shown_in_pieces() -> None:
    lines = Lines()
    assert sum(len(line) for _ in range(40) for line in lines.feed(b"x" * 10_000)) >= 300_000


def test_the_tail_is_the_last_lines_with_their_times() -> None:
    tail = Tail()
    for number in range(100):
        tail.add(number / 10, b"line %d\n" % number)
    tail.add(11, b"no end")
    assert tail.lines(3) == ["9.800 line 98", "9.900 line 99", "11.000 no end"]


def test_the_tail_of_much_output_is_short() -> None:
    tail = Tail()
    for _ in range(1000):
        tail.add(1, b"y\n" * 30_000)
    assert tail.lines(20) == ["1.000 y"] * 20
