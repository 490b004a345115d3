"""Widths are docker's: taken from the columns of `docker context ls`, 28.2.2."""

from __future__ import annotations

import pytest

from cuddy.cli import width


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("plain", 5),
        ("日本語", 6),
        ("한글 か\u3099", 7),
        ("ａｂ", 4),
        ("\x1b[31mred\u2028e\u0301👍ñ", 11),
        ("a\u200bb\u00adc", 3),
        ("±¡§①②", 5),
        ("नमस्ते", 4),
        ("\x7f\x01\n\t", 0),
        ("❤\ufe0f ☺ ✓ ♥", 7),
    ],
)
def test_columns_of_a_text(text: str, columns: int) -> None:
    assert width.width(text) == columns


def test_padding_and_cutting_go_by_columns() -> None:
    assert width.pad("日本", 6) == "日本  "
    assert width.cut("日本語", 6) == "日本語"
    assert width.cut("日本語", 5) == "日本…"
    assert width.cut("日本語", 4) == "日…"
    assert width.cut("abcdef", 3) == "ab…"
    assert width.cut("a\x1b[0mb", 5) == "a\x1b[0…"
    assert width.cut("a" * 45, 45) == "a" * 45
