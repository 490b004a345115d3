"""What a stack of layers shows, and how two stacks differ: overlayfs itself is the judge.

Layers are made at random, with whiteouts, opaque directories and everything replacing everything.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from child import in_child
from cuddy import files
from cuddy.image import snapshots, stack
from cuddy.image import storage as storages
from cuddy.image.diff import Comparison
from cuddy.image.stack import Stack
from cuddy.image.storage import Storage
from cuddy.kernel import namespaces, overlay

pytestmark = pytest.mark.root

NAMES = ("a", "b", "c")


class File(NamedTuple):
    content: str
    moment: int
    mode: int


class Link(NamedTuple):
    target: str


class Whiteout(NamedTuple):
    pass


class Directory(NamedTuple):
    is_opaque: bool
    mode: int
    entries: dict[str, Any]


leaves = st.one_of(
    st.builds(File, st.sampled_from(["", "x", "y", "xx"]), st.integers(0, 1), st.just(0o644)),
    st.builds(Link, st.sampled_from(["a", "../b"])),
    st.just(Whiteout()),
)
directories = st.recursive(
    st.builds(Directory, st.booleans(), st.sampled_from([0o755, 0o700]), st.just({})),
    lambda inner: st.builds(
        Directory,
        st.booleans(),
        st.sampled_from([0o755, 0o700]),
        st.dictionaries(st.sampled_from(NAMES), leaves | inner, max_size=3),
    ),
    max_leaves=6,
)
layers = st.builds(
    Directory,
    st.sampled_from([False, False, False, True]),
    st.just(0o755),
    st.dictionaries(st.sampled_from(NAMES), leaves | directories, max_size=3),
)


def make(path: str, found: Directory) -> None:
    os.mkdir(path)
    for name, what in found.entries.items():
        place = f"{path}/{name}"
        if isinstance(what, Directory):
            make(place, what)
        elif isinstance(what, Link):
            os.symlink(what.target, place)
        elif isinstance(what, Whiteout):
            os.mknod(place, stat.S_IFCHR, 0)
        else:
            with open(place, "w") as file:
                file.write(what.content)
            os.chmod(place, what.mode)
            os.utime(place, (what.moment, what.moment))
    os.chmod(path, found.mode)
    if found.is_opaque:
        fd = os.open(path, os.O_RDONLY)
        overlay.make_opaque(fd)
        os.close(fd)


@contextmanager
def store(directory: str) -> Iterator[Storage]:
    with tempfile.TemporaryDirectory(dir=directory) as room:
        made = Storage(room)
        storages.create(made)
        yield made
        files.remove_tree(made.layers_dir)


def add(storage: Storage, found: Sequence[Directory], first: int = 0) -> list[str]:
    """Make layers; their chain ids."""
    chain = [f"sha256:{number:064x}" for number in range(first, first + len(found))]
    for chain_id, layer in zip(chain, found):
        make(snapshots.path(storage, chain_id), layer)
    return chain


def mounted(storage: Storage, chain: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """What overlayfs shows: path -> mode, size, target or content."""

    def look() -> dict[str, tuple[Any, ...]]:
        target = f"{storage.root}/mounted"
        os.makedirs(target, exist_ok=True)
        overlay.perform(snapshots.view(storage, chain, target))
        return dict(listing(target))

    return in_child(look, unshare=namespaces.CLONE_NEWNS) if chain else {}


def listing(top: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for parent, directories, names in os.walk(top):
        for name in (*directories, *names):
            path = os.path.join(parent, name)
            try:
                found = os.lstat(path)
            except FileNotFoundError:
                continue  # a whiteout over nothing is listed, but is not there
            what: Any = None
            if stat.S_ISLNK(found.st_mode):
                what = os.readlink(path)
            elif stat.S_ISREG(found.st_mode):
                with open(path, "rb") as file:
                    what = file.read()
            yield path[len(top) + 1 :], (found.st_mode, what)


def compare(storage: Storage, one: Sequence[str], other: Sequence[str]) -> dict[str, str]:
    with Stack(storage, one) as left, Stack(storage, other) as right:
        return {os.fsdecode(d.path): d.letter for d in Comparison(left, right).run()}


EXAMPLES = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@EXAMPLES
@given(st.lists(layers, min_size=1, max_size=4))
def test_a_stack_shows_what_overlayfs_shows(tmp_path_factory: Any, found: list[Directory]) -> None:
    with store(str(tmp_path_factory.getbasetemp())) as storage:
        chain = add(storage, found)
        assert compare(storage, [], chain) == dict.fromkeys(mounted(storage, chain), "A")


@EXAMPLES
@given(
    st.lists(layers, max_size=2), st.lists(layers, max_size=2), st.lists(layers, max_size=2)
)  # fmt: skip
def test_two_stacks_differ_as_their_mounts_do(
    tmp_path_factory: Any, shared: list[Directory], one: list[Directory], other: list[Directory]
) -> None:
    with store(str(tmp_path_factory.getbasetemp())) as storage:
        below = add(storage, shared)
        left = below + add(storage, one, 100)
        right = below + add(storage, other, 200)
        mine, theirs = mounted(storage, left), mounted(storage, right)
        wanted = dict.fromkeys(mine.keys() - theirs.keys(), "D")
        wanted |= dict.fromkeys(theirs.keys() - mine.keys(), "A")
        both = mine.keys() & theirs.keys()
        wanted |= dict.fromkeys((path for path in both if mine[path] != theirs[path]), "C")
        assert compare(storage, left, right) == wanted


@EXAMPLES
@given(st.lists(layers, min_size=1, max_size=4))
def test_each_layer_adds_and_removes_what_its_mount_has_more_or_less(
    tmp_path_factory: Any, found: list[Directory]
) -> None:
    with store(str(tmp_path_factory.getbasetemp())) as storage:
        chain = add(storage, found)
        with Stack(storage, chain) as opened:
            changes = [
                (change.layer, change.letter, os.fsdecode(stack.join(parent, change.name)))
                for parent, change in stack.walk(opened)
            ]
        assert len(set(changes)) == len(changes)
        before: dict[str, tuple[Any, ...]] = {}
        for layer in range(len(chain)):
            after = mounted(storage, chain[: layer + 1])
            told = {
                letter: {
                    path for number, what, path in changes if (number, what) == (layer, letter)
                }
                for letter in "ACD"
            }
            assert told["A"] == after.keys() - before.keys()
            assert told["D"] == before.keys() - after.keys()
            both = before.keys() & after.keys()
            assert {path for path in both if before[path] != after[path]} <= told["C"] <= both
            before = after
