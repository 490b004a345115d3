"""The table of the live view: which columns there are, how rows are sorted, what is in cells."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.cli.live import actions, columns
from cuddy.engine.home import Home
from cuddy.engine.samples import Row


def row(name: str, status: str = "running", **more: Any) -> Row:
    return Row(f"{name}-id", name, "nginx", status)._replace(**more)


def names(rows: list[Row]) -> list[str]:
    return [each.name for each in rows]


@pytest.mark.parametrize("width", [20, 44, 79, 80, 109, 110, 139, 200, 500])
def test_columns_fill_the_terminal_and_no_more(width: int) -> None:
    shown, widths = columns.choose(width)
    assert sum(widths[each.key] + 1 for each in shown) == max(width, 13)
    assert shown[0].key == "name"
    assert widths["name"] >= columns.NAME_LEAST


def test_at_80_columns_there_is_all_that_matters() -> None:
    keys = [each.key for each in columns.choose(79)[0]]
    assert keys == ["name", "state", "cpu", "cpubar", "mem", "membar", "net", "io", "pids", "up"]
    assert {"image", "received", "written", "limit"} <= {e.key for e in columns.choose(139)[0]}


def test_what_uses_most_comes_first_and_what_does_not_run_last() -> None:
    rows = [row("a", cpu_percent=1.0), row("z", "exited"), row("b", cpu_percent=9.0), row("c")]
    assert names(columns.arrange(rows, "cpu", reverse=False, wanted="")) == ["b", "a", "c", "z"]
    assert names(columns.arrange(rows, "cpu", reverse=True, wanted="")) == ["c", "a", "b", "z"]
    assert names(columns.arrange(rows, "name", reverse=False, wanted="")) == ["a", "b", "c", "z"]
    assert names(columns.arrange(rows, "name", reverse=True, wanted="")) == ["z", "c", "b", "a"]


def test_all_words_of_a_filter_must_occur() -> None:
    rows = [row("web-1"), row("web-2", "exited"), row("db")]
    assert names(columns.arrange(rows, "name", reverse=False, wanted="WEB exit")) == ["web-2"]
    assert names(columns.arrange(rows, "name", reverse=False, wanted="nginx")) == [
        "db", "web-1", "web-2",
    ]  # fmt: skip
    assert names(columns.arrange(rows, "name", reverse=False, wanted="db-i")) == ["db"]


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (10_189, "10k"), (1 << 20, "1.0M"), (5 << 30, "5.0G"),
     (1023 * 1024, "1.0M"), (1 << 69, "512E")],
)  # fmt: skip
def test_amounts_fit_five_characters(number: int, shown: str) -> None:
    assert columns.amount(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0s"), (59, "59s"), (61, "1m"), (7200, "2h"), (86_400 * 12, "12d"),
     (86_400 * 80, "11w"), (86_400 * 800, "2y")],
)  # fmt: skip
def test_times_fit_four_characters(seconds: int, shown: str) -> None:
    assert columns.duration(seconds * 10**9) == shown


def test_bars_are_as_long_as_they_should_be() -> None:
    for percent in (-1, 0, 0.1, 12.5, 50, 99.9, 100, 1000):
        assert sum(len(text) for text, _ in columns.bar(percent, 10)) == 10
    assert columns.bar(50, 4) == [("██", "yellow"), ("··", "dim")]
    assert columns.sparkline([0, 50, 100], 5) == "   ▄█"
    assert columns.sparkline([200, 100], 2) == "█▄"


def test_a_key_means_what_makes_sense() -> None:
    for key, status, words in (
        ("s", "running", ("stop",)), ("s", "exited", ("start",)), ("p", "paused", ("unpause",)),
        ("D", "paused", ("rm", "-f")), ("D", "created", ("rm",)), ("s", "restarting", ("stop",)),
    ):  # fmt: skip
        found = actions.find(key, row("x", status))
        assert found
        assert found.words == words
    assert actions.find("p", row("x", "exited")) is None
    assert actions.find("K", row("x", "dead")) is None


def test_an_action_is_a_command_on_the_same_home() -> None:
    words = actions.command(Home("/a", "/b"), "stop", "x")
    assert words[-6:] == ["--root", "/a", "--runroot", "/b", "stop", "x"]
