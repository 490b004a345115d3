"""/etc/subuid, which an administrator or a careless program has written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.kernel import subids
from cuddy.kernel.idmap import IdRange


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("ann:100000:65536\n", ((100000, 65536),)),
        ("1000:100000:65536\nann:200000:10\nbob:1:9\n", ((100000, 65536), (200000, 10))),
        ("ann:100000:65536\nann:100000:65536\n", ((100000, 65536),)),
        ("ann:100000:10\nann:100009:10\n", ((100000, 10),)),
        ("ann:0:65536\n", ()),
        ("ann:100000:0\nann:-5:6\nann:5:-6\nann:x:6\nann:5\nann:5:6:7\nann\n\n", ()),
        ("ann:4294967290:6\n", ()),
        ("ann:٣:65536\n", ()),
        ("ann:100000:99999999999999999999\n", ()),
    ],
)
def test_ranges_of_a_user(text: str, ranges: tuple[tuple[int, int], ...]) -> None:
    assert subids.parse(text, {"ann", "1000"}) == ranges


LINES = st.lists(st.tuples(st.sampled_from("ab"), st.integers(-1, 2**33), st.integers(-1, 2**33)))


@given(LINES, st.text())
def test_no_id_is_granted_twice_and_none_that_does_not_exist(
    lines: list[tuple[str, int, int]], noise: str
) -> None:
    text = "\n".join([noise, *(f"{name}:{first}:{count}" for name, first, count in lines)])
    found = sorted(subids.parse(text, {"a"}))
    ends = [first + count for first, count in found]
    assert all(0 < first < end < 2**32 for (first, _), end in zip(found, ends, strict=True))
    assert all(end <= first for end, (first, _) in zip(ends, found[1:], strict=False))


def test_the_user_is_root_and_others_follow() -> None:
    maps = subids.lay_out(1000, [(100000, 65536), (300000, 10)])
    assert maps == [IdRange(0, 1000, 1), IdRange(1, 100000, 65536), IdRange(65537, 300000, 10)]
