"""restart: stop and start in one word."""

from __future__ import annotations

import time

from console import TIME_FACTOR, Cuddy, is_alive, wait_until

POLITE = "trap 'echo bye; exit 3' TERM; trap 'echo int; exit 4' INT; echo ready; " + (
    "while :; do sleep 0.05; done"
)


def start(cuddy: Cuddy, name: str, *words: str) -> int:
    cuddy.ok("run", "-d", "--name", name, *words, "alpine", "sh", "-c", POLITE)
    wait_until(lambda: cuddy.ok("logs", name) == "ready")
    return cuddy.pid(name)


def test_a_running_container_is_asked_to_end_and_started(cuddy: Cuddy) -> None:
    before = start(cuddy, "web")
    assert cuddy.ok("restart", "web") == "web"
    assert not is_alive(before)
    wait_until(lambda: cuddy.ok("logs", "web").split() == ["ready", "bye", "ready"])
    state = cuddy.inspect("web")["State"]
    assert (state["Status"], state["ExitCode"]) == ("running", 0)
    assert cuddy.field("web", "{{.RestartCount}}") == "0"  # it counts what the policy does
    cuddy.ok("restart", "-s", "INT", "web")
    wait_until(lambda: "int" in cuddy.ok("logs", "web"))


def test_what_does_not_run_is_started(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "idle", "alpine", "sleep", "1000")
    assert cuddy.ok("restart", "idle") == "idle"
    assert cuddy.field("idle", "{{.State.Status}}") == "running"


def test_the_timeout_is_kept(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "deaf", "alpine", "sleep", "1000")
    began = time.monotonic()
    cuddy.ok("restart", "-t", "0", "deaf")
    cuddy.ok("restart", "--time", "0", "deaf")
    assert time.monotonic() - began < 5 * TIME_FACTOR


def test_a_container_with_rm_lives_on(cuddy: Cuddy) -> None:
    with cuddy.start("run", "--rm", "--name", "brief", "alpine", "sh", "-c", POLITE) as running:
        assert running.stdout
        assert running.stdout.readline() == b"ready\n"
        cuddy.ok("restart", "brief")
        running.communicate(timeout=30)
        assert running.returncode == 3
    assert cuddy.field("brief", "{{.State.Status}}") == "running"
    cuddy.ok("stop", "brief")
    wait_until(lambda: cuddy.ok("ps", "-aq") == "")


def test_after_a_restart_the_policy_holds_as_before(cuddy: Cuddy) -> None:
    start(cuddy, "web", "--restart", "always")
    cuddy.ok("restart", "web")
    wait_until(lambda: cuddy.ok("logs", "web").split()[-1] == "ready")
    cuddy.ok("exec", "web", "kill", "-INT", "1")
    wait_until(lambda: cuddy.field("web", "{{.RestartCount}}") == "1")


def test_each_that_fails_is_told_and_the_others_are_done(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "broken", "alpine", "/missing")
    cuddy.ok("create", "--name", "idle", "alpine", "sleep", "1000")
    result = cuddy("restart", "nowhere", "broken", "idle")
    assert (result.code, result.out) == (1, "idle")
    assert len(result.err.splitlines()) == 2
    assert "No such container: nowhere" in result.err
    assert "broken: " in result.err
