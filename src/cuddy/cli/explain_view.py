"""Explain at a terminal, drawn by `rich`: own things are green, shared ones yellow."""

from __future__ import annotations

from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.engine.explain_facts import Row, Topic

STYLES = {
    "own": "green", "kept": "yellow", "dropped": "green", "masked": "green", "read-only": "green",
    "refused": "green", "shared": "yellow", "allowed": "yellow",
}  # fmt: skip
"""First words that say whether a thing keeps the two apart (green) or not (yellow)."""


def show(title: str, topics: list[Topic], environment: Mapping[str, str]) -> None:
    """Print every topic as a table as wide as the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, no_color=bool(environment.get("NO_COLOR")))
    console.print(Text(printable(title), style="bold"))
    for topic in topics:
        table = Table(box=box.SIMPLE_HEAD, title_justify="left", expand=True, pad_edge=False)
        table.add_column(topic.name, style="bold", ratio=2, overflow="fold")
        table.add_column("host", ratio=3, overflow="fold")
        table.add_column("container", ratio=3, overflow="fold")
        table.add_column("", ratio=4, overflow="fold", style="dim")
        for row in topic.rows:
            cells = [Text(printable(cell)) for cell in row]
            cells[2].stylize(style_of(row))
            table.add_row(*cells)
        console.print(table)


def style_of(row: Row) -> str:
    """The colour of what is the container's."""
    first = (row.note if row.note.startswith(("own", "shared")) else row.container).split()
    return STYLES.get(first[0].rstrip(":") if first else "", "")
