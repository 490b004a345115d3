"""Random trees, and random changes to them: what a layer holds is what was done, on any machine."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import trees
from builder.steps import difference
from child import in_child
from cuddy.builder import layers, snapshot, squash
from cuddy.builder.snapshot import Snapshot, View
from cuddy.image import storage as storages
from cuddy.image.storage import Storage
from trees import PLAIN, TREES, Node

pytestmark = pytest.mark.root

thorough = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def remove(root: bytes, path: bytes, *_: Any) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def replace(root: bytes, path: bytes, node: Node, other: bytes) -> None:
    remove(root, path)
    add(path, node)


def add(path: bytes, node: Node) -> None:
    """Put a drawn tree somewhere, with the times it was drawn with."""
    if not os.path.lexists(path) and node.kind != "link":
        trees.build(Path(os.fsdecode(path)), node)


def copy_up(root: bytes, path: bytes, *_: Any) -> None:
    """What `chown -R` does to what is its owner's already."""
    found = os.lstat(path)
    os.chown(path, found.st_uid, found.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(path, stat.S_IMODE(found.st_mode))


def change_mode(root: bytes, path: bytes, *_: Any) -> None:
    if not os.path.islink(path):
        os.chmod(path, os.lstat(path).st_mode ^ 0o11)


def change_owner(root: bytes, path: bytes, *_: Any) -> None:
    os.chown(path, 4321, 8765, follow_symlinks=False)


def change_attribute(root: bytes, path: bytes, *_: Any) -> None:
    if stat.S_ISREG(os.lstat(path).st_mode) or stat.S_ISDIR(os.lstat(path).st_mode):
        os.setxattr(path, "user.changed", b"1")


def write(root: bytes, path: bytes, *_: Any) -> None:
    if stat.S_ISREG(os.lstat(path).st_mode):
        before = os.lstat(path)
        with open(path, "r+b") as file:
            file.write(b"X")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def move(root: bytes, path: bytes, node: Node, other: bytes) -> None:
    """rename(2); overlayfs refuses directories that lie below, and then mv(1) would copy."""
    target = other + b"-moved"
    if not os.path.lexists(target) and not target.startswith(path + b"/"):
        os.rename(path, target)


def link(root: bytes, path: bytes, node: Node, other: bytes) -> None:
    if not os.path.isdir(path) or os.path.islink(path):
        target = other + b"-linked"
        if not os.path.lexists(target):
            os.link(path, target, follow_symlinks=False)


def put_in(root: bytes, path: bytes, node: Node, other: bytes) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        add(path + b"/new", node)


def touch(root: bytes, path: bytes, *_: Any) -> None:
    """Make something and remove it again."""
    if os.path.isdir(path) and not os.path.islink(path):
        os.mkdir(path + b"/passing")
        os.rmdir(path + b"/passing")


OPERATIONS: list[Callable[..., None]] = [
    remove, replace, copy_up, change_mode, change_owner, change_attribute, write, move, link,
    put_in, touch,
]  # fmt: skip
CHANGE = st.tuples(
    st.sampled_from(OPERATIONS),
    st.integers(0, 1000),
    st.one_of(PLAIN, trees.directories(PLAIN, trees.ATTRIBUTES)),
    st.integers(0, 1000),
)
HARMLESS = (errno.EXDEV, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EMLINK)
CHANGES = st.lists(CHANGE, max_size=8)
"""What a step does: operations on the entry at a position of all there are then."""


def perform(root: Path, changes: list[tuple[Any, int, Node, int]]) -> None:
    for operation, position, node, other in changes:
        found = all_paths(root)
        if not found:
            return
        chosen, goal = (found[each % len(found)] for each in (position, other))
        try:
            operation(os.fsencode(root), chosen, node, goal)
        except OSError as error:
            if error.errno not in HARMLESS:
                raise


def all_paths(root: Path) -> list[bytes]:
    top = os.fsencode(root)
    return sorted(
        os.path.join(parent, name)
        for parent, below, names in os.walk(top)
        for name in [*below, *names]
    )


def shown(root: Path) -> dict[bytes, tuple[object, ...]]:
    """All that is seen, but for times of directories and which names are one file.

    A directory that was only passed through has the time it had, and a file that was not changed
    after all is again one with its other names.
    """
    return {
        name: tuple(
            value for position, value in enumerate(about[:-1])
            if position != 3 or not str(about[0]).startswith("0o4")
        )
        for name, about in trees.look(root).items()
    }  # fmt: skip


def take_step(storage: Storage, below: list[str], work: Callable[[Path], None]) -> str:
    """One step; returns the chain id of its layer. What is shown afterwards is what was there."""
    with Snapshot(storage, below) as made:
        work(Path(made.root))
        before = shown(Path(made.root))
        making = layers.commit(storage, made, compress=True)
        layer = making and making.finish()
    above = [layer.chain_id] if layer else []
    with View(storage, [*below, *above]) as view:
        assert shown(Path(view.root)) == before
    if layer is None:
        return ""
    assert difference(storage, layer, below) == ""
    return layer.chain_id


@given(TREES, CHANGES, CHANGES)
@thorough
def test_a_layer_is_what_was_done(
    tmp_path: Path, root: Node, first: list[Any], second: list[Any]
) -> None:
    storage = Storage(str(tmp_path / "store"))
    if not tmp_path.joinpath("store").exists():
        storages.create(storage)

    def work() -> None:
        snapshot.enter_private()
        chain = [take_step(storage, [], lambda top: add(os.fsencode(top) + b"/base", root))]
        for changes in (first, second):
            chain.append(take_step(storage, chain, lambda top, c=changes: perform(top, c)))
            chain = [each for each in chain if each]
        check_squash(storage, chain[:1], chain[1:])
        check_squash(storage, [], chain)

    in_child(work)
    assert os.listdir(storage.tmp_dir) == []


def check_squash(storage: Storage, base: list[str], above: list[str]) -> None:
    """One layer in the place of several shows the same."""
    making = squash.squash(storage, base, above, compress=True)
    layer = making and making.finish()
    if layer:
        assert difference(storage, layer, base) == ""
    squashed = [*base, layer.chain_id] if layer else base
    with View(storage, squashed) as one, View(storage, [*base, *above]) as other:
        assert shown(Path(one.root)) == shown(Path(other.root))
