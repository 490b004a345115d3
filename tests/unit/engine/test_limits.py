"""--memory, --cpus and their kin: what is refused, and what becomes of the rest."""

from __future__ import annotations

import os
from typing import Any

import pytest

from cuddy.engine import host_config, limits, resources
from cuddy.engine.options import ContainerOptions
from cuddy.errors import InvalidArgument

MB = 1 << 20
CPUS = len(os.sched_getaffinity(0))


def options(**values: Any) -> ContainerOptions:
    return ContainerOptions("image", **values)


def recorded(**values: Any) -> dict[str, Any]:
    """HostConfig of a container with these options."""
    config = host_config.DEFAULTS | limits.host_config(options(**values))
    limits.check(config)
    return config


def resources_of(**values: Any) -> dict[str, Any]:
    """linux.resources of a container with these options, without the device rules."""
    return resources.resources(recorded(**values), {"/dev/vda": (254, 0)})


class TestRefused:
    @pytest.mark.parametrize(
        ("values", "complaint"),
        [
            ({"memory": 6 * MB - 1}, "Minimum memory limit allowed is 6MB"),
            ({"memory": -1}, "Minimum memory limit allowed is 6MB"),
            ({"memory_swap": 100 * MB}, "You should always set the Memory limit"),
            ({"memory": 50 * MB, "memory_swap": 49 * MB}, "Minimum memoryswap limit"),
            ({"memory": 50 * MB, "memory_swap": -2}, "swap"),
            ({"memory_reservation": MB}, "Minimum memory reservation allowed is 6MB"),
            ({"memory": 10 * MB, "memory_reservation": 20 * MB}, "less than memory reservation"),
            ({"memory_swappiness": 101}, "Invalid value: 101, valid memory swappiness"),
            ({"memory_swappiness": -2}, "valid memory swappiness range is 0-100"),
            ({"nano_cpus": 9_999_999}, "Range of CPUs is from 0.01"),
            ({"nano_cpus": -1}, "Range of CPUs is from 0.01"),
            ({"nano_cpus": CPUS * 10**9 + 1}, f"there are only {CPUS} CPUs"),
            ({"nano_cpus": 10**9, "cpu_period": 5000}, "Nano CPUs and CPU Period cannot both"),
            ({"nano_cpus": 10**9, "cpu_quota": 5000}, "Nano CPUs and CPU Quota cannot both"),
            ({"cpu_period": 999}, "CPU cfs period can not be less than 1ms"),
            ({"cpu_period": 1_000_001}, "or larger than 1s"),
            ({"cpu_quota": 999}, "CPU cfs quota can not be less than 1ms"),
            ({"cpu_rt_period": -1}, "realtime period"),
            ({"cpu_shares": 1}, "minimum allowed cpu-shares is 2"),
            ({"cpu_shares": 262145}, "maximum allowed cpu-shares is 262144"),
            ({"cpu_shares": -5}, "shares: invalid argument"),
            ({"blkio_weight": 9}, "Range of blkio weight is from 10 to 1000"),
            ({"blkio_weight": 1001}, "Range of blkio weight is from 10 to 1000"),
            ({"blkio_weight_device": ("/dev/vda:9",)}, "invalid weight for device: /dev/vda:9"),
            ({"blkio_weight_device": ("vda:9",)}, "bad format for device path"),
            ({"device_read_bps": ("/dev/vda",)}, "bad format"),
            ({"device_read_bps": ("/dev/vda:1k",)}, "invalid rate for device"),
            ({"device_write_iops": ("/dev/vda:-1",)}, "invalid rate for device"),
            ({"oom_score_adj": 1001}, r"range for oom score adj is \[-1000, 1000\]"),
            ({"cgroup_parent": "/a/../b"}, "invalid cgroup-parent"),
            ({"cpuset_mems": "x"}, "Invalid value x for cpuset mems"),
            ({"cpuset_cpus": "a"}, "for cpuset cpus: invalid format"),
            ({"cpuset_cpus": "0-"}, "for cpuset cpus: invalid format"),
            ({"cpuset_cpus": "-1"}, "for cpuset cpus: invalid format"),
            ({"cpuset_cpus": "3-1"}, "for cpuset cpus: invalid format"),
            ({"cpuset_cpus": "0,"}, "for cpuset cpus: invalid format"),
            ({"cpuset_cpus": ","}, "for cpuset cpus: invalid format"),
            ({"cpuset_cpus": "0 1"}, "for cpuset cpus: invalid format"),
            ({"cpuset_cpus": "0-1-2"}, "for cpuset cpus: invalid format"),
            ({"cpuset_cpus": "²"}, "for cpuset cpus: invalid format"),
            ({"cpuset_cpus": "0-²"}, "for cpuset cpus: invalid format"),
            ({"cpuset_cpus": "0\n"}, "for cpuset cpus: invalid format"),
            ({"cpuset_cpus": "9" * 5000}, "for cpuset cpus: invalid format"),
            ({"ulimits": ("nofile=" + "9" * 5000,)}, "invalid ulimit"),
            ({"ulimits": ("warp=1",)}, "invalid ulimit"),
            ({"ulimits": ("nofile",)}, "invalid ulimit"),
            ({"ulimits": ("nofile=",)}, "invalid ulimit"),
            ({"ulimits": ("nofile=x",)}, "invalid ulimit"),
            ({"ulimits": ("nofile=1:x",)}, "invalid ulimit"),
            ({"ulimits": ("nofile=-2",)}, "invalid ulimit"),
            ({"ulimits": ("nofile=1:2:3",)}, "invalid ulimit"),
            ({"ulimits": ("nofile=²",)}, "invalid ulimit"),
            ({"ulimits": ("NOFILE=1",)}, "invalid ulimit"),
            ({"ulimits": ("nofile=20:10",)}, "above hard limit"),
            ({"ulimits": ("nofile=-1:10",)}, "above hard limit"),
        ],
    )
    def test_what_makes_no_sense(self, values: dict[str, Any], complaint: str) -> None:
        with pytest.raises(InvalidArgument, match=complaint) as caught:
            recorded(**values)
        assert "\n" not in str(caught.value)


