"""What comes from the feed as lines of a pane. Pure."""

from __future__ import annotations

from cuddy.cli import times
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.engine.event_log import Event

    Line = Sequence[Sequence[str]]

SHORT_ID = 12
TOLD = ("image", "exitCode", "signal", "container")
"""What an event tells of in a line; of a container's id the beginning."""
LONGEST = 40
STDERR = 2
ENDS = ("die", "kill", "destroy", "oom")
"""What may be bad news."""


def log(found: list[Any], left_out: int) -> list[Line]:
    """Lines of a log; standard error has a mark."""
    shown: list[Line] = []
    if left_out:
        shown.append([(f"… {left_out} lines more than can be read …", "dim italic")])
    for stream, _, spans in found:
        shown.append([("┃", "red"), *spans] if stream == STDERR else spans)
    return shown


def event(found: Event) -> Line:
    """What happened when, and to whom."""
    action, actor = found["Action"], found["Actor"]
    attributes = dict(actor["Attributes"])
    if "container" in attributes:
        attributes["container"] = attributes["container"][:SHORT_ID]
    name = attributes.pop("name", "") or actor["ID"][:SHORT_ID]
    told = [f"{key}={attributes[key][:LONGEST]}" for key in TOLD if key in attributes]
    style = "red" if action.startswith(ENDS) else "green" if action == "start" else ""
    return [
        (times.local_rfc3339(found["time"])[11:19], "dim"),
        (f"  {found['Type']} ", "dim"),
        (printable(action), style),
        (f"  {printable(name)}", "bold"),
        (f"  {printable(' '.join(told))}", "dim"),
    ]


def details(topics: list[Any]) -> list[Line]:
    """Topics under their titles, the rows of each in columns."""
    shown: list[Line] = []
    for title, rows in topics:
        shown += [[("", "")]] if shown else []
        shown.append([(printable(title), "bold underline")])
        width = min(24, max((len(row[0]) for row in rows), default=0))
        for thing, value, told in rows:
            note = told.partition("; /sys/")[0]  # the file that says so
            line = [(f"{printable(thing):<{width}}  ", "dim"), (printable(value), "")]
            shown.append([*line, (f"  {printable(note)}", "dim italic")] if note else line)
    return shown
