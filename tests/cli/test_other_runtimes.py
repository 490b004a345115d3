"""Containers made by other runtimes: everything but their making is as with ours."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from console import Cuddy, wait_until
from peers import tool

RUNTIMES = {
    "runc": ("--runtime", "runc"),
    # gVisor of Debian 12 sets no network up on new kernels; without one it runs everywhere.
    "runsc": ("--runtime", "runsc", "--network", "none"),
}
LOOP = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"


@pytest.fixture(params=RUNTIMES)
def flags(request: pytest.FixtureRequest) -> tuple[str, ...]:
    tool(request.param)
    return RUNTIMES[request.param]


def test_a_program_runs_and_its_streams_and_end_are_its_own(
    cuddy: Cuddy, flags: tuple[str, ...]
) -> None:
    script = "cat; echo err >&2; exit 3"
    ended = cuddy("run", "--rm", "-i", *flags, "alpine", "sh", "-c", script, input=b"in")
    assert (ended.code, ended.out, ended.stderr) == (3, "in", b"err\n")
    assert cuddy.ok("run", "--rm", "-u", "3:4", *flags, "alpine", "id", "-u") == "3"
    assert os.stat("/dev/null").st_uid == 0, "the host's null device was given away"
    ended = cuddy("run", "--rm", *flags, "alpine", "nosuch")
    assert ended.code == 127
    assert "executable" in ended.complaint
    with cuddy.terminal("run", "--rm", "-it", *flags, "alpine", "sh") as terminal:
        assert terminal.ask("test -t 0 && echo $((6 * 7))").endswith("42")
        terminal.line("exit 9")
        assert terminal.ends() == 9


def test_what_is_done_to_it_while_it_runs(cuddy: Cuddy, flags: tuple[str, ...]) -> None:
    words = ("--name", "box", "-v", "data:/data", *flags, "alpine", "sh", "-c", LOOP)
    cuddy.ok("run", "-d", *words)
    wait_until(lambda: "ready" in cuddy.ok("logs", "box"))
    assert cuddy("exec", "box", "sh", "-c", "echo there > /data/file; exit 4").code == 4
    assert cuddy("exec", "box", "nosuch").code == 127
    assert cuddy.ok("exec", "-i", "box", "cat", input=b"in") == "in"
    with cuddy.terminal("exec", "-it", "box", "test", "-t", "0") as terminal:
        assert terminal.ends() == 0
    cuddy.ok("exec", "-d", "box", "touch", "/detached")
    wait_until(lambda: "A /detached" in cuddy.ok("diff", "box"))
    assert b"there" in cuddy("cp", "box:/data/file", "-").stdout
    cuddy.ok("cp", "/etc/passwd", "box:/copied")
    assert "root" in cuddy.ok("exec", "box", "cat", "/copied")
    cuddy.ok("pause", "box")
    assert cuddy.field("box", "{{.State.Status}}") == "paused"
    cuddy.ok("unpause", "box")
    cuddy.ok("stop", "box")
    assert cuddy.field("box", "{{.State.ExitCode}} {{.HostConfig.Runtime}}") == f"5 {flags[1]}"
    cuddy.ok("start", "box")
    cuddy.ok("rm", "-f", "box")
    cuddy.remove_volumes()


def test_limits_health_ports_and_a_first_process(cuddy: Cuddy) -> None:
    tool("runc")
    more = ("--health-cmd", "true", "--health-interval", "50ms", "-m", "64m", "-p", "127.0.0.1::80")
    cuddy.ok("run", "-d", "--name", "box", "--runtime", "runc", *more, "alpine", "sleep", "1000")
    wait_until(lambda: cuddy.field("box", "{{.State.Health.Status}}") == "healthy")
    assert cuddy.ok("port", "box").startswith("80/tcp -> 127.0.0.1:")
    cuddy.ok("update", "--pids-limit", "44", "box")
    pids = Path("/sys/fs/cgroup/pids")
    file = "/sys/fs/cgroup/pids/pids.max" if pids.exists() else "/sys/fs/cgroup/pids.max"
    assert cuddy.ok("exec", "box", "cat", file) == "44"


def test_it_comes_back_by_its_restart_policy(cuddy: Cuddy) -> None:
    tool("runc")
    words = ("--restart", "on-failure:2", "--runtime", "runc", "alpine", "false")
    cuddy.ok("run", "-d", "--name", "box", *words)
    wait_until(lambda: cuddy.field("box", "{{.RestartCount}} {{.State.Status}}") == "2 exited")


def test_nothing_is_left_of_one_whose_monitor_was_killed(
    cuddy: Cuddy, flags: tuple[str, ...]
) -> None:
    container_id = cuddy.ok("run", "-d", *flags, "alpine", "sleep", "1000")
    monitor = (cuddy.run_root / container_id / "monitor").read_text().split()[0]
    os.kill(int(monitor), signal.SIGKILL)
    wait_until(lambda: cuddy.field(container_id, "{{.State.Status}}") == "exited")


def test_a_runtime_that_is_not_there_is_refused_at_once(cuddy: Cuddy, tmp_path: Path) -> None:
    for name in ("nosuch", "../runc", str(tmp_path), "youki"):
        refused = cuddy("create", "--runtime", name, "alpine", "true")
        assert refused.code == 125
        assert "runtime" in refused.complaint
