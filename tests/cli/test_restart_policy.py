"""--restart: who comes back, when, and what makes an end of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from console import ENGINE, TIME_FACTOR, Cuddy, is_alive, kill, monitor_of, sleeps, wait_until

STATE = "{{.State.Status}} {{.State.Running}} {{.State.Restarting}} {{.State.Pid}}"
WAITING = "restarting true true 0"
FAILING = ("sh", "-c", "echo lived; exit 7")


def count(cuddy: Cuddy, name: str) -> int:
    return int(cuddy.field(name, "{{.RestartCount}}"))


def make_waiting(cuddy: Cuddy, name: str, *words: object) -> None:
    """A container that has failed so often that it waits for seconds to be restarted."""
    options = ["--restart", "always", "--stop-signal", "TERM", "--name", name, *words]
    cuddy.ok("run", "-d", *options, "alpine", *FAILING)
    wait_until(lambda: count(cuddy, name) >= 5 and cuddy.field(name, STATE) == WAITING)


def test_a_container_comes_back_whenever_it_ends(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--restart", "always", "--name", "phoenix", "alpine", "sleep", "1000")
    before = cuddy.inspect("phoenix")["State"]
    kill(cuddy.pid("phoenix"))
    wait_until(lambda: count(cuddy, "phoenix") == 1 and cuddy.pid("phoenix"))
    after = cuddy.inspect("phoenix")["State"]
    assert after["Pid"] != before["Pid"]
    assert after["StartedAt"] > before["StartedAt"]
    assert (after["Status"], after["ExitCode"]) == ("running", 0)
    assert cuddy.ok("exec", "phoenix", "echo", "hello") == "hello"
    assert cuddy.ok("stop", "-t", "0", "phoenix") == "phoenix"
    assert cuddy.field("phoenix", STATE) == "exited false false 0"


def test_the_log_goes_on_through_all_lives(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--restart", "on-failure:2", "--name", "thrice", "alpine", *FAILING)
    wait_until(lambda: cuddy.field("thrice", "{{.State.Status}}") == "exited")
    assert cuddy.ok("logs", "thrice").split() == ["lived"] * 3
    assert count(cuddy, "thrice") == 2
    assert cuddy.field("thrice", "{{.State.ExitCode}}") == "7"
    assert cuddy.field("thrice", "{{json .HostConfig.RestartPolicy}}") == (
        '{"Name":"on-failure","MaximumRetryCount":2}'
    )
    cuddy.ok("start", "thrice")  # counts anew
    wait_until(lambda: len(cuddy.ok("logs", "thrice").split()) == 6)


def test_run_in_the_foreground_returns_with_the_first_end(cuddy: Cuddy) -> None:
    result = cuddy("run", "--restart", "always", "--name", "first", "alpine", *FAILING)
    assert (result.code, result.out) == (7, "lived")
    wait_until(lambda: count(cuddy, "first") >= 2)
    cuddy.ok("rm", "-f", "first")


class TestWaitingToBeRestarted:
    @pytest.mark.parametrize("words", [["stop"], ["kill", "-s", "TERM"]])
    def test_it_is_stopped_at_once(self, cuddy: Cuddy, words: list[str]) -> None:
        make_waiting(cuddy, "failing")
        lives = count(cuddy, "failing")
        cuddy.ok(*words, "failing")
        assert count(cuddy, "failing") == lives
        assert cuddy.field("failing", STATE) == "exited false false 0"
        assert cuddy.field("failing", "{{.State.ExitCode}} {{.State.Error}}") == "7 "

    def test_it_counts_as_running(self, cuddy: Cuddy) -> None:
        make_waiting(cuddy, "failing")
        assert cuddy.ok("ps", "--format", "{{.Status}}").startswith("Restarting (7) ")
        assert cuddy.ok("start", "failing") == "failing"
        cuddy.ok("kill", "-s", "HUP", "failing")
        result = cuddy("rm", "failing")
        assert result.code == 1
        assert "container is restarting: stop the container before removing" in result.complaint
        assert cuddy.ok("wait", "failing") == "7"  # at its next end
        assert count(cuddy, "failing") >= 6
        began = time.monotonic()
        cuddy.ok("rm", "-f", "failing")
        assert time.monotonic() - began < 5 * TIME_FACTOR
        assert cuddy.ok("ps", "-aq") == ""


class TestWhoStopsIt:
    def test_a_signal_that_is_not_its_stop_signal_does_not_stop_it(self, cuddy: Cuddy) -> None:
        script = "trap 'exit 3' USR1; echo ready; while :; do sleep 0.05; done"
        words = ["--restart", "always", "--stop-signal", "TERM", "--name", "again", "alpine"]
        cuddy.ok("run", "-d", *words, "sh", "-c", script)
        wait_until(lambda: cuddy.ok("logs", "again"))
        cuddy.ok("kill", "-s", "USR1", "again")
        wait_until(lambda: count(cuddy, "again") == 1)

    @pytest.mark.parametrize("words", [["stop", "-t", "5"], ["kill"], ["kill", "-s", "TERM"]])
    def test_a_user_does(self, cuddy: Cuddy, words: list[str]) -> None:
        script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done"
        cuddy.ok(
            "run", "-d", "--restart", "always", "--name", "again", "alpine", "sh", "-c", script
        )
        wait_until(lambda: cuddy.ok("logs", "again"))
        cuddy.ok(*words, "again")
        wait_until(lambda: cuddy.field("again", STATE) == "exited false false 0")
        assert count(cuddy, "again") == 0


@pytest.mark.skipif(ENGINE != "cuddy", reason="other engines have other processes")
class TestItsMonitor:
    def test_one_that_slept_restarts_it_too(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--restart", "always", "--name", "again", "alpine", "sleep", "1000")
        monitor = monitor_of(cuddy, "again")
        with open(f"/proc/{monitor}/comm") as comm:
            awake = comm.read()

        assert awake.startswith("cuddy monitor")
        wait_until(lambda: sleeps(monitor))
        for _ in range(2):
            pid = cuddy.pid("again")
            kill(pid)
            wait_until(lambda pid=pid: cuddy.pid("again") not in (0, pid))
        assert count(cuddy, "again") == 2
        assert monitor_of(cuddy, "again") == monitor
        assert (
            cuddy.ok("exec", "again", "cat", "/etc/hostname") == cuddy.inspect("again")["Id"][:12]
        )
        assert cuddy.ok("rm", "-f", "again") == "again"

    @pytest.mark.skipif(not shutil.which("nsenter"), reason="no nsenter")
    def test_one_that_cannot_be_woken_leaves_the_exit_code(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "-i", "--name", "talks", "alpine", "sh", "-c", "read line; exit 7")
        pid, monitor = cuddy.pid("talks"), monitor_of(cuddy, "talks")
        wait_until(lambda: sleeps(monitor))
        order = wait_until(Path(f"/proc/{monitor}/cmdline").read_text)
        python = os.path.realpath(order.partition("\0")[0])
        subprocess.run(
            ["nsenter", "-m", "-t", str(monitor), "mount", "--bind", "/dev/null", python],
            check=True,
        )
        kill(pid)
        wait_until(lambda: not is_alive(monitor))
        wait_until(lambda: cuddy.field("talks", STATE) == "exited false false 0")
        assert cuddy.field("talks", "{{.State.ExitCode}} {{.State.Error}}") == (
            "137 its monitor could not be woken"
        )

    def test_killed_while_it_waits_it_leaves_a_container_that_has_ended(self, cuddy: Cuddy) -> None:
        script = "echo $$; exit 7"
        cuddy.ok(
            "run", "-d", "--restart", "always", "--name", "again", "alpine", "sh", "-c", script
        )
        (line,) = (
            (cuddy.run_root / cuddy.inspect("again")["Id"] / "monitor").read_text().splitlines()
        )
        monitor = int(line.split()[0])
        wait_until(lambda: count(cuddy, "again") >= 5 and cuddy.field("again", STATE) == WAITING)
        kill(monitor)
        wait_until(lambda: not is_alive(monitor))
        wait_until(lambda: cuddy.field("again", STATE) == "exited false false 0")
        assert cuddy.field("again", "{{.State.ExitCode}} {{.State.Error}}") == (
            "7 the container's monitor was killed"
        )


def test_a_restart_that_fails_is_the_last(cuddy: Cuddy, tmp_path) -> None:
    """Docker does not try again either."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    cuddy.ok(
        "run", "-d", "--restart", "always", "--name", "again", "-v", f"{tmp_path}:/p", "alpine",
        "/p/program",
    )  # fmt: skip
    wait_until(lambda: count(cuddy, "again") >= 1)
    program.unlink()
    wait_until(lambda: cuddy.field("again", STATE) == "exited false false 0")
    assert "/p/program" in cuddy.field("again", "{{.State.Error}}")
    assert cuddy.ok("ps", "--format", "{{.Names}}") == ""
    program.write_text("#!/bin/sh\nsleep 100\n")
    program.chmod(0o755)
    cuddy.ok("start", "again")
    assert cuddy.field("again", "{{.State.Status}}|{{.State.Error}}") == "running|"


def test_rm_and_restart_exclude_each_other(cuddy: Cuddy) -> None:
    result = cuddy("run", "--rm", "--restart", "always", "alpine", "true")
    assert result.code == 125
    assert "cannot specify both --restart and --rm" in result.complaint
