"""A screen of `stats`: drawn over the one before, and never higher than the terminal."""

from __future__ import annotations

from cuddy.cli.container.stats import _frame

TEXT = "TITLE\n" + "".join(f"line {number}\n" for number in range(20))


def lines(frame: str) -> list[str]:
    return frame.replace("\x1b[H", "").replace("\x1b[K", "").replace("\x1b[J", "").splitlines()


def test_lines_are_written_over_those_of_before() -> None:
    assert _frame("a\nb\n", 24, 80) == "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J"


def test_what_the_screen_cannot_hold_is_counted() -> None:
    shown = lines(_frame(TEXT, 10, 80))
    assert len(shown) == 9
    assert (shown[0], shown[-1]) == ("TITLE", "... and 13 more")
    assert len(lines(_frame(TEXT, 22, 80))) == 21
    assert len(lines(_frame(TEXT, 0, 0))) == 21


def test_a_line_that_is_too_wide_takes_two() -> None:
    shown = lines(_frame("TITLE\n" + "x" * 15 + "\nlast\nend\n", 5, 10))
    assert shown == ["TITLE", "x" * 15, "... and 2 "]
