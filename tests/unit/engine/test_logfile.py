"""A log that grows, is put aside when it is full, and survives full disks and kills."""

from __future__ import annotations

import gzip
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from console import wait_until
from cuddy import files
from cuddy.engine import jsonlog, logrotation
from cuddy.engine.jsonlog import JsonLog
from cuddy.engine.logfile import Limits


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.json"


def numbers(path: Path) -> list[int]:
    """The numbers that were logged one a line, over all files, oldest first."""
    found = []
    for name in logrotation.names(str(path)):
        data = Path(name.path).read_bytes()
        data = gzip.decompress(data) if name.is_compressed else data
        found += [int(e.data) for line in data.splitlines() if (e := jsonlog.parse(line))]
    return found


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir() if entry.suffix != ".lock")


def write(log: JsonLog, first: int, last: int) -> None:
    for number in range(first, last):
        log.write_lines(1, b"%d\n" % number)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """As on a full disk, no file can become larger."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


class TestRotation:
    def test_no_file_becomes_larger_and_the_oldest_goes(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(1000, 3))
        write(log, 0, 200)
        log.close()
        assert names(path) == ["log.json", "log.json.1", "log.json.2"]
        assert all(entry.stat().st_size <= 1000 for entry in path.parent.iterdir())
        found = numbers(path)
        assert found == list(range(found[0], 200)) and len(found) > 20

    def test_a_large_block_fills_several_files(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(1000, 100))
        log.write_lines(1, b"".join(b"%d\n" % n for n in range(300)))
        log.close()
        assert numbers(path) == list(range(300))
        assert all(entry.stat().st_size <= 1000 for entry in path.parent.iterdir())

    def test_a_line_larger_than_a_file_is_one_file(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(10, 3))
        write(log, 0, 5)
        log.close()
        assert numbers(path) == [2, 3, 4]

    def test_with_one_file_it_begins_anew(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(1000, 1))
        write(log, 0, 100)
        log.close()
        assert names(path) == ["log.json"]
        assert numbers(path)[-1] == 99

    def test_a_second_run_goes_on_and_counts_what_is_there(self, path: Path) -> None:
        for first in range(0, 100, 10):
            log = JsonLog(str(path), Limits(1000, 3))
            write(log, first, first + 10)
            log.close()
        assert all(entry.stat().st_size <= 1000 for entry in path.parent.iterdir())
        assert numbers(path)[-1] == 99

    def test_fewer_files_than_before_are_kept_when_that_is_wanted(self, path: Path) -> None:
        for limits in (Limits(500, 9), Limits(500, 2)):
            log = JsonLog(str(path), limits)
            write(log, 0, 100)
            log.close()
        assert names(path) == ["log.json", "log.json.1"]

    def test_strange_names_beside_it_are_left_alone(self, path: Path) -> None:
        strange = ["log.json.0", "log.json.01", "log.json.x", "log.json.-1", "log.jsonx", "other",
                   "log.json.1.gz.bak", "log.json.²"]  # fmt: skip
        for name in strange:
            (path.parent / name).write_bytes(b"7\n")
        log = JsonLog(str(path), Limits(500, 2))
        write(log, 0, 100)
        log.close()
        assert set(names(path)) == {*strange, "log.json", "log.json.1"}
        assert 7 not in numbers(path)


class TestKilled:
    """What a SIGKILL between any two steps leaves is complete, and mended by the next rotation."""

    def test_between_putting_aside_and_beginning_anew(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(100_000, 5))
        write(log, 0, 10)
        log.close()
        path.rename(f"{path}.1")
        assert numbers(path) == list(range(10))
        log = JsonLog(str(path), Limits(100_000, 5))
        write(log, 10, 20)
        log.rotate()
        write(log, 20, 30)
        log.close()
        assert numbers(path) == list(range(30))

    def test_in_the_middle_of_shifting(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(100_000, 5))
        for first in (0, 10, 20):
            write(log, first, first + 10)
            log.rotate()
        Path(f"{path}.3").rename(f"{path}.4")
        Path(f"{path}.2").rename(f"{path}.3")
        assert numbers(path) == list(range(30))
        write(log, 30, 40)
        log.rotate()
        log.close()
        assert numbers(path) == list(range(40))
        assert {"log.json.1", "log.json.2", "log.json.3", "log.json.4"} <= set(names(path))

    def test_between_compressing_and_removing_the_original(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(100_000, 5))
        write(log, 0, 10)
        log.rotate()
        Path(f"{path}.1.gz").write_bytes(gzip.compress(Path(f"{path}.1").read_bytes()))
        assert numbers(path) == list(range(10))
        write(log, 10, 20)
        log.rotate()
        log.close()
        assert numbers(path) == list(range(20))
        assert names(path) == ["log.json", "log.json.1", "log.json.2"]

    def test_a_half_made_file_is_removed_by_the_next_rotation(self, path: Path) -> None:
        (path.parent / "log.json.1-1-0123456789ab.tmp").write_bytes(b"half")
        log = JsonLog(str(path), Limits(100_000, 5))
        write(log, 0, 10)
        log.rotate()
        log.close()
        assert names(path) == ["log.json", "log.json.1"]

    @pytest.mark.parametrize("compress", [False, True])
    def test_at_any_moment_no_line_is_lost_or_doubled(self, path: Path, compress: bool) -> None:
        limits, random = Limits(3000, 9999, compress), Random(4)
        for _ in range(12):
            first = (numbers(path) or [-1])[-1] + 1
            child = os.fork()
            if not child:
                try:
                    log = JsonLog(str(path), limits)
                    write(log, first, first + 100_000)
                finally:
                    os._exit(0)
            time.sleep(random.uniform(0.005, 0.06))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            wait_until(lambda: not compressors(path))
            found = numbers(path)
            assert found == list(range(len(found)))
        log = JsonLog(str(path), limits)
        log.rotate()
        log.close()
        assert not [name for name in names(path) if name.endswith(".tmp")]
        assert len(numbers(path)) > 100


def compressors(path: Path) -> list[str]:
    """Temporary files of a log whose makers live."""
    return [n for n in names(path) if n.endswith(".tmp") and not files.is_abandoned(n)]


class TestCompression:
    def test_what_is_put_aside_is_compressed_by_somebody_else(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(100_000, 3, compress=True))
        for first in range(0, 50, 10):
            write(log, first, first + 10)
            log.rotate()
            wait_until(lambda: not log.is_busy())
        write(log, 50, 60)
        log.close()
        assert names(path) == ["log.json", "log.json.1.gz", "log.json.2.gz"]
        assert numbers(path) == list(range(30, 60))

    def test_rotations_meanwhile_do_not_disturb_it(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(5000, 50, compress=True))
        write(log, 0, 2000)
        wait_until(lambda: not log.is_busy())
        log.close()
        assert numbers(path) == list(range(2000))

    def test_closing_does_not_wait_for_it_and_leaves_nothing_half_made(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(5_000_000, 3, compress=True))
        log.write_lines(1, b"7\n" * 150_000)
        log.close()
        assert set(numbers(path)) == {7}
        JsonLog(str(path), Limits(1, 3)).close()

    def test_others_can_read_it(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(100_000, 3, compress=True))
        write(log, 0, 10)
        log.rotate()
        wait_until(lambda: not log.is_busy())
        log.close()
        assert gzip.decompress(Path(f"{path}.1.gz").read_bytes()).count(b"\n") == 10


class TestFullDisk:
    def test_lines_are_lost_and_nothing_else(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(-1))
        with largest_file(500):
            write(log, 0, 100)
        write(log, 100, 110)
        log.close()
        found = numbers(path)
        assert found[-10:] == list(range(100, 110))
        assert found[0] == 0 and len(found) < 30

    def test_what_a_power_cut_has_torn_ends_before_the_next_line(self, path: Path) -> None:
        log = JsonLog(str(path))
        write(log, 0, 2)
        log.close()
        path.write_bytes(path.read_bytes()[:-10])
        log = JsonLog(str(path))
        write(log, 5, 6)
        log.close()
        assert numbers(path) == [0, 5]


class TestClearing:
    def test_everything_is_gone_and_what_follows_is_there(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(500, 5))
        write(log, 0, 100)
        log.clear()
        assert names(path) == ["log.json"] and numbers(path) == []
        write(log, 100, 103)
        log.close()
        assert numbers(path) == [100, 101, 102]


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_what_is_no_file_in_the_logs_place_is_refused_at_once(path: Path, kind: str) -> None:
    if kind == "link":
        (path.parent / "target").touch()
        path.symlink_to("target")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(OSError):
        JsonLog(str(path))
