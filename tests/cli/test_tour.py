"""The tour's exercises, typed into a real shell one after the other, have the answers it tells."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pexpect
import pytest

from console import ENGINE, TIME_FACTOR, Cuddy

DOCS = Path(__file__).parents[2] / "docs"
PROMPT = "typed-here> "
LINES = 5


class Stop(NamedTuple):
    """What is typed at a stop, what it shows, and the files to read."""

    number: int
    commands: list[str]
    answer: list[str]
    read: list[str]


def stops(name: str) -> list[Stop]:
    text = (DOCS / name).read_text()
    parts = re.split(r"^## \D*(\d+) ?\S?[:：] ?.*$", text.partition("\n## After")[0], flags=re.M)
    found = []
    for number, part in zip(parts[1::2], parts[2::2], strict=True):
        blocks = re.findall(r"^```(?:sh)?\n(.*?)^```$", part, re.M | re.S)
        assert len(blocks) == 2, f"stop {number}"
        read = re.findall(r"`([a-z_/]+\.py)`", part.strip().partition("\n\n")[0])
        commands, answer = (block.splitlines() for block in blocks)
        found.append(Stop(int(number), commands, answer, read))
    return found


def test_there_are_twelve_stops_of_five_lines_in_both_languages() -> None:
    english, chinese = stops("tour.md"), stops("tour.zh.md")
    assert [stop.number for stop in english] == [*range(1, 13)]
    assert chinese == english
    for stop in english:
        assert len(stop.commands) == LINES, stop.number
        assert stop.read, stop.number


def pattern(line: str) -> re.Pattern[str]:
    """A line of an answer: any blanks between words, anything for what is left open."""
    parts = [r"\s+".join(map(re.escape, part.split())) for part in line.split("…")]
    return re.compile(r"\s*.*\s*".join(parts))


def check(stop: Stop, said: list[str]) -> None:
    """Whether the lines of the answer are there, in this order."""
    left = iter(said)
    for line in stop.answer:
        wanted = pattern(line)
        assert any(wanted.search(each) for each in left), (
            f"stop {stop.number}: no {line!r} in\n" + "\n".join(said)
        )


@pytest.mark.skipif(ENGINE != "cuddy", reason="the tour is about cuddy")
def test_each_exercise_shows_what_its_answer_says(fresh: Cuddy, tmp_path: Path) -> None:
    program = tmp_path / "bin/cuddy"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(fresh.program)} "$@"\n')
    program.chmod(0o755)
    environment = fresh.environment | {
        "PATH": f"{program.parent}:/usr/sbin:/usr/bin:/sbin:/bin", "PS1": PROMPT,
    }  # fmt: skip
    shell = pexpect.spawn(
        "bash", ["--norc", "--noprofile"], env=environment, cwd=str(DOCS.parent), echo=False,
        encoding="utf-8", timeout=60 * TIME_FACTOR, dimensions=(50, 300),
    )  # fmt: skip
    shell.delaybeforesend = None
    try:
        shell.expect_exact(PROMPT)
        for stop in stops("tour.md"):
            said = ""
            for command in stop.commands:
                shell.sendline(command)
                shell.expect_exact(PROMPT)
                said += shell.before or ""
            check(stop, [re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", line) for line in said.splitlines()])
    finally:
        shell.close(force=True)
    assert fresh.ok("ps", "-aq") == ""
