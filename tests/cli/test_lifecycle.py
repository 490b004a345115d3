"""stop, kill, wait, rm: how containers end and go."""

from __future__ import annotations

import subprocess
import time

import pytest

from console import ENGINE, TIME_FACTOR, Cuddy, is_alive, wait_until

DEAF = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
POLITE = "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done"


def start(cuddy: Cuddy, name: str, script: str, *words: str) -> int:
    """A container whose shell has come to its loop; its pid."""
    cuddy.ok("run", "-d", "--name", name, *words, "alpine", "sh", "-c", script)
    wait_until(lambda: cuddy.ok("logs", name) == "ready")
    return cuddy.pid(name)


class TestStop:
    def test_the_command_is_asked_to_end(self, cuddy: Cuddy) -> None:
        start(cuddy, "polite", POLITE)
        assert cuddy.ok("stop", "polite") == "polite"
        assert cuddy.field("polite", "{{.State.Status}} {{.State.ExitCode}}") == "exited 3"
        assert cuddy.ok("logs", "polite").split() == ["ready", "bye"]

    def test_what_does_not_listen_is_killed_after_the_timeout(self, cuddy: Cuddy) -> None:
        pid = start(cuddy, "deaf", DEAF)
        began = time.monotonic()
        cuddy.ok("stop", "-t", "1", "deaf")
        assert 1 <= time.monotonic() - began < 4 * TIME_FACTOR
        assert cuddy.field("deaf", "{{.State.ExitCode}}") == "137"
        assert not is_alive(pid)

    def test_another_signal_can_be_chosen(self, cuddy: Cuddy) -> None:
        script = "trap 'exit 4' INT; echo ready; while :; do sleep 0.05; done"
        start(cuddy, "interruptible", script, "--stop-signal", "SIGINT")
        cuddy.ok("stop", "interruptible")
        assert cuddy.field("interruptible", "{{.State.ExitCode}}") == "4"

    def test_stopping_what_is_stopped_is_fine(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "--name", "done", "alpine", "true")
        assert cuddy.ok("stop", "done") == "done"

    def test_many_are_stopped_by_one_command(self, cuddy: Cuddy) -> None:
        names = [f"many{number}" for number in range(3)]
        for name in names:
            start(cuddy, name, POLITE)
        assert sorted(cuddy.ok("stop", *names).split()) == names
        assert cuddy.ok("ps", "-q") == ""


class TestKill:
    def test_kill_is_sigkill(self, cuddy: Cuddy) -> None:
        pid = start(cuddy, "victim", DEAF)
        assert cuddy.ok("kill", "victim") == "victim"
        wait_until(lambda: not is_alive(pid))
        assert cuddy.ok("wait", "victim") == "137"

    @pytest.mark.parametrize("signal", ["USR1", "SIGUSR1", "usr1", "10"])
    def test_any_signal_by_name_or_number(self, cuddy: Cuddy, signal: str) -> None:
        script = "trap 'echo usr1' USR1; echo ready; while :; do sleep 0.05; done"
        start(cuddy, "listener", script)
        cuddy.ok("kill", "-s", signal, "listener")
        wait_until(lambda: cuddy.ok("logs", "listener").split() == ["ready", "usr1"])
        assert cuddy.field("listener", "{{.State.Status}}") == "running"

    def test_killing_what_does_not_run_is_an_error(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "--name", "done", "alpine", "true")
        result = cuddy("kill", "done")
        assert result.code == 1
        assert "not running" in result.complaint

    def test_everything_in_the_container_dies_with_its_first_process(self, cuddy: Cuddy) -> None:
        start(cuddy, "parent", "sleep 1000 & sleep 1000 & echo ready; wait")
        cuddy.ok("kill", "parent")
        cuddy.ok("wait", "parent")  # the leak detector looks for the sleepers


class TestWait:
    def test_wait_prints_the_exit_code_when_it_ends(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "short", "alpine", "sh", "-c", "sleep 0.3; exit 6")
        assert cuddy.ok("wait", "short") == "6"
        assert cuddy.ok("wait", "short") == "6"

    def test_wait_for_several(self, cuddy: Cuddy) -> None:
        for code in (1, 2):
            cuddy("run", "--name", f"code{code}", "alpine", "sh", "-c", f"exit {code}")
        assert cuddy.ok("wait", "code1", "code2").split() == ["1", "2"]


class TestRemove:
    def test_a_running_container_is_not_removed(self, cuddy: Cuddy) -> None:
        start(cuddy, "alive", DEAF)
        result = cuddy("rm", "alive")
        assert result.code == 1
        assert "-f" in result.complaint or "force" in result.complaint
        assert cuddy.field("alive", "{{.State.Running}}") == "true"

    def test_force_kills_and_removes(self, cuddy: Cuddy) -> None:
        pid = start(cuddy, "alive", DEAF)
        assert cuddy.ok("rm", "-f", "alive") == "alive"
        assert not is_alive(pid)
        assert cuddy.ok("ps", "-aq") == ""

    def test_force_names_those_that_remove_themselves_too(self, cuddy: Cuddy) -> None:
        names = [f"fleeting{number}" for number in range(4)]
        for name in names:
            cuddy.ok("run", "-d", "--rm", "--name", name, "alpine", "sleep", "1000")
        removed = cuddy("rm", "-f", *names)
        assert (removed.code, removed.err, removed.out.split()) == (0, "", names)

    def test_what_can_be_removed_is_and_the_rest_is_an_error(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "one", "alpine")
        cuddy.ok("create", "--name", "two", "alpine")
        result = cuddy("rm", "one", "missing", "two")
        assert result.code == 1
        assert result.out.split() == ["one", "two"]
        assert "missing" in result.complaint
        assert cuddy.ok("ps", "-aq") == ""

    def test_removing_while_it_is_being_waited_for(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "watched", "alpine", "sleep", "100")
        with cuddy.start("wait", "watched") as waiting:
            time.sleep(0.2)
            cuddy.ok("rm", "-f", "watched")
            out, _ = waiting.communicate(timeout=30)
        assert out == b"137\n"


def test_a_container_that_ends_is_exited_with_its_times(cuddy: Cuddy) -> None:
    cuddy("run", "--name", "ended", "alpine", "sh", "-c", "exit 2")
    state = cuddy.inspect("ended")["State"]
    assert (state["Status"], state["Running"], state["ExitCode"]) == ("exited", False, 2)
    assert state["Pid"] == 0
    assert state["StartedAt"] < state["FinishedAt"]
    assert state["OOMKilled"] is False


@pytest.mark.skipif(ENGINE != "cuddy", reason="it is about our files")
def test_what_cannot_be_removed_is_dead_until_it_can(cuddy: Cuddy) -> None:
    container_id = cuddy.ok("create", "--name", "stuck", "alpine")
    place = cuddy.root / "containers" / container_id / "upper/held"
    place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    try:
        result = cuddy("rm", "stuck")
        assert result.code == 1
        assert "cannot remove container" in result.complaint
        assert cuddy.ok("ps", "-a", "--format", "{{.Names}} {{.Status}}") == "stuck Dead"
        assert cuddy.field("stuck", "{{.State.Status}} {{.State.Dead}}") == "dead true"
        assert "marked for removal and cannot be started" in cuddy("start", "stuck").complaint
        assert cuddy("rm", "-f", "stuck").code == 1
    finally:
        subprocess.run(["umount", place], check=True)
    assert cuddy.ok("rm", "stuck") == "stuck"
    assert cuddy.ok("ps", "-aq") == ""
