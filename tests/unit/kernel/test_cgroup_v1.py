"""Files of version 1, as a Linux 6.18 host writes them, copied into directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuddy.kernel import cgroup_v1
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_stats import DeviceIo

FILES = {
    "cpuacct": {
        "cpuacct.usage": "2035415001\n",
        "cpuacct.usage_user": "1535412001\n",
        "cpuacct.usage_sys": "500003000\n",
        "cpuacct.usage_percpu": "1000000000 1035415001 \n",
    },
    "cpu": {
        "cpu.stat": "nr_periods 21\nnr_throttled 20\nthrottled_time 1034000000\nnr_bursts 0\n",
    },
    "memory": {
        "memory.usage_in_bytes": "25243648\n",
        "memory.max_usage_in_bytes": "25829376\n",
        "memory.limit_in_bytes": "9223372036854771712\n",
        "memory.failcnt": "116\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        "memory.stat": "cache 1\ninactive_file 5\ntotal_cache 12288\ntotal_inactive_file 8192\n",
    },
    "pids": {"pids.current": "4\n", "pids.max": "100\n"},
    "blkio": {
        "blkio.throttle.io_service_bytes_recursive": (
            "254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 12288\n254:0 Total 12288\nTotal 12288\n"
        ),
        "blkio.throttle.io_serviced_recursive": "254:0 Read 1\n254:0 Write 2\nTotal 3\n",
    },
}


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, str]:
    for controller, files in FILES.items():
        (tmp_path / controller).mkdir()
        for name, text in files.items():
            (tmp_path / controller / name).write_text(text)
    return {controller: str(tmp_path / controller) for controller in FILES}


def test_usage_is_read_in_the_units_of_stats(paths: dict[str, str]) -> None:
    stats = cgroup_v1.stats(paths)
    assert stats["cpu_ns"] == 2_035_415_001
    assert stats["cpu_user_ns"] == 1_535_412_001
    assert stats["cpu_system_ns"] == 500_003_000
    assert stats["cpu_per_core_ns"] == [1_000_000_000, 1_035_415_001]
    assert (stats["periods"], stats["throttled_periods"]) == (21, 20)
    assert stats["throttled_ns"] == 1_034_000_000
    assert stats["memory_bytes"] == 25243648
    assert stats["memory_peak_bytes"] == 25829376
    assert stats["memory_limit_bytes"] is None
    assert stats["memory_limit_hits"] == 116
    assert stats["memory_stat"] == {"cache": 12288, "inactive_file": 8192}
    assert (stats["pids"], stats["pids_limit"]) == (4, 100)
    assert stats["io"] == [DeviceIo("254:0", 4096, 8192, 1, 2)]


def test_of_a_group_that_has_ended_little_is_read(paths: dict[str, str]) -> None:
    spent = {"cpu_ns": 2_035_415_001, "memory_peak_bytes": 25829376}
    throttled = {"periods": 21, "throttled_periods": 20, "throttled_ns": 1_034_000_000}
    assert cgroup_v1.spent(paths, throttling=False) == spent
    assert Cgroup(paths).spent(throttling=True) == spent | throttled
    Path(paths["pids"], "pids.peak").write_text("7\n")
    assert cgroup_v1.spent(paths, throttling=False)["pids_peak"] == 7
    assert Cgroup({}).spent(throttling=True) == {}


def test_controllers_that_were_not_joined_count_nothing(paths: dict[str, str]) -> None:
    assert cgroup_v1.stats({"pids": paths["pids"]}).keys() == {"pids", "pids_limit"}


def test_killings_of_inner_groups_count_as_well(paths: dict[str, str]) -> None:
    """Version 1 counts each group by itself; a container may have made groups of its own."""
    inner = Path(paths["memory"], "inner")
    inner.mkdir()
    (inner / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    assert Cgroup(paths).oom_kills() == 7


def test_a_new_cpuset_takes_what_its_parent_has(tmp_path: Path) -> None:
    child = tmp_path / "child"
    child.mkdir()
    for name in ("cpus", "mems"):
        (tmp_path / f"cpuset.{name}").write_text("0-3\n" if name == "cpus" else "0\n")
        (child / f"cpuset.{name}").write_text("\n")
    cgroup_v1.prepare(str(child))
    assert (child / "cpuset.cpus").read_text().strip() == "0-3"
    assert (child / "cpuset.mems").read_text().strip() == "0"


def test_what_is_set_in_a_cpuset_stays(tmp_path: Path) -> None:
    for name in ("cpus", "mems"):
        (tmp_path / f"cpuset.{name}").write_text("1\n")
    cgroup_v1.prepare(str(tmp_path))
    assert (tmp_path / "cpuset.cpus").read_text() == "1\n"


def test_mounts_of_a_group_are_named_as_hosts_name_them() -> None:
    group = Cgroup(
        {"cpu": "/a", "cpuacct": "/a", "memory": "/b", "name=systemd": "/c", "unified": "/d"}
    )
    expected = [("cpu,cpuacct", "cpu,cpuacct"), ("memory", "memory"), ("systemd", "name=systemd")]
    assert group.mount_names() == expected
