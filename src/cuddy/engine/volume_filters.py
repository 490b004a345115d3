"""Filters of `volume ls`: dangling, driver, label, name."""

from __future__ import annotations

from cuddy.engine import regexps, volumes
from cuddy.errors import WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.home import Home
    from cuddy.engine.regexps import Matches
    from cuddy.engine.volumes import Volume

NAMES = ("dangling", "driver", "label", "name")
TRUE = ("1", "true")
FALSE = ("0", "false")


def select(home: Home, filters: Iterable[tuple[str, str]]) -> list[Volume]:
    """The volumes that pass: any value of one filter, but all labels. Raises WrongArguments."""
    wanted: dict[str, list[str]] = {}
    for name, value in filters:
        if name not in NAMES:
            hint = f"one of {', '.join(NAMES)}"
            raise WrongArguments(f"invalid filter '{name}'", hint=hint)
        if name == "dangling" and value.lower() not in TRUE + FALSE:
            raise WrongArguments(f"invalid filter 'dangling=[{value}]'", hint="true or false")
        wanted.setdefault(name, []).append(value)
    names = [regexps.of_name(value) for value in wanted.get("name", ())]
    found = [each for each in volumes.list_volumes(home) if passes(each, wanted, names)]
    if "dangling" in wanted:
        is_wanted = wanted["dangling"][-1].lower() in TRUE
        found = [each for each in found if (not volumes.users(home, each["Name"])) == is_wanted]
    return found


def passes(volume: Volume, wanted: dict[str, list[str]], names: list[Matches]) -> bool:
    """Whether a volume has the driver, one of the names, and all the labels. Pure."""
    labels = volume.get("Labels") or {}
    return (
        ("driver" not in wanted or volume["Driver"] in wanted["driver"])
        and ("name" not in wanted or any(match(volume["Name"]) for match in names))
        and all(has_label(labels, each) for each in wanted.get("label", ()))
    )


def has_label(labels: dict[str, str], wanted: str) -> bool:
    """Whether KEY is there, or is VALUE: `KEY[=VALUE]`."""
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)
