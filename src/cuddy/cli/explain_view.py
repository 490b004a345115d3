"""Explain at a terminal, drawn by `rich`: own things are green, shared ones yellow."""

from __future__ import annotations

import re

from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.engine.explain_facts import Row, Topic

ID = re.compile(r"(?<![0-9a-f])([0-9a-f]{12})[0-9a-f]{52}(?![0-9a-f])")
"""Nobody reads all of it, and --json has it."""
LIST = re.compile(r",(?=\S)")
"""Mount options: with blanks they are folded between words."""
WIDEST = (30, 28, 28)
"""Percent of the terminal that the columns may have."""
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
        # As wide as what is in them, within reason: the notes have the rest, and are folded.
        widest = [console.width * share // 100 for share in WIDEST]
        table.add_column(topic.name, style="bold", max_width=widest[0], overflow="fold")
        table.add_column("host", max_width=widest[1], overflow="fold")
        table.add_column("container", max_width=widest[2], overflow="fold")
        table.add_column("", ratio=1, overflow="fold", style="dim")
        for row in topic.rows:
            words = [*row[:3], LIST.sub(", ", row.note)]
            cells = [Text(ID.sub(r"\1…", printable(word))) for word in words]
            cells[2].stylize(style_of(row))
            table.add_row(*cells)
        console.print(table)


def style_of(row: Row) -> str:
    """The colour of what is the container's."""
    first = (row.note if row.note.startswith(("own", "shared")) else row.container).split()
    return STYLES.get(first[0].rstrip(":") if first else "", "")
