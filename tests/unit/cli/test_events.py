"""How events are shown: docker's line, its JSON, and templates over its fields."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import time_zone
from cuddy.cli.system import events
from cuddy.cli.template import Unfit
from cuddy.engine.event_log import Event

DIE: Event = {
    "Type": "container",
    "Action": "die",
    "Actor": {"ID": "ab12", "Attributes": {"name": "web", "image": "shop:1", "exitCode": "3"}},
    "scope": "local",
    "time": 1700000000,
    "timeNano": 1700000000000000042,
}
LEAVE: Event = {
    **DIE,
    "Type": "network",
    "Action": "disconnect",
    "Actor": {"ID": "bridge", "Attributes": {}},
}


@pytest.fixture(autouse=True)
def nepal() -> Iterator[None]:
    """Somewhere with an odd zone."""
    with time_zone.living_in(time_zone.NEPAL):
        yield


def test_a_line_has_local_time_and_sorted_attributes() -> None:
    assert events.line(DIE) == (
        "2023-11-15T03:58:20.000000042+05:45 container die ab12 "
        "(exitCode=3, image=shop:1, name=web)"
    )
    assert events.line(LEAVE).endswith(" network disconnect bridge")


def test_json_has_the_older_fields_of_containers_and_images() -> None:
    assert events.as_json(DIE) == (
        '{"status":"die","id":"ab12","from":"shop:1","Type":"container","Action":"die",'
        '"Actor":{"ID":"ab12","Attributes":{"exitCode":"3","image":"shop:1","name":"web"}},'
        '"scope":"local","time":1700000000,"timeNano":1700000000000000042}'
    )
    assert events.as_json(LEAVE).startswith('{"Type":"network"')


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("{{.Status}} {{.ID}} {{.From}} {{.Scope}}", "die ab12 shop:1 local"),
        ("{{.Type}} {{.Action}} {{.Time}}", "container die 1700000000"),
        ("{{.Actor.ID}} {{.Actor.Attributes.name}}", "ab12 web"),
        ("{{.Actor.Attributes.none}}", "<no value>"),
        ("{{json .Actor.Attributes.name}}", '"web"'),
        ("{{json .}}", events.as_json(DIE)),
        ("json", events.as_json(DIE)),
        ("", events.line(DIE)),
    ],
)
def test_forms(form: str, shown: str) -> None:
    if not form:
        shown = events.line(DIE)
    assert events.renderer(form)(DIE) == shown


def test_a_field_that_events_have_not_is_known_before_the_first_comes() -> None:
    with pytest.raises(Unfit) as caught:
        events.renderer("{{.Nope}}")
    assert caught.value.exit_code == 64
