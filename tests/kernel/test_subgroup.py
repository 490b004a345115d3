"""Groups below groups: they track, and limit nothing anew."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

import isolation
from cuddy.kernel import cgroup, subgroup
from cuddy.kernel.cgroup import Cgroup


@pytest.fixture(params=["all", "v1"])
def parent(request: pytest.FixtureRequest) -> Iterator[Cgroup]:
    """A group; `v1`: as on a host without version 2, where the freezer tracks."""
    hierarchies = cgroup.find()
    if request.param == "v1" and not (hierarchies.of("freezer") and hierarchies.of("pids")):
        pytest.skip("no hierarchies of version 1")
    wanted = ("freezer",) if request.param == "v1" else ()
    made = cgroup.create(hierarchies, f"/{isolation.name()}/subgroup", wanted)
    seen = {k: v for k, v in made.paths.items() if request.param == "all" or v != made.unified}
    yield Cgroup(seen)
    made.kill()
    made.remove()
    for directory in made.paths.values():
        try:
            os.rmdir(os.path.dirname(directory))
        except OSError:
            pass


def test_it_is_in_one_hierarchy_only(parent: Cgroup) -> None:
    own = subgroup.make(parent, "part")
    (key,) = own.paths
    assert key == next(name for name in subgroup.TRACKERS if name in parent.paths)
    inside = subgroup.within(parent, own)
    changed = {k for k in parent.paths if inside.paths[k] != parent.paths[k]}
    assert {parent.paths[k] for k in changed} == {parent.paths[key]}
    assert inside.paths[key] == own.paths[key] == f"{parent.paths[key]}/part"


def test_its_processes_are_the_parents_too_and_can_be_killed_alone(parent: Cgroup) -> None:
    own = subgroup.make(parent, "part")
    inside = subgroup.within(parent, own)
    first, second = (subprocess.Popen(["sleep", "100"]) for _ in range(2))
    parent.attach(first.pid)
    inside.attach(second.pid)
    assert set(parent.pids()) == {first.pid, second.pid}
    assert own.pids() == [second.pid]
    own.kill()
    assert second.wait(10) == -9
    own.remove()
    assert first.poll() is None
    first.kill()
    first.wait()


def test_below_a_group_that_is_gone_there_is_none() -> None:
    with pytest.raises(FileNotFoundError):
        subgroup.make(Cgroup({"freezer": "/sys/fs/cgroup/no/such"}), "part")
    assert subgroup.make(Cgroup({"cpu": "/no/such"}), "part").paths == {}


def test_a_parent_that_allows_no_more_gives_none(parent: Cgroup) -> None:
    if not parent.unified:
        pytest.skip("cgroup.max.descendants is of version 2")
    with open(f"{parent.unified}/cgroup.max.descendants", "w") as file:
        file.write("0")
    assert subgroup.make(parent, "part").paths == {}
