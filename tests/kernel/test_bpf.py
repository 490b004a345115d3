"""The device filter of cgroup version 2, on a group of this host."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import isolation
from cuddy.errors import CuddyError
from cuddy.kernel import bpf, cgroup
from cuddy.kernel.bpf import DeviceRule
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_hierarchies import UNIFIED
from cuddy.kernel.cgroup_limits import CgroupWrite

NOTHING = DeviceRule(False)
NULL = DeviceRule(True, "c", 1, 3)


@pytest.fixture
def group() -> Iterator[Cgroup]:
    """A group of version 2 alone, so that version 1's devices controller has no say."""
    unified = cgroup.find().unified
    if unified is None:
        pytest.skip("no cgroup2 is mounted on this host")
    parent = unified.directory(f"/{isolation.name()}")
    directory = f"{parent}/{os.getpid()}-{time.monotonic_ns()}"
    os.makedirs(directory)
    made = Cgroup({UNIFIED: directory})
    yield made
    made.kill()
    made.remove()
    try:
        os.rmdir(parent)
    except OSError:
        pass


def limit(group: Cgroup, *rules: DeviceRule) -> None:
    fd = group.open_unified()
    try:
        bpf.limit_devices(fd, rules)
    finally:
        os.close(fd)


def can(group: Cgroup, directory: Path, work: str) -> bool:
    """Whether a process in the group may do it: read:PATH, write:PATH or mknod:MAJOR:MINOR."""
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            group.attach(os.getpid())
            verb, _, thing = work.partition(":")
            if verb == "mknod":
                major, minor = thing.split(":")
                os.mknod(directory / "node", stat.S_IFCHR, os.makedev(int(major), int(minor)))
            else:
                os.close(os.open(thing, os.O_RDONLY if verb == "read" else os.O_WRONLY))
            code = 0
        except PermissionError:
            code = 1
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    (directory / "node").unlink(missing_ok=True)
    assert code in (0, 1)
    return code == 0


def test_only_allowed_devices_open(group: Cgroup, tmp_path: Path) -> None:
    assert can(group, tmp_path, "read:/dev/zero")
    limit(group, NOTHING, NULL)
    assert can(group, tmp_path, "read:/dev/null")
    assert can(group, tmp_path, "write:/dev/null")
    assert not can(group, tmp_path, "read:/dev/zero")
    assert not can(group, tmp_path, "mknod:1:5")


def test_access_is_told_apart(group: Cgroup, tmp_path: Path) -> None:
    limit(group, NOTHING, DeviceRule(True, "c", access="m"), DeviceRule(True, "c", 1, 3, "r"))
    assert can(group, tmp_path, "mknod:1:5")
    assert can(group, tmp_path, "read:/dev/null")
    assert not can(group, tmp_path, "write:/dev/null")


def test_new_rules_take_the_place_of_old_ones(group: Cgroup, tmp_path: Path) -> None:
    limit(group, NOTHING)
    assert not can(group, tmp_path, "read:/dev/null")
    for rules in ([NOTHING, NULL], [NOTHING, NULL, DeviceRule(True, "c", 1, 5)]):
        limit(group, *rules)
        fd = group.open_unified()
        assert len(bpf.attached(fd)) == 1
        os.close(fd)
    assert can(group, tmp_path, "read:/dev/zero")


def test_rules_written_as_for_version_1_become_a_program(group: Cgroup, tmp_path: Path) -> None:
    group.apply(
        [
            CgroupWrite("devices", "devices.deny", "a"),
            CgroupWrite("devices", "devices.allow", "c 1:3 rwm"),
            CgroupWrite("devices", "devices.allow", "c *:* m"),
        ]
    )
    assert can(group, tmp_path, "read:/dev/null")
    assert can(group, tmp_path, "mknod:1:5")
    assert not can(group, tmp_path, "read:/dev/zero")


def test_a_filter_that_cannot_be_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CuddyError, match="cannot limit the devices"):
        Cgroup({UNIFIED: str(tmp_path)}).apply([CgroupWrite("devices", "devices.deny", "a")])
