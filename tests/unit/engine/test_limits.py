"""--memory, --cpus and their kin: what is refused, and what becomes of the rest."""

from __future__ import annotations

import os
from typing import Any

import pytest

from cuddy.engine import defaults, limits
from cuddy.engine.options import ContainerOptions
from cuddy.errors import InvalidArgument

MB = 1 << 20
CPUS = len(os.sched_getaffinity(0))


def options(**values: Any) -> ContainerOptions:
    return ContainerOptions("image", **values)


def resources(**values: Any) -> dict[str, Any]:
    """linux.resources of a container with these options, without the device rules."""
    chosen = options(**values)
    limits.check(chosen)
    found = limits.resources({"Privileged": False} | limits.host_config(chosen))
    assert found.pop("devices") == defaults.DEVICE_RULES
    return found


class TestRefused:
    @pytest.mark.parametrize(
        ("values", "complaint"),
        [
            ({"memory": 6 * MB - 1}, "too small"),
            ({"memory": -1}, "too small"),
            ({"memory_swap": 100 * MB}, "needs a memory limit"),
            ({"memory": 50 * MB, "memory_swap": 49 * MB}, "below the memory limit"),
            ({"memory": 50 * MB, "memory_swap": -2}, "swap"),
            ({"nano_cpus": 9_999_999}, "out of range"),
            ({"nano_cpus": -1}, "out of range"),
            ({"nano_cpus": CPUS * 10**9 + 1}, "out of range"),
            ({"cpu_shares": 1}, "too few"),
            ({"cpu_shares": -5}, "too few"),
            ({"cpuset_cpus": "a"}, "invalid CPU list"),
            ({"cpuset_cpus": "0-"}, "invalid CPU list"),
            ({"cpuset_cpus": "-1"}, "invalid CPU list"),
            ({"cpuset_cpus": "3-1"}, "invalid CPU list"),
            ({"cpuset_cpus": "0,"}, "invalid CPU list"),
            ({"cpuset_cpus": ","}, "invalid CPU list"),
            ({"cpuset_cpus": "0 1"}, "invalid CPU list"),
            ({"cpuset_cpus": "0-1-2"}, "invalid CPU list"),
            ({"cpuset_cpus": "²"}, "invalid CPU list"),
            ({"cpuset_cpus": "0-²"}, "invalid CPU list"),
            ({"cpuset_cpus": "0\n"}, "invalid CPU list"),
            ({"cpuset_cpus": "9" * 5000}, "invalid CPU list"),
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
            limits.check(options(**values))
        assert "\n" not in str(caught.value)

    def test_every_limit_says_what_would_be_right(self) -> None:
        with pytest.raises(InvalidArgument) as caught:
            limits.check(options(nano_cpus=99 * 10**9))
        assert f"only {CPUS} CPUs" in caught.value.hint


class TestAccepted:
    def test_nothing_asked_is_nothing_limited(self) -> None:
        assert resources() == {}

    def test_zero_is_no_limit(self) -> None:
        assert resources(nano_cpus=0, cpu_shares=0, pids_limit=0, memory_swap=0) == {}

    def test_memory_brings_as_much_swap(self) -> None:
        assert resources(memory=64 * MB) == {"memory": {"limit": 64 * MB, "swap": 128 * MB}}

    @pytest.mark.parametrize("swap", [64 * MB, 100 * MB, -1])
    def test_swap_as_asked(self, swap: int) -> None:
        found = resources(memory=64 * MB, memory_swap=swap)
        assert found == {"memory": {"limit": 64 * MB, "swap": swap}}

    @pytest.mark.parametrize(("nano_cpus", "quota"), [(10**7, 1000), (10**9, 100_000)])
    def test_cpus_are_time_in_a_tenth_of_a_second(self, nano_cpus: int, quota: int) -> None:
        assert resources(nano_cpus=nano_cpus) == {"cpu": {"period": 100_000, "quota": quota}}

    def test_shares_and_cpus_to_choose_from(self) -> None:
        found = resources(cpu_shares=512, cpuset_cpus="0-1,3")
        assert found == {"cpu": {"shares": 512, "cpus": "0-1,3"}}

    @pytest.mark.parametrize("unlimited", [0, -1, None])
    def test_pids(self, unlimited: int | None) -> None:
        assert resources(pids_limit=50) == {"pids": {"limit": 50}}
        assert resources(pids_limit=unlimited) == {}

    def test_privileged_may_use_every_device(self) -> None:
        config = limits.host_config(options()) | {"Privileged": True}
        assert limits.resources(config)["devices"] == [{"allow": True, "access": "rwm"}]

    @pytest.mark.parametrize("name", limits.RLIMITS)
    def test_ulimits_survive_the_way_through_the_record(self, name: str) -> None:
        config = limits.host_config(options(ulimits=(f"{name}=5:-1",)))
        assert config["Ulimits"] == [{"Name": name, "Soft": 5, "Hard": -1}]
        assert limits.rlimits(config) == [{"type": f"RLIMIT_{name.upper()}", "soft": 5, "hard": -1}]

    def test_one_number_is_soft_and_hard(self) -> None:
        assert limits.parse_ulimits(("core=0",)) == [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]


def test_zero_memory_is_no_limit_as_docker_has_it() -> None:
    assert resources(memory=0) == {}
