"""Following the files of a log while they are put aside, compressed and removed."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console import wait_until
from cuddy.engine import jsonlog, logchain, logrotation
from cuddy.engine.jsonlog import JsonLog
from cuddy.engine.logchain import Link
from cuddy.engine.logfile import Limits


class Reader:
    """A reader that does a step when it is told to."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.link: Link | None = None
        self.found: list[int] = []

    def step(self) -> bool:
        """Read what is there of one file, and go on to the next; False at the end."""
        self.link = self.link or logchain.open_oldest(self.path)
        if self.link is None:
            return False
        self.read()
        newer = logchain.open_newer(self.path, self.link)
        if newer is None:
            return False
        self.read()
        self.link.close()
        self.link = newer
        return True

    def read(self) -> None:
        assert self.link
        data = os.read(self.link.fd, 1 << 20)
        for entry in jsonlog.decode(data):
            assert entry
            self.found += map(int, entry.data.split())

    def finish(self) -> list[int]:
        while self.step():
            pass
        if self.link:
            self.link.close()
        return self.found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.json"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["write", "rotate", "read", "read"]), max_size=40))
def test_a_reader_that_keeps_up_sees_every_line_once(path: Path, steps: list[str]) -> None:
    for old in path.parent.iterdir():
        old.unlink()
    log, reader, count = JsonLog(str(path), Limits(-1, 100)), Reader(path), 0
    for step in steps:
        if step == "write":
            log.write_lines(1, b"%d\n" % count)
            count += 1
        elif step == "rotate":
            log.rotate()
        else:
            reader.step()
    assert reader.finish() == list(range(count))
    log.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.sampled_from(["write", "rotate", "read", "clear"]), max_size=40),
    st.integers(1, 3),
)
def test_a_slow_reader_loses_what_is_gone_and_sees_nothing_twice(
    path: Path, steps: list[str], files: int
) -> None:
    for old in path.parent.iterdir():
        old.unlink()
    log, reader, count = JsonLog(str(path), Limits(-1, files)), Reader(path), 0
    for step in steps:
        if step == "write":
            log.write_lines(1, b"%d\n" % count)
            count += 1
        elif step == "rotate":
            log.rotate()
        elif step == "clear":
            log.clear()
        else:
            reader.step()
    log.write_lines(1, b"%d\n" % count)
    found = reader.finish()
    assert found == sorted(set(found)) and found[-1] == count
    log.close()


def test_a_file_is_found_again_when_it_is_compressed_under_the_reader(path: Path) -> None:
    log, reader = JsonLog(str(path), Limits(-1, 100, compress=True)), Reader(path)
    for number in range(5):
        log.write_lines(1, b"%d\n" % number)
        if number == 1:
            reader.step()
        log.rotate()
        wait_until(lambda: not log.is_busy())
    log.write_lines(1, b"5\n")
    assert reader.finish() == [0, 1, 2, 3, 4, 5]
    log.close()


def test_where_nothing_can_be_written_it_is_unpacked_in_memory(path: Path) -> None:
    path.write_bytes(gzip.compress(b"x" * 100_000))
    fd = os.open(path, os.O_RDONLY)
    unpacked = logchain.open_unpacked(fd, "/proc")
    assert os.read(unpacked, 1 << 20) == b"x" * 100_000
    os.close(unpacked)
    os.close(fd)


def test_going_back_reaches_the_oldest(path: Path) -> None:
    log = JsonLog(str(path), Limits(-1, 100, compress=True))
    for number in range(4):
        log.write_lines(1, b"%d\n" % number)
        log.rotate()
    wait_until(lambda: not log.is_busy())
    log.close()
    link, seen = logchain.open_newest(str(path)), 0
    while link:
        seen += 1
        older = logchain.open_older(str(path), link)
        link.close()
        link = older
    assert seen == 5


def test_a_copy_that_got_the_inode_of_another_ones_origin_is_no_other_file(path: Path) -> None:
    """Compressed late, a copy may get the inode that a newer file had before it was compressed."""
    path.write_bytes(b"newest")
    oldest = path.parent / f"{path.name}.2.gz"
    oldest.write_bytes(gzip.compress(b"oldest"))
    with open(f"{path}.1.gz", "wb") as newer:
        newer.write(logrotation.GZIP_HEADER.pack(
            logrotation.GZIP_START, 4, 3, 12, b"CU", 8, oldest.stat().st_ino
        ))  # fmt: skip
    link = logchain.open_oldest(str(path))
    assert link and link.inode == oldest.stat().st_ino
    assert logchain.open_older(str(path), link) is None
    following = logchain.open_newer(str(path), link)
    assert following and following.inode == os.stat(f"{path}.1.gz").st_ino
    link.close()
    following.close()


def test_a_log_that_is_not_there_has_no_files(path: Path) -> None:
    assert logchain.open_oldest(str(path)) is None
    assert logchain.open_newest(str(path)) is None


class Rotating:
    """A writer that rotates just before some of a reader's looks at the files."""

    def __init__(self, path: Path, *moments: int) -> None:
        self.path = path
        self.moments = moments
        self.looks = 0
        self.lstat, self.open = os.lstat, logchain._open

    def look(self, name: str) -> os.stat_result:
        self.tick()
        return self.lstat(name)

    def open_(self, name: str) -> int:
        self.tick()
        return self.open(name)

    def tick(self) -> None:
        self.looks += 1
        for _ in range(self.moments.count(self.looks)):
            for name in logrotation.names(str(self.path)):
                os.rename(name.path, f"{self.path}.{name.number + 1}")
            self.path.touch()


@pytest.mark.parametrize("first", range(1, 10))
def test_rotations_at_any_two_moments_make_nobody_skip_a_file(
    path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """A reader may be kept from the processor between any two of its looks at the names."""
    for second in range(first, 16):
        for each in path.parent.iterdir():
            each.unlink()
        for suffix in (".2", ".1", ""):
            Path(f"{path}{suffix}").touch()
        link = logchain.open_oldest(str(path))
        assert link
        wanted = Path(f"{path}.1").stat().st_ino
        writer = Rotating(path, first, second)
        monkeypatch.setattr(os, "lstat", writer.look)
        monkeypatch.setattr(logchain, "_open", writer.open_)
        found = logchain.open_newer(str(path), link)
        monkeypatch.undo()
        assert found
        assert found.inode == wanted, f"after rotations at {first} and {second}"
        found.close()
        link.close()
