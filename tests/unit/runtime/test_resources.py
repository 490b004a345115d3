"""linux.resources as control file values, for hosts of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuddy.errors import InvalidArgument, NotPermitted
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_hierarchies import Hierarchies, Hierarchy
from cuddy.kernel.cgroup_limits import CgroupWrite
from cuddy.runtime import resources

V1 = Hierarchies(
    tuple(
        Hierarchy(1, f"/sys/fs/cgroup/{name}", (name,), "/")
        for name in ("cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "net_cls", "net_prio")
    )
)
V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma")
V2 = Hierarchies((Hierarchy(2, "/sys/fs/cgroup", V2_CONTROLLERS, "/user.slice"),))
HYBRID = Hierarchies((*V1.all[:4], Hierarchy(2, "/sys/fs/cgroup/unified", ("hugetlb",), "/")))


def written(wanted: dict[str, Any], hierarchies: Hierarchies) -> list[str]:
    """The plan as `file = value`, without the device rules."""
    writes = resources.plan(wanted, hierarchies)
    return [f"{w.file} = {w.value}" for w in writes if w.controller != "devices"]


MEMORY = {"limit": 64 << 20, "swap": 128 << 20, "reservation": 32 << 20}
CASES: list[tuple[dict[str, Any], list[str], list[str]]] = [
    (
        {"memory": MEMORY},
        [
            "memory.limit_in_bytes = 67108864",
            "memory.memsw.limit_in_bytes = 134217728",
            "memory.soft_limit_in_bytes = 33554432",
        ],
        ["memory.max = 67108864", "memory.swap.max = 67108864", "memory.low = 33554432"],
    ),
    (
        {"memory": {"limit": 1000, "swap": 1000}},
        ["memory.limit_in_bytes = 1000", "memory.memsw.limit_in_bytes = 1000"],
        ["memory.max = 1000", "memory.swap.max = 0"],
    ),
    (
        {"memory": {"limit": 1000, "swap": -1}},
        ["memory.limit_in_bytes = 1000", "memory.memsw.limit_in_bytes = -1"],
        ["memory.max = 1000", "memory.swap.max = max"],
    ),
    (
        {"memory": {"limit": -1}},
        ["memory.limit_in_bytes = -1", "memory.memsw.limit_in_bytes = -1"],
        ["memory.max = max", "memory.swap.max = max"],
    ),
    (
        {"memory": {"swappiness": 0, "disableOOMKiller": True}},
        ["memory.swappiness = 0", "memory.oom_control = 1"],
        ["memory.swappiness = 0", "memory.oom_control = 1"],
    ),
    ({"memory": {"limit": 0, "swap": None, "disableOOMKiller": False}}, [], []),
    (
        {"cpu": {"quota": 150000, "period": 100000, "shares": 1024}},
        ["cpu.shares = 1024", "cpu.cfs_period_us = 100000", "cpu.cfs_quota_us = 150000"],
        ["cpu.weight = 100", "cpu.max = 150000 100000"],
    ),
    ({"cpu": {"quota": 5000}}, ["cpu.cfs_quota_us = 5000"], ["cpu.max = 5000"]),
    ({"cpu": {"period": 5000}}, ["cpu.cfs_period_us = 5000"], ["cpu.max = max 5000"]),
    ({"cpu": {"quota": -1}}, ["cpu.cfs_quota_us = -1"], ["cpu.max = max"]),
    (
        {"cpu": {"burst": 0, "idle": 1, "cpus": "0-2,4", "mems": "0"}},
        ["cpu.cfs_burst_us = 0", "cpu.idle = 1", "cpuset.cpus = 0-2,4", "cpuset.mems = 0"],
        ["cpu.max.burst = 0", "cpu.idle = 1", "cpuset.cpus = 0-2,4", "cpuset.mems = 0"],
    ),
    ({"pids": {"limit": 7}}, ["pids.max = 7"], ["pids.max = 7"]),
    ({"pids": {"limit": -1}}, ["pids.max = max"], ["pids.max = max"]),
    ({"pids": {"limit": 0}}, [], []),
    (
        {
            "blockIO": {
                "weight": 500,
                "weightDevice": [{"major": 8, "minor": 0, "weight": 10}],
                "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1024}],
                "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 0}],
            }
        },
        [
            "blkio.weight = 500",
            "blkio.weight_device = 8:0 10",
            "blkio.throttle.read_bps_device = 8:0 1024",
            "blkio.throttle.write_iops_device = 8:16 0",
        ],
        [
            "io.bfq.weight = 500",
            "io.bfq.weight = 8:0 10",
            "io.max = 8:0 rbps=1024",
            "io.max = 8:16 wiops=max",
        ],
    ),
    (
        {"hugepageLimits": [{"pageSize": "2MB", "limit": 4096}]},
        ["hugetlb.2MB.limit_in_bytes = 4096", "hugetlb.2MB.rsvd.limit_in_bytes = 4096"],
        ["hugetlb.2MB.max = 4096", "hugetlb.2MB.rsvd.max = 4096"],
    ),
    ({}, [], []),
]


@pytest.mark.parametrize(("wanted", "v1", "v2"), CASES)
def test_each_resource_has_its_file_on_either_version(
    wanted: dict[str, Any], v1: list[str], v2: list[str]
) -> None:
    assert written(wanted, V1) == v1
    assert written(wanted, V2) == v2


@pytest.mark.parametrize(
    ("shares", "weight"), [(2, 1), (1024, 100), (512, 59), (2048, 174), (262144, 10000)]
)
def test_shares_become_weights_as_in_runc(shares: int, weight: int) -> None:
    assert resources.weight_of(shares) == weight


def test_weights_follow_shares() -> None:
    weights = [resources.weight_of(shares) for shares in range(2, 262145, 97)]
    assert weights == sorted(weights)
    assert all(1 <= weight <= 10000 for weight in weights)


def test_a_hybrid_host_has_each_controller_where_it_is() -> None:
    wanted = {"memory": {"limit": 4096}, "hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}
    expected = ["memory.limit_in_bytes = 4096", "hugetlb.2MB.max = 0", "hugetlb.2MB.rsvd.max = 0"]
    assert written(wanted, HYBRID) == expected


def test_a_network_class_is_written_where_there_is_one() -> None:
    network = {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 5}]}
    expected = ["net_cls.classid = 1048577", "net_prio.ifpriomap = eth0 5"]
    assert written({"network": network}, V1) == expected
    with pytest.raises(
        NotPermitted, match="cannot set the network class: this host has no net_cls"
    ):
        written({"network": network}, V2)


def test_rdma_limits_name_what_is_counted() -> None:
    wanted = {"rdma": {"mlx5_0": {"hcaHandles": 3, "hcaObjects": 10000}, "mlx4_0": {}}}
    expected = ["rdma.max = mlx5_0 hca_handle=3 hca_object=10000", "rdma.max = mlx4_0"]
    assert written(wanted, V2) == expected


def test_unified_names_files_of_version_2() -> None:
    values = {"memory.high": "1G", "cgroup.max.depth": "3"}
    assert written({"unified": values}, V2) == ["memory.high = 1G", "cgroup.max.depth = 3"]
    with pytest.raises(NotPermitted, match="no cgroup version 2"):
        written({"unified": values}, V1)
    with pytest.raises(NotPermitted, match="version 2 has no memory controller here"):
        written({"unified": values}, HYBRID)


@pytest.mark.parametrize("section", ["memory", "cpu", "pids"])
def test_a_limit_whose_controller_is_missing_is_never_dropped(section: str) -> None:
    wanted = {"memory": {"limit": 4096}, "cpu": {"quota": 5000}, "pids": {"limit": 5}}[section]
    nothing = Hierarchies((Hierarchy(2, "/sys/fs/cgroup", (), "/"),))
    for hierarchies in (nothing, Hierarchies(())):
        with pytest.raises(NotPermitted, match=f"this host has no {section} controller"):
            written({section: wanted}, hierarchies)


def test_nothing_asked_of_a_host_without_control_groups_is_fine() -> None:
    assert resources.plan({}, Hierarchies(())) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"memory": {"limit": "64m"}}, "limit '64m' is not a whole number"),
        ({"memory": {"limit": True}}, "not a whole number"),
        ({"memory": {"limit": 1.5}}, "not a whole number"),
        ({"memory": []}, None),
        ({"memory": [1]}, "wrong type"),
        ({"memory": {"limit": 2000, "swap": 1000}}, "swap limit, which includes memory, is below"),
        ({"memory": {"swap": 1000}}, "a swap limit needs a memory limit"),
        ({"hugepageLimits": [{"pageSize": "../../x", "limit": 1}]}, "not a huge page limit"),
        ({"hugepageLimits": {"pageSize": "2MB", "limit": 1}}, "wrong type"),
        ({"unified": {"../memory.max": "1"}}, "no control file"),
        ({"unified": {"memory": "1"}}, "no control file"),
        ({"unified": {"memory.max": 1}}, "no control file"),
        ({"blockIO": {"throttleReadBpsDevice": [{"rate": 1}]}}, "not a device"),
        ({"blockIO": {"weightDevice": [7]}}, "wrong type"),
        ({"memory": {"swappiness": 101}}, "invalid memory swappiness value: 101 .valid range is 0"),
        ({"cpu": {"cpus": [0, 1]}}, "cpus .* is not a name"),
        ({"rdma": {"mlx5 1": {"hcaHandles": 1}}}, "not a device"),
        ({"rdma": {"mlx5": 3}}, "wrong type"),
        ({"hugepageLimits": [{"pageSize": "2MB", "limit": -1}]}, "not a huge page limit"),
        ({"devices": [{"allow": True, "type": "c", "major": 1 << 31}]}, "not a device rule"),
        ({"devices": {"allow": True}}, "resources.devices has the wrong type"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert written(wrong, V2) == []
        return
    with pytest.raises(InvalidArgument, match=message):
        written(wrong, V2)


FIELDS = (
    "limit", "swap", "cpus", "major", "minor", "rate",
    "pageSize", "name", "priority", "hcaHandles", "priorities", "weight",
    "quota", "weightDevice", "throttleReadBpsDevice", "allow", "type", "access",
    "classID", "memory.max",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
SECTIONS = ("memory", "cpu", "pids", "blockIO", "hugepageLimits", "network", "rdma", "unified")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from((*SECTIONS, "devices")), JSON), st.sampled_from((V1, V2)))
def test_whatever_is_asked_for_is_planned_or_refused(
    wanted: dict[str, Any], hierarchies: Hierarchies
) -> None:
    try:
        resources.plan(wanted, hierarchies)
    except (InvalidArgument, NotPermitted):
        pass


def test_reserved_huge_pages_are_limited_where_they_are_counted(tmp_path: Path) -> None:
    wanted = {"hugepageLimits": [{"pageSize": "2MB", "limit": 4096}]}
    plan = [w for w in resources.plan(wanted, V2) if w.controller == "hugetlb"]
    assert fake_v2(tmp_path, "hugetlb.2MB.max").apply(plan) == []
    assert (tmp_path / "hugetlb.2MB.max").read_text() == "4096"


def test_kernel_memory_is_warned_about_where_it_is_not_counted(tmp_path: Path) -> None:
    plan = [w for w in resources.plan({"memory": {"kernel": 9}}, V2) if w.controller == "memory"]
    assert fake_v2(tmp_path).apply(plan) == [
        "this kernel has no way to set the kernel memory limit: ignored"
    ]


def fake_v2(directory: Path, *files: str) -> Cgroup:
    """A group as version 2 has it: a directory that holds the files of its controllers."""
    for name in files:
        (directory / name).touch()
    return Cgroup({"unified": str(directory)})


def test_version_2_files_get_the_values(tmp_path: Path) -> None:
    group = fake_v2(tmp_path, "memory.max", "memory.swap.max", "cpu.max", "pids.max")
    wanted = {"memory": MEMORY | {"reservation": 0}, "cpu": {"quota": 7000}, "pids": {"limit": 3}}
    assert group.apply(w for w in resources.plan(wanted, V2) if w.controller != "devices") == []
    assert (tmp_path / "memory.max").read_text() == "67108864"
    assert (tmp_path / "memory.swap.max").read_text() == "67108864"
    assert (tmp_path / "cpu.max").read_text() == "7000"
    assert (tmp_path / "pids.max").read_text() == "3"


def test_memory_is_limited_even_where_swap_cannot_be(tmp_path: Path) -> None:
    """Docker: "Your kernel does not support swap limit capabilities ..., limited without swap"."""
    group = fake_v2(tmp_path, "memory.max")
    plan = [w for w in resources.plan({"memory": MEMORY}, V2) if w.controller == "memory"]
    assert group.apply(plan[:2]) == ["this kernel cannot limit swap: memory is limited without it"]
    assert (tmp_path / "memory.max").read_text() == "67108864"


def test_what_version_2_does_not_have_is_warned_about(tmp_path: Path) -> None:
    wanted = {"memory": {"swappiness": 10, "disableOOMKiller": True}}
    plan = [w for w in resources.plan(wanted, V2) if w.controller == "memory"]
    assert fake_v2(tmp_path).apply(plan) == [
        "this kernel has no memory swappiness: ignored",
        "this kernel has no way to disable the OOM killer: ignored",
    ]


def test_other_limits_the_kernel_does_not_have_are_errors(tmp_path: Path) -> None:
    plan = [CgroupWrite("memory", "memory.max", "1", "the memory limit")]
    with pytest.raises(NotPermitted, match="cannot set the memory limit to 1: this kernel has no"):
        fake_v2(tmp_path).apply(plan)


def test_a_weight_goes_to_whichever_scheduler_there_is(tmp_path: Path) -> None:
    plan = [w for w in resources.plan({"blockIO": {"weight": 10}}, V2) if w.controller == "io"]
    (tmp_path / "bfq").mkdir()
    fake_v2(tmp_path / "bfq", "io.bfq.weight", "io.weight").apply(plan)
    assert (tmp_path / "bfq/io.bfq.weight").read_text() == "10"
    fake_v2(tmp_path, "io.weight").apply(plan)
    assert (tmp_path / "io.weight").read_text() == "default 1"
