"""The HostConfig section of a record against what docker's client 28 made dockerd record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cuddy.engine import create, host_config, sharing
from cuddy.engine.options import ContainerOptions

RECORDED = Path(__file__).parents[2] / "golden/host_config"

OURS = {
    "NetworkMode": "bridge",  # docker 28 says so too; the dockerd that was asked said "default"
    "Runtime": "cuddy",
}
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "privileged": {"privileged": True},
    "everything": {
        "devices": ("/dev/null:/dev/x:r", "/dev/fuse", "vendor.com/class=one"),
        "group_add": ("5", "games"),
        "sysctls": ("net.core.somaxconn=5",),
        "device_read_bps": ("/dev/vda:1048576",),
        "device_write_iops": ("/dev/vda:30",),
        "device_cgroup_rules": ("c 1:2 rwm",),
        "gpus": ("all",),
        "ulimits": ("nofile=10:20",),
        "memory": 20 << 20,
        "memory_reservation": 10 << 20,
        "memory_swappiness": 10,
        "oom_kill_disable": True,
        "cpu_shares": 5,
        "cpu_period": 20_000,
        "cpu_quota": 10_000,
        "cpuset_cpus": "0",
        "cpuset_mems": "0",
        "pids_limit": 9,
        "uts_mode": "host",
        "ipc_mode": "shareable",
        "pid_mode": "host",
        "userns_mode": "host",
        "cgroupns_mode": "host",
        "security_opt": ("no-new-privileges", "seccomp=unconfined", "systempaths=unconfined"),
        "init": True,
        "cap_add": ("net_admin", "sys_time"),
        "cap_drop": ("CAP_CHOWN",),
        "isolation": "default",
        "oom_score_adj": 100,
        "cgroup_parent": "/abc",
        "volume_driver": "local",
        "read_only": True,
        "shm_size": 1 << 20,
        "dns": ("1.1.1.1",),
    },
}


@pytest.mark.parametrize("case", CASES)
def test_a_container_has_dockers_fields_in_dockers_order(case: str) -> None:
    docker = json.loads((RECORDED / f"{case}.json").read_text())
    options = ContainerOptions("image", **CASES[case])
    create.check(options)
    record = create.build_host_config(options) | sharing.host_config(options, {})
    found = host_config.shown(record)
    assert list(found) == list(docker)
    if docker["CgroupnsMode"] == "host" and not options.cgroupns_mode:
        docker["CgroupnsMode"] = "private"  # docker's default on version 1 of control groups
    if docker["MaskedPaths"]:
        assert set(found.pop("MaskedPaths")).issuperset(docker.pop("MaskedPaths"))
    assert found == docker | OURS


def test_what_is_not_there_is_null_or_absent_as_docker_has_it() -> None:
    found = host_config.shown({"Binds": [], "Dns": [], "Tmpfs": {}, "Init": False, "Memory": 0})
    assert found == {"Binds": None, "Dns": [], "Init": False, "Memory": 0}
    assert host_config.shown({"Init": None, "Sysctls": {"a": "b"}}) == {"Sysctls": {"a": "b"}}
