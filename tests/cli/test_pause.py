"""pause, unpause, and what else can be done to a container that stands still."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from console import ENGINE, TIME_FACTOR, Cuddy, wait_until
from cuddy.kernel.cgroup import of_process

COUNTING = "trap 'exit 5' TERM; i=0; while :; do i=$((i+1)); echo $i > /n; sleep 0.02; done"


def start(cuddy: Cuddy, name: str, *words: str) -> None:
    cuddy.ok("run", "-d", "--name", name, *words, "alpine", "sh", "-c", COUNTING)
    wait_until(lambda: number(cuddy, name))


def number(cuddy: Cuddy, name: str) -> str:
    """What the container has counted to, seen from outside."""
    path = Path(f"/proc/{cuddy.pid(name)}/root/n")
    return path.read_text() if path.exists() else ""


def test_nothing_moves_until_it_is_unpaused(cuddy: Cuddy) -> None:
    start(cuddy, "still")
    assert cuddy.ok("pause", "still") == "still"
    state = cuddy.inspect("still")["State"]
    assert (state["Status"], state["Running"], state["Paused"]) == ("paused", True, True)
    assert cuddy.ok("ps", "--format", "{{.Status}}").endswith(" (Paused)")
    before = number(cuddy, "still")
    time.sleep(0.2)
    assert number(cuddy, "still") == before
    assert cuddy.ok("unpause", "still") == "still"
    wait_until(lambda: number(cuddy, "still") != before)
    assert cuddy.field("still", "{{.State.Status}} {{.State.Paused}}") == "running false"
    assert cuddy.ok("stop", "still") == "still"
    assert cuddy.field("still", "{{.State.ExitCode}}") == "5"


def test_what_is_refused_while_it_stands_still(cuddy: Cuddy) -> None:
    start(cuddy, "still")
    cuddy.ok("pause", "still")
    for words, reason in (
        (("pause", "still"), "is already paused"),
        (("start", "still"), "cannot start a paused container, try unpause instead"),
        (("attach", "still"), "cannot attach to a paused container, unpause it first"),
        (("rm", "still"), "container is paused and must be unpaused first"),
    ):
        result = cuddy(*words)
        assert result.code == 1, words
        assert reason in result.complaint
    assert cuddy.field("still", "{{.State.Status}}") == "paused"
    cuddy.ok("rm", "-f", "still")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("stop",), "5"),
        (("stop", "-s", "KILL"), "137"),
        (("kill",), "137"),
        (("kill", "-s", "TERM"), "5"),
    ],
)
def test_what_ends_it_lets_it_go_first(cuddy: Cuddy, words: tuple[str, ...], code: str) -> None:
    start(cuddy, "still")
    cuddy.ok("pause", "still")
    began = time.monotonic()
    cuddy.ok(*words, "still")
    assert cuddy.ok("wait", "still") == code
    assert time.monotonic() - began < 5 * TIME_FACTOR
    assert cuddy.field("still", "{{.State.Status}} {{.State.Paused}}") == "exited false"


def test_other_signals_wait_until_it_is_unpaused(cuddy: Cuddy) -> None:
    script = "trap 'exit 6' USR1; echo ready; while :; do sleep 0.05; done"
    words = ["--name", "still", "--stop-signal", "TERM", "alpine", "sh", "-c", script]
    cuddy.ok("run", "-d", *words)
    wait_until(lambda: cuddy.ok("logs", "still"))
    cuddy.ok("pause", "still")
    cuddy.ok("kill", "-s", "USR1", "still")
    assert cuddy.field("still", "{{.State.Status}}") == "paused"
    cuddy.ok("unpause", "still")
    assert cuddy.ok("wait", "still") == "6"


def test_a_restart_brings_it_back_moving(cuddy: Cuddy) -> None:
    start(cuddy, "still")
    cuddy.ok("pause", "still")
    cuddy.ok("restart", "still")
    assert cuddy.field("still", "{{.State.Status}} {{.State.Paused}}") == "running false"


def test_what_does_not_run_cannot_be_paused_and_the_others_are(cuddy: Cuddy) -> None:
    start(cuddy, "one")
    cuddy.ok("create", "--name", "idle", "alpine")
    result = cuddy("pause", "idle", "missing", "one")
    assert (result.code, result.out) == (1, "one")
    idle, missing = result.err.splitlines()
    assert "idle is not running" in idle
    assert "No such container: missing" in missing
    result = cuddy("unpause", "idle", "one", "one")
    assert (result.code, result.out) == (1, "one")
    assert "one is not paused" in result.err


@pytest.mark.skipif(ENGINE != "cuddy", reason="it is about our records")
@pytest.mark.parametrize("verb", ["unpause", "pause", "stop", "kill"])
def test_what_a_dead_commit_left_standing_is_let_go(cuddy: Cuddy, verb: str) -> None:
    """Frozen, and nobody has paused it: as when a commit and its guard were killed."""
    start(cuddy, "stuck")
    group = of_process(cuddy.pid("stuck"))
    group.freeze()
    assert cuddy.field("stuck", "{{.State.Status}}") == "running"
    cuddy.ok(verb, "stuck", timeout=30)
    expected = {"unpause": "running", "pause": "paused"}.get(verb, "exited")
    assert cuddy.field("stuck", "{{.State.Status}}") == expected


@pytest.mark.skipif(ENGINE != "cuddy", reason="it is about our records")
def test_a_check_finds_what_a_dead_commit_left_standing(cuddy: Cuddy) -> None:
    start(cuddy, "stuck")
    of_process(cuddy.pid("stuck")).freeze()
    assert "stands still, and nobody has paused it" in cuddy("system", "check").out
    cuddy("system", "check", "--repair")
    assert "stands still" not in cuddy("system", "check").out
    before = number(cuddy, "stuck")
    wait_until(lambda: number(cuddy, "stuck") != before)
    cuddy.ok("pause", "stuck")
    assert "stands still" not in cuddy("system", "check").out
    cuddy.ok("rm", "-f", "stuck")


def test_a_commit_leaves_it_paused(cuddy: Cuddy) -> None:
    start(cuddy, "still")
    cuddy.ok("pause", "still")
    cuddy.ok("commit", "still", "from-paused")
    before = number(cuddy, "still")
    time.sleep(0.1)
    assert number(cuddy, "still") == before
    cuddy.ok("rm", "-f", "still")
    cuddy.ok("rmi", "from-paused")
