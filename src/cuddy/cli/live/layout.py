"""How the live view is laid out, in the language of textual, and which key does what."""

from __future__ import annotations

from textual.binding import Binding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from textual.binding import BindingType

CSS = """
Screen { layout: vertical; overflow: hidden; }
#summary, #tabs, #keys { height: 1; width: 100%; padding: 0; }
#summary { background: $primary; color: $text; }
#tabs, #keys { background: $surface; }
Table { height: 3fr; }
Table, Pane { overflow-x: hidden; scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
Table > .table--head { background: $surface; color: $text-muted; text-style: bold; }
Table > .table--sorted { background: $surface; color: $text; text-style: bold; }
Table > .table--selected { background: $primary 35%; }
Table:ansi > .table--selected { background: ansi_default; text-style: reverse; }
#panes { height: 2fr; }
.zoomed Table { display: none; }
#filter { display: none; height: 1; border: none; padding: 0 1; }
#filter.asked { display: block; }
ModalScreen { align: center middle; }
.dialog { width: auto; max-width: 90%; height: auto; max-height: 100%; padding: 0 2;
          border: round $primary; background: $surface; }
.help { width: 76; }
.question { text-align: center; }
"""
BINDINGS: list[BindingType] = [
    Binding("ctrl+c", "leave(130)", priority=True),
    Binding("ctrl+z", "suspend_process", priority=True),
    Binding("q", "leave(0)"),
    Binding("question_mark,f1,h", "help"),
    Binding("up,k", "move(-1)"),
    Binding("down,j", "move(1)"),
    Binding("pageup", "page(-1)"),
    Binding("pagedown", "page(1)"),
    Binding("home,g", "ends(False)"),
    Binding("end,G", "ends(True)"),
    Binding("C", "sort('cpu')"),
    Binding("M", "sort('mem')"),
    Binding("N", "sort('name')"),
    Binding("T", "sort('up')"),
    Binding("less_than_sign", "sort_beside(-1)"),
    Binding("greater_than_sign", "sort_beside(1)"),
    Binding("R", "reverse"),
    Binding("slash", "filter", priority=True),  # what is typed at once is for the filter
    Binding("escape", "escape"),
    Binding("a", "all"),
    Binding("l", "pane('log')"),
    Binding("e", "pane('events')"),
    Binding("d", "pane('details')"),
    Binding("tab", "next_pane", priority=True),
    Binding("left_square_bracket", "scroll(-1)"),
    Binding("right_square_bracket", "scroll(1)"),
    Binding("z,enter", "zoom"),
    Binding("t", "theme"),
    *(Binding(key, f"act('{key}')") for key in "srpKD"),
    Binding("delete", "act('D')"),
    Binding("x", "shell"),
]
