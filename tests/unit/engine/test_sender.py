"""Who sent a container its signals is noted, and taken once."""

from __future__ import annotations

from pathlib import Path

from cuddy.engine import sender
from cuddy.engine.home import Home


def make_home(tmp_path: Path) -> Home:
    (tmp_path / "ab").mkdir()
    return Home(str(tmp_path), str(tmp_path))


def test_signals_come_in_their_order_and_are_taken_once(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    sender.note(home, "ab", 15, "cuddy stop")
    sender.note(home, "ab", 9, "cuddy stop", waited_s=10)
    assert sender.take(home, "ab") == [
        {"By": "cuddy stop", "Signal": 15},
        {"By": "cuddy stop", "Signal": 9, "AfterSeconds": 10},
    ]
    assert sender.take(home, "ab") == []


def test_a_container_that_is_gone_is_told_nothing(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    sender.note(home, "cd", 9, "cuddy kill")
    assert sender.take(home, "cd") == []


def test_what_cannot_be_read_is_nobody(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    (tmp_path / "ab" / "sender").write_text('[]\n{"By": 1, "Signal": 9}\n{"Signal": 9}\n')
    assert sender.take(home, "ab") == []
    (tmp_path / "ab" / "sender").write_text('{"By": "x", "Sig')
    assert sender.take(home, "ab") == []


def test_of_very_many_signals_the_last_are_known(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    for _ in range(2000):
        sender.note(home, "ab", 10, "cuddy kill")
    assert (tmp_path / "ab" / "sender").stat().st_size < 2 * sender.MOST_BYTES
    sender.note(home, "ab", 9, "cuddy rm -f")
    assert sender.take(home, "ab")[-1]["By"] == "cuddy rm -f"
