"""What a container is given it gets, and no more."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import isolation
from console import Cuddy, kill, monitor_of, wait_until
from leaks import cgroup_mounts

HOG = "while :; do :; done"


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and the children it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / 100


@pytest.mark.slow
@pytest.mark.parametrize("cpus", ["1", "0.5"])
def test_a_cpu_hog_gets_no_more_than_its_share(cuddy: Cuddy, cpus: str) -> None:
    words = ["--name", "hog", "--cpus", cpus, "alpine", "sh", "-c", f"({HOG}) & ({HOG}) & {HOG}"]
    cuddy.ok("run", "-d", *words)
    pids = wait_for_three(cuddy.pid("hog"))
    time.sleep(0.3)
    began, used = time.monotonic(), sum(map(cpu_seconds, pids))
    time.sleep(3)
    share = (sum(map(cpu_seconds, pids)) - used) / (time.monotonic() - began)
    assert share <= float(cpus) * 1.1


def wait_for_three(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    deadline = time.monotonic() + 20
    while len(children := path.read_text().split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [pid, *map(int, children)]


class TestMemory:
    def test_a_hog_is_killed_alone_and_it_is_said_why(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "neighbour", "-m", "64m", "alpine", "sleep", "1000")
        script = "head -c 200m /dev/zero | tail -c 150m >/dev/null; exec tail -c 200m /dev/zero"
        words = ["-m", "48m", "--memory-swap", "48m", "alpine", "sh", "-c", script]
        result = cuddy("run", "--name", "hog", *words)
        assert result.code == 137
        assert cuddy.field("hog", "{{.State.OOMKilled}} {{.State.ExitCode}}") == "true 137"
        assert cuddy.field("neighbour", "{{.State.Running}}") == "true"

    def test_what_fits_is_not_killed(self, cuddy: Cuddy) -> None:
        script = "head -c 10m /dev/zero | tail -c 8m | wc -c"
        out = cuddy.ok("run", "--rm", "-m", "32m", "alpine", "sh", "-c", script)
        assert out == str(8 << 20)

    def test_too_little_is_refused_before_anything_starts(self, cuddy: Cuddy) -> None:
        result = cuddy("run", "--rm", "-m", "1m", "alpine", "true")
        assert result.code == 125
        assert "6" in result.complaint  # Docker's least is 6 MB

    def test_swap_below_memory_is_refused(self, cuddy: Cuddy) -> None:
        result = cuddy("run", "--rm", "-m", "64m", "--memory-swap", "32m", "alpine", "true")
        assert result.code == 125
        assert "swap" in result.complaint


def test_a_fork_bomb_stops_at_the_limit(cuddy: Cuddy) -> None:
    script = "for n in $(seq 50); do sleep 1000 & done; echo all"
    words = ["--pids-limit", "10", "alpine", "sh", "-c", script]
    result = cuddy("run", "--rm", *words)
    assert "an't fork" in result.err
    assert "all" not in result.out
    out = cuddy.ok("run", "--rm", "--pids-limit", "100", "alpine", "sh", "-c", script)
    assert out == "all"


@pytest.mark.parametrize(
    ("words", "file", "value"),
    [
        (["--cpu-shares", "512"], ("cpu/cpu.shares", "cpu.weight"), ("512", "59")),
        (["--cpuset-cpus", "0"], ("cpuset/cpuset.cpus", "cpuset.cpus"), ("0", "0")),
        (["--pids-limit", "77"], ("pids/pids.max", "pids.max"), ("77", "77")),
        (["-m", "64m"], ("memory/memory.limit_in_bytes", "memory.max"), ("67108864",) * 2),
        (
            ["--memory-reservation", "32m"],
            ("memory/memory.soft_limit_in_bytes", "memory.low"),
            ("33554432",) * 2,
        ),
        (
            ["--cpu-period", "50000", "--cpu-quota", "20000"],
            ("cpu/cpu.cfs_quota_us", "cpu.max"),
            ("20000", "20000 50000"),
        ),
        (["--cpuset-mems", "0"], ("cpuset/cpuset.mems", "cpuset.mems"), ("0", "0")),
    ],
)
def test_limits_are_written_to_the_cgroup(
    cuddy: Cuddy, words: list[str], file: tuple[str, str], value: tuple[str, str]
) -> None:
    is_v2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    path = f"/sys/fs/cgroup/{file[is_v2]}"
    assert cuddy.ok("run", "--rm", *words, "alpine", "cat", path) == value[is_v2]


def test_cpuset_decides_where_it_runs(cuddy: Cuddy) -> None:
    out = cuddy.ok("run", "--rm", "--cpuset-cpus", "0", "alpine", "cat", "/proc/self/status")
    assert "Cpus_allowed_list:\t0\n" in out + "\n"


@pytest.mark.parametrize("cpus", ["999", "0-999", "x"])
def test_processors_that_are_not_there_are_an_error(cuddy: Cuddy, cpus: str) -> None:
    result = cuddy("run", "--rm", "--cpuset-cpus", cpus, "alpine", "true")
    assert result.code == 125
    assert cpus in result.complaint


def test_more_processors_than_there_are_is_an_error(cuddy: Cuddy) -> None:
    result = cuddy("run", "--rm", "--cpus", "10000", "alpine", "true")
    assert result.code == 125
    assert result.complaint


class TestUlimits:
    def test_soft_and_hard(self, cuddy: Cuddy) -> None:
        words = ["--ulimit", "nofile=100:200", "alpine", "sh", "-c", "ulimit -Sn; ulimit -Hn"]
        assert cuddy.ok("run", "--rm", *words).split() == ["100", "200"]

    def test_hardly_a_descriptor_is_enough_to_begin(self, cuddy: Cuddy) -> None:
        script = ["sh", "-c", "ulimit -Sn; ulimit -Hn"]
        few = ["--name", "box", "--ulimit", "nofile=5:6"]
        cuddy.ok("run", "-d", *few, "alpine", "sleep", "1000")
        assert cuddy.ok("exec", "box", *script).split() == ["5", "6"]

    def test_one_number_is_both(self, cuddy: Cuddy) -> None:
        words = ["--ulimit", "core=0", "alpine", "sh", "-c", "ulimit -Sc; ulimit -Hc"]
        assert cuddy.ok("run", "--rm", *words).split() == ["0", "0"]

    @pytest.mark.parametrize("limit", ["nofile", "nofile=x", "nofile=2:1", "flying=1"])
    def test_nonsense_is_an_error(self, cuddy: Cuddy, limit: str) -> None:
        result = cuddy("run", "--rm", "--ulimit", limit, "alpine", "true")
        assert result.code == 125
        assert result.complaint


V1 = not Path("/sys/fs/cgroup/cgroup.controllers").exists()


def test_version_1_limits_what_version_2_does_not(cuddy: Cuddy) -> None:
    script = "cd /sys/fs/cgroup/memory; cat memory.swappiness; head -1 memory.oom_control"
    words = ["-m", "64m", "--memory-swappiness", "7", "--oom-kill-disable", "alpine"]
    result = cuddy("run", "--rm", *words, "sh", "-c", script)
    if V1:
        assert result.out.split("\n") == ["7", "oom_kill_disable 1"]
    else:
        assert "Memory swappiness discarded" in result.err
        assert "OomKillDisable discarded" in result.err


def test_a_device_is_throttled(cuddy: Cuddy) -> None:
    device = next((p for p in Path("/dev").iterdir() if p.is_block_device()), None)
    if device is None:
        pytest.skip("this host has no block device")
    number = device.stat().st_rdev
    words = ["--device-read-bps", f"{device}:1mb", "--device-write-iops", f"{device}:10"]
    throttle = "/sys/fs/cgroup/blkio/blkio.throttle"
    files = [f"{throttle}.read_bps_device", f"{throttle}.write_iops_device"]
    if not V1:
        files = ["/sys/fs/cgroup/io.max"]
    out = cuddy.ok("run", "--rm", *words, "alpine", "cat", *files)
    assert f"{os.major(number)}:{os.minor(number)}" in out
    assert "1048576" in out


def test_an_oom_score_is_the_programs(cuddy: Cuddy) -> None:
    words = ["--oom-score-adj", "321", "alpine", "cat", "/proc/self/oom_score_adj"]
    assert cuddy.ok("run", "--rm", *words) == "321"


class TestCgroupParent:
    def test_the_container_is_below_it_and_gone_after_the_kill(self, cuddy: Cuddy) -> None:
        parent = isolation.name()
        hierarchies = [Path(m) for m in cgroup_mounts() if (Path(m) / "cgroup.procs").exists()]
        try:
            cuddy.ok(
                "run", "-d", "--name", "one", "--cgroup-parent", parent, "alpine", "sleep", "9d"
            )
            groups = Path(f"/proc/{cuddy.pid('one')}/cgroup").read_text()
            assert f":/{parent}/{cuddy.inspect('one')['Id']}\n" in groups
            kill(monitor_of(cuddy, "one"))
            wait_until(lambda: cuddy.field("one", "{{.State.Running}}") == "false")
            assert not [d for h in hierarchies for d in (h / parent).glob("*") if d.is_dir()]
        finally:
            cuddy("rm", "-f", "one")
            for hierarchy in hierarchies:
                if (hierarchy / parent).exists():
                    (hierarchy / parent).rmdir()


def test_docker_warns_of_what_is_no_longer_there(cuddy: Cuddy) -> None:
    result = cuddy("run", "--rm", "--kernel-memory", "20m", "alpine", "true")
    assert result.code == 0
    assert "Your kernel does not support kernel memory limit capabilities" in result.complaint


def test_the_record_has_what_is_in_force(cuddy: Cuddy) -> None:
    words = ["--memory", "64m", "--cpus", "0.5", "--ulimit", "nofile=10:20", "--pids-limit", "9"]
    cuddy.ok("create", "--name", "one", *words, "alpine", "true")
    found = cuddy.inspect("one")["HostConfig"]
    assert (found["Memory"], found["MemorySwap"]) == (64 << 20, 128 << 20)
    assert (found["NanoCpus"], found["PidsLimit"]) == (500_000_000, 9)
    assert found["Ulimits"] == [{"Name": "nofile", "Hard": 20, "Soft": 10}]
