"""Directories that ext4 is told to spread."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuddy.engine.home import open_home
from cuddy.kernel import mount, top_directory
from cuddy.kernel.mount import Mount

pytestmark = pytest.mark.root


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of ext4, without a journal."""
    image, place = tmp_path / "disk", tmp_path / "place"
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-qFO", "^has_journal", image], check=True)
    place.mkdir()
    try:
        subprocess.run(["mount", "-o", "loop", image, place], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no loop device: {error.stderr.decode()}")
    yield place
    mount.umount(str(place))


def flags_of(path: Path) -> int:
    fd = os.open(path, os.O_RDONLY)
    try:
        return top_directory.flags_of(fd)
    finally:
        os.close(fd)


def test_containers_begin_apart_from_each_other_on_a_disk(disk: Path) -> None:
    home = open_home(str(disk / "root"), str(disk / "run"))
    for path in (home.root, home.tmp_dir, home.run_root):
        assert flags_of(Path(path)) & top_directory.FS_TOPDIR_FL
    os.mkdir(f"{home.tmp_dir}/one")
    assert not flags_of(Path(home.tmp_dir, "one")) & top_directory.FS_TOPDIR_FL


def test_a_file_system_that_cannot_be_told_does_without(tmp_path: Path) -> None:
    mount.perform(Mount("tmpfs", str(tmp_path), "tmpfs"))
    try:
        top_directory.mark(str(tmp_path))
    finally:
        mount.umount(str(tmp_path))
