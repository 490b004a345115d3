"""Update: what becomes of HostConfig, and what of it is told to the kernel."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import update
from cuddy.engine.host_config import DEFAULTS
from cuddy.engine.options import UpdateOptions
from cuddy.errors import Conflict, InvalidArgument

MB = 1 << 20


def changes(**options: Any) -> dict[str, Any]:
    return update.changes_of(UpdateOptions(**options))


class TestMerge:
    def test_what_is_not_named_stays(self) -> None:
        config = DEFAULTS | {"CpuShares": 7, "PidsLimit": 3}
        after = update.merge(config, changes(cpuset_cpus="0", pids_limit=-1))
        assert after == config | {"CpusetCpus": "0", "PidsLimit": None}

    def test_zero_says_nothing_as_docker_has_it(self) -> None:
        assert changes(memory=0, nano_cpus=0, pids_limit=0, blkio_weight=0) == {}

    def test_memory_above_its_swap_takes_both(self) -> None:
        config = DEFAULTS | {"Memory": 20 * MB, "MemorySwap": 40 * MB}
        assert update.merge(config, changes(memory=40 * MB))["Memory"] == 40 * MB
        with pytest.raises(InvalidArgument, match="update the memoryswap at the same time"):
            update.merge(config, changes(memory=41 * MB))
        after = update.merge(config, changes(memory=50 * MB, memory_swap=-1))
        assert (after["Memory"], after["MemorySwap"]) == (50 * MB, -1)

    def test_a_container_without_limits_can_be_limited(self) -> None:
        after = update.merge(DEFAULTS, changes(memory=20 * MB))
        assert (after["Memory"], after["MemorySwap"]) == (20 * MB, 40 * MB)
        config = DEFAULTS | {"Memory": 20 * MB, "MemorySwap": -1}
        after = update.merge(config, changes(memory=30 * MB))
        assert (after["Memory"], after["MemorySwap"]) == (30 * MB, -1)

    def test_other_changes_do_not_stumble_over_unlimited_swap(self) -> None:
        config = DEFAULTS | {"Memory": 20 * MB, "MemorySwap": -1}
        assert update.merge(config, changes(cpu_shares=5))["CpuShares"] == 5

    def test_swap_below_memory_is_refused(self) -> None:
        config = DEFAULTS | {"Memory": 20 * MB, "MemorySwap": 40 * MB}
        with pytest.raises(InvalidArgument, match="Minimum memoryswap limit"):
            update.merge(config, changes(memory_swap=10 * MB))
        with pytest.raises(InvalidArgument, match="always set the Memory limit"):
            update.merge(DEFAULTS, changes(memory_swap=10 * MB))

    @pytest.mark.parametrize(
        ("before", "options", "words"),
        [
            ("NanoCpus", {"cpu_period": 5000}, ("CPU Period", "NanoCPUs")),
            ("NanoCpus", {"cpu_quota": 5000}, ("CPU Quota", "NanoCPUs")),
            ("CpuPeriod", {"nano_cpus": 10**9}, ("NanoCPUs", "CPU Period")),
            ("CpuQuota", {"nano_cpus": 10**9}, ("NanoCPUs", "CPU Quota")),
        ],
    )
    def test_time_is_limited_in_one_way_or_the_other(
        self, before: str, options: dict[str, int], words: tuple[str, str]
    ) -> None:
        match = f"Conflicting options: {words[0]} cannot be updated as {words[1]} has already been"
        with pytest.raises(InvalidArgument, match=match):
            update.merge(DEFAULTS | {before: 10_000}, changes(**options))


class TestPolicy:
    def test_it_is_recorded_as_create_would(self) -> None:
        found = update.new_policy(DEFAULTS, "on-failure:3")
        assert found == {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}
        assert update.new_policy(DEFAULTS, "") == {}

    def test_what_removes_itself_does_not_come_back(self) -> None:
        with pytest.raises(Conflict, match="because AutoRemove is enabled for the container"):
            update.new_policy(DEFAULTS | {"AutoRemove": True}, "always")
        assert update.new_policy(DEFAULTS | {"AutoRemove": True}, "no")


class TestWhatTheKernelIsTold:
    def told(self, config: dict[str, Any], *fields: str) -> dict[str, Any]:
        return update.changed_resources(DEFAULTS | config, fields)

    def test_only_what_has_changed(self) -> None:
        config = {"Memory": 20 * MB, "MemorySwap": 40 * MB, "CpuShares": 5, "CpusetCpus": "0"}
        assert self.told(config, "CpuShares") == {"cpu": {"shares": 5}}

    def test_with_what_goes_together(self) -> None:
        config = {"Memory": 20 * MB, "MemorySwap": 40 * MB, "MemoryReservation": 9 * MB}
        assert self.told(config, "Memory") == {"memory": {"limit": 20 * MB, "swap": 40 * MB}}
        config = {"CpuPeriod": 20_000, "CpuQuota": 10_000}
        assert self.told(config, "CpuQuota") == {"cpu": {"period": 20_000, "quota": 10_000}}

    def test_no_limit_is_told_as_well(self) -> None:
        assert self.told({"PidsLimit": None}, "PidsLimit") == {"pids": {"limit": -1}}

    def test_a_weight_but_no_device(self) -> None:
        config = {"BlkioWeight": 20, "BlkioDeviceReadBps": [{"Path": "/dev/gone", "Rate": 1}]}
        assert self.told(config, "BlkioWeight") == {"blockIO": {"weight": 20}}
