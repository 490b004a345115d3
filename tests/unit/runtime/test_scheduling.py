"""process.scheduler, ioPriority, execCPUAffinity, linux.memoryPolicy and personality: decided."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.errors import InvalidArgument
from cuddy.kernel import scheduling as kernel
from cuddy.kernel.scheduling import Scheduler
from cuddy.runtime import launch
from cuddy.runtime.scheduling import Plan

DEADLINE = {"policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 3000, "period": 4000}


def plan(process: dict[str, Any] | None = None, linux: dict[str, Any] | None = None) -> Plan | None:
    return launch.plan_scheduling({"args": ["x"], **(process or {})}, linux or {})  # type: ignore


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"policy": "SCHED_OTHER", "nice": -20}, Scheduler(0, nice=-20)),
        ({"policy": "SCHED_FIFO", "priority": 10}, Scheduler(1, priority=10)),
        ({"policy": "SCHED_BATCH", "nice": 19, "priority": 0}, Scheduler(3, nice=19)),
        (
            DEADLINE | {"flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM"]},
            Scheduler(6, 3, runtime=2000, deadline=3000, period=4000),
        ),
    ],
)
def test_a_scheduler(wanted: dict[str, Any], expected: Scheduler) -> None:
    assert plan({"scheduler": wanted}) == Plan(scheduler=expected)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({}, "unknown policy"),
        ({"policy": "SCHED_FAST"}, "SCHED_FAST"),
        ({"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_X"]}, "SCHED_FLAG_X"),
        ({"policy": "SCHED_OTHER", "nice": 20}, "nice 20"),
        ({"policy": "SCHED_OTHER", "priority": 1}, "SCHED_FIFO and SCHED_RR only"),
        ({"policy": "SCHED_RR", "runtime": 1}, "SCHED_DEADLINE only"),
        ({"policy": "SCHED_DEADLINE", "deadline": 1}, "requires `runtime`"),
        ({"policy": "SCHED_DEADLINE", "runtime": 1}, "requires `deadline`"),
        (DEADLINE | {"runtime": 0}, "greater than 0"),
        (DEADLINE | {"runtime": 1023}, "must be between"),
        (DEADLINE | {"runtime": 1 << 63, "deadline": 1 << 63}, "must be between"),
        (DEADLINE | {"runtime": 3001}, "must be <= deadline"),
        (DEADLINE | {"deadline": 4001}, "must be <= period"),
    ],
)
def test_a_scheduler_that_cannot_be(wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        plan({"scheduler": wanted})


def test_priorities_of_io() -> None:
    assert plan({"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4}}) == Plan(io=(2, 4))
    assert plan({"ioPriority": {"class": "IOPRIO_CLASS_IDLE"}}) == Plan(io=(3, 0))
    for wrong in ({"class": "BE"}, {"class": "IOPRIO_CLASS_RT", "priority": 8}):
        with pytest.raises(InvalidArgument, match="ioPriority"):
            plan({"ioPriority": wrong})


def test_cpus() -> None:
    assert plan({"execCPUAffinity": {"initial": "0-1,5", "final": "2"}}) == Plan(
        initial_cpus=[0, 1, 5], final_cpus=[2]
    )
    for wrong in ("x", "1-", "-1", "3-2", "0,,1", "99999", "١"):
        with pytest.raises(InvalidArgument, match=r"execCPUAffinity\.final"):
            plan({"execCPUAffinity": {"final": wrong}})


def test_a_memory_policy() -> None:
    wanted = {"mode": "MPOL_BIND", "nodes": "0,2-3", "flags": ["MPOL_F_STATIC_NODES"]}
    assert plan(linux={"memoryPolicy": wanted}) == Plan(memory=(2 | 1 << 15, [0, 2, 3]))
    assert plan(linux={"memoryPolicy": {"mode": "MPOL_DEFAULT"}}) == Plan(memory=(0, []))


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({}, "invalid memory policy mode"),
        ({"mode": "BIND"}, "invalid memory policy mode"),
        ({"mode": "MPOL_BIND", "flags": ["x"]}, "invalid memory policy flag"),
        ({"mode": "MPOL_BIND", "nodes": "0-9876543210"}, "invalid memory policy node"),
        ({"mode": "MPOL_BIND", "nodes": "bad"}, "invalid memory policy node"),
        ({"mode": "MPOL_DEFAULT", "nodes": "0-7"}, "requires 0 nodes but got 8"),
    ],
)
def test_a_memory_policy_that_cannot_be(wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        plan(linux={"memoryPolicy": wanted})


def test_personality() -> None:
    assert plan(linux={"personality": {"domain": "LINUX32"}}) == Plan(personality=8)
    assert plan(linux={"personality": {"domain": "LINUX", "flags": []}}) == Plan(personality=0)
    for wrong in ({"domain": "BSD"}, {"domain": "LINUX", "flags": ["X"]}):
        with pytest.raises(InvalidArgument, match="personality"):
            plan(linux={"personality": wrong})


def test_nothing_asked_for_is_nothing_to_do() -> None:
    assert plan() is None


@given(st.text(alphabet="0123456789-, x", max_size=20))
def test_any_list_is_read_or_refused(text: str) -> None:
    try:
        numbers = kernel.parse_list(text, 1024)
    except ValueError:
        return
    assert all(0 <= number < 1024 for number in numbers)
    assert kernel.bit_mask(numbers).hex() != ""
