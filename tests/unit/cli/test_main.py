"""Every failure is one line that says what to do, and an exit code scripts know from docker."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from cuddy.cli import boundary, main, verbs
from cuddy.errors import (
    CommandNotFound,
    InvalidArgument,
    NoSuchContainer,
    NotPermitted,
    UsageError,
    WrongArguments,
)

SOURCE = Path(__file__).parents[3] / "src/cuddy/__main__.py"


def cuddy(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(SOURCE), *words]
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["foo"], 1, "cuddy: unknown command: cuddy foo (see 'cuddy --help')"),
        (
            ["pss"], 1,
            "cuddy: unknown command: cuddy pss (did you mean 'cuddy ps'? see 'cuddy --help')",
        ),
        (
            ["image", "lss"], 1,
            "cuddy: unknown command: cuddy image lss (did you mean 'cuddy image ls'? "
            "see 'cuddy image --help')",
        ),
        (["--xyz"], 125, "cuddy: unknown flag: --xyz (see 'cuddy --help')"),
        (["-y", "ps"], 125, "cuddy: unknown shorthand flag: 'y' in -y (see 'cuddy --help')"),
        (["container", "--foo"], 125, "cuddy: unknown flag: --foo (see 'cuddy container --help')"),
        (["ps", "--foo"], 125, "cuddy: unknown flag: --foo (see 'cuddy ps --help')"),
        (
            ["ps", "extra"], 1,
            "cuddy: 'cuddy ps' accepts no arguments (usage: cuddy ps [OPTIONS])",
        ),
        (
            ["container", "stop"], 1,
            "cuddy: 'cuddy container stop' requires at least 1 argument "
            "(usage: cuddy container stop [OPTIONS] CONTAINER [CONTAINER...])",
        ),
        (
            ["-l", "loud", "version"], 1,
            "cuddy: unable to parse logging level: loud (one of debug, info, warn, error, fatal)",
        ),
        (["help", "foo"], 1, "cuddy: unknown command: cuddy foo (see 'cuddy --help')"),
        (
            ["version", "-f", "{{"], 64,
            "cuddy: template parsing error: template: :1: unclosed action",
        ),
        (["\x1b[2J"], 1, "cuddy: unknown command: cuddy \\x1b[2J (see 'cuddy --help')"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_one_line_and_a_known_exit_code(
    words: list[str], code: int, line: str
) -> None:
    done = cuddy(*words)
    assert (done.stderr, done.returncode, done.stdout) == (f"{line}\n", code, "")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_without_a_command_there_is_an_overview(words: list[str]) -> None:
    done = cuddy(*words)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage:  cuddy [OPTIONS] COMMAND\n")


@pytest.mark.parametrize(
    "words",
    [["stop", "--help"], ["stop", "-h"], ["help", "stop"], ["stop", "a", "--help", "--foo"]],
)
def test_help_of_a_command(words: list[str]) -> None:
    done = cuddy(*words)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage:  cuddy stop [OPTIONS] CONTAINER [CONTAINER...]\n")


def test_help_of_a_group() -> None:
    for words in (["container"], ["container", "--help"], ["help", "container"]):
        assert cuddy(*words).stdout.startswith("Usage:  cuddy container COMMAND\n")


@pytest.mark.parametrize("words", [["-v"], ["--version"], ["-D", "-v"], ["-v", "foo"]])
def test_the_version(words: list[str]) -> None:
    assert cuddy(*words).stdout.startswith("cuddy version ")


def test_a_closed_pipe_is_no_news() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-I", "-S", str(SOURCE), "--help"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_closed_standard_streams_are_no_trouble() -> None:
    script = f'exec "$0" -I -S {SOURCE} "$@" <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", script, sys.executable, "version"])
    assert done.returncode == 0


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-I", "-S", str(SOURCE), "--help"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("cuddy: no space left on device")


def fails(error: BaseException) -> Callable[[], NoReturn]:
    def act() -> NoReturn:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "least", "code", "line"),
    [
        (NoSuchContainer("x"), 1, 1, "cuddy: No such container: x ('cuddy ps -a' lists them)"),
        (NoSuchContainer("x"), 125, 125, "cuddy: No such container: x ('cuddy ps -a' lists them)"),
        (CommandNotFound("x: not found"), 125, 127, "cuddy: x: not found"),
        (InvalidArgument("bad"), 1, 1, "cuddy: bad"),
        (WrongArguments("few"), 125, 1, "cuddy: few"),
        (UsageError("odd", hint="see"), 125, 125, "cuddy: odd (see)"),
        (NotPermitted("no root", hint="sudo"), 125, 125, "cuddy: no root (sudo)"),
        (
            OSError(errno.ENOSPC, "x", "/var/lib/cuddy/a"), 125, 125,
            "cuddy: /var/lib/cuddy/a: no space left on device "
            "(the disk is full: 'cuddy rm' and 'cuddy rmi' make room)",
        ),
        (OSError(errno.EIO, "x"), 1, 1, "cuddy: input/output error"),
    ],
)  # fmt: skip
def test_errors_become_a_line_and_an_exit_code(
    capfd: pytest.CaptureFixture[str], error: Exception, least: int, code: int, line: str
) -> None:
    assert boundary.attempt(fails(error), least=least) == code
    assert capfd.readouterr().err == f"{line}\n"


def test_a_bug_is_one_line_that_says_where(capfd: pytest.CaptureFixture[str]) -> None:
    assert boundary.attempt(fails(KeyError("x")), least=125) == 125
    err = capfd.readouterr().err
    assert err.startswith("cuddy: this is a bug in cuddy: KeyError: 'x' at ")
    assert "test_main.py:" in err
    assert err.endswith("(CUDDY_DEBUG=1 shows the traceback)\n")


def test_the_traceback_of_a_bug_is_shown_on_request(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDDY_DEBUG", "1")
    boundary.attempt(fails(KeyError("x")))
    assert "Traceback (most recent call last)" in capfd.readouterr().err


def test_an_error_cannot_speak_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    boundary.attempt(fails(NoSuchContainer("\x1b[2J\nx")))
    assert capfd.readouterr().err.startswith("cuddy: No such container: \\x1b[2J\\nx (")


def test_an_interrupt_is_130_without_a_word(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "_run", lambda words: fails(KeyboardInterrupt())())
    assert main.main(["ps"]) == 130
    assert capfd.readouterr() == ("", "")


def test_one_failure_does_not_keep_the_others_from_their_turn(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def act(name: str) -> None:
        if name == "b":
            raise NoSuchContainer(name)

    def say(name: str) -> None:
        act(name)
        print(name)

    told = ("a\nc\n", "cuddy: No such container: b ('cuddy ps -a' lists them)\n")
    assert boundary.each(["a", "b", "c"], say) == 1
    assert capfd.readouterr() == told
    assert boundary.all_at_once(["a", "b", "c"], act) == 1
    assert capfd.readouterr() == told
    assert boundary.each(["a", "c"], say) == boundary.all_at_once(["a", "c"], act) == 0


def test_names_come_in_their_order_whoever_is_done_first(
    capfd: pytest.CaptureFixture[str],
) -> None:
    first, second = os.pipe()

    def act(name: str) -> None:
        if name == "slow":
            os.read(first, 1)
        else:
            os.write(second, b"x")

    assert boundary.all_at_once(["slow", "quick"], act) == 0
    assert capfd.readouterr().out == "slow\nquick\n"
    os.close(first)
    os.close(second)


def test_waiting_is_shared(capfd: pytest.CaptureFixture[str]) -> None:
    """More names than are served at once: each process waits for its neighbour's word."""
    pipes = [os.pipe() for _ in range(boundary.AT_ONCE)]

    def act(name: str) -> None:
        number = int(name)
        os.write(pipes[number - 1][1], b"x")
        os.read(pipes[number][0], 1)  # only comes if all run at the same time

    assert boundary.all_at_once([str(number) for number in range(boundary.AT_ONCE)], act) == 0
    for ends in pipes:
        os.close(ends[0])
        os.close(ends[1])


def test_every_name_of_a_command_leads_to_it() -> None:
    for group, own in [*verbs.GROUPS.items(), ("", verbs.VERBS)]:
        for verb, module in own.items():
            words = [group, verb] if group else [verb]
            assert verbs.find_command(words)[0] == module
            assert f"cuddy {' '.join(words)}" in verbs.names_of(module)
