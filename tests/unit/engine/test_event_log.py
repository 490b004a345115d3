"""Reading the log of events, which others write to, break and replace meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuddy.engine import event_log, events
from cuddy.engine.event_log import Reader
from cuddy.engine.home import Home
from cuddy.errors import InvalidArgument


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(str(tmp_path), str(tmp_path / "run"))


@pytest.fixture
def reader(home: Home) -> Iterator[Reader]:
    with Reader(home, from_start=False) as reader:
        yield reader


def emit(home: Home, *actors: str) -> None:
    for actor in actors:
        events.emit(home, "image", "tag", actor)


def rotate(home: Home) -> None:
    os.rename(events.log_path(home), events.older_path(home))


def actors(reader: Reader) -> list[str]:
    return [event["Actor"]["ID"] for event in reader.read()]


def test_a_reader_sees_what_comes_and_not_what_was(home: Home) -> None:
    emit(home, "1")
    with Reader(home, from_start=False) as reader:
        assert actors(reader) == []
        emit(home, "2", "3")
        reader.wait(5)
        assert actors(reader) == ["2", "3"]
        assert actors(reader) == []


def test_a_reader_from_the_start_reads_both_parts(home: Home) -> None:
    emit(home, "1")
    rotate(home)
    emit(home, "2")
    with Reader(home, from_start=True) as reader:
        assert actors(reader) == ["1", "2"]


def test_a_reader_may_come_before_the_log(home: Home, reader: Reader) -> None:
    emit(home, "1")
    reader.wait(5)
    assert actors(reader) == ["1"]


def test_a_reader_follows_into_the_next_log(home: Home, reader: Reader) -> None:
    emit(home, "1")
    assert actors(reader) == ["1"]
    emit(home, "2")
    rotate(home)
    emit(home, "3")
    assert actors(reader) == ["2", "3"]


def test_a_reader_that_slept_through_a_change_reads_the_part_between(
    home: Home, reader: Reader
) -> None:
    emit(home, "1")
    assert actors(reader) == ["1"]
    rotate(home)
    emit(home, "2")
    rotate(home)
    emit(home, "3")
    assert actors(reader) == ["2", "3"]


def test_a_line_that_comes_late_into_the_old_log_is_read(home: Home, reader: Reader) -> None:
    emit(home, "1")
    late = os.open(events.log_path(home), os.O_WRONLY | os.O_APPEND)
    rotate(home)
    emit(home, "3")
    assert actors(reader) == ["1", "3"]
    line = Path(events.log_path(home)).read_bytes().replace(b'"3"', b'"2"')
    os.write(late, line)
    os.close(late)
    reader.wait(5)
    assert actors(reader) == ["2"]


def test_a_line_that_is_only_half_there_is_waited_for(home: Home, reader: Reader) -> None:
    emit(home, "1")
    line = Path(events.log_path(home)).read_bytes().replace(b'"1"', b'"2"')
    with open(events.log_path(home), "ab", buffering=0) as file:
        file.write(line[:30])
        assert actors(reader) == ["1"]
        file.write(line[30:])
    assert actors(reader) == ["2"]


def test_half_a_line_of_somebody_killed_does_not_take_the_next_one_along(
    home: Home, reader: Reader
) -> None:
    emit(home, "1")
    line = Path(events.log_path(home)).read_bytes()
    for length in range(len(line)):
        Path(events.log_path(home)).write_bytes(line[:length])
        emit(home, "2")
        with Reader(home, from_start=True) as fresh:
            assert actors(fresh) == ["2"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\0" * 100,
        b"[]",
        b"7",
        b'{"Type":1}',
        b'{"Type":"a","Actor":[]}',
        b"\xff\xfe",
        b"{" * 9,
    ],
)
def test_what_is_no_event_is_skipped(garbage: bytes) -> None:
    assert event_log.parse(garbage) is None


def test_a_label_that_looks_like_a_line_is_only_a_label(home: Home, reader: Reader) -> None:
    events.emit(home, "container", "start", "1", {"label": '{"Type":"image"}\n{"Type":"x"}'})
    (event,) = reader.read()
    assert event["Type"] == "container"


def test_since_and_until(home: Home) -> None:
    emit(home, "1", "2", "3")
    with Reader(home, from_start=True) as reader:
        times = [event["timeNano"] for event in reader.read()]

    def between(since_ns: int | None, until_ns: int | None) -> list[str]:
        found = event_log.follow(home, {}, since_ns=since_ns, until_ns=until_ns)
        return [event["Actor"]["ID"] for event in found]

    assert between(times[1], times[2]) == ["2", "3"]
    assert between(None, times[1]) == ["1", "2"]
    assert between(0, times[0] - 1) == []
    with pytest.raises(InvalidArgument):
        between(2, 1)


def test_one_may_wait_for_longer_than_poll_does(home: Home) -> None:
    with Reader(home, from_start=True) as reader:
        emit(home, "1")
        reader.wait(100 * 365 * 86400)


def test_following_ends_when_its_time_has_come(home: Home) -> None:
    import time

    assert list(event_log.follow(home, {}, until_ns=time.time_ns() + 30_000_000)) == []
