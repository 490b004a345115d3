"""The format of Docker's driver `local`, whatever has happened to the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuddy.engine import locallog, logrotation
from cuddy.engine.locallog import LocalLog
from cuddy.engine.logfile import Limits
from cuddy.engine.logwriter import LogWriter

fixture_is_fine = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "container.log"


def write(path: Path, *pieces: bytes, limits: Limits = Limits(-1)) -> bytes:  # noqa: B008
    writer = LogWriter(LocalLog(str(path), limits, {"tag": "x"}))
    for piece in pieces:
        writer.write(1, piece)
    writer.close()
    return path.read_bytes()


def text_of(data: bytes) -> bytes:
    assert locallog.whole(data) == len(data)
    return b"".join(entry.data for entry in locallog.decode(data) if entry)


def test_a_record_is_what_docker_writes() -> None:
    """Written by docker 20.10: `echo hi`."""
    record = b"\x0a\x06stdout\x10\x80\x80\xd0\xe7\xd2\xd4\xe1\xd3\x18\x1a\x02hi"
    (entry,) = locallog.decode(locallog.frame(record))
    assert entry and (entry.stream, entry.data) == (1, b"hi\n")


@fixture_is_fine
@given(st.lists(st.binary(max_size=60) | st.just(b"\n") | st.just(b"y" * 20_000), max_size=10))
def test_any_bytes_come_back(path: Path, pieces: list[bytes]) -> None:
    path.unlink(missing_ok=True)
    assert text_of(write(path, *pieces)) == b"".join(pieces)


@fixture_is_fine
@given(st.data())
def test_what_is_cut_short_or_spoiled_costs_no_more_than_itself(
    path: Path, data: st.DataObject
) -> None:
    path.unlink(missing_ok=True)
    whole = write(path, b"".join(b"line %d\n" % n for n in range(20)))
    at = data.draw(st.integers(0, len(whole) - 1))
    spoiled = whole[:at] + data.draw(st.binary(max_size=30)) + whole[at + 1 :]
    end = locallog.whole(spoiled)
    found = [*locallog.decode(spoiled[:end]), *locallog.decode(spoiled[end:])]
    lines = b"".join(entry.data for entry in found if entry).splitlines(keepends=True)
    assert len(lines) >= 17
    assert lines[0] == b"line 0\n" or at < 200
    assert len(write(path, b"more\n")) > len(whole)


@given(st.binary(max_size=200))
def test_no_garbage_raises(garbage: bytes) -> None:
    list(locallog.decode(garbage))
    locallog.whole(garbage)
    locallog.parse(garbage)


@fixture_is_fine
@given(st.lists(st.sampled_from([b"a\n", b"z" * 20_000, b"\n"]), max_size=6), st.integers(1, 6))
def test_the_last_lines_begin_where_counting_says(
    path: Path, pieces: list[bytes], count: int
) -> None:
    path.unlink(missing_ok=True)
    data = write(path, *pieces)
    fd = os.open(path, os.O_RDONLY)
    offset, missing = locallog.tail(fd, count, True)
    os.close(fd)
    lines = b"".join(pieces).splitlines(keepends=True)
    assert text_of(data[offset:]) == b"".join(lines[-count:])
    assert missing == max(0, count - len(lines))


def test_files_end_with_whole_records(path: Path) -> None:
    write(path, b"".join(b"%d\n" % n for n in range(500)), limits=Limits(1000, 99))
    names = logrotation.names(str(path))
    assert len(names) > 10
    files = [Path(name.path).read_bytes() for name in names]
    assert all(len(data) <= 1000 for data in files)
    assert b"".join(map(text_of, files)) == b"".join(b"%d\n" % n for n in range(500))


def test_attributes_come_back(path: Path) -> None:
    (entry,) = locallog.decode(write(path, b"x\n"))
    assert entry and entry.attributes == {"tag": "x"}
