"""Where a monitor goes so that nobody's logout ends it."""

from __future__ import annotations

from cuddy.engine import session
from cuddy.kernel.cgroup_hierarchies import Hierarchies, Hierarchy

SCOPE = "/user.slice/user-1000.slice/session-3.scope"


def test_it_leaves_the_hierarchy_that_systemd_tracks_and_no_other() -> None:
    memory = Hierarchy(1, "/sys/fs/cgroup/memory", ("memory",), SCOPE)
    systemd = Hierarchy(1, "/sys/fs/cgroup/systemd", ("name=systemd",), SCOPE)
    unified = Hierarchy(2, "/sys/fs/cgroup/unified", (), SCOPE)
    assert session.doors(Hierarchies((memory, systemd, unified))) == [
        "/sys/fs/cgroup/systemd/tasks", "/sys/fs/cgroup/unified/cgroup.procs",
    ]  # fmt: skip


def test_at_the_root_there_is_nothing_to_do() -> None:
    assert session.doors(Hierarchies((Hierarchy(2, "/sys/fs/cgroup", ("memory",), "/"),))) == []
