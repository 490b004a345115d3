"""Rows of all containers: what two readings make of one."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import samples
from cuddy.engine.container import NEVER, initial_state
from cuddy.engine.samples import Row, Traffic
from cuddy.engine.stats import Interface, Machine, Sample
from cuddy.kernel.cgroup_stats import DeviceIo, Stats

GIB = 1 << 30
HOST = Machine(memory_bytes=8 * GIB, cpus=2, cpu_ns=10**12)


def record(**state: Any) -> Any:
    return {
        "Id": "ab" * 32, "Name": "/web", "Image": "sha256:cd", "Config": {"Image": "nginx"},
        "Created": "2026-01-01T00:00:00Z", "RestartCount": 2, "State": initial_state() | state,
    }  # fmt: skip


def reading(at_s: float, received: int, written: int, **usage: Any) -> Sample:
    io = [DeviceIo("8:0", 5, written)]
    networks = {"eth0": Interface(received, 0, 0, 0, 7, 0, 0, 0)}
    return Sample(int(at_s * 1e9), HOST, Stats(io=io, **usage), networks)


def test_what_is_per_second_lies_between_two_readings() -> None:
    before = reading(1, 1000, 300, cpu_ns=0, memory_bytes=50, pids=3)
    after = reading(3, 5000, 500, cpu_ns=10**9, memory_bytes=60, pids=3, pids_limit=100)
    row = samples.row(record(Status="running", Running=True), before, after)
    assert (row.name, row.image, row.restarts, row.is_running) == ("web", "nginx", 2, True)
    assert row.cpu_percent == pytest.approx(50)
    assert (row.memory_bytes, row.memory_limit_bytes) == (60, 8 * GIB)
    assert (row.pids, row.pids_limit) == (3, 100)
    assert row.total == Traffic(5000, 7, 5, 500)
    assert row.per_s == Traffic(2000, 0, 0, 100)


def test_of_a_first_reading_nothing_is_per_second() -> None:
    row = samples.row(record(Status="running", Running=True), None, reading(1, 9, 9, cpu_ns=5))
    assert (row.cpu_percent, row.per_s, row.total.received) == (0, Traffic(), 9)


def test_a_counter_that_has_gone_with_a_process_is_not_negative() -> None:
    before, after = reading(1, 9, 900, cpu_ns=0), reading(2, 9, 0, cpu_ns=0)
    row = samples.row(record(Status="running", Running=True), before, after)
    assert row.per_s == Traffic()


def test_what_does_not_run_uses_nothing_and_has_its_times() -> None:
    state = {"Status": "exited", "ExitCode": 3, "StartedAt": "1970-01-01T00:00:01Z"}
    row = samples.row(record(**state), None, Sample(1, HOST, Stats(), {}))
    assert (row.exit_code, row.started_ns, row.finished_ns) == (3, 10**9, 0)
    assert (row.memory_limit_bytes, row.pids, row.total) == (0, 0, Traffic())
    assert not row.is_running


def test_health_is_nothing_where_nobody_looks() -> None:
    nothing = Sample(1, HOST, Stats(), {})
    for state, shown in (
        ({}, ""),
        ({"Health": {"Status": "none"}}, ""),
        ({"Health": {"Status": "unhealthy"}}, "unhealthy"),
    ):
        assert samples.row(record(**state), None, nothing).health == shown


def test_a_time_that_is_none_is_no_time() -> None:
    assert samples.moment(NEVER) == 0
    assert samples.moment("yesterday") == 0
    assert samples.moment("1970-01-01T00:00:02Z") == 2 * 10**9


def test_a_row_is_plain_numbers_that_json_can_carry() -> None:
    row = samples.row(record(), None, Sample(1, HOST, Stats(), {}))
    again = Row(*row)._replace(total=Traffic(*row.total), per_s=Traffic(*row.per_s))
    assert again == row
