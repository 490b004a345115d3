"""`cuddy diff`: what a container has changed of its image's files."""

from __future__ import annotations

import os
import sys

from cuddy.cli.flags import Args, Command
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.diff import Change
    from cuddy.engine.home import Home


def diff_(home: Home, args: Args) -> int:
    from cuddy.engine import diff

    [name] = args.names
    show(diff.diff(home, name))
    return 0


def show(changes: Iterable[Change]) -> None:
    """One change a line."""
    escape = printable if os.isatty(1) else str
    for change in changes:
        sys.stdout.write(f"{change.letter} /{escape(os.fsdecode(change.path))}\n")


COMMAND = Command(
    summary="Inspect changes to files or directories on a container's filesystem",
    arguments="CONTAINER",
    least=1,
    most=1,
    action=diff_,
)
