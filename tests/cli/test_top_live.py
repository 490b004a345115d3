"""`cuddy top` without a container: all of them live, at a real terminal, as a person sees it."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from console import ENGINE, MAIN, Cuddy, Terminal, children_of, is_alive, kill, wait_until
from ordinary_user import OrdinaryUser, with_alpine
from registry import Registry

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="others have no such view")
EVIL = r"\033]0;evil\007\033[2J\033[31mred\033[0m"


@contextmanager
def top(cuddy: Cuddy, rows: int = 24, columns: int = 80) -> Iterator[Terminal]:
    """The view, once it has looked."""
    with cuddy.terminal("top", rows=rows, columns=columns) as terminal:
        terminal.sees(r"\d of \d+ running")
        yield terminal


def processes_of(terminal: Terminal) -> list[int]:
    """The view and the processes that it has made."""
    pid = terminal.child.pid
    feed = children_of(pid)
    return [pid, *feed, *(each for one in feed for each in children_of(one))]


def test_all_containers_and_what_they_use(cuddy: Cuddy) -> None:
    script = "head -c 30000000 /dev/zero >/dev/shm/x; while :; do :; done"
    cuddy.ok("run", "-d", "--name", "busy", "-m", "64m", "alpine", "sh", "-c", script)
    cuddy.ok("create", "--name", "never", "alpine", "true")
    cuddy("run", "--name", "gone", "alpine", "sh", "-c", "exit 3")
    with top(cuddy) as terminal:
        terminal.sees(r"1 of 3 running")
        terminal.sees(r"NAME +STATE +CPU%▼")
        found = terminal.sees(r"busy +running +(\d+(?:\.\d+)?) +[▏▎▍▌▋▊▉█]\S* +(3\dM|29M) +█\S+ ")
        assert float(found[1]) > 1
        terminal.sees(r"gone +exited 3 ")
        terminal.sees(r"never +created ")


def test_containers_come_and_go(cuddy: Cuddy) -> None:
    with top(cuddy) as terminal:
        terminal.sees("there are no containers")
        cuddy.ok("run", "-d", "--name", "second", "alpine", "sleep", "1000")
        terminal.sees(r"second +running")
        terminal.type("e")
        terminal.sees(r"container start +second")
        cuddy.ok("rm", "-f", "second")
        terminal.sees(r"container destroy +second")
        terminal.sees("there are no containers")


def test_a_home_that_is_not_there_yet(fresh: Cuddy) -> None:
    with top(fresh) as terminal:
        terminal.sees("there are no containers")


def test_a_log_as_it_comes_in_its_colours_and_nothing_else_is_obeyed(cuddy: Cuddy) -> None:
    script = f"printf '{EVIL}\\n'; read go </pipe; echo later; sleep 1000"
    cuddy.ok("run", "-d", "--name", "evil", "alpine", "sh", "-c", f"mkfifo /pipe; {script}")
    with top(cuddy) as terminal:
        terminal.sees(r"\\x1b\]0;evil\\a\\x1b\[2Jred$")
        cuddy.ok("exec", "evil", "sh", "-c", "echo go >/pipe")
        terminal.sees(r"^ later$")
        assert "evil\x07" not in terminal.written
        assert "\x1b[2J" not in terminal.written


def test_names_of_foreign_origin_cannot_speak_to_the_terminal(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "odd", "-l", "x=\x1b]0;evil\x07", "alpine", "sleep", "1000")
    with top(cuddy, rows=50) as terminal:
        terminal.type("dz")
        terminal.sees(r"labels +x=\\x1b\]0;evil\\a")
        terminal.sees(r"^ limits")
        assert "evil\x07" not in terminal.written


def test_keys_sort_and_filter(cuddy: Cuddy) -> None:
    for name in ("ash", "oak", "yew"):
        cuddy.ok("create", "--name", name, "alpine", "true")
    cuddy.ok("run", "-d", "--name", "zzz", "alpine", "sleep", "1000")
    with top(cuddy) as terminal:
        terminal.sees(r"(?s)zzz .*ash .*oak .*yew ")
        terminal.type("N")
        terminal.sees(r"(?s)NAME▲.*ash .*oak .*yew .*zzz ")
        terminal.type("R")
        terminal.sees(r"(?s)NAME▼.*zzz .*yew .*oak .*ash ")
        terminal.type("/o")
        terminal.sees(r"(?s)shown: 1, 'o'(?!.*yew).*oak")
        terminal.type("\r/q\r")  # a letter of a filter, not the key
        terminal.sees("none is like that")
        terminal.type("/\x1b")
        terminal.sees("yew ")
        terminal.type("a")
        terminal.sees(r"(?s)shown: 1, running(?!.*yew)")


def test_what_is_done_to_a_container_is_confirmed(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "one", "--stop-timeout", "1", "alpine", "sleep", "1000")
    with top(cuddy) as terminal:
        terminal.sees(r"one +running")
        terminal.type("K")
        terminal.sees(r"Kill one")
        terminal.type("n")
        terminal.type("p")
        terminal.sees(r"Pause one\?")
        terminal.type("y")
        terminal.sees(r"one +paused")
        terminal.type("p")
        terminal.sees(r"one +running")
        terminal.type("K")
        terminal.sees(r"Kill one")
        terminal.type("y")
        terminal.sees(r"one +exited 137")
        terminal.type("s")
        terminal.sees(r"one +running")
        terminal.type("r")
        terminal.sees(r"Restart one\?")
        started = cuddy.field("one", "{{.State.StartedAt}}")
        terminal.type("y")
        wait_until(lambda: cuddy.field("one", "{{.State.StartedAt}}") > started, timeout=60)
        terminal.sees(r"one: restarted")
        terminal.type("D")
        terminal.sees(r"remove one")
        terminal.type("y")
        terminal.sees("there are no containers")


def test_an_action_that_takes_its_time_is_seen(cuddy: Cuddy) -> None:
    script = "trap 'sleep 3; exit 5' TERM; while :; do sleep 0.1; done"
    cuddy.ok("run", "-d", "--name", "slow", "alpine", "sh", "-c", script)
    with top(cuddy) as terminal:
        terminal.sees(r"slow +running")
        terminal.type("s")
        terminal.sees(r"Stop slow\?")
        terminal.type("y")
        terminal.sees(r"slow +stopping")
        terminal.sees(r"slow +exited 5")


def test_the_mouse_selects_and_sorts(cuddy: Cuddy) -> None:
    for name in ("ash", "oak"):
        cuddy.ok("create", "--name", name, "alpine", "true")
    with top(cuddy) as terminal:
        terminal.sees(r"Details +ash ")
        terminal.type("\x1b[<0;5;4M\x1b[<0;5;4m")
        terminal.sees(r"Details +oak ")
        terminal.type("\x1b[<0;3;2M\x1b[<0;3;2m")
        terminal.sees(r"NAME▲")


def test_whoever_scrolls_back_reads_in_peace(cuddy: Cuddy) -> None:
    script = "seq 1000 1099; read go </pipe; echo more; read go </pipe; echo last; sleep 1000"
    cuddy.ok("run", "-d", "--name", "one", "alpine", "sh", "-c", f"mkfifo /pipe; {script}")
    with top(cuddy) as terminal:
        terminal.sees(r"^ 1099")
        terminal.type("z")
        terminal.sees(r"^ 1080(?s:.*)^ 1099")
        terminal.type("\x1b[H")
        terminal.sees(r"^ 1000")
        cuddy.ok("exec", "one", "sh", "-c", "echo go >/pipe")
        wait_until(lambda: "more" in cuddy.ok("logs", "one"))
        terminal.type("[")
        terminal.sees(r"^ 1000")
        terminal.type("\x1b[F")
        terminal.sees(r"^ more")
        cuddy.ok("exec", "one", "sh", "-c", "echo go >/pipe")
        terminal.sees(r"^ last")
        terminal.type("\x1b")
        terminal.sees(r"NAME +STATE")


def test_why_an_action_failed_is_said(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "broken", "alpine", "/nowhere")
    with top(cuddy) as terminal:
        terminal.type("s")
        terminal.sees(r"/nowhere")


def test_a_shell_and_back(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "one", "alpine", "sleep", "1000")
    with top(cuddy) as terminal:
        terminal.sees(r"one +running")
        terminal.type("x")
        terminal.sees(r"a shell in one")
        terminal.line("echo answer=$((40+2)); tty")
        terminal.sees(r"answer=42\s+/dev/")
        terminal.line("exit 3")
        terminal.sees(r"one +running")
        terminal.type("q")
        assert terminal.ends() == 0


def test_a_container_without_a_shell(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "one", "alpine", "sleep", "1000")
    cuddy.ok("exec", "one", "rm", "/bin/sh")
    with top(cuddy) as terminal:
        terminal.sees(r"one +running")
        terminal.type("x")
        terminal.sees(r"(?s)cuddy: .*sh.*press Enter")
        terminal.line("")
        terminal.sees(r"one +running")


def test_a_view_that_has_to_end_takes_the_shell_with_it(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "one", "alpine", "sleep", "1000")
    with top(cuddy) as terminal:
        terminal.sees(r"one +running")
        terminal.type("x")
        terminal.sees(r"a shell in one")
        terminal.line("echo answer=$((40+2))")
        terminal.sees(r"answer=42")
        os.kill(terminal.child.pid, signal.SIGTERM)
        assert terminal.ends() == 143


def test_help_shows_all_keys_at_80_by_24(cuddy: Cuddy) -> None:
    with top(cuddy) as terminal:
        terminal.type("?")
        terminal.sees(r"select a container(?s:.*)leave; Ctrl-Z for a while")
        terminal.type("q")
        terminal.sees("there are no containers")


def test_a_larger_terminal_shows_more(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "one", "alpine", "sleep", "1000")
    with top(cuddy) as terminal:
        terminal.sees(r"one +running")
        terminal.resize(40, 140)
        terminal.sees(r"NAME +IMAGE +STATE .* LIMIT RECV/s SENT/s READ/s WRIT/s")
        terminal.sees(r"one +alpine +running")
        terminal.resize(12, 44)
        terminal.sees(r"^ NAME +STATE +CPU%▼ +MEM TIME")


def test_no_colours_where_none_are_wanted(cuddy: Cuddy) -> None:
    script = f"printf '{EVIL}\\n'; sleep 1000"
    cuddy.ok("run", "-d", "--name", "one", "alpine", "sh", "-c", script)
    plain = Cuddy(cuddy.root, cuddy.run_root)
    plain.environment["NO_COLOR"] = "1"
    with top(plain) as terminal:
        terminal.sees(r"Jred$")
        for code in re.findall(r"\x1b\[([\d;]*)m", terminal.written):
            assert set(code.split(";")) <= {"0", "1", "2", "3", "4", "7", "39", "49"}, code


@pytest.mark.parametrize(
    ("way", "code"),
    [("q", 0), ("\x03", 130), (signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)],
    ids=["q", "Ctrl-C", "SIGTERM", "SIGINT", "SIGHUP"],
)
def test_it_ends_with_the_terminal_as_it_was(
    cuddy: Cuddy, way: str | signal.Signals, code: int
) -> None:
    cuddy.ok("run", "-d", "--name", "one", "alpine", "sleep", "1000")
    command = [*cuddy.program, "top"]
    script = 'stty -a; "$@"; code=$?; stty -a; echo code=$code'
    shell = Cuddy(cuddy.root, cuddy.run_root, ["sh", "-c", script, "sh", *command])
    shell.environment = cuddy.environment
    with shell.terminal() as terminal:
        terminal.sees(r"one +running")
        wait_until(lambda: len(children_of(terminal.child.pid)) == 1)
        pids = [pid for child in children_of(terminal.child.pid) for pid in family(child)]
        if isinstance(way, str):
            terminal.type(way)
        else:
            os.kill(pids[0], way)
        terminal.expect(rf"code={code}\r")
        text = terminal.written + terminal.child.before
        assert "\x1b[?1049l" in text
        assert "\x1b[?25h" in text
        assert terminal.ends() == 0
    modes = re.findall(r"speed \d+ baud.*?echoke[^\n]*", text, re.DOTALL)
    assert len(modes) >= 1
    assert len(set(modes)) == 1
    wait_until(lambda: not any(map(is_alive, pids)))


def family(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(each for child in children_of(pid) for each in family(child))]


def test_a_terminal_that_goes_takes_the_view_with_it(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "one", "alpine", "sleep", "1000")
    with top(cuddy) as terminal:
        terminal.sees(r"one +running")
        pids = family(terminal.child.pid)
        terminal.child.ptyproc.fileobj.close()
        wait_until(lambda: not terminal.child.ptyproc.isalive())
        assert terminal.child.ptyproc.exitstatus == 129
        wait_until(lambda: not any(map(is_alive, pids)))


def test_nothing_stays_of_a_view_that_was_killed(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "one", "alpine", "sleep", "1000")
    with top(cuddy) as terminal:
        terminal.sees(r"one +running")
        wait_until(lambda: len(processes_of(terminal)) == 3)  # view, feed, reader of the log
        pids = processes_of(terminal)
        kill(pids[0])
        terminal.ends()
        wait_until(lambda: not any(map(is_alive, pids)))
    assert cuddy.field("one", "{{.State.Status}}") == "running"


def test_a_view_whose_feed_was_killed_says_so(cuddy: Cuddy) -> None:
    with top(cuddy) as terminal:
        kill(processes_of(terminal)[1])
        terminal.expect("the process that looks at containers has ended")
        assert terminal.ends() == 1


def test_a_terminal_is_needed(cuddy: Cuddy) -> None:
    result = cuddy("top")
    assert result.code == 1
    assert "the live view needs a terminal" in result.complaint
    dumb = Cuddy(cuddy.root, cuddy.run_root)
    dumb.environment["TERM"] = "dumb"
    with dumb.terminal("top") as terminal:
        terminal.expect("a terminal that can be drawn on")
        assert terminal.ends() == 1


def test_what_to_install_where_textual_is_missing(cuddy: Cuddy) -> None:
    start = f"import sys; sys.modules['textual'] = None; sys.argv[0] = {str(MAIN)!r}; "
    start += f"import runpy; runpy.run_path({str(MAIN)!r}, run_name='__main__')"
    lacking = Cuddy(cuddy.root, cuddy.run_root, [sys.executable, "-I", "-S", "-c", start])
    with lacking.terminal("top") as terminal:
        terminal.expect(r"the live view needs the library textual \(pip install 'cuddy\[tui\]'")
        assert terminal.ends() == 1


def test_one_sample_for_programs(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "one", "-m", "64m", "alpine", "sleep", "1000")
    (found,) = json.loads(cuddy.ok("top", "--json"))["Containers"]
    assert (found["Name"], found["Status"], found["PIDs"]) == ("one", "running", 1)
    assert found["MemoryLimitBytes"] == 64 << 20
    assert found["StartedAt"] == cuddy.field("one", "{{.State.StartedAt}}")
    assert "leave out their names" in cuddy("top", "--json", "one").complaint


def test_an_ordinary_users_containers(registry: Registry) -> None:
    with with_alpine(OrdinaryUser("cuddy-top", has_ids=False), registry) as user:
        words = ["--name", "own", "--network", "none", "--stop-timeout", "1"]
        user.ok("run", "-d", *words, "alpine", "sleep", "1000")
        with top(user) as terminal:
            terminal.sees(r"own +running")
            terminal.type("s")
            terminal.sees(r"Stop own\?")
            terminal.type("y")
            terminal.sees(r"own +exited 1\d\d")
        user.ok("rm", "own")
