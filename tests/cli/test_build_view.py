"""A build at a real terminal: the view is told events by a program, and drawn on a real screen."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from console import Cuddy

PROGRAM = """
import os, sys, time
sys.path[:0] = {paths!r}
from cuddy.builder.report import Began, Ended, Output, Progress, Warned
from cuddy.cli.build_view import View
view = View(os.environ)
now = time.time()
{events}
view.close()
print("imported", "rich" in sys.modules)
"""
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"


def program(tmp_path: Path, events: str) -> Cuddy:
    paths = [str(Path(__file__).parents[2] / "src"), *filter(None, sys.path)]
    script = tmp_path / "view.py"
    script.write_text(PROGRAM.format(paths=paths, events=events))
    return Cuddy(tmp_path, tmp_path, [sys.executable, str(script)])


def test_steps_are_redrawn_in_place_and_the_end_stays(tmp_path: Path) -> None:
    told = """
view(Began(1, "[1/2] FROM alpine", now))
view(Ended(1, now, cached=True))
view(Began(2, "[2/2] RUN make", now))
for number in range(30):
    view(Output(2, 1, b"line %d\\x1b[31m red \\x1b]0;title\\x07\\n" % number, now))
    time.sleep(0.02)
view(Progress(2, "extracting", 5, 10, now + 1))
time.sleep(0.4)
view(Ended(2, now + 1.5))
view(Warned(0, "mind the gap"))
"""
    with program(tmp_path, told).terminal(rows=20, columns=60) as terminal:
        terminal.expect(r"=> => # line 29 red \\x1b\]0;title")
        live = terminal.screen()
        terminal.expect("imported")
        assert terminal.ends() == 0
        screen = [line for line in terminal.screen() if line]
    assert re.fullmatch(r"\[\+\] Building \d+\.\ds \(1/2\)", live[0])
    assert live[2].startswith(" => [2/2] RUN make")
    assert sum(line.startswith(" => => # line") for line in live) <= 6
    assert screen[0].endswith("(2/2) FINISHED")
    assert screen[1:] == [
        " => CACHED [1/2] FROM alpine                            0.0s",
        " => [2/2] RUN make                                      1.5s",
        " => => extracting: 5B / 10B                             0.0s",
        " 1 warning found:",
        " - mind the gap",
        "imported True",
    ]


def test_a_cached_build_is_drawn_once_without_the_library(tmp_path: Path) -> None:
    told = """
for number in range(3):
    view(Began(number, f"[{number}/3] RUN \\x1b[2J", now))
    view(Ended(number, now, cached=True))
"""
    with program(tmp_path, told).terminal(rows=20, columns=50) as terminal:
        text = terminal.expect("imported False").string
        assert terminal.ends() == 0
        shown = [line for line in terminal.screen() if line]
    assert shown[0] == "[+] Building 0.0s (3/3) FINISHED"
    assert shown[1].split() == ["=>", "CACHED", "[0/3]", "RUN", r"\x1b[2J", "0.0s"]
    assert HIDDEN not in text


def test_a_build_larger_than_the_terminal_fits_while_it_runs_and_is_whole_at_the_end(
    tmp_path: Path,
) -> None:
    told = """
for number in range(30):
    view(Began(number, f"[{number}/30] RUN a", now))
    if number < 28:
        view(Ended(number, now))
time.sleep(0.6)
for number in (28, 29):
    view(Ended(number, now + 1))
"""
    with program(tmp_path, told).terminal(rows=10, columns=50) as terminal:
        match = terminal.expect("imported True")
        assert terminal.ends() == 0
        drawn = match.string
    live, _, last = drawn.rpartition("(30/30) FINISHED")
    assert "[27/30] RUN a" in last
    assert "[0/30] RUN a" in last
    assert "[0/30]" not in live
    assert "[28/30] RUN a" in live


def test_a_build_that_is_interrupted_gives_the_terminal_back(tmp_path: Path) -> None:
    told = """
try:
    view(Began(1, "[1/1] RUN sleep", now))
    print("going", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    pass
"""
    with program(tmp_path, told).terminal(rows=10, columns=50) as terminal:
        terminal.expect(r"Building (0\.[3-9]|[1-9]\d*\.\d)s")  # drawn more than once
        terminal.interrupt()
        terminal.expect(SHOWN.replace("[", r"\[").replace("?", r"\?"))
        terminal.expect("imported True")
        assert terminal.ends() == 0
        assert any(line.startswith(" => CANCELED [1/1] RUN sleep") for line in terminal.screen())
