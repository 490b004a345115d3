"""`logs`: what a container wrote, again."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from console import TIME_FACTOR, Cuddy, wait_until
from cuddy.files import parse_time

COUNT = "for n in 1 2 3 4 5; do echo line $n; done"


def test_logs_replays_both_streams_apart(cuddy: Cuddy) -> None:
    cuddy.ok("run", "--name", "both", "alpine", "sh", "-c", "echo out; echo err >&2")
    assert cuddy("logs", "both") == (0, b"out\n", b"err\n")


def test_bytes_come_back_as_they_were(cuddy: Cuddy) -> None:
    text = 'ü "quoted" \\ back\ttab\x1b[1m'
    cuddy.ok("run", "--name", "odd", "alpine", "printf", "%s\n%s", text, "no newline")
    assert cuddy("logs", "odd").stdout.decode() == f"{text}\nno newline"


def test_a_very_long_line_is_one_line(cuddy: Cuddy) -> None:
    cuddy.ok(
        "run", "--name", "long", "alpine", "sh", "-c", "yes a | head -c 100000 | tr -d '\\n'; echo"
    )
    assert cuddy("logs", "long").stdout == b"a" * 50_000 + b"\n"


def test_tail_takes_the_last_lines(cuddy: Cuddy) -> None:
    cuddy.ok("run", "--name", "five", "alpine", "sh", "-c", COUNT)
    assert cuddy.ok("logs", "--tail", "2", "five") == "line 4\nline 5"
    assert cuddy.ok("logs", "-n", "0", "five") == ""
    assert len(cuddy.ok("logs", "--tail", "all", "five").splitlines()) == 5
    assert len(cuddy.ok("logs", "--tail", "99", "five").splitlines()) == 5
    for absurd in ("--5", "9" * 5000):
        assert "invalid number of lines" in cuddy("logs", f"--tail={absurd}", "five").complaint


def test_timestamps_are_docker_s(cuddy: Cuddy) -> None:
    cuddy.ok("run", "--name", "timed", "alpine", "echo", "hello")
    line = cuddy.ok("logs", "-t", "timed")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z hello", line)


def test_follow_shows_new_lines_as_they_come_and_ends_with_the_container(cuddy: Cuddy) -> None:
    script = "echo first; until [ -e /go ]; do sleep 0.05; done; echo second"
    cuddy.ok("run", "-d", "--name", "talker", "alpine", "sh", "-c", script)
    with cuddy.start("logs", "-f", "talker") as process:
        assert process.stdout
        assert process.stdout.readline() == b"first\n"
        cuddy.ok("exec", "talker", "touch", "/go")
        assert process.stdout.readline() == b"second\n"
        assert process.stdout.readline() == b""
        assert process.wait(timeout=10) == 0


def test_follow_from_the_tail(cuddy: Cuddy) -> None:
    cuddy.ok(
        "run", "-d", "--name", "talker", "alpine", "sh", "-c", f"{COUNT}; sleep 0.5; echo last"
    )
    wait_until(lambda: "line 5" in cuddy.ok("logs", "talker"))
    assert cuddy.ok("logs", "-f", "--tail", "1", "talker") in ("line 5\nlast", "last")


def test_following_what_has_ended_ends(cuddy: Cuddy) -> None:
    cuddy.ok("run", "--name", "done", "alpine", "echo", "done")
    assert cuddy.ok("logs", "-f", "done") == "done"


def test_ctrl_c_ends_following_and_not_the_container(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "talker", "alpine", "sh", "-c", "echo hi; sleep 100")
    with cuddy.terminal("logs", "-f", "talker") as terminal:
        terminal.expect("hi")
        terminal.interrupt()
        assert terminal.ends() in (0, 130)
    assert cuddy.field("talker", "{{.State.Running}}") == "true"


def test_a_detached_container_logs_everything_it_writes(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "writer", "alpine", "sh", "-c", "seq 1 20000")
    cuddy.ok("wait", "writer")
    assert cuddy.ok("logs", "writer").split() == [str(number) for number in range(1, 20_001)]


def test_the_log_is_dockers_json_file_format(cuddy: Cuddy) -> None:
    cuddy.ok("run", "--name", "json", "alpine", "sh", "-c", "echo out")
    path = Path(cuddy.field("json", "{{.LogPath}}"))
    (line,) = path.read_text().splitlines()
    record = json.loads(line)
    assert (record["log"], record["stream"]) == ("out\n", "stdout")
    assert re.fullmatch(r"[\d-]+T[\d:]+\.\d+Z", record["time"])


def test_logs_of_a_container_that_never_ran_are_empty(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "silent", "alpine")
    assert cuddy("logs", "silent") == (0, b"", b"")


def test_output_arrives_at_once_and_not_when_a_buffer_is_full(cuddy: Cuddy) -> None:
    with cuddy.start("run", "--rm", "alpine", "sh", "-c", "echo now; sleep 100") as process:
        assert process.stdout
        began = time.monotonic()
        assert process.stdout.readline() == b"now\n"
        assert time.monotonic() - began < 5 * TIME_FACTOR
        cuddy.remove_all()


def log_of(cuddy: Cuddy, name: str) -> Path:
    return Path(cuddy.field(name, "{{.LogPath}}"))


def count_to(last: int, every: int = 100) -> str:
    """A script that prints numbers, with a breath in between."""
    step = f"seq $i $((i+{every}-1)); i=$((i+{every})); sleep 0.01"
    return f"i=0; while [ $i -lt {last} ]; do {step}; done"


def numbers(last: int, first: int = 0) -> list[str]:
    return [str(number) for number in range(first, last)]


class TestRotation:
    SMALL = ("--log-opt", "max-size=10k", "--log-opt", "max-file=300")

    def test_without_being_asked_a_log_is_kept_below_30_megabytes(self, cuddy: Cuddy) -> None:
        script = "yes 0123456789012345678901234567890123456789 | head -n 300000"
        cuddy.ok("run", "-d", "--name", "talker", "alpine", "sh", "-c", script)
        cuddy.ok("wait", "talker")
        path = log_of(cuddy, "talker")
        files = {entry.name: entry.stat().st_size for entry in path.parent.glob("log.json*")}
        files.pop("log.json.lock", None)
        assert set(files) == {"log.json", "log.json.1", "log.json.2"}
        assert max(files.values()) <= 10_000_000 < sum(files.values())
        assert cuddy.field("talker", "{{json .HostConfig.LogConfig}}") == (
            '{"Type":"json-file","Config":{}}'
        )

    @pytest.mark.parametrize("compress", ["false", "true"])
    def test_followers_see_every_line_once(self, cuddy: Cuddy, compress: str) -> None:
        words = ["--name", "talker", *self.SMALL, "--log-opt", f"compress={compress}"]
        cuddy.ok("run", "-d", *words, "alpine", "sh", "-c", count_to(5000))
        with cuddy.start("logs", "-f", "talker") as one, cuddy.start("logs", "-f", "talker") as two:
            assert one.stdout and two.stdout
            assert one.stdout.read().decode().split() == numbers(5000)
            assert two.stdout.read().decode().split() == numbers(5000)
        path = log_of(cuddy, "talker")
        assert len(list(path.parent.glob("log.json.[0-9]*"))) > 10
        assert bool(list(path.parent.glob("*.gz"))) == (compress == "true")
        assert cuddy.ok("logs", "talker").split() == numbers(5000)
        assert cuddy.ok("logs", "--tail", "3000", "talker").split() == numbers(5000, 2000)

    def test_a_follower_that_is_slower_than_rotation_goes_on(self, cuddy: Cuddy) -> None:
        """It has lost what was put aside too often, and says nothing twice."""
        words = ["--name", "talker", "--log-opt", "max-size=2k", "--log-opt", "max-file=2"]
        script = (
            "seq 1 10; until [ -e /go ]; do sleep 0.02; done; seq 11 20000; seq 1 300000 >/dev/null"
        )
        cuddy.ok("run", "-d", *words, "alpine", "sh", "-c", script)
        with cuddy.start("logs", "-f", "talker") as process:
            assert process.stdout
            assert process.stdout.readline() == b"1\n"
            process.send_signal(signal.SIGSTOP)
            cuddy.ok("exec", "talker", "touch", "/go")
            wait_until(lambda: "20000" in cuddy.ok("logs", "--tail", "1", "talker"))
            process.send_signal(signal.SIGCONT)
            found = [int(line) for line in process.stdout.read().split()]
        assert found[:9] == list(range(2, 11))
        assert found == sorted(set(found)) and found[-1] == 20_000


class TestFollowing:
    def test_it_goes_on_when_the_container_is_restarted_by_its_policy(self, cuddy: Cuddy) -> None:
        script = "echo again; sleep 0.2; exit 1"
        cuddy.ok(
            "run", "-d", "--name", "loop", "--restart", "on-failure:2", "alpine", "sh", "-c", script
        )
        assert cuddy.ok("logs", "-f", "loop") == "again\nagain\nagain"

    def test_it_goes_on_when_a_user_restarts_the_container(self, cuddy: Cuddy) -> None:
        """docker's ends; who watches a log means the container, not one life of it."""
        cuddy.ok("run", "-d", "--name", "talker", "alpine", "sh", "-c", "echo hi; exec sleep 100")
        with cuddy.start("logs", "-f", "talker") as process:
            assert process.stdout
            for _ in range(3):
                assert process.stdout.readline() == b"hi\n"
                cuddy.ok("restart", "-t", "0", "talker")
            assert process.stdout.readline() == b"hi\n"
            cuddy.ok("kill", "talker")
            assert process.stdout.read() == b""

    def test_it_ends_when_the_container_is_removed(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "talker", "alpine", "sh", "-c", "echo hi; sleep 100")
        with cuddy.start("logs", "-f", "talker") as process:
            assert process.stdout
            assert process.stdout.readline() == b"hi\n"
            cuddy.ok("rm", "-f", "talker")
            assert process.stdout.read() == b""
            assert process.wait(timeout=30) == 0

    def test_it_ends_at_the_time_that_until_names(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "quiet", "alpine", "sleep", "100")
        began = time.monotonic()
        assert cuddy.ok("logs", "-f", "--until", "-300ms", "quiet") == ""
        assert cuddy.ok("logs", "-f", "--until", "1s", "quiet") == ""
        assert 0.25 < time.monotonic() - began < 20 * TIME_FACTOR

    def test_waiting_costs_nothing(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "quiet", "alpine", "sh", "-c", "echo hi; sleep 100")
        with cuddy.start("logs", "-f", "quiet") as process:
            assert process.stdout
            assert process.stdout.readline() == b"hi\n"
            before = switches(process.pid)
            while before != (before := switches(process.pid, after_s=0.1)):
                pass  # it has not come to rest yet
            assert switches(process.pid, after_s=0.4) == before


