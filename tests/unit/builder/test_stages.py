"""The stages of a Dockerfile, and which of them a target needs."""

from __future__ import annotations

import pytest

from cuddy.builder import stages
from cuddy.builder.instructions import Copy, From, Place, Run
from cuddy.builder.stages import Stages
from cuddy.errors import InvalidArgument

HERE = Place(1, 1)


def opening(image: str, name: str = "", platform: str = "") -> From:
    return From(HERE, "", image, name, platform)


def copy(from_: str = "") -> Copy:
    return Copy(HERE, "", False, ("a",), "b", from_=from_)


def run(*mounts: str) -> Run:
    return Run(HERE, "", None, "true", mounts=mounts)


def names(found: list[stages.Stage]) -> list[str]:
    return [stage.shown for stage in found]


FOUR: tuple[From | Copy | Run, ...] = (
    opening("alpine", "one"), run(),
    opening("one", "two"), copy(),
    opening("alpine", "three"), copy("0"),
    opening("scratch"), copy("two"), run("type=bind,from=three,target=/x"),
)  # fmt: skip


def test_only_the_stages_that_are_needed_are_built() -> None:
    found = Stages(FOUR, {})
    assert names(found.needed(found.all[1])) == ["one", "two"]
    assert names(found.needed(found.all[2])) == ["one", "three"]
    assert names(found.needed(found.all[3])) == ["one", "two", "three", "stage-3"]


def test_the_target_is_the_last_stage_unless_one_is_named() -> None:
    found = Stages(FOUR, {})
    assert found.target("").number == 3
    assert found.target("TWO").number == 1
    assert found.target("0").number == 0
    with pytest.raises(InvalidArgument, match='target stage "five" could not be found'):
        found.target("five")


def test_a_base_is_a_stage_above_only() -> None:
    found = Stages((opening("later"), opening("x", "later"), opening("later")), {})
    assert [stage.parent for stage in found.all] == [-1, -1, 1]


def test_a_base_may_be_named_by_arguments() -> None:
    found = Stages((opening("$A:${B:-latest}", "", "$P"),), {"A": "alpine", "P": "linux/386"})
    assert (found.all[0].image, found.all[0].platform) == ("alpine:latest", "linux/386")


def test_a_base_that_is_blank_is_a_mistake() -> None:
    with pytest.raises(InvalidArgument, match="should not be blank"):
        Stages((opening("$A"),), {})


def test_two_stages_of_one_name_are_a_mistake() -> None:
    with pytest.raises(InvalidArgument, match="duplicate stage name"):
        Stages((opening("a", "x"), opening("b", "x")), {})


def test_what_is_no_stage_is_looked_for_elsewhere() -> None:
    found = Stages((opening("scratch"), copy("alpine:3"), copy("7")), {})
    assert [name for _, name in stages.sources(found.all[0].instructions)] == ["alpine:3", "7"]
    assert names(found.needed(found.all[0])) == ["stage-0"]


def test_a_stage_may_read_one_below_but_not_itself() -> None:
    found = Stages((opening("x", "one"), copy("1"), opening("y"), copy("0")), {})
    with pytest.raises(InvalidArgument, match="circular dependency detected on stage: one"):
        found.needed(found.all[0])
    found = Stages((opening("x", "one"), copy("two"), opening("y", "two")), {})
    assert names(found.needed(found.all[0])) == ["two", "one"]
    found.learn(found.all[1], [copy("one")])
    with pytest.raises(InvalidArgument, match="circular"):
        found.needed(found.all[1])


def test_a_file_without_from_has_no_stage() -> None:
    with pytest.raises(InvalidArgument, match="no stage"):
        Stages((), {}).target("")
