"""Filters of events match as docker's daemon matches (daemon/events/filter.go)."""

from __future__ import annotations

import pytest

from cuddy.engine import event_filters
from cuddy.engine.event_log import Event
from cuddy.errors import WrongArguments


def event(kind: str, action: str, actor: str, **attributes: str) -> Event:
    return {
        "Type": kind, "Action": action, "Actor": {"ID": actor, "Attributes": attributes},
        "scope": "local", "time": 1, "timeNano": 10**9,
    }  # fmt: skip


WEB = event("container", "exec_start: sh -c x", "ab12", name="web", image="shop:1", tier="front")
TAG = event("image", "tag", "sha256:99", name="shop:2")
PULL = event("image", "pull", "shop:2", name="shop")
JOIN = event("network", "connect", "cd34", name="backbone", container="ab12")


@pytest.mark.parametrize(
    ("filters", "passing"),
    [
        ([], [WEB, TAG, PULL, JOIN]),
        (["type=container"], [WEB]),
        (["type=container", "type=network"], [WEB, JOIN]),
        (["type=plugin"], []),
        (["event=tag"], [TAG]),
        (["event=ta"], []),
        (["event=exec_start"], [WEB]),
        (["event=exec_start: sh -c x"], [WEB]),
        (["event=exec_start", "event=ta"], [WEB, TAG]),  # docker's: one such makes all beginnings
        (["event=tag", "type=container"], []),
        (["scope=local"], [WEB, TAG, PULL, JOIN]),
        (["scope=swarm"], []),
        (["container=web"], [WEB]),
        (["container=w"], [WEB]),
        (["container=ab"], [WEB]),
        (["network=back"], [JOIN]),
        (["container=back"], [JOIN]),  # docker's: the name counts, whatever the kind
        (["volume=none"], []),
        (["image=shop"], [WEB, TAG, PULL]),
        (["image=shop:1"], [WEB]),
        (["image=shop:2"], [TAG, PULL]),
        (["image=sho"], []),
        (["image=sha256:99"], [TAG]),
        (["label=tier"], [WEB]),
        (["label=tier=front"], [WEB]),
        (["label=tier=back"], []),
        (["label=tier", "label=name=web"], [WEB]),
        (["label=tier", "label=other"], []),
    ],
)
def test_what_passes(filters: list[str], passing: list[Event]) -> None:
    pairs = [(name, value) for name, _, value in (each.partition("=") for each in filters)]
    wanted = event_filters.parse(pairs)
    assert [e for e in (WEB, TAG, PULL, JOIN) if event_filters.matches(e, wanted)] == passing


@pytest.mark.parametrize("name", ["config", "daemon", "node", "plugin", "secret", "service"])
def test_filters_of_what_cuddy_has_not_are_taken(name: str) -> None:
    assert not event_filters.matches(WEB, event_filters.parse([(name, "x")]))


def test_an_unknown_filter_is_an_error() -> None:
    with pytest.raises(WrongArguments, match="invalid filter 'colour'"):
        event_filters.parse([("colour", "red")])
