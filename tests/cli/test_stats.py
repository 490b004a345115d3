"""`stats`: what containers use, once or live."""

from __future__ import annotations

import json
import re
import signal

from console import Cuddy, wait_until

TITLES = (
    "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O   BLOCK I/O   PIDS"
)


def one(cuddy: Cuddy, name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(cuddy.ok("stats", "--no-stream", "--format", "json", name))
    return found


def test_nothing_runs_and_the_table_has_dockers_titles(cuddy: Cuddy) -> None:
    assert cuddy.ok("stats", "--no-stream") == TITLES


def test_what_a_busy_container_uses(cuddy: Cuddy) -> None:
    script = "head -c 20000000 /dev/zero >/dev/shm/x; echo up; while :; do :; done"
    cuddy.ok("run", "-d", "--name", "busy", "-m", "64m", "alpine", "sh", "-c", script)
    wait_until(lambda: cuddy.ok("logs", "busy") == "up")
    found = one(cuddy, "busy")
    assert float(found["CPUPerc"].removesuffix("%")) > 1
    used, limit = found["MemUsage"].split(" / ")
    assert limit == "64MiB"
    assert 19 < float(used.removesuffix("MiB")) < 40
    assert 29 < float(found["MemPerc"].removesuffix("%")) < 63
    assert found["PIDs"] == "1"
    assert (found["Name"], found["Container"]) == ("busy", "busy")
    assert found["ID"] == cuddy.field("busy", "{{.Id}}")[:12]


def test_the_network_is_counted_in_the_containers_own(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "net", "alpine", "sleep", "1000")
    cuddy.ok("run", "-d", "--name", "alone", "--network", "none", "alpine", "sleep", "1000")
    address = cuddy.field("net", "{{.NetworkSettings.IPAddress}}")
    cuddy("run", "--rm", "alpine", "ping", "-c", "1", "-s", "5000", address)
    assert one(cuddy, "alone")["NetIO"] == "0B / 0B"
    received = one(cuddy, "net")["NetIO"].partition(" / ")[0]
    assert re.fullmatch(r"[\d.]+kB", received)
    assert float(received.removesuffix("kB")) >= 5


def test_what_does_not_run_is_there_with_a_and_shows_zeros(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "idle", "alpine", "true")
    assert cuddy.ok("stats", "--no-stream") == TITLES
    line = cuddy.ok("stats", "--no-stream", "-a").splitlines()[1]
    assert re.split(r"  +", line)[1:] == [
        "idle", "0.00%", "0B / 0B", "0.00%", "0B / 0B", "0B / 0B", "0"
    ]  # fmt: skip
    line = cuddy.ok("stats", "--no-stream", "--no-trunc", "idle").splitlines()[1]
    assert line.startswith(cuddy.field("idle", "{{.Id}}"))


def test_every_name_that_is_missing_is_named(cuddy: Cuddy) -> None:
    result = cuddy("stats", "--no-stream", "nobody", "noone")
    assert (result.code, result.out) == (1, "")
    assert [line.split("(")[0].strip() for line in result.err.splitlines()] == [
        "cuddy: No such container: nobody",
        "cuddy: No such container: noone",
    ]


def test_live_at_a_terminal_containers_come_and_go(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "first", "alpine", "sleep", "1000")
    with cuddy.terminal("stats", columns=120) as terminal:
        terminal.expect(r"first +\d")
        cuddy.ok("run", "-d", "--name", "second", "alpine", "sleep", "1000")
        terminal.expect(r"second +\d")
        cuddy.ok("rm", "-f", "first")
        terminal.expect(r"\x1b\[H[^\x1b]+PIDS\x1b\[K\r\n[^\n]+second [^\n]+\n\x1b\[J")
        terminal.interrupt()
        assert terminal.ends() == 130


def test_live_elsewhere_there_is_nothing_but_text(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "gone", "--rm", "alpine", "sleep", "1000")
    form = "{{.Name}} {{.CPUPerc}} {{.PIDs}}"
    with cuddy.start("stats", "--format", form, "gone") as process:
        assert process.stdout
        assert process.stdout.readline() == b"gone 0.00% 1\n"
        cuddy.ok("kill", "gone")
        assert process.wait(timeout=30) == 0  # nothing is left to be watched
        assert process.stdout.read().splitlines()[-1] == b"gone -- --"


def test_a_closed_pipe_ends_it(cuddy: Cuddy) -> None:
    with cuddy.start("stats") as process:
        assert process.stdout
        process.stdout.close()
        assert process.wait(timeout=30) in (0, 128 + signal.SIGPIPE, 141)
