"""`cuddy top`: the processes of a container, or all containers in a live view."""

from __future__ import annotations

import os
import sys
import time

from cuddy import files
from cuddy.cli import document, table
from cuddy.cli.flags import BOOL, Args, Command, Flag
from cuddy.engine import samples, top
from cuddy.engine.home import open_home
from cuddy.errors import UsageError
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.engine.samples import Row

FIRST_S = 0.5
"""Between two looks: long enough to tell how busy a container is."""
_NARROWEST = 20
"""docker's columns; at a terminal they are as narrow as they can be."""


def top_(home: Home, args: Args) -> int:
    if not args.names and not args.json:
        # Imported here: what looks at the engine is another process than what draws.
        from cuddy.cli.live import view

        return view.run(home, os.environ)
    if args.names and args.json:
        raise UsageError("--json is about all containers", hint="leave out their names")
    if os.geteuid():
        from cuddy.engine import rootless

        rootless.become_root(home.run_root)
    home = open_home(*home)
    if not args.names:
        print(document.indented(once(home)))
        return 0
    found = top.top(home, args.names[0], args.names[1:])
    rows = [found.titles, *found.rows]
    narrowest = _NARROWEST
    if os.isatty(1):
        rows = [list(map(printable, row)) for row in rows]
        narrowest = 0
    sys.stdout.write(table.lay_out(rows, narrowest=narrowest))
    return 0


def once(home: Home) -> dict[str, Any]:
    """One sample of all containers, for programs."""
    sampler = samples.Sampler(home)
    sampler.look()
    time.sleep(FIRST_S)
    look = sampler.look()
    return {
        "Time": files.format_time(look.at_ns),
        "CPUs": look.cpus,
        "MemoryBytes": look.memory_bytes,
        "Containers": [describe(row) for row in look.rows],
    }


def describe(row: Row) -> dict[str, Any]:
    """A row with names like those of `inspect`; a time that has not come is empty."""
    moments = (row.created_ns, row.started_ns, row.finished_ns)
    created, started, finished = (files.format_time(each) if each else "" for each in moments)
    traffic = {
        f"{name}{unit}": int(number)
        for unit, moved in (("Bytes", row.total), ("BytesPerSecond", row.per_s))
        for name, number in zip(("Received", "Sent", "Read", "Written"), moved)
    }
    return {
        "Id": row.id, "Name": row.name, "Image": row.image, "Status": row.status,
        "Health": row.health, "ExitCode": row.exit_code, "RestartCount": row.restarts,
        "Created": created, "StartedAt": started, "FinishedAt": finished,
        "CPUPercent": round(row.cpu_percent, 2), "MemoryBytes": row.memory_bytes,
        "MemoryLimitBytes": row.memory_limit_bytes, "PIDs": row.pids, "PIDsLimit": row.pids_limit,
        **traffic,
    }  # fmt: skip


COMMAND = Command(
    summary="Display the running processes of a container, or all containers in a live view",
    arguments="[CONTAINER [ps OPTIONS]]",
    flags=(Flag("json", "", BOOL, "Print one sample of all containers in JSON format"),),
    interspersed=False,
    action=top_,
    opens_home=False,
)
