"""Killed at any moment: whatever dies, nothing is left and nothing is lost."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

import images
from console import ENGINE, Cuddy, bridge_of, is_alive, kill, monitor_of, wait_until

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="other engines have other processes")


class TestTheCommandLine:
    def test_a_container_survives_its_cli_and_its_exit_is_recorded(self, cuddy: Cuddy) -> None:
        script = "echo started; until [ -e /go ]; do sleep 0.05; done; echo ended; exit 9"
        with cuddy.start("run", "--name", "orphan", "alpine", "sh", "-c", script) as process:
            assert process.stdout
            assert process.stdout.readline() == b"started\n"
            process.kill()
            process.wait()
        assert cuddy.field("orphan", "{{.State.Running}}") == "true"
        cuddy.ok("exec", "orphan", "touch", "/go")
        assert cuddy.ok("wait", "orphan") == "9"
        assert cuddy.ok("logs", "orphan") == "started\nended"

    def test_a_container_with_rm_removes_itself_without_its_cli(self, cuddy: Cuddy) -> None:
        script = "echo started; sleep 0.3"
        with cuddy.start("run", "--rm", "alpine", "sh", "-c", script) as process:
            assert process.stdout
            process.stdout.readline()
            process.kill()
            process.wait()
        wait_until(lambda: cuddy.ok("ps", "-aq") == "")

    def test_hanging_up_the_terminal_leaves_the_container(self, cuddy: Cuddy) -> None:
        with cuddy.terminal("run", "-it", "--name", "orphan", "alpine", "sh") as terminal:
            terminal.expect("/ # ")
        assert cuddy.field("orphan", "{{.State.Running}}") == "true"

    @pytest.mark.slow
    def test_run_killed_at_any_moment_leaves_a_whole_container_or_none(self, cuddy: Cuddy) -> None:
        """SIGKILL between any two system calls, as far as forty random moments show it."""
        chance = random.Random(2)
        for _ in range(40):
            with cuddy.start("run", "-d", "alpine", "sleep", "1000") as process:
                time.sleep(chance.uniform(0, 0.15))
                process.kill()
                process.communicate()
            for container_id in cuddy.ok("ps", "-aq").split():
                state = cuddy.field(container_id, "{{.State.Status}}")
                assert state in ("created", "running", "exited", "dead"), state
            cuddy.remove_all()
        # A name that was claimed for a container which never came to be goes with the next claim.
        cuddy.ok("rm", cuddy.ok("create", "alpine"))

    @pytest.mark.slow
    def test_ctrl_c_at_any_moment_of_run_leaves_nothing(self, cuddy: Cuddy) -> None:
        """With --rm even the container goes, since the signal is passed on to it."""
        chance = random.Random(3)
        for _ in range(30):
            with cuddy.start("run", "--rm", "--init", "alpine", "sleep", "1000") as process:
                time.sleep(chance.uniform(0, 0.15))
                err = interrupt(process)
            assert b"Traceback" not in err
            # 1: the interpreter was still starting itself, and nothing had been begun.
            assert process.returncode in (130, 137, 143, 125, -signal.SIGINT, 0, 1)
            wait_until(lambda: cuddy.ok("ps", "-aq") == "", what="a container is left")


def interrupt(process: subprocess.Popen[bytes]) -> bytes:
    """Ctrl-C until it ends, as a container's init may not have been listening yet; its errors."""
    while True:
        process.send_signal(signal.SIGINT)
        try:
            return process.communicate(timeout=2)[1]
        except subprocess.TimeoutExpired:
            continue


