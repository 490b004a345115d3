"""Being told of changes: inotify(7)."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuddy.kernel import inotify


@pytest.fixture
def watch() -> Iterator[inotify.Watch]:
    watch = inotify.Watch()
    yield watch
    watch.close()


def is_told(watch: inotify.Watch) -> bool:
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    return bool(poll.poll(0))


def test_a_watched_directory_tells_of_what_is_written_made_and_renamed(
    watch: inotify.Watch, tmp_path: Path
) -> None:
    watch.add(str(tmp_path), inotify.IN_MODIFY | inotify.IN_CREATE | inotify.IN_MOVED_TO)
    assert not is_told(watch)
    for change in (
        lambda: (tmp_path / "file").touch(),
        lambda: (tmp_path / "file").write_text("x"),
        lambda: os.rename(tmp_path / "file", tmp_path / "other"),
    ):
        change()
        assert is_told(watch)
        watch.drain()
        assert not is_told(watch)


def test_it_tells_what_kinds_of_things_have_happened(watch: inotify.Watch, tmp_path: Path) -> None:
    watch.add(str(tmp_path), inotify.IN_MODIFY | inotify.IN_CREATE | inotify.IN_MOVED_TO)
    assert watch.drain() == 0
    (tmp_path / "file").touch()
    assert watch.drain() == inotify.IN_CREATE
    (tmp_path / "file").write_text("x")
    assert watch.drain() == inotify.IN_MODIFY
    for number in range(100):  # more than is read at once
        (tmp_path / f"{'long name ' * 20}{number}").touch()
    os.rename(tmp_path / "file", tmp_path / "other")
    assert watch.drain() == inotify.IN_CREATE | inotify.IN_MOVED_TO
    assert not is_told(watch)


def test_what_is_not_asked_for_is_not_told(watch: inotify.Watch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    watch.add(str(tmp_path), inotify.IN_CREATE)
    (tmp_path / "file").write_text("x")
    (tmp_path / "file").read_text()
    assert not is_told(watch)


def test_what_is_not_there_cannot_be_watched(watch: inotify.Watch, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="inotify_add_watch"):
        watch.add(str(tmp_path / "missing"), inotify.IN_CREATE)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        watch.add(str(tmp_path / "file"), inotify.IN_CREATE | inotify.IN_ONLYDIR)


def test_a_new_program_does_not_inherit_it(watch: inotify.Watch) -> None:
    assert not os.get_inheritable(watch.fileno())
