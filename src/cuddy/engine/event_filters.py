"""Filters of events, as `events --filter` and the API have them. Pure.

Values of one filter widen each other, filters of different names narrow. Labels narrow each other
too. What is named by container, network, volume and their kin may be the beginning of an id or a
name, of whatever kind the event is: Docker's rule, as are the others here.
"""

from __future__ import annotations

from cuddy.errors import InvalidReference, WrongArguments
from cuddy.image import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.event_log import Event

    Filters = dict[str, tuple[str, ...]]

NAMES = (
    "config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume",
)  # fmt: skip
"""Filters that name what the event is about."""
KNOWN = ("event", "image", "label", "scope", "type", *NAMES)
WITH_DETAILS = ("exec_create", "exec_start", "health_status")
"""Actions that go on after a colon; they are meant by their beginning."""


def parse(pairs: Iterable[tuple[str, str]]) -> Filters:
    """The filters that the user wrote, by name. Raises WrongArguments."""
    found: Filters = {}
    for name, value in pairs:
        if name not in KNOWN:
            hint = f"one of {', '.join(sorted(KNOWN))}"
            raise WrongArguments(f"invalid filter '{name}'", hint=hint)
        found[name] = (*found.get(name, ()), value)
    return found


def matches(event: Event, filters: Filters) -> bool:
    """Whether an event passes all the filters."""
    return all(_passes(event, name, values) for name, values in filters.items())


def _passes(event: Event, name: str, values: tuple[str, ...]) -> bool:
    actor, attributes = event["Actor"]["ID"], event["Actor"]["Attributes"]
    if name == "type":
        return event["Type"] in values
    if name == "scope":
        return event["scope"] in values
    if name == "event":
        by_beginning = any(value in WITH_DETAILS for value in values)
        return event["Action"].startswith(values) if by_beginning else event["Action"] in values
    if name == "label":
        return all(_has(attributes, value) for value in values)
    if name == "image":
        image = attributes.get("name" if event["Type"] == "image" else "image", "")
        return not {actor, image, _repository(actor), _repository(image)}.isdisjoint(values)
    return actor.startswith(values) or attributes.get("name", "").startswith(values)


def _has(attributes: dict[str, str], label: str) -> bool:
    key, equals, value = label.partition("=")
    return key in attributes and (not equals or attributes[key] == value)


def _repository(name: str) -> str:
    """An image's name without its tag."""
    try:
        return reference.parse(name).familiar_name
    except InvalidReference:
        return name
