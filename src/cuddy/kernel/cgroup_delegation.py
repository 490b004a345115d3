"""Control groups of an ordinary user: those below a group that was handed over, "delegated".

To hand a group over is to give the user its directory and the files in it that move processes and
controllers (cgroup-v2.rst, "Delegation"; systemd's Delegate=). Of hierarchies in which the user has
no such group, the user's containers have none either: they run where their command ran.
"""

from __future__ import annotations

import os

from cuddy.kernel import cgroup_v2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.kernel.cgroup_hierarchies import Hierarchy


def delegated(hierarchies: tuple[Hierarchy, ...]) -> Iterator[Hierarchy]:
    """Those in which we may make groups, with what they offer there."""
    for each in hierarchies:
        if top := uppermost(each):
            offered = each.controllers
            if each.version == 2:
                offered = cgroup_v2.controllers(f"{each.target}{top}".rstrip("/"))
            yield each._replace(top=top, controllers=offered)


def uppermost(hierarchy: Hierarchy) -> str:
    """The uppermost group from ours upwards that is ours to divide, as a path from the mount on.

    "" if there is none, "/" for the whole hierarchy.
    """
    found, group = "", hierarchy.own
    while is_ours(f"{hierarchy.target}{group}".rstrip("/")):
        found = group
        if group == "/":
            break
        group = os.path.dirname(group)
    return found


def is_ours(directory: str) -> bool:
    """Whether we may make groups in a group and move processes there."""
    return os.access(directory, os.W_OK | os.X_OK) and os.access(
        f"{directory}/cgroup.procs", os.W_OK
    )


def why_not(hierarchies: tuple[Hierarchy, ...], controller: str) -> str:
    """Why we have no groups with a controller, given all hierarchies of the host."""
    for each in hierarchies:
        if controller in each.controllers:
            group = f"{each.target}{uppermost(each) or each.own}".rstrip("/")
            if not uppermost(each):
                return f"the control group {group} is not delegated to you"
            return f"the control group {group} is delegated to you without {controller}"
    return f"this host has no {controller} controller for control groups"
