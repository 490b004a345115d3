"""Health checks: probes run, their results are told, and they cost and leave nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console import Cuddy, children_of, kill, monitor_of, wait_until

QUICK = ("--health-interval", "50ms")
FLAG = "test -e /well"


@pytest.fixture
def run(cuddy: Cuddy) -> Callable[..., None]:
    def run(*words: object) -> None:
        cuddy.ok("run", "-d", "--name", "box", "--network", "none", *words, "alpine", "sleep", 1000)

    return run


def health(cuddy: Cuddy) -> Any:
    return json.loads(cuddy.field("box", "{{json .State.Health}}"))


def becomes(cuddy: Cuddy, status: str) -> Any:
    """The health, once it is that."""
    wait_until(lambda: health(cuddy)["Status"] == status, what=f"never {status}")
    return health(cuddy)


def keepers(cuddy: Cuddy) -> list[int]:
    """The processes that run probes: children of the monitor beside the container's own."""
    monitor = monitor_of(cuddy, "box")
    return [pid for pid in children_of(monitor) if pid != cuddy.pid("box")]


def test_it_starts_falls_ill_and_gets_well(cuddy: Cuddy, run: Callable[..., None]) -> None:
    run("--health-cmd", f"echo looked; {FLAG}", *QUICK, "--health-retries", "2")
    assert health(cuddy)["Status"] in ("starting", "unhealthy")
    ill = becomes(cuddy, "unhealthy")
    assert ill["FailingStreak"] >= 2
    assert 2 <= len(ill["Log"]) <= 5
    entry = ill["Log"][-1]
    assert (entry["ExitCode"], entry["Output"]) == (1, "looked\n")
    assert entry["Start"] < entry["End"]
    assert "(unhealthy)" in cuddy.ok("ps", "--format", "{{.Status}}")
    cuddy.ok("exec", "box", "touch", "/well")
    assert becomes(cuddy, "healthy")["FailingStreak"] == 0
    assert "(healthy)" in cuddy.ok("ps", "--format", "{{.Status}}")
    assert cuddy.ok("ps", "--filter", "health=healthy", "--format", "{{.Names}}") == "box"
    assert cuddy.ok("ps", "-q", "--filter", "health=unhealthy") == ""


def test_what_happens_is_told_as_docker_tells_it(cuddy: Cuddy, run: Callable[..., None]) -> None:
    run("--health-cmd", "true", *QUICK)
    becomes(cuddy, "healthy")
    box = cuddy.field("box", "{{.Id}}")
    words = ("--since", "1m", "--until", "0s", "--filter", f"container={box}")
    told = cuddy.ok("events", *words, "--format", "{{.Action}}").splitlines()
    assert [action for action in told if action.startswith("health")] == ["health_status: healthy"]
    first = next(action for action in told if action.startswith("exec_create"))
    assert first == "exec_create: /bin/sh -c true"
    assert told.index(first) < told.index("exec_die") < told.index("health_status: healthy")


def test_before_the_first_probe_it_is_starting(cuddy: Cuddy, run: Callable[..., None]) -> None:
    run("--health-cmd", "true", "--health-interval", "1h")
    assert health(cuddy) == {"Status": "starting", "FailingStreak": 0, "Log": []}
    assert "(health: starting)" in cuddy.ok("ps", "--format", "{{.Status}}")
    (keeper,) = keepers(cuddy)
    wait_until(lambda: Path(f"/proc/{keeper}/comm").read_text() == "cuddy health\n")
    libraries = Path(f"/proc/{keeper}/maps").read_text()
    assert "_ctypes" not in libraries, "it waits with more in memory than it needs"


def test_the_start_interval_counts_while_it_starts(cuddy: Cuddy, run: Callable[..., None]) -> None:
    times = ("--health-interval", "1h", "--health-start-period", "1h")
    run("--health-cmd", FLAG, *times, "--health-start-interval", "50ms")
    found = wait_until(lambda: health(cuddy)["Log"] and health(cuddy))
    assert (found["Status"], found["FailingStreak"]) == ("starting", 0)
    cuddy.ok("exec", "box", "touch", "/well")
    becomes(cuddy, "healthy")


