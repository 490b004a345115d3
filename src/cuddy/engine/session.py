"""Out of the session of whoever started the monitor, as systemd sees sessions.

systemd knows by control groups what belongs to a login or to a service, and may kill all of that
when it ends (logind.conf(5) KillUserProcesses, systemd.kill(5)). A container belongs to neither:
its monitor goes where nothing is counted to anybody, the root of the hierarchy that systemd tracks.
"""

from __future__ import annotations

import os

from cuddy.kernel import cgroup, control_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.kernel.cgroup_hierarchies import Hierarchies

BOOTED = "/run/systemd/system"
"""There if systemd runs this machine: sd_booted(3)."""


def leave() -> None:
    """Move the calling process, which is its own only thread; where it cannot go, it stays."""
    if os.path.isdir(BOOTED):
        move(cgroup.find_own())


def move(hierarchies: Hierarchies) -> None:
    """Go to the root of the hierarchies by which processes are tracked."""
    for door in doors(hierarchies):
        try:
            control_file.write(door, "0")
        except OSError:
            pass  # it may hold no process: the root of a container that is a machine of its own


def doors(hierarchies: Hierarchies) -> list[str]:
    """The files to write into: none where the process is at the root already. Pure.

    In version 1 `tasks` and not `cgroup.procs`, which would stop every fork of the machine.
    """
    return [
        f"{each.target}/{'tasks' if each.version == 1 else 'cgroup.procs'}"
        for each in hierarchies.all
        if each.own != "/" and (each.version == 2 or "name=systemd" in each.controllers)
    ]