def switches(pid: int, *, after_s: float = 0) -> int:
    """How often a process has gone to sleep so far, after a while."""
    time.sleep(after_s)
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)[0])


class TestClearing:
    def test_a_stopped_containers_log_is_empty_then(self, cuddy: Cuddy) -> None:
        words = ["--log-opt", "max-size=1k"]
        cuddy.ok("run", "--name", "talker", *words, "alpine", "seq", "1", "1000")
        cuddy.ok("logs", "--clear", "talker")
        assert cuddy.ok("logs", "talker") == ""
        assert [p.name for p in log_of(cuddy, "talker").parent.glob("log.json.[0-9]*")] == []
        cuddy.ok("start", "-a", "talker")
        assert cuddy.ok("logs", "--tail", "1", "talker") == "1000"

    def test_a_running_containers_log_goes_on_from_there(self, cuddy: Cuddy) -> None:
        script = "echo old; until [ -e /go ]; do sleep 0.02; done; echo new; sleep 100"
        cuddy.ok("run", "-d", "--name", "talker", "alpine", "sh", "-c", script)
        with cuddy.start("logs", "-f", "talker") as process:
            assert process.stdout
            assert process.stdout.readline() == b"old\n"
            cuddy.ok("logs", "--clear", "talker")
            assert cuddy.ok("logs", "talker") == ""
            cuddy.ok("exec", "talker", "touch", "/go")
            assert process.stdout.readline() == b"new\n"
        assert cuddy.ok("logs", "talker") == "new"

    def test_while_it_writes_readers_see_no_line_twice(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "talker", "alpine", "sh", "-c", count_to(3000))
        with cuddy.start("logs", "-f", "talker") as process:
            for _ in range(8):
                cuddy.ok("logs", "--clear", "talker")
            assert process.stdout
            found = [int(line) for line in process.stdout.read().split()]
        assert found == sorted(set(found)) and found[-1] == 2999

    def test_it_goes_with_no_other_flag(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "idle", "alpine")
        assert "--clear and --follow" in cuddy("logs", "--clear", "-f", "idle").complaint


