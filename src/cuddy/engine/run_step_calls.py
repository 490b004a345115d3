"""System calls of `run --step` as people read them: the trace with the words of man pages in it."""

from __future__ import annotations

import re

from cuddy.engine.run_step_sights import short
from cuddy.kernel import namespaces, overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

NUMBER = re.compile(r"^(unshare\(|prctl\()(0x[0-9a-f]+|[0-9]+)")
UNSHARED = {
    "CLONE_NEWNS": namespaces.CLONE_NEWNS, "CLONE_NEWUTS": namespaces.CLONE_NEWUTS,
    "CLONE_NEWIPC": namespaces.CLONE_NEWIPC, "CLONE_NEWNET": namespaces.CLONE_NEWNET,
    "CLONE_NEWCGROUP": namespaces.CLONE_NEWCGROUP,
}  # fmt: skip
PRCTL = {1: "PR_SET_PDEATHSIG", 4: "PR_SET_DUMPABLE", 8: "PR_SET_KEEPCAPS",
         24: "PR_CAPBSET_DROP", 38: "PR_SET_NO_NEW_PRIVS", 47: "PR_CAP_AMBIENT"}  # fmt: skip


def readable(line: str, home: Home, container_id: str) -> str:
    """A line of the trace as people read it: names for flags, short names for our directories."""
    call = line.partition("] ")[2]
    for path, name in ((home.container_dir(container_id), "$C"), (home.root, "$ROOT")):
        call = call.replace(path, name)
    call = short(call).replace(f",{overlay.SELF_CONTAINED}", "").replace(overlay.VOLATILE, "")
    return NUMBER.sub(lambda found: found[1] + named(found[1], int(found[2], 0)), call)


def named(call: str, number: int) -> str:
    """A call's first number in the words of its man page."""
    if call == "unshare(":
        return "|".join(name for name, bit in UNSHARED.items() if number & bit)
    return PRCTL.get(number, str(number)) if call == "prctl(" else str(number)
