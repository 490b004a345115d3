"""Being told when the kernel kills in a control group for want of memory.

Version 1 rings an eventfd (admin-guide/cgroup-v1/memory.rst, "OOM Control"); version 2 changes
`memory.events`, which inotify sees.
"""

from __future__ import annotations

import os

from cuddy.errors import NotPermitted
from cuddy.kernel import control_file
from cuddy.kernel.cgroup_hierarchies import UNIFIED
from cuddy.kernel.inotify import IN_MODIFY, Watch
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class OomWatch(Closing):
    """`fileno` is readable when something may have happened, and when the group has gone."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        """`paths`: those of a Cgroup. Raises NotPermitted where nothing watches memory, OSError."""
        self._memory = paths.get("memory", "")
        self._events = f"{paths.get(UNIFIED, '')}/memory.events"
        self._watch: Watch | None = None
        self._bell = -1
        if self._memory:
            self._bell = ring_for(self._memory)
        elif os.path.exists(self._events):
            self._watch = Watch()
            self._watch.add(self._events, IN_MODIFY)
        else:
            raise NotPermitted("cannot tell when memory is short: the group has no memory")
        self._known = self._count()

    def _count(self) -> int:
        return control_file.read_keyed(self._events).get("oom_kill", 0)

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._watch.fileno() if self._watch else self._bell

    def is_gone(self) -> bool:
        """Whether the group is no more, so that nothing will ever happen."""
        file = f"{self._memory}/memory.oom_control" if self._memory else self._events
        return not os.path.exists(file)

    def happened(self) -> bool:
        """Whether memory was short since the last look."""
        if self._watch:
            self._watch.drain()
            before, self._known = self._known, self._count()
            return self._known > before
        try:
            os.eventfd_read(self._bell)
        except BlockingIOError:
            return False
        return not self.is_gone()  # the bell rings for a group that is removed, too

    def close(self) -> None:
        """Watch no longer."""
        if self._watch:
            self._watch.close()
        else:
            os.close(self._bell)


def ring_for(memory: str) -> int:
    """An eventfd that counts how often memory was short in a group of version 1. Raises OSError."""
    bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    try:
        control = os.open(f"{memory}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC)
        try:
            control_file.write(f"{memory}/cgroup.event_control", f"{bell} {control}")
        finally:
            os.close(control)
    except BaseException:
        os.close(bell)
        raise
    return bell
