"""Steps and layers find each other, whatever a config says."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cuddy.image import history
from cuddy.image.history import Step


def config(layers: int, *entries: dict[str, Any]) -> Any:
    found = {"architecture": "amd64", "os": "linux"}
    return found | {"rootfs": {"diff_ids": ["x"] * layers}, "history": list(entries)}


def numbers(found: list[Step]) -> list[int]:
    return [step.layer for step in found]


def test_steps_that_changed_only_the_configuration_have_no_layer() -> None:
    empty = {"created_by": "ENV a=b", "empty_layer": True}
    found = history.steps(config(2, {"created_by": "ADD x"}, empty, {"created_by": "RUN y"}))
    assert numbers(found) == [0, -1, 1]
    assert [step.created_by for step in found] == ["ADD x", "ENV a=b", "RUN y"]


def test_layers_without_a_step_get_one_that_says_nothing() -> None:
    assert history.steps(config(2)) == [Step(0), Step(1)]


def test_steps_on_a_base_without_any_belong_to_the_upper_layers() -> None:
    found = history.steps(
        config(3, {"created_by": "ENV", "empty_layer": True}, {"created_by": "a"})
    )
    assert numbers(found) == [0, 1, -1, 2]
    assert found[3].created_by == "a"


def test_steps_without_a_layer_are_shown_all_the_same() -> None:
    assert numbers(history.steps(config(1, {}, {}, {}))) == [0, -1, -1]


def test_fields_of_another_type_are_no_text() -> None:
    odd = {"created": 5, "created_by": ["a"], "comment": {}, "author": None, "empty_layer": "yes"}
    assert history.steps(config(1, odd)) == [Step(0)]


entries = st.dictionaries(
    st.sampled_from(["created", "created_by", "comment", "author", "empty_layer"]),
    st.none() | st.booleans() | st.text() | st.integers() | st.lists(st.text()),
)


@given(st.integers(0, 5), st.lists(entries, max_size=8))
def test_every_layer_has_exactly_one_step(layers: int, found: list[dict[str, Any]]) -> None:
    steps = history.steps(config(layers, *found))
    assert sorted(n for n in numbers(steps) if n >= 0) == list(range(layers))
    assert len(steps) >= len(found)