class TestDamage:
    def test_what_is_damaged_is_left_out_and_said(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "--name", "talker", "alpine", "sh", "-c", "echo one; sleep 0.1; echo two")
        path = log_of(cuddy, "talker")
        first, second = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(
            first[:-9] + b"\n" + b"\0" * 5000 + first + b"x" * 5_000_000 + b"\n" + second
        )
        result = cuddy("logs", "talker")
        assert result[:2] == (0, b"one\ntwo\n")
        assert "damaged" in result.err
        assert cuddy("logs", "--tail", "1", "talker").stdout == b"two\n"

    @pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
    def test_what_is_no_file_in_its_place_is_an_error_at_once(
        self, cuddy: Cuddy, kind: str
    ) -> None:
        cuddy.ok("run", "--name", "talker", "alpine", "echo", "one")
        path = log_of(cuddy, "talker")
        path.unlink()
        if kind == "link":
            path.symlink_to("/etc/passwd")
        elif kind == "fifo":
            os.mkfifo(path)
        else:
            path.mkdir()
        assert "cannot read the log" in cuddy("logs", "talker", timeout=30).complaint
        assert "cannot" in cuddy("start", "talker", timeout=30).complaint

    def test_a_damaged_compressed_file_is_read_as_far_as_it_goes(self, cuddy: Cuddy) -> None:
        words = ["--log-opt", "max-size=20k", "--log-opt", "max-file=9"]
        cuddy.ok("run", "--name", "talker", *words, "alpine", "seq", "1", "1000")
        path = log_of(cuddy, "talker")
        oldest = max(path.parent.glob("log.json.[0-9]"))
        Path(f"{oldest}.gz").write_bytes(gzip.compress(oldest.read_bytes())[:-600])
        oldest.unlink()
        found = cuddy.ok("logs", "talker").split()
        assert found[0] == "1" and found[-1] == "1000" and len(found) < 1000