class TestTheMonitor:
    @pytest.mark.parametrize("verb", ["rm", "start"])
    def test_the_next_command_finds_out_by_itself(self, cuddy: Cuddy, verb: str) -> None:
        cuddy.ok("run", "-d", "--name", "headless", "alpine", "sleep", "1000")
        monitor = monitor_of(cuddy, "headless")
        kill(monitor)
        wait_until(lambda: not is_alive(monitor))
        cuddy.ok(verb, "headless", timeout=30)

    def test_its_death_is_seen_and_the_container_can_be_removed(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "headless", "alpine", "sleep", "1000")
        first, monitor = cuddy.pid("headless"), monitor_of(cuddy, "headless")
        kill(monitor)
        wait_until(lambda: not is_alive(monitor))
        wait_until(lambda: not is_alive(first), what="the container outlives its monitor")
        status = cuddy.field("headless", "{{.State.Status}}")
        assert status in ("exited", "dead")
        assert cuddy("exec", "headless", "true").code == 1
        assert cuddy.ok("stop", "headless") == "headless"
        cuddy.ok("rm", "headless")

    def test_it_can_be_started_again(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "headless", "alpine", "sleep", "1000")
        kill(monitor_of(cuddy, "headless"))
        wait_until(lambda: cuddy.field("headless", "{{.State.Running}}") == "false")
        cuddy.ok("start", "headless")
        assert cuddy.field("headless", "{{.State.Running}}") == "true"

    def test_who_waits_or_is_attached_does_not_wait_for_ever(self, cuddy: Cuddy) -> None:
        with cuddy.start("run", "--name", "headless", "alpine", "sleep", "1000") as running:
            wait_until(lambda: cuddy("exec", "headless", "true").code == 0)
            with (
                cuddy.start("wait", "headless") as waiting,
                cuddy.start("logs", "-f", "headless") as logs,
            ):
                time.sleep(0.2)
                kill(monitor_of(cuddy, "headless"))
                for process in (running, waiting, logs):
                    process.communicate(timeout=30)
                assert running.returncode != 0

    def test_ctrl_c_at_the_terminal_of_the_cli_does_not_reach_it(self, cuddy: Cuddy) -> None:
        script = "trap 'echo interrupted' INT; echo ready; while :; do sleep 0.05; done"
        with cuddy.terminal("run", "--name", "guarded", "alpine", "sh", "-c", script) as terminal:
            terminal.expect("ready")
            terminal.interrupt()
            terminal.expect("interrupted")
            assert cuddy.field("guarded", "{{.State.Running}}") == "true"
            cuddy.ok("rm", "-f", "guarded")
            terminal.ends()


@pytest.fixture(scope="module")
def large(registry) -> str:
    """An image whose pull takes long enough to be interrupted in the middle."""
    below = images.alpine()
    layers = []
    for number in range(4):
        files = [images.entry(f"d{number}/f{n}", os.urandom(40_000)) for n in range(100)]
        layers.append(images.layer(images.tar(*files), "gzip"))
    first = below.document["layers"][0]
    data = below.blobs[first["digest"]]
    bottom = images.Layer(data, first["mediaType"], images.digest_of(gzip.decompress(data)))
    return str(registry.push(images.image([bottom, *layers]), "large"))


class TestPull:
    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
    def test_interrupted_at_any_moment_it_leaves_nothing_visible_and_goes_on(
        self, fresh: Cuddy, large: str, number: signal.Signals
    ) -> None:
        chance = random.Random(int(number))
        for _ in range(8):
            with fresh.start("pull", large) as process:
                time.sleep(chance.uniform(0.05, 0.8))
                process.send_signal(number)
                _, err = process.communicate(timeout=30)
                assert b"Traceback" not in err
            names = fresh.ok("images", "--format", "{{.Repository}}").split()
            if process.returncode:
                assert process.returncode in (130, 143, 1, -number)
            else:
                fresh.ok("rmi", large)
            assert "alpine" in names
            left = os.listdir(fresh.root / "tmp")
            fresh.ok("ps")  # the next command sweeps
            assert number == signal.SIGKILL or not left, left
        fresh.ok("pull", large, timeout=60)
        assert fresh.ok("run", "--rm", large, "sh", "-c", "ls /d3 | wc -l") == "100"
        fresh.ok("rmi", large)

    def test_run_interrupted_while_it_pulls(self, fresh: Cuddy, large: str) -> None:
        with fresh.start("run", "--rm", large, "true") as process:
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert b"Traceback" not in err
        assert fresh.ok("ps", "-aq") == ""


def test_the_run_directory_of_a_container_that_is_gone_is_swept(fresh: Cuddy) -> None:
    """A monitor was killed between the removal of its container and that of the directory."""
    fresh.ok("ps")
    left = fresh.run_root / ("5" * 64)
    left.mkdir()
    (left / "monitor").write_text("1 1 another-boot")
    fresh.ok("ps")
    assert not left.exists()


def test_temporary_files_of_dead_processes_are_swept(fresh: Cuddy) -> None:
    for name in ("1-1-0123456789ab.tmp", "x.1-1-0123456789ab.tmp"):
        (fresh.root / "tmp" / name / "deep").mkdir(parents=True)
    fresh.ok("ps")
    assert os.listdir(fresh.root / "tmp") == []


def test_after_a_reboot_everything_is_stopped_and_starts_again(fresh: Cuddy) -> None:
    """The run root is gone, as after a reboot; so are the processes."""
    fresh.ok("run", "-d", "--name", "before", "alpine", "sleep", "1000")
    monitor = monitor_of(fresh, "before")
    kill(monitor)
    wait_until(lambda: not is_alive(monitor))
    shutil.rmtree(fresh.run_root)
    subprocess.run(["ip", "link", "delete", bridge_of(fresh)], check=True)
    assert fresh.field("before", "{{.State.Running}}") == "false"
    fresh.ok("start", "before")
    assert fresh.field("before", "{{.State.Running}}") == "true"
