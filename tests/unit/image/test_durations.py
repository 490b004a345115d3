"""Go's durations."""

from __future__ import annotations

import pytest

from cuddy.errors import InvalidArgument
from cuddy.image import durations


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0", 0), ("1s", 10**9), ("1m30s", 90 * 10**9), ("1.5h", 5400 * 10**9),
        ("-2ms", -2 * 10**6), ("+5us", 5000), ("3µs", 3000), ("1h2m3s4ms5us6ns", 3723004005006),
        ("0s", 0), (".5s", 5 * 10**8),
    ],
)  # fmt: skip
def test_a_duration(text: str, wanted: int) -> None:
    assert durations.parse(text) == wanted


@pytest.mark.parametrize("text", ["", "5", "s", "1x", "1..5s", "1s ", "-", ".s", "9999999h"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidArgument):
        durations.parse(text)