class TestMoments:
    def test_since_and_until_take_what_docker_takes(self, cuddy: Cuddy) -> None:
        script = "echo one; sleep 0.3; echo two; sleep 0.3; echo three"
        cuddy.ok("run", "--name", "timed", "alpine", "sh", "-c", script)
        stamp = cuddy.ok("logs", "-t", "timed").splitlines()[1].split()[0]
        seconds = parse_time(stamp) / 10**9
        assert cuddy.ok("logs", "--since", stamp, "timed") == "two\nthree"
        assert cuddy.ok("logs", "--until", stamp, "timed") == "one\ntwo"
        assert cuddy.ok("logs", "--since", f"{seconds - 0.1:.3f}", "timed") == "two\nthree"
        assert cuddy.ok("logs", "--since", "1h", "timed") == "one\ntwo\nthree"
        assert cuddy.ok("logs", "--until", "1h30m", "timed") == ""
        assert cuddy.ok("logs", "--since", "2001-01-01", "--until", "2002-01-01", "timed") == ""
        assert cuddy.ok("logs", "--since", stamp, "--until", stamp, "timed") == "two"


def test_pieces_of_a_long_line_have_one_time_and_one_end(cuddy: Cuddy) -> None:
    cuddy.ok("run", "--name", "long", "alpine", "sh", "-c", "echo first; printf '%40000d\\n' 7")
    shown = cuddy.ok("logs", "-t", "--tail", "1", "long")
    moment, line = shown.split(" ", 1)
    assert moment.endswith("Z")
    assert line == "7".rjust(40_000)
