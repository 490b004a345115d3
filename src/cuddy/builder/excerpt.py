"""The lines of a Dockerfile that something is about, in BuildKit's layout.

    Dockerfile:3
    --------------------
       1 |     FROM alpine
       2 |
       3 | >>> RUN make
    --------------------

Whoever shows it to a terminal makes control characters visible.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.instructions import Place

AROUND = 2
MOST_LINES = 25
RULE = "-" * 20


def around(name: str, lines: Sequence[str], place: Place) -> str:
    """An instruction with two lines before and behind it; of a very long one the beginning."""
    last_line = min(place.last_line, place.line + MOST_LINES)
    first, last = max(1, place.line - AROUND), min(len(lines), last_line + AROUND)
    shown = [f"{name}:{place.line}", RULE]
    for number in range(first, last + 1):
        mark = ">>>" if place.line <= number <= place.last_line else "   "
        shown.append(f"{number:4} | {mark} {lines[number - 1]}".rstrip())
    return "\n".join([*shown, RULE])
