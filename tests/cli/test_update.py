"""Other limits for containers that are there; record and kernel always say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from console import Cuddy

V1 = not Path("/sys/fs/cgroup/cgroup.controllers").exists()
FILES = {
    "memory": ("memory/memory.limit_in_bytes", "memory.max"),
    "pids": ("pids/pids.max", "pids.max"),
    "shares": ("cpu/cpu.shares", "cpu.weight"),
    "quota": ("cpu/cpu.cfs_quota_us", "cpu.max"),
}
SLEEP = ("alpine", "sleep", "1000")


@pytest.fixture
def box(cuddy: Cuddy) -> str:
    cuddy.ok("run", "-d", "--name", "box", "-m", "64m", "--memory-swap", "128m", *SLEEP)
    return "box"


def limit(cuddy: Cuddy, what: str) -> str:
    """What stands in the control file of the container `box`."""
    return cuddy.ok("exec", "box", "cat", f"/sys/fs/cgroup/{FILES[what][not V1]}")


def config(cuddy: Cuddy) -> Any:
    return cuddy.inspect("box")["HostConfig"]


def test_a_running_container_has_them_at_once(cuddy: Cuddy, box: str) -> None:
    words = ["-m", "96m", "--pids-limit", "55", "--cpu-shares", "512", "--cpus", "0.5"]
    assert cuddy.ok("update", *words, box) == box
    found = [limit(cuddy, what) for what in FILES]
    assert found == [str(96 << 20), "55", *(["512", "50000"] if V1 else ["59", "50000 100000"])]
    fields = ("Memory", "MemorySwap", "PidsLimit", "CpuShares", "NanoCpus")
    assert [config(cuddy)[f] for f in fields] == [96 << 20, 128 << 20, 55, 512, 500_000_000]
    cuddy.ok("update", "--pids-limit", "-1", box)
    assert limit(cuddy, "pids") == "max"
    assert config(cuddy)["PidsLimit"] is None


def test_processors_are_chosen_for_all_that_runs_already(cuddy: Cuddy, box: str) -> None:
    cuddy.ok("exec", "-d", box, "sleep", "2000")
    cuddy.ok("update", "--cpuset-cpus", "0", box)
    script = "grep -h Cpus_allowed_list /proc/[0-9]*/status | sort -u"
    assert cuddy.ok("exec", box, "sh", "-c", script).split() == ["Cpus_allowed_list:", "0"]


def test_one_that_does_not_run_has_them_at_its_next_start(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "box", *SLEEP)
    cuddy.ok("update", "--pids-limit", "44", "box")
    cuddy.ok("start", "box")
    assert limit(cuddy, "pids") == "44"


def test_what_the_kernel_refuses_changes_nothing(cuddy: Cuddy, box: str) -> None:
    before = config(cuddy)
    words = ["--pids-limit", "33", "-m", "32m", "--cpu-rt-runtime", "1000000000"]
    result = cuddy("update", *words, box)
    assert result.code == 1
    assert "cannot set the realtime runtime" in result.complaint
    assert config(cuddy) == before
    assert [limit(cuddy, what) for what in ("memory", "pids")] == [str(64 << 20), "max"]


def test_what_a_killed_command_wrote_down_comes_into_force(cuddy: Cuddy, box: str) -> None:
    container_id = cuddy.inspect(box)["Id"]
    path = cuddy.root / "containers" / container_id / "container.json"
    record = json.loads(path.read_text())
    record["HostConfig"]["PidsLimit"] = 22
    path.write_text(json.dumps(record))
    (cuddy.run_root / container_id / "updating").write_text("PidsLimit")
    assert config(cuddy)["PidsLimit"] == 22
    assert limit(cuddy, "pids") == "22"
    assert not (cuddy.run_root / container_id / "updating").exists()


def test_several_at_once_and_one_that_is_not_there(cuddy: Cuddy, box: str) -> None:
    cuddy.ok("create", "--name", "other", *SLEEP)
    result = cuddy("update", "--pids-limit", "11", box, "nobody", "other")
    assert result.code == 1
    assert result.out.split() == [box, "other"]
    assert "No such container: nobody" in result.complaint
    assert cuddy.field("other", "{{.HostConfig.PidsLimit}}") == "11"


def test_the_restart_policy_is_the_next_ends(cuddy: Cuddy, box: str) -> None:
    cuddy.ok("update", "--restart", "on-failure:2", box)
    assert config(cuddy)["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}
    cuddy.ok("run", "-d", "--rm", "--name", "brief", *SLEEP)
    result = cuddy("update", "--restart", "always", "brief")
    assert result.code == 1
    assert "because AutoRemove is enabled for the container" in result.complaint


def test_it_is_an_event(cuddy: Cuddy, box: str) -> None:
    cuddy.ok("update", "--pids-limit", "11", box)
    words = ["--filter", "event=update", "--filter", f"container={cuddy.inspect(box)['Id']}"]
    shown = cuddy.ok("events", "--since", "1", "--until", "0s", *words)
    assert len(shown.splitlines()) == 1
    assert "container update" in shown


def test_without_a_flag_it_says_so(cuddy: Cuddy, box: str) -> None:
    result = cuddy("update", box)
    assert result.code == 1
    assert "you must provide one or more flags when using this command" in result.complaint
