"""Groups' files in directories, as kernels write them -> the JSON of `runc events --stats`."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_hierarchies import UNIFIED
from cuddy.runtime import statistics

V1 = {
    "cpuacct": {
        "cpuacct.usage": "6754523\n",
        "cpuacct.usage_percpu": "5873540 880983 \n",
        "cpuacct.usage_all": "cpu user system\n0 0 8000000\n1 0 0\n",
        "cpuacct.stat": "user 3\nsystem 1\n",
    },
    "cpu": {"cpu.stat": "nr_periods 21\nnr_throttled 20\nthrottled_time 1034000000\n"},
    "cpuset": {
        "cpuset.cpus": "0-1,4\n",
        "cpuset.mems": "0\n",
        "cpuset.sched_load_balance": "1\n",
        "cpuset.sched_relax_domain_level": "-1\n",
    },
    "memory": {
        "memory.limit_in_bytes": "49999872\n",
        "memory.usage_in_bytes": "704512\n",
        "memory.max_usage_in_bytes": "2764800\n",
        "memory.failcnt": "2\n",
        "memory.memsw.limit_in_bytes": "9223372036854771712\n",
        "memory.stat": "cache 12288\nrss 49152\n",
    },
    "pids": {"pids.current": "1\n", "pids.max": "max\n"},
    "blkio": {
        "blkio.throttle.io_service_bytes_recursive": "254:0 Read 4096\n254:0 Total 4096\nTotal 1\n",
        "blkio.bfq.time_recursive": "8:16 77\n",
    },
    "hugetlb": {"hugetlb.2MB.usage_in_bytes": "2097152\n", "hugetlb.2MB.failcnt": "0\n"},
}
V2 = {
    "cpu.stat": "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 4\n",
    "cpu.pressure": "some avg10=1.50 avg60=0.25 avg300=0.00 total=77\n",
    "cpuset.cpus.effective": "0-1\n",
    "cpuset.mems.effective": "0\n",
    "memory.current": "4096\n",
    "memory.peak": "8192\n",
    "memory.max": "max\n",
    "memory.swap.current": "1000\n",
    "memory.swap.max": "0\n",
    "memory.events": "low 0\nmax 3\noom_kill 1\n",
    "memory.stat": "anon 100\nfile 200\n",
    "pids.current": "2\n",
    "pids.max": "10\n",
    "io.stat": "254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n",
    "hugetlb.2MB.current": "0\n",
    "hugetlb.2MB.rsvd.current": "2097152\n",
    "hugetlb.2MB.rsvd.events": "max 5\n",
}


def write(directory: Path, files: dict[str, str]) -> str:
    directory.mkdir()
    for name, text in files.items():
        (directory / name).write_text(text)
    return str(directory)


@pytest.fixture
def v1(tmp_path: Path) -> Cgroup:
    return Cgroup({name: write(tmp_path / name, files) for name, files in V1.items()})


@pytest.fixture
def v2(tmp_path: Path) -> Cgroup:
    return Cgroup({UNIFIED: write(tmp_path / "group", V2)})


def test_version_1_has_the_fields_and_numbers_of_runc(v1: Cgroup) -> None:
    found = statistics.collect(v1)
    assert found["cpu"]["usage"] == {
        "total": 6754523,
        "percpu": [5873540, 880983],
        "percpu_kernel": [8000000, 0],
        "percpu_user": [0, 0],
        "kernel": 10_000_000,
        "user": 30_000_000,
    }
    assert found["cpu"]["throttling"] == {
        "periods": 21, "throttledPeriods": 20, "throttledTime": 1034000000,
    }  # fmt: skip
    assert found["cpuset"]["cpus"] == [0, 1, 4]
    assert found["cpuset"]["sched_relax_domain_level"] == -1
    assert found["cpuset"]["mem_hardwall"] == 0
    memory = found["memory"]
    assert memory["cache"] == 12288
    assert memory["usage"] == {"limit": 49999872, "usage": 704512, "max": 2764800, "failcnt": 2}
    assert memory["swap"] == {"limit": 9223372036854771712, "failcnt": 0}
    assert memory["raw"] == {"cache": 12288, "rss": 49152}
    assert found["pids"] == {"current": 1}
    assert found["blkio"] == {
        "ioServiceBytesRecursive": [
            {"major": 254, "op": "Read", "value": 4096},
            {"major": 254, "op": "Total", "value": 4096},
        ],
        "ioTimeRecursive": [{"major": 8, "minor": 16, "value": 77}],
    }
    assert found["hugetlb"] == {"2MB": {"usage": 2097152, "failcnt": 0}}
    assert found["intel_rdt"] == {}
    assert found["network_interfaces"] is None


def test_version_2_says_the_same_in_the_same_words(v2: Cgroup) -> None:
    found = statistics.collect(v2)
    assert found["cpu"]["usage"] == {"total": 1500000, "kernel": 500000, "user": 1000000}
    assert found["cpu"]["throttling"] == {"periods": 4}
    assert found["cpu"]["psi"] == {
        "some": {"avg10": 1.5, "avg60": 0.25, "avg300": 0.0, "total": 77},
    }
    assert found["cpuset"]["cpus"] == [0, 1]
    memory = found["memory"]
    assert memory["cache"] == 200
    assert memory["usage"] == {
        "limit": (1 << 64) - 1, "usage": 4096, "max": 8192, "failcnt": 3,
    }  # fmt: skip
    assert memory["swap"]["usage"] == 5096
    assert found["pids"] == {"current": 2, "limit": 10}
    assert found["blkio"]["ioServicedRecursive"][0] == {"major": 254, "op": "Read", "value": 1}
    assert found["hugetlb"] == {"2MB": {"usage": 2097152, "failcnt": 5}}


def test_a_host_without_controllers_counts_nothing_and_fails_at_nothing(tmp_path: Path) -> None:
    for paths in ({}, {UNIFIED: write(tmp_path / "bare", {"cgroup.procs": ""})}):
        found = statistics.event("box", Cgroup(paths))
        assert (found["type"], found["id"]) == ("stats", "box")
        assert found["data"]["memory"]["usage"] == {"limit": 0, "failcnt": 0}
        assert found["data"]["pids"] == {}
