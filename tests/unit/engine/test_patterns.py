"""Patterns are Go's: expectations are those of path.Match's own tests and its documentation."""

from __future__ import annotations

import pytest

from cuddy.engine.patterns import Pattern
from cuddy.errors import InvalidArgument


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("abc", "abc", True), ("*", "abc", True), ("*c", "abc", True), ("a*", "a", True),
        ("a*", "ab/c", False), ("a*/b", "abc/b", True), ("a*/b", "a/c/b", False),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", True), ("a*b*c*d*e*/f", "axbxcxdxexxx/f", True),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False), ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", False),
        ("a*b?c*x", "abxbbxdbxebxczzx", True), ("a*b?c*x", "abxbbxdbxebxczzy", False),
        ("ab[c]", "abc", True), ("ab[b-d]", "abc", True), ("ab[e-g]", "abc", False),
        ("ab[^c]", "abc", False), ("ab[^b-d]", "abc", False), ("ab[^e-g]", "abc", True),
        (r"a\*b", "a*b", True), (r"a\*b", "ab", False), ("a?b", "a☺b", True),
        ("a[^a]b", "a☺b", True), ("a???b", "a☺b", False), ("[a-ζ]*", "α", True),
        ("*[a-ζ]", "A", False), ("a?b", "a/b", False), ("a*b", "a/b", False),
        (r"[\]a]", "]", True), (r"[\-]", "-", True), (r"[x\-]", "z", False), ("*x", "xxx", True),
        ("[z-a]", "m", False), ("", "", True), ("", "a", False), ("**", "ab", True),
        ("[!a]", "!", True), ("[!a]", "b", False),
    ],
)  # fmt: skip
def test_what_fits(pattern: str, text: str, fits: bool) -> None:
    assert Pattern(pattern).fits(text) is fits


@pytest.mark.parametrize(
    "pattern", ["[", "[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[^", "a["]
)
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(InvalidArgument, match="syntax error in pattern"):
        Pattern(pattern)


def test_many_stars_cost_no_time() -> None:
    assert not Pattern("*a" * 100 + "b").fits("a" * 5000)
