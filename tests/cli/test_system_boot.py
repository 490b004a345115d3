"""system boot and halt: what comes back after the machine was down."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, bridge_of, is_alive, kill, monitor_of, wait_until

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="other engines have a daemon")
POLITE = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done"


def start(cuddy: Cuddy, name: str, policy: str) -> None:
    words = ["--restart", policy, "alpine", "sh", "-c", POLITE]
    cuddy.ok("run", "-d", "--name", name, *words)
    wait_until(lambda: cuddy.ok("logs", name) == "ready")


def running(cuddy: Cuddy) -> list[str]:
    return sorted(cuddy.ok("ps", "--format", "{{.Names}}").split())


def lose_power(cuddy: Cuddy) -> None:
    """All processes are gone, and so is what is in memory: the run root and links."""
    monitors = [monitor_of(cuddy, name) for name in running(cuddy)]
    for monitor in monitors:
        kill(monitor)
    wait_until(lambda: not any(map(is_alive, monitors)))
    shutil.rmtree(cuddy.run_root)
    subprocess.run(["ip", "link", "delete", bridge_of(cuddy)], check=True)


def test_after_the_power_was_lost_those_come_back_that_should(fresh: Cuddy) -> None:
    for policy in ("no", "always", "unless-stopped", "on-failure"):
        start(fresh, policy, policy)
    start(fresh, "stopped", "unless-stopped")
    start(fresh, "stopped-always", "always")
    fresh.ok("stop", "stopped", "stopped-always")
    fresh.ok("create", "--name", "never-ran", "--restart", "always", "alpine")
    lose_power(fresh)
    state = fresh.inspect("no")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 255)
    assert state["Error"] == "the machine went down"
    booted = fresh.ok("system", "boot").split()
    assert sorted(booted) == ["always", "stopped-always", "unless-stopped"]
    assert running(fresh) == ["always", "stopped-always", "unless-stopped"]
    assert fresh.ok("system", "boot") == ""  # once is enough


def test_a_run_root_of_another_boot_is_worth_nothing(fresh: Cuddy) -> None:
    """It should be gone after a reboot; where it is not, the boot it is of stands in it."""
    start(fresh, "web", "unless-stopped")
    monitor = monitor_of(fresh, "web")
    kill(monitor)
    wait_until(lambda: not is_alive(monitor))
    (path,) = fresh.run_root.glob("*/monitor")
    pid, began, _ = path.read_text().split()
    path.write_text(f"{pid} {began} 00000000-0000-0000-0000-000000000000")
    state = fresh.inspect("web")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 255)
    assert state["Error"] == "the machine went down"
    assert fresh.ok("system", "boot") == "web"


def test_halt_is_polite_and_nobody_s_last_word(fresh: Cuddy) -> None:
    start(fresh, "steady", "unless-stopped")
    start(fresh, "once", "no")
    start(fresh, "failing", "always")
    fresh.ok("exec", "failing", "sh", "-c", "kill -TERM 1")  # it is restarted at its leisure
    assert sorted(fresh.ok("system", "halt").split()) == ["failing", "once", "steady"]
    assert running(fresh) == []
    assert fresh.ok("logs", "steady").split() == ["ready", "bye"]
    assert fresh.field("steady", "{{.State.ExitCode}}") == "3"
    assert sorted(fresh.ok("system", "boot").split()) == ["failing", "steady"]
    fresh.ok("stop", "steady")
    fresh.ok("system", "halt")
    assert fresh.ok("system", "boot").split() == ["failing"]


def test_one_that_does_not_start_keeps_nobody_from_starting(fresh: Cuddy, tmp_path: Path) -> None:
    start(fresh, "good", "always")
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nsleep 1000\n")
    program.chmod(0o755)
    words = ["--name", "bad", "--restart", "always", "--stop-timeout", "0"]
    fresh.ok("run", "-d", *words, "-v", f"{tmp_path}:/p", "alpine", "/p/program")
    fresh.ok("system", "halt")
    program.unlink()
    result = fresh("system", "boot")
    assert (result.code, result.out) == (1, "good")
    assert result.complaint.startswith("cuddy: bad: ")
    assert running(fresh) == ["good"]


def test_a_monitor_that_was_killed_is_made_good_by_the_next_boot(fresh: Cuddy) -> None:
    start(fresh, "web", "unless-stopped")
    monitor = monitor_of(fresh, "web")
    kill(monitor)
    wait_until(lambda: not is_alive(monitor))
    wait_until(lambda: fresh.field("web", "{{.State.Status}}") == "exited")
    assert fresh.ok("system", "boot") == "web"


def test_the_unit_calls_this_program_with_this_home(fresh: Cuddy, tmp_path: Path) -> None:
    odd = tmp_path / "a b%c"
    text = fresh.ok("--root", odd, "system", "boot", "--unit")
    assert not odd.exists()
    unit = configparser.ConfigParser(interpolation=None, comment_prefixes=("#",))
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(text)
    stop = shlex.split(unit["Service"]["ExecStop"])
    assert unit["Service"]["ExecStart"] == "-" + unit["Service"]["ExecStop"].replace("halt", "boot")
    assert stop[-2:] == ["system", "halt"]
    assert str(odd).replace("%", "%%") in stop
    assert str(fresh.run_root) in stop
    assert stop[0].startswith("/")
    if shutil.which("systemd-analyze"):
        path = tmp_path / "cuddy.service"
        path.write_text(text)
        done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
        assert not [line for line in done.stderr.splitlines() if "cuddy.service" in line]
