"""The exit report: who ended a container, what it had used; `inspect` and `ps -a --report`."""

from __future__ import annotations

import re
from typing import Any

from console import Cuddy, kill, monitor_of, wait_until

QUIET = ("--network", "none")


def report(cuddy: Cuddy, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cuddy.inspect(name)["ExitReport"]
    return found


def test_an_end_of_its_own(cuddy: Cuddy) -> None:
    cuddy("run", *QUIET, "--name", "one", "-m", "64m", "alpine", "sh", "-c", "exit 3")
    found = report(cuddy, "one")
    assert (found["Cause"], found["Summary"]) == ("exit", "exited with 3")
    assert (found["ExitCode"], found["Signal"], found["Sender"]) == (3, "", "")
    assert found["MemoryLimit"] == 64 << 20
    assert found["WallNs"] > 0
    assert found.get("CPUNs", 1) > 0


def test_ps_tells_it_on_a_line(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", *QUIET, "--name", "one", "alpine", "sleep", "1000")
    cuddy.ok("create", "--name", "idle", "alpine", "true")
    cuddy.ok("stop", "-t", "1", "one")
    titles, idle, one = cuddy.ok("ps", "-a", "--report").splitlines()
    assert titles.split() == ["CONTAINER", "ID", "NAMES", "STATUS", "EXIT", "REPORT"]
    assert idle.split()[-1] == "Created"
    assert "killed by SIGKILL (cuddy stop after 1 s) · " in one
    assert re.search(r"ran \d\.\d\d s$", one)
    shown = cuddy.ok("ps", "-a", "--filter", "name=one", "--format", "{{.ExitReport}}")
    assert one.endswith(shown)
    with cuddy.terminal("ps", "-a", "--report", columns=60) as terminal:
        assert terminal.ends() == 0
        assert "cuddy stop after 1 s" in "".join(terminal.screen())


def test_who_sent_the_signal(cuddy: Cuddy) -> None:
    for name in ("killed", "outside", "asked"):
        script = "trap 'exit 7' TERM; echo up; while :; do sleep 0.02; done"
        cuddy.ok("run", "-d", *QUIET, "--name", name, "alpine", "sh", "-c", script)
        wait_until(lambda name=name: cuddy.ok("logs", name) == "up")
    cuddy.ok("kill", "killed")
    kill(cuddy.pid("outside"))
    cuddy.ok("wait", "outside")
    cuddy.ok("stop", "asked")
    assert report(cuddy, "killed")["Summary"] == "killed by SIGKILL (cuddy kill)"
    assert report(cuddy, "outside")["Summary"] == "killed by SIGKILL from outside cuddy"
    assert report(cuddy, "asked")["Summary"] == "exited with 7 after SIGTERM (cuddy stop)"


def test_want_of_memory_and_the_hint_at_a_terminal(cuddy: Cuddy) -> None:
    words = ["run", *QUIET, "--name", "big", "-m", "16m", "--memory-swap", "16m", "alpine"]
    with cuddy.terminal(*words, "tail", "/dev/zero") as terminal:
        terminal.expect("for want of memory; -m sets its limit")
        assert terminal.ends() == 137
    found = report(cuddy, "big")
    assert found["Summary"] == "killed for want of memory: the limit is 16 MiB"
    assert (found["Cause"], found["OOMKills"]) == ("memory", 1)
    assert found.get("MemoryPeak", 16 << 20) > 14 << 20
    cuddy.ok("rm", "big")
    result = cuddy(*words, "tail", "/dev/zero")
    assert (result.code, result.err) == (137, "")  # in a script nothing is said


def test_a_monitor_that_was_killed(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", *QUIET, "--name", "one", "alpine", "sleep", "1000")
    kill(monitor_of(cuddy, "one"))
    wait_until(lambda: cuddy.ok("ps", "-q") == "")
    found = report(cuddy, "one")
    assert (found["Cause"], found["Summary"]) == ("monitor", "the container's monitor was killed")


def test_a_machine_that_went_down(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", *QUIET, "--name", "one", "alpine", "sleep", "1000")
    monitor = cuddy.run_root / cuddy.field("one", "{{.Id}}") / "monitor"
    pid, began, _ = monitor.read_text().split()
    kill(int(pid))
    monitor.write_text(f"{pid} {began} of-another-boot")
    found = report(cuddy, "one")
    assert (found["Cause"], found["Summary"]) == ("machine", "the machine went down")
    assert "CPUNs" not in found
    assert "the machine went down" in cuddy.ok("ps", "-a", "--report")


def test_time_held_back_by_a_limit(cuddy: Cuddy) -> None:
    script = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"
    cuddy.ok("run", *QUIET, "--name", "slow", "--cpus", "0.1", "alpine", "sh", "-c", script)
    found = report(cuddy, "slow")
    assert found["CPUThrottledPeriods"] >= 1
    assert found["CPUThrottledNs"] > 0
    assert "throttled" in cuddy.ok("ps", "-a", "--format", "{{.ExitReport}}")
