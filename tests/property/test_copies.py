"""COPY: what is copied is what it was; what is selected is what the rules say, however drawn."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import trees
from cuddy import files
from cuddy.builder import copy as copies
from cuddy.builder import dockerignore, inputs, patterns, sources, tree
from cuddy.builder.instructions import Copy, Place
from cuddy.builder.tree import Tree
from cuddy.engine.home import Home
from cuddy.errors import InvalidArgument, NotFound
from trees import TREES, Node

thorough = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
COPY = Copy(Place(1, 1), "", False, (".",), "/t")
HOME = Home("/nonexistent", "/nonexistent")


@contextmanager
def opened(path: Path, ignore: str = "") -> Iterator[Tree]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Tree(fd, "tree", dockerignore.parse(ignore.encode()) if ignore else None)
    finally:
        os.close(fd)


def below(path: Path) -> dict[bytes, tuple[object, ...]]:
    """Everything in a directory, but for itself; hard links by their names in it."""
    found = trees.look(path)
    found.pop(b"")
    return found


@pytest.mark.root
@given(TREES)
@thorough
def test_a_copy_is_what_it_was(tmp_path: Path, drawn: Node) -> None:
    for name in ("source", "root"):
        files.remove_tree(str(tmp_path / name))
    source, root = trees.build(tmp_path / "source", drawn), tmp_path / "root"
    root.mkdir()
    with opened(source) as there, opened(root) as image:
        copies.copy(image.fd, COPY, there)
        assert below(root / "t") == below(source)
        before = inputs.digest(HOME, there, COPY)
        assert inputs.digest(HOME, image, COPY._replace(sources=("t",))).digest == before.digest
        # Once more over itself: all is replaced, nothing is in the way.
        copies.copy(image.fd, COPY, there)
        assert below(root / "t") == below(source)


SMALL = st.recursive(
    st.none(),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "ab", "a.x", "b.x"]), inner),
    max_leaves=12,
)


def plant(path: Path, drawn: object) -> None:
    files.remove_tree(str(path))
    path.mkdir()
    for name, inner in (drawn or {}).items() if isinstance(drawn, dict) else ():
        if inner is None:
            (path / name).write_text("")
        else:
            plant(path / name, inner)


def names_below(path: Path) -> list[tuple[bytes, bool]]:
    """All paths, and whether each is a directory."""
    return [
        (os.fsencode(each.relative_to(path)), each.is_dir()) for each in sorted(path.rglob("*"))
    ]


def walked(there: Tree, entry: tree.Entry, *rules: tree.Rules) -> set[tuple[bytes, bool]]:
    """What is told of, and whether it is meant itself."""
    found = list(tree.walk(there, entry, *rules))
    assert len({each.path for each in found}) == len(found)
    for number, each in enumerate(found):  # directories come before what is in them
        parent = each.path.rpartition(b"/")[0]
        assert not each.path or parent in {other.path for other in found[:number]}
    return {(each.path, not each.is_on_the_way) for each in found if each.path}


WORDS = st.sampled_from(["a", "b", "*", "**", "a*", "*.x", "?", "[ab]", "[^a]"])
PATHS = st.lists(WORDS, min_size=1, max_size=3).map("/".join)
LINES = st.lists(st.tuples(st.booleans(), PATHS), min_size=1, max_size=4).map(
    lambda lines: "\n".join("!" * is_exception + path for is_exception, path in lines)
)


@given(SMALL, LINES)
@thorough
def test_what_is_not_ignored_is_told_of(tmp_path: Path, drawn: object, lines: str) -> None:
    plant(tmp_path / "tree", drawn)
    with opened(tmp_path / "tree", lines) as there:
        assert there.ignore
        kept = {
            path for path, is_directory in names_below(tmp_path / "tree")
            if not there.ignore.excludes(path)
        }  # fmt: skip
        parents = {
            path[:at] for path in kept for at in range(len(path)) if path[at : at + 1] == b"/"
        }
        [entry] = sources.find(there, ".")
        assert walked(there, entry) == {(path, True) for path in kept | parents}


@given(SMALL, LINES)
@thorough
def test_what_is_not_excluded_is_told_of(tmp_path: Path, drawn: object, lines: str) -> None:
    plant(tmp_path / "tree", drawn)
    rules = dockerignore.Rules(dockerignore.compile(lines.split("\n")))
    with opened(tmp_path / "tree") as there:
        kept = {
            path for path, is_directory in names_below(tmp_path / "tree")
            if not rules.excludes(path)
        }  # fmt: skip
        parents = {
            path[:at] for path in kept for at in range(len(path)) if path[at : at + 1] == b"/"
        }
        [entry] = sources.find(there, ".")
        assert walked(there, entry, rules) == {(path, path in kept) for path in kept | parents}


@given(SMALL, PATHS)
@thorough
def test_with_parents_what_fits_is_told_of(tmp_path: Path, drawn: object, source: str) -> None:
    plant(tmp_path / "tree", drawn)
    pattern = patterns.compile(source)
    paths = [path for path, _ in names_below(tmp_path / "tree")]
    fitting = [path for path in paths if pattern.fits(path)]
    kept = {
        path for path in paths if any((path + b"/").startswith(each + b"/") for each in fitting)
    }
    parents = {path[:at] for path in kept for at in range(len(path)) if path[at : at + 1] == b"/"}
    with opened(tmp_path / "tree") as there:
        try:
            [entry] = sources.find(there, source, parents=True)
        except NotFound:
            assert not kept
            return
        assert walked(there, entry) == {(path, path in kept) for path in kept | parents}


def as_regex(pattern: str) -> str:
    """The same pattern for `re`; only of what is drawn here."""
    return pattern.replace(".", r"\.").replace("?", "[^/]").replace("**", "*").replace("*", "[^/]*")


@given(SMALL, PATHS)
@thorough
def test_wildcards_find_what_a_regular_expression_does(
    tmp_path: Path, drawn: object, source: str
) -> None:
    plant(tmp_path / "tree", drawn)
    with opened(tmp_path / "tree") as there:
        try:
            found = [entry.path.decode() for entry in sources.find(there, source)]
        except NotFound:
            found = []
        wanted = [
            path.decode() for path, _ in names_below(tmp_path / "tree")
            if re.fullmatch(as_regex(source), path.decode())
            and path.count(b"/") == source.count("/")
        ]  # fmt: skip
        assert found == sorted(wanted, key=lambda path: path.split("/"))


@given(st.text("ab.*?[]^-\\/{}!~ é\0", max_size=12) | st.text(max_size=10), st.booleans())
@thorough
def test_any_text_is_a_source_or_a_mistake(tmp_path: Path, source: str, parents: bool) -> None:
    plant(tmp_path / "tree", {"a": None, "b": {"a.x": None, "ab": {}}})
    with opened(tmp_path / "tree") as there:
        try:
            found = sources.find(there, source, parents=parents)
        except (InvalidArgument, NotFound):
            return
        for entry in found:
            assert os.path.lexists(tmp_path / "tree" / os.fsdecode(entry.path))
            walked(there, entry)
