"""--userns, --uidmap and --gidmap: what they mean, and what makes no sense."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.engine import id_maps, userns
from cuddy.engine.container import Container
from cuddy.engine.options import ContainerOptions
from cuddy.engine.userns import Wish
from cuddy.errors import InvalidArgument
from cuddy.kernel import idmap
from cuddy.kernel.idmap import IdRange


@pytest.mark.parametrize(
    ("mode", "wish"),
    [
        ("", Wish()),
        ("host", Wish("host")),
        ("auto", Wish("auto")),
        ("auto:size=1000", Wish("auto", 1000)),
        ("nomap", Wish("nomap")),
        ("keep-id:uid=7,gid=8", Wish("keep-id", uid=7, gid=8)),
        ("container:box", Wish("container")),
    ],
)
def test_what_it_says(mode: str, wish: Wish) -> None:
    assert userns.parse(mode) == wish


@given(st.text(max_size=20) | st.from_regex(r"(auto|keep-id|nomap|container|host):?[a-z=,0-9]*"))
def test_whatever_is_said_is_understood_or_refused(mode: str) -> None:
    try:
        assert 0 < userns.parse(mode).size <= userns.MAX_SIZE
    except InvalidArgument:
        pass


WORD = r"[+ug]{0,2}[0-9]{0,11}(:@?[0-9]{0,11}){0,3}"


@given(st.lists(st.from_regex(WORD, fullmatch=True), max_size=4))
def test_maps_that_pass_are_such_as_the_kernel_takes(words: list[str]) -> None:
    try:
        found = id_maps.parse(words, "--uidmap")
    except InvalidArgument:
        return
    for one in found:
        assert one.size > 0 and max(one.container_id, one.host_id) + one.size <= 1 << 32
        for other in found:
            if one is not other:
                assert not one.host_id <= other.host_id < one.host_id + one.size


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"userns_mode": "auto:size=0"}, "no user at all"),
        ({"userns_mode": "auto:"}, "invalid USER mode"),
        ({"userns_mode": "auto:size=x"}, "is no number"),
        ({"userns_mode": "host:size=9"}, "invalid USER mode"),
        ({"userns_mode": "auto", "privileged": True}, "privileged mode is incompatible"),
        ({"userns_mode": "auto", "pid_mode": "host"}, "cannot share the host PID namespace"),
        ({"userns_mode": "auto", "uid_maps": ("0:1:1",)}, "exclude each other"),
        ({"userns_mode": "keep-id"}, "by sudo"),
        ({"uid_maps": ("1:1:1",)}, "0, is not mapped"),
        ({"uid_maps": ("0:1:5", "4:9:1")}, "mapped twice"),
        ({"uid_maps": ("0:4294967295:5",)}, "no number from"),
        ({"uid_maps": ("0",)}, "invalid map"),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint):
        userns.check(ContainerOptions("image", **values))


def test_one_map_stands_for_both() -> None:
    maps = id_maps.asked(ContainerOptions("image", uid_maps=("0:100:5", "5:7")))
    assert maps == ([IdRange(0, 100, 5), IdRange(5, 7, 1)],) * 2
    record: Container = {"HostConfig": {"IDMappings": userns.shown(maps)}}
    assert userns.maps_of(record) == maps


@pytest.mark.parametrize(
    ("words", "uids", "gids"),
    [
        (["0:100:9", "u9:500"], [(0, 100, 9), (9, 500, 1)], [(0, 100, 9)]),
        (["0:100:9", "g9:@500"], [(0, 100, 9)], [(0, 100, 9), (9, 500, 1)]),
        (["0:0:9", "u+4:700"], [(0, 0, 4), (5, 5, 4), (4, 700, 1)], [(0, 0, 9)]),
        (["0:0:9", "+g20:2"], [(0, 0, 9)], [(0, 0, 2), (3, 3, 6), (20, 2, 1)]),
        (["0:0:9", "ug+1:6:2"], [(0, 0, 1), (3, 3, 3), (8, 8, 1), (1, 6, 2)], None),
    ],
)
def test_letters_say_of_whom_and_what_comes_first(
    words: list[str], uids: list[tuple[int, ...]], gids: list[tuple[int, ...]] | None
) -> None:
    found = id_maps.asked(ContainerOptions("image", uid_maps=tuple(words)))
    assert found == (uids, uids if gids is None else gids)


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 2, st.integers(1, 10)), max_size=5))
def test_the_last_word_counts(ranges: list[tuple[int, int, int]]) -> None:
    """+ of all maps is as if each id had been mapped anew, one by one."""
    expected: dict[int, int] = {}
    for inside, outside, size in ranges:
        new = {inside + n: outside + n for n in range(size)}
        expected = {i: o for i, o in expected.items() if i not in new and o not in new.values()}
        expected |= new
    found = id_maps.parse([f"+{i}:{o}:{n}" for i, o, n in ranges], "--uidmap")
    assert {r.container_id + n: r.host_id + n for r in found for n in range(r.size)} == expected


@given(st.integers(1, 1000), st.integers(0, 1200), st.integers(5000, 6000))
def test_who_is_kept_is_himself_and_all_others_are_of_the_range(
    size: int, inside: int, outside: int
) -> None:
    ranges = userns.spread(100_000, size, (inside, outside))
    for number in range(size):
        expected = outside if number == inside else 100_000 + number
        assert idmap.map_id(number, ranges) == expected
    assert idmap.map_id(inside, ranges) == outside


class TestConfigured:
    def settle(self, others: dict[str, Container], **values: Any) -> str:
        options = ContainerOptions("image", userns_default="auto", **values)
        return userns.settle(options, others)[0].userns_mode

    def test_it_counts_where_nothing_is_said(self) -> None:
        assert self.settle({}) == "auto"

    @pytest.mark.parametrize(
        "values", [{"privileged": True}, {"network": "host"}, {"pid_mode": "host"}]
    )
    def test_who_shares_with_the_host_has_its_users(self, values: dict[str, Any]) -> None:
        assert self.settle({}, **values) == ""

    def test_who_shares_with_a_container_has_that_one_s(self) -> None:
        mapped: Container = {"Id": "abc", "HostConfig": {"IDMappings": {"UidMap": []}}}
        assert self.settle({"network": mapped}) == "container:abc"
        assert self.settle({"network": {"Id": "abc", "HostConfig": {}}}) == ""
