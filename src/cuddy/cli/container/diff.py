"""`cuddy diff`: what a container has changed of its image's files."""

from __future__ import annotations

import os
import sys

from cuddy.cli.escape import printable
from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def diff_(home: Home, args: Args) -> int:
    from cuddy.engine import diff

    escape = printable if os.isatty(1) else str
    [name] = args.names
    for change in diff.diff(home, name):
        sys.stdout.write(f"{change.letter} /{escape(os.fsdecode(change.path))}\n")
    return 0


COMMAND = Command(
    summary="Inspect changes to files or directories on a container's filesystem",
    arguments="CONTAINER",
    least=1,
    most=1,
    action=diff_,
)
