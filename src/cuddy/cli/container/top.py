"""`cuddy top`: the processes of a container."""

from __future__ import annotations

import os
import sys

from cuddy.cli import table
from cuddy.cli.flags import Args, Command
from cuddy.engine import top
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

_NARROWEST = 20
"""docker's columns; at a terminal they are as narrow as they can be."""


def top_(home: Home, args: Args) -> int:
    found = top.top(home, args.names[0], args.names[1:])
    rows = [found.titles, *found.rows]
    narrowest = _NARROWEST
    if os.isatty(1):
        rows = [list(map(printable, row)) for row in rows]
        narrowest = 0
    sys.stdout.write(table.lay_out(rows, narrowest=narrowest))
    return 0


COMMAND = Command(
    summary="Display the running processes of a container",
    arguments="CONTAINER [ps OPTIONS]",
    least=1,
    interspersed=False,
    action=top_,
)
