"""Which hierarchies a host has, from the texts of its /proc."""

from __future__ import annotations

import pytest

from cuddy.errors import InvalidArgument
from cuddy.kernel.cgroup_hierarchies import Hierarchies, parse

HYBRID_MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
"""
HYBRID_GROUPS = """\
9:name=systemd:/user.slice/session-1.scope
4:memory:/user.slice
1:cpu,cpuacct:/
0::/user.slice/session-1.scope
"""
V2_MOUNTS = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"


def v1_only() -> Hierarchies:
    mounts = "".join(line + "\n" for line in HYBRID_MOUNTS.split("\n") if "cgroup2" not in line)
    return parse(mounts, HYBRID_GROUPS)


def test_a_hybrid_host_has_both_versions() -> None:
    found = parse(HYBRID_MOUNTS, HYBRID_GROUPS)
    assert found.mode == "hybrid"
    memory, unified = found.of("memory"), found.unified
    assert memory and unified
    assert (memory.version, memory.target, memory.own) == (
        1,
        "/sys/fs/cgroup/memory",
        "/user.slice",
    )
    assert unified.target == "/sys/fs/cgroup/unified"
    assert unified.own == "/user.slice/session-1.scope"


def test_joint_controllers_are_one_hierarchy() -> None:
    found = parse(HYBRID_MOUNTS, HYBRID_GROUPS)
    assert found.of("cpu") == found.of("cpuacct")
    assert len(found.all) == 4


def test_one_version_is_called_by_its_number() -> None:
    assert v1_only().mode == "v1"
    assert parse(V2_MOUNTS, "0::/\n").mode == "v2"
    assert parse("", "").mode == "none"
    assert parse("", "").unified is None


def test_a_controller_that_is_not_mounted_is_nowhere() -> None:
    assert parse(HYBRID_MOUNTS, "12:rdma:/\n").of("rdma") is None


def test_devices_are_limited_by_version_2_where_version_1_has_no_such_controller() -> None:
    assert parse(V2_MOUNTS, "0::/\n").of("devices")
    assert v1_only().of("devices") is None


def test_processes_are_tracked_by_one_hierarchy() -> None:
    """Version 2 if it is there; systemd's own of version 1 otherwise."""
    joined = [hierarchy.controllers for hierarchy in v1_only().joined(())]
    assert ("name=systemd",) in joined
    both = parse(HYBRID_MOUNTS, HYBRID_GROUPS)
    assert both.unified in both.joined(())
    assert ("name=systemd",) not in [hierarchy.controllers for hierarchy in both.joined(())]


def test_a_mount_of_a_subtree_is_seen_from_its_top() -> None:
    """As in a container without a cgroup namespace: the mount shows the container's own group."""
    mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    memory = parse(mounts, "4:memory:/docker/abc/below\n").of("memory")
    assert memory
    assert memory.own == "/below"
    assert memory.directory("/cuddy/1") == "/sys/fs/cgroup/memory/cuddy/1"


def test_a_mount_that_does_not_show_us_is_not_ours() -> None:
    mounts = (
        "35 31 0:32 /docker/abc /elsewhere rw - cgroup cgroup rw,memory\n"
        "36 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    )
    memory = parse(mounts, "4:memory:/docker/abcdef\n").of("memory")
    assert memory
    assert memory.target == "/sys/fs/cgroup/memory"


def test_an_absolute_path_is_below_the_mount_everywhere() -> None:
    for hierarchy in parse(HYBRID_MOUNTS, HYBRID_GROUPS).all:
        assert hierarchy.directory("/cuddy/1") == f"{hierarchy.target}/cuddy/1"


def test_a_relative_path_is_below_us_on_version_1_and_beside_us_on_version_2() -> None:
    """A group of version 2 that holds a process, us, can give its children no controllers."""
    found = parse(HYBRID_MOUNTS, HYBRID_GROUPS)
    memory, cpu, unified = found.of("memory"), found.of("cpu"), found.unified
    assert memory and cpu and unified
    assert memory.directory("box") == "/sys/fs/cgroup/memory/user.slice/box"
    assert cpu.directory("box") == "/sys/fs/cgroup/cpu,cpuacct/box"
    assert unified.directory("box") == "/sys/fs/cgroup/unified/user.slice/box"
    at_the_top = parse(V2_MOUNTS, "0::/\n").unified
    assert at_the_top
    assert at_the_top.directory("box") == "/sys/fs/cgroup/box"


@pytest.mark.parametrize("hostile", ["..", "/../x", "a/../../b", "", "/", "a//b", "./a", "a/."])
def test_a_path_cannot_lead_out(hostile: str) -> None:
    for hierarchy in parse(HYBRID_MOUNTS, HYBRID_GROUPS).all:
        with pytest.raises(InvalidArgument, match="not a path of a control group"):
            hierarchy.directory(hostile)


def test_a_hostile_mount_name_is_no_line_of_its_own() -> None:
    """The kernel escapes a newline, and nothing else that ends a line for Python."""
    hostile = "/mnt/x\x0c35 31 0:32 / /evil rw - cgroup cgroup rw,memory\x85\u2028"
    mounts = f"50 23 0:40 / {hostile} rw - tmpfs tmpfs rw\n{HYBRID_MOUNTS}"
    memory = parse(mounts, HYBRID_GROUPS).of("memory")
    assert memory
    assert memory.target == "/sys/fs/cgroup/memory"
