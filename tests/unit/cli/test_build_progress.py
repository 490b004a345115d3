"""How a build is shown: told events, what is written."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from cuddy.builder.report import Began, Ended, Missed, Output, Progress, Warned
from cuddy.cli import build_frame, build_progress
from cuddy.cli.build_raw import Raw

if TYPE_CHECKING:
    from cuddy.builder.report import Event


def plain(*events: Event) -> str:
    """What the plain form has written."""
    written: list[str] = []
    display = build_progress.Plain(written.append)
    for event in events:
        display(event)
    display.close()
    return "".join(written)


def test_one_step_after_the_other_looks_as_buildkit_shows_it() -> None:
    assert plain(
        Began(1, "[internal] load build definition", 0.0),
        Progress(1, "transferring dockerfile", 120, 120, 0.0),
        Ended(1, 0.04),
        Began(2, "[1/2] FROM alpine", 0.1),
        Ended(2, 0.1, cached=True),
        Began(3, "[2/2] RUN make", 0.2),
        Output(3, 1, b"cc a.c\ncc b", 0.3234),
        Output(3, 1, b".c\nlast", 1.2),
        Ended(3, 1.41),
    ) == (
        "#1 [internal] load build definition\n"
        "#1 transferring dockerfile: 120B done\n"
        "#1 DONE 0.0s\n"
        "\n"
        "#2 [1/2] FROM alpine\n"
        "#2 CACHED\n"
        "\n"
        "#3 [2/2] RUN make\n"
        "#3 0.123 cc a.c\n"
        "#3 1.000 cc b.c\n"
        "#3 1.210 last\n"
        "#3 DONE 1.2s\n"
    )


def test_steps_side_by_side_do_not_mix_their_lines() -> None:
    text = plain(
        Began(1, "[a 1/1] RUN a", 0.0),
        Began(2, "[b 1/1] RUN b", 0.0),
        Output(1, 1, b"a1\n", 0.1),
        Output(2, 1, b"b1\n", 0.2),
        Output(1, 1, b"a2\n", 0.3),
        Output(2, 1, b"b2\n", 0.4),
        Ended(1, 0.5),
        Output(2, 1, b"b3\n", 0.6),
        Ended(2, 0.7),
    )
    assert text == (
        "#1 [a 1/1] RUN a\n#1 0.100 a1\n#1 0.300 a2\n#1 DONE 0.5s\n\n"
        "#2 [b 1/1] RUN b\n#2 0.200 b1\n#2 0.400 b2\n#2 0.600 b3\n#2 DONE 0.7s\n"
    )


def test_a_silent_step_does_not_keep_others_from_being_heard() -> None:
    text = plain(
        Began(1, "RUN sleep", 0.0),
        Began(2, "RUN talk", 0.0),
        Output(1, 1, b"going to sleep\n", 0.1),
        Output(2, 1, b"hello\n", 5.0),
        Ended(2, 5.1),
        Output(1, 1, b"awake\n", 9.0),
        Ended(1, 9.0),
    )
    assert text == (
        "#1 RUN sleep\n#1 0.100 going to sleep\n#1 ...\n\n"
        "#2 RUN talk\n#2 5.000 hello\n#2 DONE 5.1s\n\n"
        "#1 RUN sleep\n#1 9.000 awake\n#1 DONE 9.0s\n"
    )


def test_a_failed_step_says_why_and_a_warning_comes_last() -> None:
    text = plain(
        Warned(0, "careful\x1b[2J"),
        Began(1, "RUN false", 0.0),
        Ended(1, 0.5, error="process did not complete successfully: exit code: 1"),
    )
    assert text == (
        "#1 RUN false\n#1 ERROR: process did not complete successfully: exit code: 1\n"
        "\n 1 warning found:\n - careful\\x1b[2J\n"
    )


def test_why_the_cache_missed_stands_at_the_step() -> None:
    text = plain(Missed(1, "a.c has changed"), Began(1, "COPY a.c .", 0.0), Ended(1, 0.1))
    assert text == "#1 COPY a.c .\n#1 not cached: a.c has changed\n#1 DONE 0.1s\n"


def test_a_step_that_was_still_going_on_was_canceled() -> None:
    assert plain(Began(1, "RUN a", 0.0), Began(2, "RUN b", 0.0), Output(2, 1, b"x\n", 0.1)) == (
        "#1 RUN a\n#1 CANCELED\n\n#2 RUN b\n#2 0.100 x\n#2 CANCELED\n"
    )


def raw(*events: Event) -> list[Any]:
    written: list[str] = []
    display = Raw(written.append)
    for event in events:
        display(event)
    display.close()
    return [json.loads(line) for line in "".join(written).splitlines()]


def test_raw_json_is_buildkits_status() -> None:
    began, progress, output, ended, warned = raw(
        Began(7, "RUN \x00", 0.5),
        Progress(7, "extracting", 1, 4, 1.0),
        Output(7, 2, b"\xffx", 1.5),
        Ended(7, 2.0, error="bad"),
        Warned(7, "hm"),
    )
    [vertex] = began["vertexes"]
    assert vertex["name"] == "RUN \x00"
    assert vertex["started"] == "1970-01-01T00:00:00.500000000Z"
    assert vertex["digest"].startswith("sha256:")
    assert len(vertex["digest"]) == 71
    [status] = progress["statuses"]
    assert (status["id"], status["current"], status["total"]) == ("extracting", 1, 4)
    assert status["vertex"] == vertex["digest"]
    [log] = output["logs"]
    assert (base64.b64decode(log["data"]), log["stream"]) == (b"\xffx", 2)
    assert ended["vertexes"][0]["error"] == "bad"
    assert ended["vertexes"][0]["completed"] == "1970-01-01T00:00:02.000000000Z"
    assert ended["statuses"][0]["completed"]
    assert base64.b64decode(warned["warnings"][0]["short"]) == b"hm"


def frame(*events: Event) -> build_frame.Frame:
    found = build_frame.Frame()
    for event in events:
        found.hear(event)
    return found


def shown(found: build_frame.Frame, now: float, most: int, *, finished: bool = False) -> list[str]:
    rows = build_frame.fit(found.rows(now, finished=finished), most)
    return [build_frame.lay_out(row, 40) for row in rows]


EVENTS = (
    Began(1, "[1/3] FROM alpine", 10.0),
    Ended(1, 10.0, cached=True),
    Began(2, "[2/3] RUN a command that is too long for a line", 10.0),
    Began(3, "[3/3] RUN b", 11.0),
    Output(2, 1, b"".join(b"line %d\n" % n for n in range(20)), 11.5),
)


def test_the_frame_shows_all_steps_and_the_last_lines_of_those_that_run() -> None:
    assert shown(frame(*EVENTS), 12.0, 99) == [
        "[+] Building 2.0s (1/3)",
        " => CACHED [1/3] FROM alpine        0.0s",
        " => [2/3] RUN a command that is to… 2.0s",
        *(f" => => # line {number}" for number in range(14, 20)),
        " => [3/3] RUN b                     1.0s",
    ]


def test_a_small_terminal_keeps_what_runs() -> None:
    assert shown(frame(*EVENTS), 12.0, 4) == [
        "[+] Building 2.0s (1/3)",
        " => [2/3] RUN a command that is to… 2.0s",
        " => => # line 19",
        " => [3/3] RUN b                     1.0s",
    ]


def test_the_last_frame_has_no_output_but_what_went_wrong() -> None:
    found = frame(*EVENTS, Ended(3, 13.0, error="exit code: 1"))
    assert shown(found, 13.0, 99, finished=True) == [
        "[+] Building 3.0s (2/3) FINISHED",
        " => CACHED [1/3] FROM alpine        0.0s",
        " => CANCELED [2/3] RUN a command t… 3.0s",
        " => ERROR [3/3] RUN b               2.0s",
    ]


@pytest.mark.parametrize(
    ("flag", "variable", "quiet", "form"),
    [
        ("", "", False, "plain"),
        ("", "rawjson", False, "rawjson"),
        ("plain", "rawjson", False, "plain"),
        ("tty", "", False, "plain"),
        ("none", "", False, "none"),
        ("", "plain", True, "quiet"),
        ("auto", "tty", False, "plain"),
    ],
)
def test_the_form_is_the_flags_then_the_variables_and_never_tty_off_a_terminal(
    flag: str, variable: str, quiet: bool, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.isatty", lambda fd: False)
    assert build_progress.choose(flag, {"BUILDKIT_PROGRESS": variable}, quiet=quiet) == form
