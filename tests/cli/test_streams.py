"""Standard input, output and error of a container without a terminal."""

from __future__ import annotations

import hashlib
import os
import resource
import select
import subprocess
import time
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, monitor_of, wait_until
from cuddy.engine import attach
from cuddy.engine.home import Home


def test_output_and_errors_stay_apart(cuddy: Cuddy) -> None:
    result = cuddy("run", "--rm", "alpine", "sh", "-c", "echo out; echo err >&2")
    assert result == (0, b"out\n", b"err\n")


def test_without_i_standard_input_is_empty(cuddy: Cuddy) -> None:
    assert cuddy("run", "--rm", "alpine", "cat", input=b"nobody reads this").stdout == b""


def test_with_i_standard_input_arrives_and_ends(cuddy: Cuddy) -> None:
    assert cuddy("run", "--rm", "-i", "alpine", "cat", input=b"a\0b\n").stdout == b"a\0b\n"


def test_a_hundred_megabytes_pass_through_unchanged(cuddy: Cuddy) -> None:
    data = os.urandom(1 << 20) * 100
    result = cuddy("run", "--rm", "-i", "alpine", "cat", input=data, timeout=60)
    assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(data).digest()


def test_a_command_that_ends_early_does_not_hang_the_writer(cuddy: Cuddy) -> None:
    data = bytes(10 << 20)
    result = cuddy("run", "--rm", "-i", "alpine", "head", "-c", "3", input=data)
    assert result == (0, b"\0\0\0", b"")


def test_a_slow_reader_gets_everything(cuddy: Cuddy) -> None:
    """The container writes more than pipes hold before anybody reads."""
    script = "yes 0123456789 | head -c 5000000"
    with cuddy.start("run", "--rm", "alpine", "sh", "-c", script) as process:
        assert process.stdout
        first = process.stdout.read(10)
        rest = process.stdout.read()
        assert process.wait() == 0
    assert len(first + rest) == 5_000_000


def test_a_reader_that_goes_away_is_no_disaster(cuddy: Cuddy) -> None:
    with cuddy.start("run", "--rm", "alpine", "yes") as writer:
        assert writer.stdout and writer.stderr
        writer.stdout.read(100_000)
        writer.stdout.close()
        time.sleep(0.1)
        cuddy.remove_all()
        assert b"Traceback" not in writer.stderr.read()
        writer.wait(timeout=30)


def test_closed_standard_streams_are_no_disaster(cuddy: Cuddy) -> None:
    program = " ".join(f"'{word}'" for word in [*cuddy.program, "run", "--rm", "alpine", "true"])
    done = subprocess.run(["sh", "-c", f"{program} <&- >&-"], env=cuddy.environment, timeout=20)
    assert done.returncode == 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_attach_chooses_streams(cuddy: Cuddy, stream: str) -> None:
    words = ["run", "--rm", "-a", stream, "alpine", "sh", "-c", "echo out; echo err >&2"]
    result = cuddy(*words)
    assert result.stdout == (b"out\n" if stream == "stdout" else b"")
    assert result.stderr == (b"err\n" if stream == "stderr" else b"")


class TestAttach:
    def test_output_from_now_on_and_the_exit_code(self, cuddy: Cuddy) -> None:
        script = "echo before; until [ -e /go ]; do sleep 0.05; done; echo after; exit 5"
        cuddy.ok("run", "-d", "--name", "talker", "alpine", "sh", "-c", script)
        wait_until(lambda: cuddy.ok("logs", "talker") == "before")
        with cuddy.start("attach", "talker", stdin=subprocess.DEVNULL) as process:
            cuddy.ok("exec", "talker", "touch", "/go")
            out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (5, b"")
        assert out in (b"after\n", b"before\nafter\n")

    def test_two_clients_see_the_same(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-di", "--name", "echoer", "alpine", "cat")
        with cuddy.start("attach", "echoer") as one, cuddy.start("attach", "echoer") as two:
            assert one.stdin and one.stdout and two.stdout
            for client in (one, two):
                while not select.select([client.stdout], [], [], 0.1)[0]:
                    one.stdin.write(b"mark\n")  # the client may not have been there before
                    one.stdin.flush()
                assert client.stdout.readline() == b"mark\n"
            cuddy.ok("kill", "echoer")
            one.communicate()
            two.communicate()
            assert (one.returncode, two.returncode) == (137, 137)

    def test_a_signal_goes_to_the_container(self, cuddy: Cuddy) -> None:
        script = "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
        with cuddy.start("run", "--rm", "alpine", "sh", "-c", script) as process:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            process.terminate()
            assert process.stdout.readline() == b"got it\n"
            assert process.wait(timeout=30) == 9

    def test_attaching_to_what_is_not_running_is_an_error(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "idle", "alpine")
        result = cuddy("attach", "idle")
        assert result.code == 1
        assert "idle" in result.complaint or "stopped" in result.complaint


@pytest.mark.skipif(ENGINE != "cuddy", reason="it is about our monitor")
def test_more_clients_than_descriptors_are_no_disaster_for_the_container(cuddy: Cuddy) -> None:
    """The monitor has the limits of the command that started it."""
    few = (40, 40)
    cuddy.ok(
        "run", "-d", "--name", "box", "--network", "none", "alpine", "sleep", 1000,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, few),
    )  # fmt: skip
    home = Home(str(cuddy.root), str(cuddy.run_root))
    clients = [attach.connect(home, cuddy.inspect("box")["Id"]) for _ in range(few[1])]
    monitor = Path(f"/proc/{monitor_of(cuddy, 'box')}/fd")
    wait_until(lambda: len(list(monitor.iterdir())) >= few[1] - 1, what="too few clients")
    assert cuddy.field("box", "{{.State.Running}}") == "true"
    for client in clients:
        client.close()
    wait_until(lambda: len(list(monitor.iterdir())) < few[1] - 10, what="nobody was let go")
    assert cuddy.ok("stop", "-t", 0, "box") == "box"
