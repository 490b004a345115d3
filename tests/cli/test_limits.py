"""What a container is given it gets, and no more."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from console import Cuddy

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
    deadline = time.monotonic() + 5
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

    def test_one_number_is_both(self, cuddy: Cuddy) -> None:
        words = ["--ulimit", "core=0", "alpine", "sh", "-c", "ulimit -Sc; ulimit -Hc"]
        assert cuddy.ok("run", "--rm", *words).split() == ["0", "0"]

    @pytest.mark.parametrize("limit", ["nofile", "nofile=x", "nofile=2:1", "flying=1"])
    def test_nonsense_is_an_error(self, cuddy: Cuddy, limit: str) -> None:
        result = cuddy("run", "--rm", "--ulimit", limit, "alpine", "true")
        assert result.code == 125
        assert result.complaint
