"""Files of version 2, as a Linux 6.1 host writes them, copied into a directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cuddy.errors import NotPermitted, SystemFailure
from cuddy.kernel import cgroup_v2, mount
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_stats import DeviceIo

FILES = {
    "cpu.stat": """\
usage_usec 2035415
user_usec 1535412
system_usec 500003
core_sched.force_idle_usec 0
nr_periods 21
nr_throttled 20
throttled_usec 1034000
nr_bursts 0
burst_usec 0
""",
    "memory.current": "25243648\n",
    "memory.peak": "25829376\n",
    "memory.max": "26214400\n",
    "memory.events": "low 0\nhigh 0\nmax 116\noom 3\noom_kill 2\noom_group_kill 0\n",
    "memory.stat": "anon 24178688\nfile 12288\ninactive_file 8192\nworkingset_refault_anon 7\n",
    "pids.current": "4\n",
    "pids.max": "max\n",
    "io.stat": """\
254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0
8:16 rbytes=0 wbytes=512 rios=0 wios=1 dbytes=0 dios=0
7:0 
""",
}


@pytest.fixture
def group(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_usage_is_read_in_the_units_of_stats(group: Path) -> None:
    stats = cgroup_v2.stats(str(group))
    assert stats["cpu_ns"] == 2_035_415_000
    assert stats["cpu_user_ns"] == 1_535_412_000
    assert stats["cpu_system_ns"] == 500_003_000
    assert (stats["periods"], stats["throttled_periods"]) == (21, 20)
    assert stats["throttled_ns"] == 1_034_000_000
    assert stats["memory_bytes"] == 25243648
    assert stats["memory_peak_bytes"] == 25829376
    assert stats["memory_limit_bytes"] == 26214400
    assert stats["memory_limit_hits"] == 116
    assert stats["memory_stat"]["inactive_file"] == 8192
    assert (stats["pids"], stats["pids_limit"]) == (4, None)
    assert stats["io"] == [
        DeviceIo("254:0", 4096, 8192, 1, 2),
        DeviceIo("8:16", 0, 512, 0, 1),
        DeviceIo("7:0"),
    ]


def test_of_a_group_that_has_ended_little_is_read(group: Path) -> None:
    spent = Cgroup({"unified": str(group)}).spent(throttling=False)
    assert spent["cpu_ns"] == 2_035_415_000
    assert (spent["throttled_periods"], spent["throttled_ns"]) == (20, 1_034_000_000)
    assert spent["memory_peak_bytes"] == 25829376
    assert "memory_stat" not in spent
    (group / "pids.peak").write_text("7\n")
    (group / "memory.peak").unlink()
    assert cgroup_v2.spent(str(group))["pids_peak"] == 7
    assert "memory_peak_bytes" not in cgroup_v2.spent(str(group))


def test_what_no_controller_counts_is_not_there(tmp_path: Path) -> None:
    assert cgroup_v2.stats(str(tmp_path)) == {}


def test_a_kernel_before_5_19_has_no_peak(group: Path) -> None:
    (group / "memory.peak").unlink()
    assert cgroup_v2.stats(str(group))["memory_peak_bytes"] == 25243648


def test_killings_for_want_of_memory_are_counted(group: Path) -> None:
    assert Cgroup({"unified": str(group)}).oom_kills() == 2
    (group / "memory.events").unlink()
    assert Cgroup({"unified": str(group)}).oom_kills() == 0


def test_controllers_are_enabled_one_by_one_and_only_if_missing(tmp_path: Path) -> None:
    control = tmp_path / "cgroup.subtree_control"
    control.write_text("cpu memory\n")
    cgroup_v2.enable(str(tmp_path), ["memory", "cpu"])
    assert control.read_text() == "cpu memory\n"
    cgroup_v2.enable(str(tmp_path), ["memory", "pids"], needed=["pids"])
    assert control.read_text().startswith("+pids")


def test_a_controller_that_was_only_nice_to_have_may_be_missing(tmp_path: Path) -> None:
    """The file is missing: whatever is written, the answer is ENOENT."""
    cgroup_v2.enable(str(tmp_path), ["cpu"])
    with pytest.raises(SystemFailure, match="cannot enable the cpu controller below .* its parent"):
        cgroup_v2.enable(str(tmp_path), ["cpu"], needed=["cpu"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_group_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "cgroup.subtree_control").touch(0o444)
    with pytest.raises(NotPermitted, match="cannot enable the cpu controller"):
        cgroup_v2.enable(str(tmp_path), ["cpu"], needed=["cpu"])


def test_an_old_kernel_cannot_kill_at_once(tmp_path: Path) -> None:
    assert not cgroup_v2.kill(str(tmp_path))
    (tmp_path / "cgroup.kill").touch()
    assert cgroup_v2.kill(str(tmp_path))
    assert (tmp_path / "cgroup.kill").read_text() == "1"


def test_who_mounts_the_hierarchy_again_keeps_the_options_of_the_machine() -> None:
    line = "41 31 0:38 / /sys/fs/cgroup rw,relatime - {} cgroup2 rw,{}"
    points = mount.parse_mountinfo(line.format("cgroup2", "nsdelegate,new,memory_recursiveprot"))
    assert cgroup_v2.root_options(points) == "nsdelegate,memory_recursiveprot"
    other = mount.parse_mountinfo(line.format("cgroup", "nsdelegate"))
    assert cgroup_v2.root_options(other) == cgroup_v2.root_options([]) == ""
