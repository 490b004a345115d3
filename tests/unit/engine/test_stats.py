"""What a container uses: numbers of the kernel in docker's terms."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import stats
from cuddy.engine.stats import Machine, Sample
from cuddy.kernel.cgroup_stats import DeviceIo, Stats

GIB = 1 << 30
HOST = Machine(memory_bytes=8 * GIB, cpus=2, cpu_ns=10**12)
NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo
    lo: 9999 9 0 0 0 0 0 0 9999 9 0 0 0 0 0 0
  eth0:1234567 11 1 2 0 0 0 0 765432 10 3 4 0 0 0 0
"""


def make(at_s: float = 0, **usage: Any) -> Sample:
    return Sample(int(at_s * 1e9), HOST, Stats(**usage), {})


def test_interfaces_are_counted_without_the_loopback() -> None:
    assert stats.parse_net_dev(NET_DEV) == {
        "eth0": stats.Interface(1234567, 11, 1, 2, 765432, 10, 3, 4)
    }
    assert stats.parse_net_dev("") == {}


def test_the_cache_that_can_be_dropped_is_not_in_use() -> None:
    assert make(memory_bytes=100, memory_stat={"inactive_file": 30}).memory_bytes == 70
    assert make(memory_bytes=100, memory_stat={"inactive_file": 130}).memory_bytes == 100


@pytest.mark.parametrize(("limit", "shown"), [(None, 8 * GIB), (GIB, GIB), (99 * GIB, 8 * GIB)])
def test_no_limit_is_the_machines(limit: int | None, shown: int) -> None:
    assert make(memory_bytes=1, memory_limit_bytes=limit).memory_limit_bytes == shown


def test_one_busy_processor_is_a_hundred_percent() -> None:
    before, after = make(1, cpu_ns=10**9), make(3, cpu_ns=4 * 10**9)
    assert stats.cpu_percent(before, after) == pytest.approx(150)
    assert stats.cpu_percent(after, after) == 0
    assert stats.cpu_percent(after, make(4, cpu_ns=0)) == 0  # it was restarted meanwhile


def test_the_document_has_dockers_fields() -> None:
    usage = {
        "cpu_ns": 30, "cpu_user_ns": 20, "cpu_system_ns": 10, "cpu_per_core_ns": [10, 20],
        "periods": 5, "throttled_periods": 2, "throttled_ns": 7, "memory_bytes": 4096,
        "memory_peak_bytes": 8192, "memory_limit_bytes": None, "memory_limit_hits": 1,
        "memory_stat": {"inactive_file": 1}, "pids": 3, "pids_limit": None,
        "io": [DeviceIo("8:16", 1, 2, 3, 4)],
    }  # fmt: skip
    record: Any = {"Id": "ab" * 32, "Name": "/x"}
    after = make(1, **usage)._replace(networks=stats.parse_net_dev(NET_DEV))
    found = stats.document(record, make(cpu_ns=20), after, read="now", preread="then")
    assert found["cpu_stats"] == {
        "cpu_usage": {
            "total_usage": 30, "usage_in_kernelmode": 10, "usage_in_usermode": 20,
            "percpu_usage": [10, 20],
        },
        "system_cpu_usage": 10**12, "online_cpus": 2,
        "throttling_data": {"periods": 5, "throttled_periods": 2, "throttled_time": 7},
    }  # fmt: skip
    assert found["precpu_stats"]["cpu_usage"]["total_usage"] == 20
    assert found["memory_stats"] == {
        "usage": 4096, "max_usage": 8192, "stats": {"inactive_file": 1}, "failcnt": 1,
        "limit": 8 * GIB,
    }  # fmt: skip
    assert found["pids_stats"] == {"current": 3, "limit": (1 << 64) - 1}
    moved = found["blkio_stats"]["io_service_bytes_recursive"]
    assert moved == [
        {"major": 8, "minor": 16, "op": "read", "value": 1},
        {"major": 8, "minor": 16, "op": "write", "value": 2},
    ]
    assert found["networks"]["eth0"]["rx_bytes"] == 1234567
    assert (found["name"], found["id"]) == ("/x", "ab" * 32)


def test_what_does_not_run_uses_nothing() -> None:
    record: Any = {"Id": "ab" * 32, "Name": "/x"}
    found = stats.document(record, None, make(), read="now", preread="")
    assert found["memory_stats"] == found["pids_stats"] == {}
    assert "networks" not in found
    assert found["cpu_stats"]["cpu_usage"]["total_usage"] == 0
