"""Many commands on one container at once: one consistent state, one clear error for each loser."""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, Result, is_alive, kill, monitor_of, wait_until
from cuddy import files
from cuddy.engine.home import Home

SEED = int(os.environ.get("CUDDY_TESTS_SEED", "0")) or random.randrange(1 << 32)
ROUNDS = int(os.environ.get("CUDDY_TESTS_ROUNDS", "2"))
AT_ONCE = 6
VERBS = (
    ("start", "{}"), ("stop", "-t", "0", "{}"), ("restart", "-t", "0", "{}"), ("kill", "{}"),
    ("pause", "{}"), ("unpause", "{}"), ("rename", "{}", "other"), ("rename", "other", "{}"),
    ("kill", "-s", "USR1", "{}"), ("exec", "{}", "true"), ("rm", "{}"),
)  # fmt: skip
SAID = (
    "is not running", "is paused", "is not paused", "already paused", "No such container",
    "cannot start a paused container", "container is running", "container is paused",
    "container is restarting", "already in use", "same name", "is restarting",
    "has just ended",
)  # fmt: skip
"""What a loser may be told."""


def together(cuddy: Cuddy, commands: Sequence[Sequence[str]]) -> list[Result]:
    """Run all of them at once."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    running = [
        subprocess.Popen([*cuddy.program, *words], env=cuddy.environment, **pipes)  # type: ignore[call-overload]
        for words in commands
    ]
    done = [process.communicate(timeout=60) for process in running]
    return [Result(process.returncode, *output) for process, output in zip(running, done)]


def test_exactly_one_of_many_creates_with_one_name_wins(cuddy: Cuddy) -> None:
    results = together(cuddy, [["create", "--name", "only", "alpine"]] * 12)
    assert Counter(result.code for result in results) == {0: 1, 125 if ENGINE == "cuddy" else 1: 11}
    for result in results:
        assert result.code == 0 or "already in use by container" in result.complaint
    (winner,) = [result.out for result in results if result.code == 0]
    assert cuddy.ok("ps", "-aq", "--no-trunc").split() == [winner]
    assert cuddy.field("only", "{{.Id}}") == winner


def test_exactly_one_of_many_removals_removes(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "gone", "alpine")
    results = together(cuddy, [["rm", "gone"]] * 8)
    assert Counter(result.code for result in results) == {0: 1, 1: 7}
    for result in results:
        assert result.code == 0 or "No such container: gone" in result.complaint
    cuddy.ok("run", "-d", "--name", "gone", "--restart", "always", "alpine", "sleep", "1000")
    results = together(cuddy, [["rm", "-f", "gone"]] * 8)
    assert {result.code for result in results} == {0}
    assert cuddy.ok("ps", "-aq") == ""


def test_many_starts_are_one(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "once", "alpine", "sh", "-c", "echo started; sleep 1000")
    results = together(cuddy, [["start", "once"]] * 8)
    assert {result.out for result in results} == {"once"}
    assert cuddy.ok("logs", "once") == "started"


@pytest.mark.skipif(ENGINE != "cuddy", reason="other engines have other locks")
def test_one_that_removes_itself_is_buried_by_nobody_else(cuddy: Cuddy) -> None:
    container_id = cuddy.ok("run", "-d", "--rm", "--name", "brief", "alpine", "sleep", "1000")
    monitor = str(monitor_of(cuddy, "brief"))

    def stands_still() -> bool:
        waiting = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        return any("->" in words and monitor in words for words in waiting)

    with files.Lock(Home(str(cuddy.root), str(cuddy.run_root)).lock_path):
        kill(cuddy.pid("brief"))
        wait_until(stands_still, what="its monitor does not come to remove it")
        assert cuddy.ok("ps", "-aq", "--no-trunc", timeout=10) == container_id
    wait_until(lambda: not is_alive(int(monitor)))
    assert cuddy.ok("ps", "-aq") == ""
    words = ["--filter", "event=die", "--filter", f"container={container_id}"]
    assert len(cuddy.ok("events", "--since", "1", "--until", "0s", *words).splitlines()) == 1


@pytest.mark.parametrize("policy", ["no", "always"])
def test_whatever_is_done_to_one_container_at_once(cuddy: Cuddy, policy: str) -> None:
    print(f"CUDDY_TESTS_SEED={SEED}")
    chance = random.Random(f"{SEED}{policy}")
    for _ in range(ROUNDS):
        container_id = cuddy.ok(
            "run", "-d", "--name", "one", "--restart", policy, "alpine", "sleep", "1000"
        )
        for _ in range(2):
            chosen = [chance.choice(VERBS) for _ in range(AT_ONCE)]
            if any(words[0] == "exec" for words in chosen):  # it would stand still as well
                chosen = [words for words in chosen if words[0] != "pause"]
            commands = [[word.format("one") for word in words] for words in chosen]
            for words, result in zip(commands, together(cuddy, commands)):
                if (words[0], result.code) == ("exec", 137):
                    assert not result.err  # it was killed with its container
                elif result.code:
                    told = result.complaint
                    assert [said for said in SAID if said in told], (words, told)
                else:
                    assert not result.err, (words, result.err)
        assert_consistent(cuddy, container_id)
        cuddy("rm", "-f", container_id)
        assert cuddy.ok("ps", "-aq") == ""
    if ENGINE == "cuddy":
        assert cuddy.ok("system", "check").splitlines()[-1] == "sound"


def assert_consistent(cuddy: Cuddy, container_id: str) -> None:
    """What the record says is what is there."""
    result = cuddy("inspect", container_id)
    if result.code:
        assert container_id not in cuddy.ok("ps", "-aq", "--no-trunc")
        return
    state = cuddy.inspect(container_id)["State"]
    assert state["Running"] == (state["Status"] in ("running", "paused", "restarting")), state
    assert bool(state["Pid"]) == (state["Status"] in ("running", "paused")), state
    if state["Pid"]:
        assert is_alive(state["Pid"])
    (name,) = cuddy.ok("ps", "-a", "--format", "{{.Names}}").split()
    assert cuddy.field(name, "{{.Id}}") == container_id
    # And it goes on from here.
    if state["Paused"]:
        cuddy.ok("unpause", name)
    cuddy.ok("restart", "-t", "0", name)
    assert cuddy.ok("exec", name, "echo", "hello") == "hello"
