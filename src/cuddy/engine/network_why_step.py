"""One step of an explanation."""

from __future__ import annotations

from cuddy.shapes import NamedTuple

OK, NO, UNKNOWN = "ok", "no", "?"


class Step(NamedTuple):
    """`what` was looked at, how it stands, a sentence, and what to do where it is `no`."""

    what: str  # state, name, route, rule, listener, attempt
    state: str
    text: str
    remedy: str = ""
