"""Times as docker shows them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import time_zone
from cuddy.cli import times
from cuddy.engine import moments


@pytest.fixture(autouse=True)
def berlin() -> Iterator[None]:
    with time_zone.living_in(time_zone.BERLIN):
        yield


@pytest.mark.parametrize(
    ("stamp", "shown"),
    [
        ("2024-05-06T07:08:09.9Z", "2024-05-06T09:08:09+02:00"),
        ("2024-01-06T07:08:09+05:00", "2024-01-06T03:08:09+01:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T01:00:00+01:00"),
        ("", "0001-01-01T01:00:00+01:00"),
        ("yesterday", "0001-01-01T01:00:00+01:00"),
        ("99999-01-01T00:00:00Z", "0001-01-01T01:00:00+01:00"),
    ],
)
def test_times_of_images_are_shown_in_the_local_zone(stamp: str, shown: str) -> None:
    assert times.local_rfc3339(moments.seconds(stamp)) == shown


def test_a_time_as_go_prints_it() -> None:
    seconds = moments.seconds("2024-05-06T07:08:09Z")
    assert times.local_text(seconds) == "2024-05-06 09:08:09 +0200 CEST"
