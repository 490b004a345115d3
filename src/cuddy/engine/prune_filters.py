"""Filters of all prunes: by label, by its absence, and by age."""

from __future__ import annotations

import time

from cuddy.engine import moments
from cuddy.errors import InvalidArgument, WrongArguments
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NAMES = ("label", "label!", "until")


class Filters(NamedTuple):
    """What may go. `until_ns`: only what was made before this moment."""

    labels: tuple[str, ...] = ()
    not_labels: tuple[str, ...] = ()
    until_ns: int | None = None

    def let_go(self, labels: Mapping[str, str], created_ns: int) -> bool:
        """Whether something with these labels, made at that moment, may go."""
        if not all(_has(labels, each) for each in self.labels):
            return False
        if any(_has(labels, each) for each in self.not_labels):
            return False
        return self.until_ns is None or created_ns < self.until_ns


def until(pairs: Iterable[tuple[str, str]]) -> int | None:
    """The moment that the filter `until` means, if it is there. Raises InvalidArgument."""
    words = [value for name, value in pairs if name == "until"]
    if len(words) > 1:
        raise InvalidArgument("more than one until filter specified")
    return moments.moment(words[0], time.time_ns()) if words else None


def parse(
    pairs: Iterable[tuple[str, str]], until_ns: int | None, *, more: tuple[str, ...] = ()
) -> Filters:
    """The filters of the command line; `until` was read by who knows the local time.

    `more`: filters that somebody else understands. Raises WrongArguments.
    """
    for name, _ in pairs:
        if name not in (*NAMES, *more):
            hint = f"one of {', '.join(sorted((*NAMES, *more)))}"
            raise WrongArguments(f"invalid filter '{name}'", hint=hint)
    return Filters(
        tuple(value for name, value in pairs if name == "label"),
        tuple(value for name, value in pairs if name == "label!"),
        until_ns,
    )


def _has(labels: Mapping[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)