class TestAccepted:
    def test_nothing_asked_is_nothing_limited(self) -> None:
        assert resources_of() == {}

    def test_zero_is_no_limit(self) -> None:
        assert resources_of(nano_cpus=0, cpu_shares=0, pids_limit=0, memory_swap=0) == {}

    def test_memory_brings_as_much_swap(self) -> None:
        assert resources_of(memory=64 * MB) == {"memory": {"limit": 64 * MB, "swap": 128 * MB}}

    @pytest.mark.parametrize("swap", [64 * MB, 100 * MB, -1])
    def test_swap_as_asked(self, swap: int) -> None:
        found = resources_of(memory=64 * MB, memory_swap=swap)
        assert found == {"memory": {"limit": 64 * MB, "swap": swap}}

    @pytest.mark.parametrize(("nano_cpus", "quota"), [(10**7, 1000), (10**9, 100_000)])
    def test_cpus_are_time_in_a_tenth_of_a_second(self, nano_cpus: int, quota: int) -> None:
        assert resources_of(nano_cpus=nano_cpus) == {"cpu": {"period": 100_000, "quota": quota}}

    def test_shares_and_cpus_to_choose_from(self) -> None:
        found = resources_of(cpu_shares=512, cpuset_cpus="0-1,3")
        assert found == {"cpu": {"shares": 512, "cpus": "0-1,3"}}

    @pytest.mark.parametrize("unlimited", [0, -1, None])
    def test_pids(self, unlimited: int | None) -> None:
        assert resources_of(pids_limit=50) == {"pids": {"limit": 50}}
        assert resources_of(pids_limit=unlimited) == {}

    def test_time_of_each_period(self) -> None:
        found = resources_of(cpu_period=50_000, cpu_quota=25_000)
        assert found == {"cpu": {"period": 50_000, "quota": 25_000}}

    def test_real_time(self) -> None:
        found = resources_of(cpu_rt_period=1_000_000, cpu_rt_runtime=950_000, cpuset_mems="0")
        assert found["cpu"] == {
            "realtimePeriod": 1_000_000, "realtimeRuntime": 950_000, "mems": "0",
        }  # fmt: skip

    def test_what_becomes_of_memory_when_it_is_short(self) -> None:
        found = resources_of(memory_reservation=32 * MB, memory_swappiness=0, oom_kill_disable=True)
        assert found["memory"] == {
            "reservation": 32 * MB, "swappiness": 0, "disableOOMKiller": True,
        }  # fmt: skip
        assert resources_of(memory_swappiness=-1) == {}

    def test_block_devices_are_known_by_their_numbers(self) -> None:
        found = resources_of(
            blkio_weight=500,
            blkio_weight_device=("/dev/vda:20",),
            device_read_bps=("/dev/vda:1048576",),
            device_write_bps=("/dev/vda:1",),
            device_read_iops=("/dev/vda:2",),
            device_write_iops=("/dev/vda:3",),
        )
        vda = {"major": 254, "minor": 0}
        assert found["blockIO"] == {
            "weight": 500,
            "weightDevice": [vda | {"weight": 20}],
            "throttleReadBpsDevice": [vda | {"rate": 1048576}],
            "throttleWriteBpsDevice": [vda | {"rate": 1}],
            "throttleReadIOPSDevice": [vda | {"rate": 2}],
            "throttleWriteIOPSDevice": [vda | {"rate": 3}],
        }

    @pytest.mark.parametrize("name", limits.RLIMITS)
    def test_ulimits_survive_the_way_through_the_record(self, name: str) -> None:
        config = limits.host_config(options(ulimits=(f"{name}=5:-1",)))
        assert config["Ulimits"] == [{"Name": name, "Hard": -1, "Soft": 5}]
        assert limits.rlimits(config) == [{"type": f"RLIMIT_{name.upper()}", "soft": 5, "hard": -1}]

    def test_one_number_is_soft_and_hard(self) -> None:
        assert limits.parse_ulimits(("core=0",)) == [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]


def test_zero_memory_is_no_limit_as_docker_has_it() -> None:
    assert resources_of(memory=0) == {}
