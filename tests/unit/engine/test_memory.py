"""Memory: what is remembered of files is what stands in them, however they came to be changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from cuddy.engine import memory
from cuddy.engine.memory import Memory


class Reader:
    """Reads a file through a memory, and counts how often it was really read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.memory = Memory()
        self.count = 0

    def look(self) -> str:
        return self.memory.recall("it", [str(self.path)], self._read)

    def _read(self) -> str:
        self.count += 1
        return self.path.read_text() if self.path.exists() else ""


def settle(path: Path) -> None:
    """As if it had been written some time ago."""
    then_ns = time.time_ns() - 2 * memory.SETTLED_NS
    os.utime(path, ns=(then_ns, then_ns))


def settled(path: Path, text: str = "one") -> Reader:
    path.write_text(text)
    settle(path)
    reader = Reader(path)
    assert reader.look() == reader.look() == text
    assert reader.count == 1
    return reader


def test_a_file_that_is_the_same_is_read_once(tmp_path: Path) -> None:
    settled(tmp_path / "file")


def test_one_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    reader = settled(tmp_path / "file")
    other = tmp_path / "other"
    other.write_text("two")
    os.utime(other, ns=(reader.path.stat().st_mtime_ns,) * 2)
    other.rename(reader.path)
    assert reader.look() == "two"


def test_one_that_was_overwritten_in_its_place_is_read_again(tmp_path: Path) -> None:
    reader = settled(tmp_path / "file")
    with reader.path.open("r+") as file:
        file.write("two")
    assert reader.look() == "two"


def test_one_that_came_or_went_is_looked_for_again(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "file")
    assert reader.look() == reader.look() == ""
    assert reader.count == 1
    reader.path.write_text("here")
    assert reader.look() == "here"
    settle(reader.path)
    assert reader.look() == "here"
    reader.path.unlink()
    assert reader.look() == ""


def test_nothing_is_believed_of_a_file_that_has_just_changed(tmp_path: Path) -> None:
    """Its inode and its time may be those of the next one."""
    path = tmp_path / "file"
    path.write_text("one")
    reader = Reader(path)
    before = path.stat()
    assert reader.look() == "one"
    with path.open("r+") as file:
        file.write("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert reader.look() == "two"


def test_a_change_while_it_is_read_is_seen_the_next_time(tmp_path: Path) -> None:
    reader = settled(tmp_path / "file")
    known = Memory()

    def read() -> str:
        text = reader.path.read_text()
        (tmp_path / "next").write_text("two")
        (tmp_path / "next").rename(reader.path)
        return text

    assert known.recall("it", [str(reader.path)], read) == "one"
    assert known.recall("it", [str(reader.path)], reader.path.read_text) == "two"


def test_it_keeps_no_more_than_so_many(tmp_path: Path) -> None:
    reader = settled(tmp_path / "file")
    for number in range(memory.MOST + 5):
        reader.memory.recall(number, [], lambda: "")
    made = []
    for number in range(memory.MOST + 5):
        reader.memory.recall(number, [], lambda each=number: made.append(each))
    assert made == list(range(memory.MOST - 1, memory.MOST + 5))
    reader.memory.forget_others(["it", 1, 2])
    reader.memory.recall(1, [], lambda: made.append(-1))
    reader.memory.recall(3, [], lambda: made.append(-3))
    assert made[-1] == -3 and -1 not in made
