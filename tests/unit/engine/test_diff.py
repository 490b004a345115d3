"""What counts as a change of a container's files."""

from __future__ import annotations

import stat

import pytest

from cuddy.engine import diff
from cuddy.engine.diff import Change
from cuddy.image.merged import Entry

FILE = Entry(0, stat.S_IFREG | 0o644, size=5, mtime_ns=7_000_000_123)
DIRECTORY = Entry(0, stat.S_IFDIR | 0o755, size=5, mtime_ns=7)


@pytest.mark.parametrize(
    ("before", "after", "is_changed"),
    [
        (FILE, FILE._replace(layer=1, inode=9), False),
        (FILE, FILE._replace(mtime_ns=7_000_000_000), False),
        (FILE, FILE._replace(mtime_ns=7_000_000_124), True),
        (FILE, FILE._replace(mtime_ns=8_000_000_123), True),
        (FILE, FILE._replace(size=6), True),
        (FILE, FILE._replace(mode=stat.S_IFREG | 0o600), True),
        (FILE, FILE._replace(uid=1), True),
        (DIRECTORY, DIRECTORY._replace(mtime_ns=99, size=1), False),
        (DIRECTORY, DIRECTORY._replace(gid=1), True),
        (DIRECTORY, FILE, True),
    ],
)
def test_what_is_another(before: Entry, after: Entry, is_changed: bool) -> None:
    assert diff.is_changed(before, after) is is_changed


def test_directories_come_before_what_changed_in_them() -> None:
    found = [Change("A", b"a/b/c"), Change("D", b"a/b/d"), Change("A", b"a/x"), Change("C", b"e")]
    assert list(diff.with_directories(found)) == [
        Change("C", b"a"), Change("C", b"a/b"), *found,
    ]  # fmt: skip
