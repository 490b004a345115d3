"""A group below another one, for processes that are to be known and killed by themselves.

It exists only in the hierarchy that tracks processes (docs/decisions/0010-which-cgroups.md), and
without controllers of its own. So what its processes use is counted and limited where it was: in
version 2 a group without controllers is charged to the one above, and in version 1 the processes
stay in the other hierarchies' groups themselves.
"""

from __future__ import annotations

import os

from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_hierarchies import UNIFIED

TRACKERS = (UNIFIED, "freezer", "pids")
"""The first of these that a group has joined is the hierarchy of its subgroups."""


def find(parent: Cgroup, name: str) -> Cgroup:
    """The subgroup of that name, in no hierarchy at all where there can be none."""
    key = next((key for key in TRACKERS if key in parent.paths), "")
    return Cgroup({key: f"{parent.paths[key]}/{name}"} if key else {})


def make(parent: Cgroup, name: str) -> Cgroup:
    """An empty subgroup; in no hierarchy at all where the parent may have none.

    A container that manages groups itself can forbid it (cgroup.max.descendants). Raises
    FileNotFoundError when the parent is gone.
    """
    own = find(parent, name)
    for directory in own.paths.values():
        try:
            os.mkdir(directory, 0o755)
        except FileNotFoundError:
            raise
        except OSError:
            return Cgroup({})
    return own


def within(parent: Cgroup, own: Cgroup) -> Cgroup:
    """What a process enters to be in the subgroup and, in the other hierarchies, in the parent."""
    outer = {os.path.dirname(directory): directory for directory in own.paths.values()}
    return Cgroup({key: outer.get(path, path) for key, path in parent.paths.items()})
