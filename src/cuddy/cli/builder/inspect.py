"""`cuddy builder history inspect`: everything that is kept of a build but its log."""

from __future__ import annotations

from cuddy.builder import journal
from cuddy.cli import inspection
from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home


def inspect(home: Home, args: Args) -> int:
    return inspection.show(
        args.names or [journal.LAST], lambda name: _document(home, name), args.format
    )


def _document(home: Home, name: str) -> dict[str, Any]:
    """The record without what is only ours, and the numbers and names of the steps."""
    kept = journal.find(home, name)
    hidden = ("Pid", "PidStarted", "Steps", "IsCut")
    found: dict[str, Any] = {k: v for k, v in kept.record.items() if k not in hidden}
    found["Status"] = kept.status
    found["Steps"] = journal.steps(kept)
    return found


COMMAND = Command(
    summary="Inspect a build record",
    arguments="[BUILD...]",
    flags=(Flag("format", "f", STRING, JSON_FORMAT_HELP),),
    action=inspect,
)
