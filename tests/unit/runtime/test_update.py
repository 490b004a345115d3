"""Update: all limits or none. Directories with plain files stand for control groups here."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuddy.errors import NotPermitted
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
