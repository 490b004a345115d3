"""--since and --until take dates, times, Unix seconds and durations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import time_zone
from cuddy import files
from cuddy.engine import moments
from cuddy.errors import InvalidArgument

NOW = 1_700_000_000 * 10**9


@pytest.fixture(autouse=True)
def berlin() -> Iterator[None]:
    with time_zone.living_in(time_zone.BERLIN):
        yield


@pytest.mark.parametrize(
    ("word", "seconds"),
    [("42m", 2520), ("1h30m", 5400), ("1.5h", 5400), ("300ms", 0.3), ("2h45m30.5s", 9930.5)],
)
def test_a_duration_is_so_long_ago(word: str, seconds: float) -> None:
    assert moments.moment(word, NOW) == NOW - int(seconds * 10**9)


@pytest.mark.parametrize(
    ("word", "utc"),
    [
        ("2024-07-01T12:00:00Z", "2024-07-01T12:00:00"),
        ("2024-07-01T12:00:00+02:00", "2024-07-01T10:00:00"),
        ("2024-07-01T12:00:00-02:00", "2024-07-01T14:00:00"),
        ("2024-07-01T12:00:00", "2024-07-01T10:00:00"),
        ("2024-01-01T12:00:00", "2024-01-01T11:00:00"),
        ("2024-07-01T12:00", "2024-07-01T10:00:00"),
        ("2024-07-01", "2024-06-30T22:00:00"),
        ("2024-07-01Z", "2024-07-01T00:00:00"),
    ],
)
def test_a_time_without_a_zone_is_local(word: str, utc: str) -> None:
    wanted = datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()
    assert moments.moment(word, NOW) == int(wanted) * 10**9


@pytest.mark.parametrize("word", ["9" * 30, "9999-12-31T23:59:59Z"])
def test_what_is_too_late_to_be_written_is_the_last_moment(word: str) -> None:
    stamp = moments.moment(word, NOW)
    assert files.format_time(stamp) == "9999-12-31T23:59:59.000000000Z"


def test_fractions_are_kept_to_the_nanosecond() -> None:
    assert moments.moment("1136073600.000000001", NOW) == 1136073600_000000001
    assert moments.moment("1970-01-01T00:00:00.123456789Z", NOW) == 123456789


@pytest.mark.parametrize(
    "word", ["", "foo", "2024-13-01", "12:00", "5x", "1.2.3", "2024-07-01T1Z2"]
)
def test_anything_else_is_refused(word: str) -> None:
    with pytest.raises(InvalidArgument):
        moments.moment(word, NOW)


@given(st.text(alphabet="0123456789-+:.TZhms", max_size=30))
def test_any_word_is_read_or_refused(word: str) -> None:
    try:
        moments.moment(word, NOW)
    except InvalidArgument:
        pass


@given(st.integers(0, 4_000_000_000), st.integers(0, 999_999_999))
def test_every_moment_written_as_rfc_3339_comes_back(seconds: int, nanoseconds: int) -> None:
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    assert moments.moment(f"{text}.{nanoseconds:09}Z", NOW) == seconds * 10**9 + nanoseconds
