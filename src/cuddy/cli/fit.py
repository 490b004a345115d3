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

PASSES = ((3, 10, False), (2, 0, False), (2, 0, True), (1, 0, True))
"""What is tried: blanks between columns, how narrow a column may be, whether cells are cut."""


class Fitted(NamedTuple):
    """Cells that fit, the blanks between columns, and how narrow a column may be."""

    rows: list[list[str]]
    gutter: int
    narrowest: int


def fit(
    rows: list[list[str]], fields: tuple[str, ...], elastic: tuple[Elastic, ...], columns: int
) -> Fitted:
    """The rows, titles first, in so many columns.

    First blanks give way, then the elastic columns in their order, then the last blanks.
    """
    for gutter, narrowest, may_cut in PASSES:
        fitted = rows
        widths = [max(map(width, column)) for column in zip(*rows)]
        taken = sum(max(narrowest, each + gutter) for each in widths[:-1]) + widths[-1]
        surplus = taken - columns
        for each in elastic:
            if surplus > 0 and may_cut and each.field in fields:
                place = fields.index(each.field)
                room = max(each.least, width(rows[0][place]), widths[place] - surplus)
                surplus -= max(0, widths[place] - room)
                fitted = [_narrow(row, place, room, each.where) for row in fitted]
        if surplus <= 0:
            break
    return Fitted(fitted, gutter, narrowest)


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
