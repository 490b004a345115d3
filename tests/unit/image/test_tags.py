"""Tags in the order of versions."""

from __future__ import annotations

import random

import pytest

from cuddy.image import pages, tags


@pytest.mark.parametrize(
    "ordered",
    [
        ["1.9", "1.10", "1.10.1", "2"],
        ["2.0-alpha", "2.0-beta.2", "2.0-rc1", "2.0-rc2", "2.0-rc10", "2.0"],
        ["3.13.0a1", "3.13.0b2", "3.13.0rc1", "3.13.0", "3.13.0-slim", "3.13.1"],
        ["1.1.1", "1.1.1a", "1.1.1b", "1.1.2"],
        ["edge", "latest", "v1.2", "v1.10"],
        ["20230901", "20231101", "20240101"],
        ["1.25", "1.25-alpine", "1.25-alpine3.9", "1.25-alpine3.10", "1.26"],
        ["Alpha", "beta", "stable"],
    ],
)
def test_the_order_is_that_of_versions(ordered: list[str]) -> None:
    for seed in range(5):
        shuffled = ordered.copy()
        random.Random(seed).shuffle(shuffled)
        assert tags.sort(shuffled) == ordered


def test_every_two_tags_can_be_compared() -> None:
    strange = ["1", "a", "1a", "a1", "1.a", "1-1", "_", "_1", "1_", "v", "v1", "V1rc", "9" * 99]
    assert sorted(tags.sort(strange)) == sorted(strange)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('</v2/x/tags/list?last=a&n=2>; rel="next"', "/v2/x/tags/list?last=a&n=2"),
        ("</v2/x?n=2>;rel=next", "/v2/x?n=2"),
        ('<https://other/v2/x?n=2>; rel="next"', "/v2/x?n=2"),
        ('</a>; rel="prev", </b?c>; rel="next"', "/b?c"),
        ('</a,b?c>; rel="next"', "/a,b?c"),
        ("", ""),
        ("<", ""),
        ("<>; rel=next", ""),
        ("<x>; rel=next", ""),
        ('</a>; rel="previous"', ""),
        ("<http://[::1>; rel=next", ""),
    ],
)
def test_where_the_next_page_is(header: str, found: str) -> None:
    assert pages.next_page(header) == found
