"""What the live view lays over itself: a question, and the help."""

from __future__ import annotations

from rich.text import Text
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

TYPE_CHECKING = False
if TYPE_CHECKING:
    from textual.app import ComposeResult

HELP = (
    ("↑ ↓ j k", "select a container; also PgUp PgDn Home End, the mouse"),
    ("C M N T", "sort by CPU, memory, name, time"),
    ("< >", "sort by the next column; a click on a title does too"),
    ("R", "sort the other way round"),
    ("/", "filter by name, image, state or id; Esc takes it back"),
    ("a", "all containers, or only those that run"),
    ("", ""),
    ("s", "stop it, or start it"),
    ("r", "restart it"),
    ("p", "pause it, or let it go on"),
    ("K", "kill it"),
    ("D", "remove it"),
    ("x", "a shell in it; the view comes back when you leave"),
    ("", ""),
    ("l e d", "its log, what happens, details; Tab for the next"),
    ("[ ]", "scroll there; End of a log goes on by itself"),
    ("z Enter", "that alone on the whole screen, and back"),
    ("t", "dark, light, or the terminal's own colours"),
    ("q Ctrl-C", "leave; Ctrl-Z for a while"),
)


class Question(ModalScreen[bool]):
    """Yes or no. Only `y` is yes."""

    BINDINGS = [
        ("y,Y", "answer(True)"),
        ("n,N,escape,q,enter", "answer(False)"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """The question and how to answer."""
        keys = Text.assemble(("y", "bold"), " yes    ", ("n", "bold"), " no")
        yield Static(
            Text.assemble(self._text, "\n\n", keys, justify="center"), classes="dialog question"
        )

    def action_answer(self, is_yes: bool) -> None:
        """A key was pressed."""
        self.dismiss(is_yes)


class Help(ModalScreen[None]):
    """All keys."""

    BINDINGS = [("escape,q,question_mark,f1,enter,space", "dismiss")]

    def compose(self) -> ComposeResult:
        """A line for each key."""
        lines = [Text.assemble((f"{key:>9}", "bold"), f"  {text}") for key, text in HELP]
        with VerticalScroll(classes="dialog help"):
            yield Static(Text("\n").join(lines))
