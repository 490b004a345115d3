"""Tables fitted to the width of a terminal: some columns give way, names and ids never do.

A column that gives way is shortened where it matters least: a command at its end, the name of an
image at its beginning. What does not fit even then runs over, as it always did.
"""

from __future__ import annotations

from cuddy.cli.width import cut, width
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.table import Elastic

GUTTER = 3


class Fitted(NamedTuple):
    """Cells that fit, the blanks between columns, and how narrow a column may be."""

    rows: list[list[str]]
    gutter: int
    narrowest: int


def fit(
    rows: list[list[str]], fields: tuple[str, ...], elastic: tuple[Elastic, ...], columns: int
) -> Fitted:
    """The rows, titles first, in so many columns: elastic ones give way in their order."""
    for gutter, narrowest in ((GUTTER, GUTTER + 7), (1, 0)):
        widths = [max(map(width, column)) for column in zip(*rows)]
        taken = sum(max(narrowest, each + gutter) for each in widths[:-1]) + widths[-1]
        surplus = taken - columns
        for each in elastic:
            if surplus > 0 and each.field in fields:
                place = fields.index(each.field)
                room = max(each.least, width(rows[0][place]), widths[place] - surplus)
                surplus -= max(0, widths[place] - room)
                rows = [_narrow(row, place, room, each.where) for row in rows]
        if surplus <= 0:
            break
    return Fitted(rows, gutter, narrowest)


def _narrow(row: list[str], place: int, room: int, where: str) -> list[str]:
    return [*row[:place], shorten(row[place], room, where), *row[place + 1 :]]


def shorten(text: str, room: int, where: str) -> str:
    """The text in so many columns, with an ellipsis for what is left out."""
    if width(text) <= room:
        return text
    if where == "quoted" and text.endswith('"'):
        return cut(text[:-1].removesuffix("…") + " " * room, room - 1) + '"'
    if where == "start":
        return cut(text[::-1], room)[::-1]
    return cut(text, room)
