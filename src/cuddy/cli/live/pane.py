"""A pane of lines of the live view: the log, the events, the details of a container.

It stays at the end as lines come, unless somebody has scrolled up. Long lines are wrapped; only
those that are seen are drawn.
"""

from __future__ import annotations

from collections import deque

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.events import Resize

    Line = Sequence[Sequence[str]]

MOST = 2000
"""Lines that are kept."""
NONE = Style()
MARGIN = 1
_INDENT = 2
"""Of the rest of a line that is wrapped."""


class Pane(ScrollView, can_focus=False):
    """Lines, each of pieces of printable text with their styles."""

    def __init__(self, *, id: str, nothing: str, follows: bool = True) -> None:
        super().__init__(id=id)
        self._nothing = nothing
        self._follows = follows
        self._lines: deque[Line] = deque(maxlen=MOST)
        self._drawn: deque[list[Segment]] = deque()
        self._heights: deque[int] = deque()  # rows of each line
        self._width = 0
        self._is_at_end = follows

    def add(self, lines: Iterable[Line]) -> None:
        """More lines at the end."""
        for line in lines:
            if len(self._lines) == MOST:
                for _ in range(self._heights.popleft()):
                    self._drawn.popleft()
            self._lines.append(line)
            self._draw(line)
        self._measure()
        self.refresh()

    def replace(self, lines: Iterable[Line]) -> None:
        """Other lines in place of those there are; where one was looking stays."""
        self._lines.clear()
        self._lines.extend(lines)
        self._draw_all()

    def say(self, nothing: str) -> None:
        """What stands here as long as there are no lines."""
        if nothing != self._nothing:
            self._nothing = nothing
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        row = y + self.scroll_offset.y
        width, under = self.size.width, self.rich_style
        if not self._drawn and y == 0:
            text = [Segment(" " * MARGIN + self._nothing, under + Style(dim=True))]
            return Strip(text).crop_extend(0, width, under)
        if row >= len(self._drawn):
            return Strip.blank(width, under)
        pieces = [Segment(text, under + (style or NONE)) for text, style, _ in self._drawn[row]]
        return Strip([Segment(" " * MARGIN, under), *pieces]).crop_extend(0, width, under)

    def on_resize(self, event: Resize) -> None:
        """Wrap anew."""
        if self._room != self._width:
            self._width = self._room
            self._draw_all()
        elif self._is_at_end:
            self._go_to_end()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls back to the end is followed again."""
        super().watch_scroll_y(old_value, new_value)
        self._is_at_end = self._follows and new_value >= self.max_scroll_y

    @property
    def _room(self) -> int:
        """Columns beside the scroll bar."""
        return self.scrollable_content_region.width - MARGIN

    def _draw_all(self) -> None:
        self._drawn.clear()
        self._heights.clear()
        for line in self._lines:
            self._draw(line)
        self._measure()
        self.refresh()

    def _measure(self) -> None:
        is_at_end = self._is_at_end
        self.virtual_size = Size(self._room, len(self._drawn))
        if is_at_end:
            self._go_to_end()

    def _go_to_end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True, force=True)
        self._is_at_end = True

    def _draw(self, line: Line) -> None:
        """Cut a line into rows."""
        rows: list[list[Segment]] = [[]]
        width = max(self._room, 2 * _INDENT + 4)
        left = width
        for text, words in line:
            style = style_of(words)
            while text:
                piece = text if cell_len(text) <= left else _head(text, left)
                if piece:
                    rows[-1].append(Segment(piece, style))
                    left -= cell_len(piece)
                    text = text[len(piece) :]
                if text:
                    rows.append([Segment(" " * _INDENT, style_of(""))])
                    left = width - _INDENT
        self._drawn.extend(rows)
        self._heights.append(len(rows))


def _head(text: str, width: int) -> str:
    """As much of a text as fits."""
    if width <= 0:
        return ""
    head = chop_cells(text, width)[0]
    return head if cell_len(head) <= width else ""


_STYLES: dict[str, Style] = {}


def style_of(words: str) -> Style:
    """A style of its words, remembered: containers that draw pictures have thousands."""
    if words not in _STYLES:
        if len(_STYLES) > MOST:
            _STYLES.clear()
        _STYLES[words] = Style.parse(words or "none")
    return _STYLES[words]
