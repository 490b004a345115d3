"""Filling a volume: wholly, with all that files have, and after a kill."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cuddy.engine import volume_copy
from cuddy.engine.volume_copy import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "_data").mkdir()
    return Shelf(f"{tmp_path}/_data", f"{tmp_path}/copying", f"{tmp_path}/copied")


@pytest.fixture
def root_fd(tmp_path: Path) -> int:
    """The root of an image, with something of every kind at /in."""
    place = tmp_path / "root/in"
    (place / "deep/er").mkdir(parents=True)
    (place / "file").write_bytes(b"text")
    os.link(place / "file", place / "deep/again")
    (place / "link").symlink_to("/nowhere")
    os.mkfifo(place / "fifo", 0o640)
    with (place / "sparse").open("wb") as file:
        file.truncate(1 << 24)
        file.seek(1 << 23)
        file.write(b"x")
    os.chmod(place / "file", 0o4711)
    for path in (place / "file", place / "deep", place):
        os.utime(path, ns=(10**18, 10**18))
    return os.open(tmp_path / "root", os.O_RDONLY | os.O_DIRECTORY)


def test_everything_is_as_it_was(shelf: Shelf, root_fd: int) -> None:
    assert volume_copy.is_fillable(shelf)
    assert volume_copy.copy(shelf, "/in", root_fd, None)
    os.close(root_fd)
    volume_copy.finish(shelf)
    data = Path(shelf.data)
    assert sorted(os.listdir(data)) == ["deep", "fifo", "file", "link", "sparse"]
    assert stat.S_IMODE((data / "file").stat().st_mode) == 0o4711
    assert (data / "file").samefile(data / "deep/again")
    assert os.readlink(data / "link") == "/nowhere"
    assert stat.S_ISFIFO((data / "fifo").stat().st_mode)
    assert (data / "sparse").stat().st_size == 1 << 24
    assert (data / "sparse").stat().st_blocks * 512 < 1 << 20
    for path in (data, data / "deep", data / "file"):
        assert path.stat().st_mtime_ns == 10**18
    assert not os.path.exists(shelf.copied)
    assert not volume_copy.is_fillable(shelf)


def test_a_copy_that_was_cut_off_is_forgotten(shelf: Shelf, root_fd: int) -> None:
    os.makedirs(f"{shelf.copying}/half")
    assert volume_copy.is_fillable(shelf)
    assert not os.path.exists(shelf.copying)
    os.close(root_fd)


def test_a_complete_one_is_moved_in_by_the_next(shelf: Shelf, root_fd: int) -> None:
    volume_copy.copy(shelf, "/in", root_fd, None)
    os.close(root_fd)
    os.rename(f"{shelf.copied}/file", f"{shelf.data}/file")  # killed after the first
    Path(shelf.data, "link").write_text("somebody's own")
    assert not volume_copy.is_fillable(shelf)
    assert len(os.listdir(shelf.data)) == 5
    assert Path(shelf.data, "link").read_text() == "somebody's own"


def test_what_is_not_there_is_nothing_to_copy(shelf: Shelf, root_fd: int) -> None:
    for place in ("/nothing", "/in/link", "/in/nothing/at/all"):
        assert not volume_copy.copy(shelf, place, root_fd, None)
    os.close(root_fd)
