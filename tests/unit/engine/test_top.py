"""Reading the table of ps back."""

from __future__ import annotations

import pytest

from cuddy.engine import top
from cuddy.errors import InvalidArgument

TABLE = """\
UID          PID CMD
root           7 sleep  100  x
root          70 other
root           8 [kworker/0:0]
"""


def test_the_rows_of_other_processes_are_dropped() -> None:
    found = top.parse(TABLE, {7, 8})
    assert found.titles == ["UID", "PID", "CMD"]
    assert found.rows == [["root", "7", "sleep 100 x"], ["root", "8", "[kworker/0:0]"]]


def test_threads_follow_their_process() -> None:
    found = top.parse("PID TTY CMD\n7 ? sh\n- ? -\n9 ? sh\n- ? -\n", {7})
    assert found.rows == [["7", "?", "sh"], ["-", "?", "-"]]


def test_blanks_of_other_scripts_are_part_of_a_word() -> None:
    found = top.parse("PID CMD\n7 a\u2003b\u3000c\n", {7})
    assert found.rows == [["7", "a\u2003b\u3000c"]]


@pytest.mark.parametrize("output", ["COMMAND\nsleep\n", "PID CMD\nx sleep\n", ""])
def test_a_table_without_pids_is_refused(output: str) -> None:
    with pytest.raises(InvalidArgument, match="PID field|Unexpected pid"):
        top.parse(output, {7})


@pytest.mark.parametrize("words", [["-o", "comm=PID"], ["-o", "pid,comm=PIDS"]])
def test_no_other_column_may_pass_for_the_pid(words: list[str]) -> None:
    with pytest.raises(InvalidArgument, match="is not allowed"):
        top.check(words)


def test_the_pid_may_have_its_own_title() -> None:
    top.check(["-o", "pid=PID"])
