"""Documents that are almost right: bytes decide what is changed in a good one.

Bytes at random are hardly ever JSON. Here they are a series of choices: which value of a good
document is replaced, by what, which key is renamed, what is doubled or dropped.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**32, 2**63, 2**64, -(2**63), 10**40, 0.5, 1e308, "", "/",
    "..", "../..", "/proc", "/proc/self/exe", "/dev/null", "\0", "a\nb", "\x1b[2J", "\udcff", "é",
    "a" * 5000, "/" * 300, "%s%n", "max", "-1", "0", [], [None], [[]], {}, {"": ""}, [0] * 500,
)  # fmt: skip
MOST_CHANGES = 6


class Choices:
    """Bytes, taken one after the other; zeros when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def below(self, limit: int) -> int:
        """A number from 0 up to `limit`."""
        taken = self._data[self._place : self._place + 2]
        self._place += 2
        return int.from_bytes(taken, "little") % max(limit, 1)

    def rest(self) -> bytes:
        """All that has not been taken."""
        return self._data[self._place :]


def mutated(seeds: tuple[Any, ...], data: bytes) -> Any:
    """One of the seeds with some changes."""
    choices = Choices(data)
    document = copy.deepcopy(seeds[choices.below(len(seeds))])
    for _ in range(1 + choices.below(MOST_CHANGES)):
        holder, key = pick(document, choices)
        if holder is not None:
            CHANGES[choices.below(len(CHANGES))](holder, key, document, choices)
    return document


def pick(document: Any, choices: Choices) -> tuple[Any, Any]:
    """A place in the document: its list or object, and the index or key there."""
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list):
            keys = list(value) if isinstance(value, dict) else list(range(len(value)))
            places += [(value, key) for key in keys]
            waiting += [value[key] for key in keys]
    return places[choices.below(len(places))] if places else (None, None)


def replace(holder: Any, key: Any, document: Any, choices: Choices) -> None:
    holder[key] = copy.deepcopy(STRANGE[choices.below(len(STRANGE))])


def borrow(holder: Any, key: Any, document: Any, choices: Choices) -> None:
    """What stands somewhere else in the same document."""
    other, place = pick(document, choices)
    holder[key] = copy.deepcopy(other[place])


def drop(holder: Any, key: Any, document: Any, choices: Choices) -> None:
    del holder[key]


def double(holder: Any, key: Any, document: Any, choices: Choices) -> None:
    if isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    else:
        holder[f"{key}{choices.below(3) or ''}"] = copy.deepcopy(holder[key])


def scribble(holder: Any, key: Any, document: Any, choices: Choices) -> None:
    """Other characters in a text, another number in a number's place."""
    value = holder[key]
    if isinstance(value, str):
        at = choices.below(len(value) + 1)
        holder[key] = value[:at] + chr(choices.below(0x300)) + value[at + choices.below(2) :]
    elif type(value) is int:
        holder[key] = value + choices.below(1 << 16) - (1 << 15)


CHANGES: tuple[Callable[[Any, Any, Any, Choices], None], ...] = (
    replace, borrow, drop, double, scribble,
)  # fmt: skip
