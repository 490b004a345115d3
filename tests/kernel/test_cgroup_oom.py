"""Being told of memory that ran out, by the kernel of this host."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator

import pytest

import isolation
from cuddy.errors import NotPermitted
from cuddy.kernel import cgroup
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_limits import CgroupWrite
from cuddy.kernel.cgroup_oom import OomWatch

LIMIT = 16 << 20


@pytest.fixture
def group() -> Iterator[Cgroup]:
    hierarchies = cgroup.find()
    memory = hierarchies.of("memory") or pytest.skip("this host has no memory controller")
    parent = f"/{isolation.name()}"
    made = cgroup.create(hierarchies, f"{parent}/oom-{time.monotonic_ns()}", ["memory"])
    file = "memory.limit_in_bytes" if memory.version == 1 else "memory.max"
    made.apply([CgroupWrite("memory", file, str(LIMIT))])
    swap = "memory.memsw.limit_in_bytes" if memory.version == 1 else "memory.swap.max"
    made.apply(
        [CgroupWrite("memory", swap, str(LIMIT) if memory.version == 1 else "0", "", "none")]
    )
    yield made
    made.kill()
    made.remove()
    for hierarchy in hierarchies.all:
        try:
            os.rmdir(hierarchy.directory(parent))
        except OSError:
            pass


def use_too_much(group: Cgroup) -> int:
    """The wait status of a process that takes more than it may."""
    pid = os.fork()
    if pid == 0:
        try:
            group.attach(os.getpid())
            held = bytearray(4 * LIMIT)
            held[::4096] = b"x" * len(held[::4096])
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1]


def is_told(watch: OomWatch, timeout_s: float) -> bool:
    return bool(select.select([watch], [], [], timeout_s)[0])


def test_memory_that_runs_out_is_told_once(group: Cgroup) -> None:
    with OomWatch(group.paths) as watch:
        assert not is_told(watch, 0)
        assert not watch.happened()
        assert use_too_much(group) != 0
        assert is_told(watch, 5)
        assert watch.happened()
        assert not watch.happened()


def test_a_group_that_goes_away_is_not_taken_for_one_without_memory(group: Cgroup) -> None:
    with OomWatch(group.paths) as watch:
        group.remove()
        is_told(watch, 0.5)
        assert not watch.happened()
        assert watch.is_gone()


def test_a_group_without_memory_cannot_be_watched() -> None:
    with pytest.raises(NotPermitted, match="has no memory"):
        OomWatch({})