def test_a_probe_that_takes_too_long_is_killed_with_its_children(
    cuddy: Cuddy, run: Callable[..., None]
) -> None:
    command = "echo slow; (setsid sleep 5566 &); sleep 5566"
    run("--health-cmd", command, *QUICK, "--health-timeout", "300ms", "--health-retries", "1")
    entry = becomes(cuddy, "unhealthy")["Log"][0]
    assert entry["ExitCode"] == -1
    assert entry["Output"] == "Health check exceeded timeout (300ms): slow\n"
    assert not [pid for pid in all_pids() if command_of(pid) == b"sleep\x005566\0"][2:]


def all_pids() -> list[str]:
    return [pid for pid in os.listdir("/proc") if pid.isdigit()]


def command_of(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_command_that_is_not_there_makes_it_unhealthy(
    cuddy: Cuddy, run: Callable[..., None]
) -> None:
    run("--health-cmd", "/no/such", *QUICK, "--health-retries", "1")
    assert becomes(cuddy, "unhealthy")["Log"][0]["ExitCode"] == 127


def test_paused_it_is_not_probed(cuddy: Cuddy, run: Callable[..., None]) -> None:
    run("--health-cmd", "true", *QUICK)
    becomes(cuddy, "healthy")
    cuddy.ok("pause", "box")
    log = health(cuddy)["Log"]
    assert "(Paused)" in cuddy.ok("ps", "--format", "{{.Status}}")
    assert health(cuddy)["Log"] == log
    cuddy.ok("unpause", "box")
    wait_until(lambda: health(cuddy)["Log"][-1] != log[-1])


def test_it_begins_anew_with_each_life(cuddy: Cuddy, run: Callable[..., None]) -> None:
    run("--health-cmd", "true", "--health-interval", "1s")
    becomes(cuddy, "healthy")
    cuddy.ok("stop", "-t", "0", "box")
    assert health(cuddy)["Status"] == "unhealthy"  # docker's word for what has ended
    cuddy.ok("start", "box")
    assert health(cuddy)["Status"] == "starting"
    becomes(cuddy, "healthy")
    assert len(keepers(cuddy)) == 1


def test_a_killed_monitor_takes_the_probes_along(cuddy: Cuddy, run: Callable[..., None]) -> None:
    run("--health-cmd", "true", *QUICK)
    becomes(cuddy, "healthy")
    (keeper,) = keepers(cuddy)
    kill(monitor_of(cuddy, "box"))
    wait_until(lambda: not os.path.exists(f"/proc/{keeper}"))
    assert health(cuddy)["Status"] == "unhealthy"


def test_without_a_check_there_is_nothing_of_it(cuddy: Cuddy, run: Callable[..., None]) -> None:
    run("--no-healthcheck")
    assert cuddy.field("box", "{{json .State}}").find("Health") < 0
    assert cuddy.field("box", "{{json .Config.Healthcheck}}") == '{"Test":["NONE"]}'
    assert keepers(cuddy) == []


def test_an_image_has_a_check_of_its_own(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "base", "alpine", "sleep", 1000)
    change = f"HEALTHCHECK --interval=50ms --retries=1 CMD {FLAG}"
    cuddy.ok("commit", "-c", change, "base", "checked")
    cuddy.ok("run", "-d", "--name", "box", "checked")
    becomes(cuddy, "unhealthy")
    cuddy.ok("exec", "box", "touch", "/well")
    becomes(cuddy, "healthy")
    cuddy.ok("rm", "-f", "box")
    cuddy.ok("run", "-d", "--name", "box", "--health-interval", "1h", "checked")
    found = json.loads(cuddy.field("box", "{{json .Config.Healthcheck}}"))
    assert found == {"Test": ["CMD-SHELL", FLAG], "Interval": 3600 * 10**9, "Retries": 1}
    cuddy.ok("rm", "-f", "box", "base")
    cuddy.ok("rmi", "checked")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--health-interval", "5"], 'time: missing unit in duration "5"'),
        (["--health-interval", "x"], 'time: invalid duration "x"'),
        (["--health-interval", "-1s"], "--health-interval cannot be negative"),
        (["--health-timeout", "1us"], "Timeout in Healthcheck cannot be less than 1ms"),
        (["--no-healthcheck", "--health-cmd", "x"], "--no-healthcheck conflicts with --health-*"),
    ],
)
def test_what_makes_no_sense_is_refused(cuddy: Cuddy, words: list[str], message: str) -> None:
    result = cuddy("run", *words, "alpine", "true")
    assert result.code == 125
    assert message in result.complaint
