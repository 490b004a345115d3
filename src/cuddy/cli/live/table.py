"""The table of containers in the live view. Only the rows that are seen are drawn, so that a
thousand containers cost no more than a screen full.
"""

from __future__ import annotations

import time

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cuddy.cli.live import columns
from cuddy.cli.live.pane import style_of
from cuddy.cli.width import width as width_of
from cuddy.engine.samples import Look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from textual.events import Click, Resize

    from cuddy.cli.live.columns import Cell, Column, View
    from cuddy.engine.samples import Row

HEAD = 1
"""Rows above the first container."""


class Table(ScrollView, can_focus=True):
    """Containers, one of which is selected: it stays so wherever it moves."""

    COMPONENT_CLASSES = {"table--head", "table--sorted", "table--selected"}

    class Selected(Message):
        """Another container is selected, or none."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.sorted_by = "cpu"
        self.is_reversed = False
        self.shows_all = True
        self.wanted = ""
        self.nothing = ""
        self.doing: dict[str, str] = {}  # by id, what is being done
        self.look = Look(0, 1, 0, ())
        self._history: dict[str, list[float]] = {}
        self._selected = ""  # id
        self._line = 0  # where that is, or was
        self._columns: list[Column] = []
        self._widths: dict[str, int] = {}

    @property
    def selected(self) -> Row | None:
        """The container that is selected."""
        return self.rows[self._line] if self._line < len(self.rows) else None

    def show(self, look: Look) -> None:
        """What all containers use now."""
        self.look = look
        before, self._history = self._history, {}
        for row in look.rows:
            if row.is_running:
                past = before.get(row.id, [])[1 - columns.HISTORY :]
                self._history[row.id] = [*past, row.cpu_percent]
        self.rearrange()

    def rearrange(self) -> None:
        """Sort and filter anew."""
        rows = [each for each in self.look.rows if self.shows_all or each.is_running]
        self.rows = columns.arrange(
            rows, self.sorted_by, reverse=self.is_reversed, wanted=self.wanted
        )
        places = {row.id: line for line, row in enumerate(self.rows)}
        self.virtual_size = Size(self.size.width, len(self.rows) + HEAD)
        self.select(places.get(self._selected, self._line))
        self.refresh()

    def sort_by(self, key: str) -> None:
        """Sort by a column; the other way round if it is that already."""
        self.is_reversed = key == self.sorted_by and not self.is_reversed
        self.sorted_by = key
        self.rearrange()

    def sort_beside(self, step: int) -> None:
        """Sort by the next column, or the one before."""
        keys = [each.key for each in self._columns if each.title]
        place = keys.index(self.sorted_by) if self.sorted_by in keys else -1
        self.is_reversed = False
        self.sorted_by = keys[(place + step) % len(keys)]
        self.rearrange()

    def move(self, lines: int) -> None:
        """Select another container, so many lines below."""
        self.select(self._line + lines)

    def select(self, line: int) -> None:
        """Select the container in a line, and bring it into view."""
        self._line = max(0, min(line, len(self.rows) - 1))
        found = self.rows[self._line].id if self.rows else ""
        if found != self._selected:
            self._selected = found
            self.post_message(self.Selected())
        room, top = self.page, self.scroll_offset.y
        if self._line < top or (room > 0 and self._line >= top + room):
            wanted = self._line if self._line < top else self._line - room + 1
            self.scroll_to(y=wanted, animate=False, immediate=True, force=True)
        self.refresh()

    @property
    def page(self) -> int:
        """How many containers are seen at once."""
        return self.size.height - HEAD

    def on_resize(self, event: Resize) -> None:
        """Choose columns anew."""
        self._columns, self._widths = columns.choose(self.scrollable_content_region.width - 1)
        self.rearrange()

    def on_click(self, event: Click) -> None:
        """Select what is clicked on, or sort by the column."""
        if event.y >= HEAD:
            self.select(event.y - HEAD + self.scroll_offset.y)
            return
        end = 1
        for column in self._columns:
            end += self._widths[column.key] + 1
            if event.x < end:
                self.sort_by(column.key)
                return

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        under = self.rich_style
        line = y - HEAD + self.scroll_offset.y
        if y < HEAD:
            return self._head()
        if line >= len(self.rows):
            text = f" {self.nothing}" if y == HEAD and not self.rows else ""
            strip = Strip([Segment(text, under + Style(dim=True))])
            return strip.crop_extend(0, self.size.width, under)
        view = columns.View(
            self.look.at_ns or time.time_ns(),
            self.look.cpus,
            self._history,
            self._widths,
            self.doing,
        )
        if line == self._line:
            under = self.get_component_rich_style("table--selected")
        return self._row(self.rows[line], view, under)

    def _head(self) -> Strip:
        under = self.get_component_rich_style("table--head")
        chosen = self.get_component_rich_style("table--sorted")
        pieces = [Segment(" ", under)]
        for column in self._columns:
            width = self._widths[column.key]
            title, style = column.title, under
            if column.key == self.sorted_by:
                mark = "▼" if column.downwards != self.is_reversed else "▲"
                title, style = f"{title[: width - 1]}{mark}", chosen
            text = title.rjust(width) if column.right else title.ljust(width)
            pieces += [Segment(text[:width], style), Segment(" ", under)]
        return Strip(pieces).crop_extend(0, self.size.width, under)

    def _row(self, row: Row, view: View, under: Style) -> Strip:
        pieces = [Segment(" ", under)]
        for column in self._columns:
            width = self._widths[column.key]
            cells = column.cell(row, view)
            if len(cells) == 1:
                cells = [(columns.fit(cells[0][0], column, width), cells[0][1])]
            pieces += [*_segments(cells, under, width), Segment(" ", under)]
        return Strip(pieces).crop_extend(0, self.size.width, under)


def _segments(cells: list[Cell], under: Style, width: int) -> list[Segment]:
    """Pieces over the row's own colours, with blanks up to the column's width."""
    found = [Segment(text, under + style_of(words)) for text, words in cells if text]
    left = width - sum(width_of(text) for text, _ in cells)
    return [*found, Segment(" " * left, under)] if left > 0 else found
