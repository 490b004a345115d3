"""`logs`: what a container wrote, again."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from console import Cuddy, wait_until

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
    assert cuddy.ok("logs", "-f", "done", timeout=5) == "done"


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
        assert time.monotonic() - began < 5
        cuddy.remove_all()
