"""The number of a snapshot, as it is typed."""

from __future__ import annotations

from cuddy.errors import InvalidArgument


def number(word: str) -> int:
    """A snapshot's number. Raises InvalidArgument."""
    if not (word.isascii() and word.isdecimal() and len(word) < 10):
        hint = "'cuddy sandbox snapshot' prints it; 0 is as it began"
        raise InvalidArgument(f"{word!r} is not the number of a snapshot", hint=hint)
    return int(word)
