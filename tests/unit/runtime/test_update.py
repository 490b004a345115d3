"""Update: all limits or none. Directories with plain files stand for control groups here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cuddy.errors import InvalidArgument, NotPermitted
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_limits import CgroupWrite
from cuddy.runtime import update


@pytest.fixture
def group(tmp_path: Path) -> Cgroup:
    for name, value in (("pids.max", "100"), ("memory.max", "max"), ("io.weight", "default 100")):
        (tmp_path / name).write_text(f"{value}\n")
    return Cgroup({"unified": str(tmp_path)})


def read(group: Cgroup, name: str) -> str:
    return Path(group.unified, name).read_text().split("\n")[0]


def test_all_are_set(group: Cgroup) -> None:
    writes = [CgroupWrite("pids", "pids.max", "200"), CgroupWrite("memory", "memory.max", "777")]
    assert update.set_all(group, writes) == []
    assert (read(group, "pids.max"), read(group, "memory.max")) == ("200", "777")


def test_one_that_is_refused_takes_the_others_back(group: Cgroup) -> None:
    writes = [
        CgroupWrite("pids", "pids.max", "200"),
        CgroupWrite("memory", "memory.max", "777"),
        CgroupWrite("cpu", "cpu.max", "1 2", "the CPU quota"),
    ]
    with pytest.raises(NotPermitted, match="cannot set the CPU quota"):
        update.set_all(group, writes)
    assert (read(group, "pids.max"), read(group, "memory.max")) == ("100", "max")


def test_what_stood_in_the_other_schedulers_file_comes_back_there(group: Cgroup) -> None:
    other = CgroupWrite("io", "io.weight", "default 200")
    write = CgroupWrite("io", "io.bfq.weight", "20", "the weight", other)
    old = update.as_it_is(group, write)
    assert old is not None
    assert (old.file, old.value) == ("io.weight", "default 100")


def test_a_file_the_kernel_has_not_needs_no_taking_back(group: Cgroup) -> None:
    write = CgroupWrite("memory", "memory.swappiness", "1", "the swappiness", "there is none")
    assert update.as_it_is(group, write) is None
    assert update.set_all(group, [write]) == ["there is none"]


class TestRelative:
    """What is said about one limit is about another as well: that one is kept as it is."""

    def fill(self, tmp_path: Path, wanted: dict[str, Any], **files: str) -> dict[str, Any]:
        for name, value in files.items():
            (tmp_path / name.replace("_", ".", 1)).write_text(f"{value}\n")
        return update.fill_in(Cgroup({"unified": str(tmp_path)}), wanted)

    def test_a_period_alone_keeps_the_quota(self, tmp_path: Path) -> None:
        found = self.fill(tmp_path, {"cpu": {"period": 500}}, cpu_max="7000 100000")
        assert found == {"cpu": {"period": 500, "quota": 7000}}

    def test_a_period_alone_keeps_a_quota_that_is_none(self, tmp_path: Path) -> None:
        found = self.fill(tmp_path, {"cpu": {"period": 500}}, cpu_max="max 100000")
        assert found == {"cpu": {"period": 500}}

    def test_swap_alone_is_on_top_of_the_memory_that_is_allowed(self, tmp_path: Path) -> None:
        wanted = {"memory": {"swap": 900}, "pids": {"limit": 3}}
        found = self.fill(tmp_path, wanted, memory_max="400", memory_current="1")
        assert found == {"memory": {"swap": 900, "limit": 400}, "pids": {"limit": 3}}

    def test_no_swap_limit_needs_no_memory_limit(self, tmp_path: Path) -> None:
        wanted = {"memory": {"swap": -1}}
        assert self.fill(tmp_path, wanted, memory_max="max", memory_current="1") == wanted

    def test_zeros_ask_for_nothing(self, tmp_path: Path) -> None:
        wanted = {"memory": {"swap": 0, "limit": 0}, "cpu": {"period": 0, "quota": 0}}
        assert self.fill(tmp_path, wanted, memory_max="9", cpu_max="1 2") == wanted

    def test_a_limit_below_the_usage_is_refused_if_asked(self, tmp_path: Path) -> None:
        wanted = {"memory": {"limit": 100, "checkBeforeUpdate": True}}
        with pytest.raises(InvalidArgument, match="rejecting memory limit 100 < usage 5000"):
            self.fill(tmp_path, wanted, memory_current="5000")
        assert self.fill(tmp_path, wanted, memory_current="50") == wanted
