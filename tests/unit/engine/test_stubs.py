"""Places to mount at are made and removed, whatever the root is like."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cuddy.engine.stubs import Stubs

NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
LINKS = st.one_of(
    PATHS, PATHS.map(lambda path: f"/{path}"), st.sampled_from([".", "..", "../../../../tmp/x", ""])
)
MEMBERS = st.lists(st.tuples(PATHS, st.sampled_from(["file", "directory", "link"]), LINKS))
TARGETS = st.lists(st.tuples(PATHS.map(lambda path: f"/{path}"), st.booleans()))


def plant(root: Path, members: list[tuple[str, str, str]]) -> None:
    for path, kind, link in members:
        place = root / path
        try:
            if kind == "directory":
                place.mkdir()
            elif kind == "file":
                place.write_text("x")
            elif link:
                place.symlink_to(link)
        except OSError:
            pass  # something else is there, or nothing above it


def look(top: Path) -> list[tuple[str, int, int, str]]:
    """Everything below a directory, and when it changed."""
    found = []
    for where, directories, files in os.walk(top):
        for name in (".", *sorted(directories), *sorted(files)):
            path = os.path.normpath(f"{where}/{name}")
            status = os.lstat(path)
            link = os.readlink(path) if os.path.islink(path) else ""
            found.append((path, status.st_mode, status.st_mtime_ns, link))
    return sorted(found)


@settings(max_examples=50)
@given(MEMBERS, TARGETS)
def test_nothing_is_left_and_no_time_has_changed(
    members: list[tuple[str, str, str]], targets: list[tuple[str, bool]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name, "root")
        root.mkdir()
        plant(root, members)
        before, outside = look(root), sorted(os.listdir(name))
        with Stubs(str(root)) as stubs:
            stubs.make(targets)
            assert sorted(os.listdir(name)) == outside
        assert look(root) == before


@given(TARGETS)
def test_in_an_empty_root_all_outermost_targets_are_there(targets: list[tuple[str, bool]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        alone = [
            (path, is_directory)
            for path, is_directory in dict(targets).items()
            if not any(other != path and path.startswith(f"{other}/") for other, _ in targets)
        ]
        with Stubs(name) as stubs:
            stubs.make(alone)
            for path, is_directory in alone:
                assert os.path.isdir(f"{name}{path}") == is_directory
                assert os.path.isfile(f"{name}{path}") == (not is_directory)
        assert os.listdir(name) == []


def test_what_somebody_put_there_stays(tmp_path: Path) -> None:
    with Stubs(str(tmp_path)) as stubs:
        stubs.make([("/d", True), ("/f", False), ("/g", False), ("/h", True)])
        (tmp_path / "d/own").write_text("")
        (tmp_path / "f").write_text("filled")
        (tmp_path / "g").unlink()
        (tmp_path / "g").mkdir()
        (tmp_path / "h").rmdir()
        (tmp_path / "h").symlink_to("/")
    assert sorted(os.listdir(tmp_path)) == ["d", "f", "g", "h"]
