"""The single lines of the live view: what all containers use together, the panes, the keys."""

from __future__ import annotations

from rich.text import Text

from cuddy.cli.live.columns import amount
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.live.table import Table
    from cuddy.engine.samples import Look, Row

KEYS = (
    ("q", "quit"), ("?", "help"), ("/", "filter"), ("<>", "sort"), ("s", "stop"),
    ("r", "restart"), ("K", "kill"), ("D", "remove"), ("x", "shell"),
)  # fmt: skip
TABS = (("log", "Log"), ("events", "Events"), ("details", "Details"))


def summary(look: Look, table: Table, now: str) -> Text:
    """How many there are and what they use, with the filter if there is one."""
    running = [row for row in look.rows if row.is_running]
    parts = [f"{len(running)} of {len(look.rows)} running"]
    if table.wanted or not table.shows_all:
        chosen = repr(table.wanted) if table.wanted else "running"
        parts.append(f"shown: {len(table.rows)}, {printable(chosen)}")
    cpu = sum(row.cpu_percent for row in running)
    memory = amount(sum(row.memory_bytes for row in running))
    parts.append(f"CPU {cpu:.0f}% of {look.cpus * 100}%")
    parts.append(f"memory {memory} of {amount(look.memory_bytes)}")
    if look.problems:
        parts.append(f"unreadable: {len(look.problems)}")
    text = Text(" cuddy", style="bold", no_wrap=True, overflow="ellipsis")
    return text.append(f"   {'   '.join(parts)}   {now}", style="not bold")


def tabs(current: str, row: Row | None) -> Text:
    """Which panes there are, and whose log it is."""
    text = Text(" ", no_wrap=True, overflow="ellipsis")
    for key, title in TABS:
        style = "bold reverse" if key == current else ""
        text.append(" ", style=style).append(title[0], style=f"{style} underline")
        text.append(f"{title[1:]} ", style=style)
        text.append(" ")
    if row and current != "events":
        text.append(f"  {printable(row.name)}", style="bold")
        text.append(f"  {printable(row.image)}", style="dim")
    return text


def keys() -> Text:
    """The keys that are worth a line."""
    text = Text(" ", no_wrap=True, overflow="ellipsis")
    for key, meaning in KEYS:
        text.append(key, style="bold")
        text.append(f" {meaning}  ")
    return text


def nothing(look: Look, table: Table) -> str:
    """What stands in a table without rows."""
    if not look.at_ns:
        return ""
    if not look.rows:
        return "there are no containers: 'cuddy run' makes one"
    return "none is like that" if table.wanted else "none runs: 'a' shows all"
