"""What containers write, as the live view shows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from cuddy.cli.live import sgr


def test_colours_become_styles_and_end_where_they_end() -> None:
    line = b"a \x1b[1;31mred\x1b[22m thin\x1b[0m \x1b[38;5;200;48;2;1;2;3mboth\x1b[39m back"
    assert sgr.spans(line) == [
        ("a ", ""),
        ("red", "bold color(1)"),
        (" thin", "color(1)"),
        (" ", ""),
        ("both", "color(200) on #010203"),
        (" back", "on #010203"),
    ]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"\x1b]0;title\x07x", "\\x1b]0;title\\ax"),
        (b"\x1b[2J\x1b[H", "\\x1b[2J\\x1b[H"),
        (b"\x9b2J", "\\x9b2J"),
        ("\x9b2J‮x".encode(), "\\u009b2J\\u202ex"),
        (b"10%\r20%\r\r", "20%"),
        (b"text\r", "text"),
        (b"a\tb\x1b[1m\tc", "a       b       c"),
        (b"x\x1b[K", "x"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"", ""),
    ],
)
def test_everything_else_is_made_visible(line: bytes, shown: str) -> None:
    assert "".join(text for text, _ in sgr.spans(line)) == shown


def test_a_long_line_is_cut() -> None:
    spans = sgr.spans(b"x" * 100_000)
    assert spans == [("x" * sgr.MOST, ""), ("…", "dim")]


@given(st.binary(max_size=300) | st.lists(st.sampled_from(
    [b"\x1b[", b"38", b";", b"5", b"2", b"m", b"999", b"x", b":", b"\t", b"\r"]
)).map(b"".join))  # fmt: skip
def test_whatever_is_written_nothing_of_it_is_obeyed(line: bytes) -> None:
    for text, style in sgr.spans(line):
        assert text.isprintable()
        Style.parse(style or "none")
