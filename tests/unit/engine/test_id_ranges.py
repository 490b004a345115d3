"""Ranges of ids: from where, and never one twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.engine import id_ranges, removal
from cuddy.engine.home import Home
from cuddy.engine.id_ranges import Span
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.undo import Undo

SPANS = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 20)).map(lambda p: Span(p[0], p[0] + p[1]))
)


def ids(spans: list[Span]) -> set[int]:
    return {number for span in spans for number in range(span.start, span.end)}


@given(SPANS, SPANS)
def test_spans_are_sets_of_ids(one: list[Span], other: list[Span]) -> None:
    assert ids(id_ranges.merge(one)) == ids(one)
    assert ids(id_ranges.intersect(one, other)) == ids(one) & ids(other)
    rest = id_ranges.subtract(Span(5, 50), id_ranges.merge(one))
    assert ids(rest) == set(range(5, 50)) - ids(one)


@given(SPANS, SPANS, st.integers(1, 9), st.integers(0, 80))
def test_what_is_found_is_free_and_nothing_is_overlooked(
    pool: list[Span], taken: list[Span], size: int, begin: int
) -> None:
    pool = id_ranges.merge(pool)
    taken = sorted(span for span in taken if span.start < span.end)
    start = id_ranges.first_fit(pool, taken, size, begin)
    free = ids(pool) - ids(taken)
    fitting = [n for n in free if free.issuperset(range(n, n + size))]
    assert start in fitting if fitting else start == -1


@given(st.text(alphabet="abc019:\n\t -", max_size=80))
def test_a_file_of_subordinate_ids_may_hold_anything(tmp_path_factory: object, text: str) -> None:
    path = Path("/dev/shm/cuddy-subuid")
    path.write_text(text)
    try:
        for _, span in id_ranges.read_file(str(path)):
            assert 0 < span.start < span.end
    finally:
        path.unlink()


@pytest.mark.parametrize("text", ["", "5", "0:9", "5:0", "5:x", "1:4294967295", "-5:9"])
def test_a_configured_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        id_ranges.parse_range(text)


class TestLinks:
    def take(self, home: Home, container_id: str) -> int:
        start = id_ranges.find(home, 10, "1000:30")
        id_ranges.note(home, container_id, [Span(start, start + 10)], Undo())
        return start

    def test_a_range_is_given_once_and_comes_back(self, tmp_path: Path) -> None:
        home = Home(str(tmp_path), str(tmp_path))
        containers = [letter * 64 for letter in "abc"]
        for container_id in containers:
            Path(home.container_dir(container_id)).mkdir(parents=True)
        assert [self.take(home, each) for each in containers] == [1000, 1010, 1020]
        with pytest.raises(SystemFailure, match="no range of 10 ids is free"):
            self.take(home, "d" * 64)
        removal.free_names(home, "b" * 64, None)
        assert self.take(home, "d" * 64) == 1010

    def test_what_kills_have_left_is_free(self, tmp_path: Path) -> None:
        home = Home(str(tmp_path), str(tmp_path))
        assert [self.take(home, letter * 64) for letter in "abcd"] == [1000] * 4

    def test_engines_beside_each_other_begin_elsewhere(self) -> None:
        pool = [Span(1 << 19, 1 << 30)]
        assert id_ranges.preferred(Home(), pool) == 0
        assert id_ranges.preferred(Home("/a"), pool) != id_ranges.preferred(Home("/b"), pool)


def test_what_somebody_else_has_too_is_given_to_no_container() -> None:
    usual = [("alice", Span(100_000, 165_536)), ("root", Span(100_000, 231_072))]
    assert id_ranges.pool_of(usual, usual) == [Span(165_536, 231_072)]
    only_groups = [("root", Span(100_000, 231_072)), ("alice", Span(165_536, 231_072))]
    found = id_ranges.pool_of(usual, only_groups)
    assert found
    assert not id_ranges.intersect(found, [Span(100_000, 231_072)])


def test_ids_that_are_all_shared_are_replaced_by_systemds() -> None:
    same = [("lxd", Span(100_000, 165_536)), ("root", Span(100_000, 165_536))]
    assert id_ranges.pool_of(same, same) == [Span(*id_ranges.CONTAINERS_OF_SYSTEMD)]
