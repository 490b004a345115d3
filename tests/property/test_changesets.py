"""Trees and archives: what is packed and unpacked is what it was, with all that is known of it."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import trees
from cuddy import files
from cuddy.image import changeset, layer, tar
from trees import TREES, UPPERS, Node

pytestmark = pytest.mark.root

thorough = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def empty(path: Path) -> Path:
    files.remove_tree(str(path))
    return path


def pack(root: Path, *, overlaid: bool) -> bytes:
    if overlaid:
        return b"".join(changeset.make(str(root), changeset.nothing))
    return b"".join(changeset.archive(str(root)))


def pieces(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 10_000] for at in range(0, len(data), 10_000))


@given(UPPERS)
@thorough
def test_apply_after_make_is_the_same_upper_directory(tmp_path: Path, root: Node) -> None:
    upper = trees.build(empty(tmp_path / "upper"), root)
    data = pack(upper, overlaid=True)
    again = empty(tmp_path / "again")
    again.mkdir()
    layer.apply(pieces(data), str(again))
    assert trees.look(again) == trees.look(upper)
    assert pack(again, overlaid=True) == data


@given(TREES)
@thorough
def test_apply_after_archive_is_the_same_root(tmp_path: Path, root: Node) -> None:
    tree = trees.build(empty(tmp_path / "tree"), root)
    data = pack(tree, overlaid=False)
    again = empty(tmp_path / "again")
    again.mkdir()
    layer.apply(pieces(data), str(again))
    assert trees.look(again) == trees.look(tree)
    assert pack(again, overlaid=False) == data


@given(TREES)
@thorough
def test_python_reads_what_was_written(tmp_path: Path, root: Node) -> None:
    tree = trees.build(empty(tmp_path / "tree"), root)
    data = pack(tree, overlaid=False)
    ours = list(tar.members(tar.Stream(pieces(data))))
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as opened:
        theirs = opened.getmembers()
        for info, member in zip(theirs, ours, strict=True):
            assert os.fsencode(info.name) == member.name.rstrip(b"/")
            assert os.fsencode(info.linkname) == member.link
            assert (info.mode, info.uid, info.gid) == (member.mode, member.uid, member.gid)
            assert info.mtime == pytest.approx(member.mtime_ns / 10**9)
            assert (info.size, info.type[0]) == (member.size, member.kind)
            if info.isreg():
                file = opened.extractfile(info)
                path = os.fsencode(tree) + b"/" + member.name
                assert file and file.read() == Path(os.fsdecode(path)).read_bytes()


@pytest.mark.skipif(not shutil.which("tar"), reason="GNU tar is not installed: it is the judge")
@given(TREES)
@thorough
def test_gnu_tar_unpacks_what_was_written(tmp_path: Path, root: Node) -> None:
    tree = trees.build(empty(tmp_path / "tree"), root)
    again = empty(tmp_path / "again")
    again.mkdir()
    command = ["tar", "--extract", "--preserve-permissions", "--numeric-owner", "--xattrs"]
    subprocess.run(
        [*command, "--xattrs-include=*", "--warning=none"],
        input=pack(tree, overlaid=False), cwd=again, check=True,
    )  # fmt: skip
    assert without_special_times(trees.look(again)) == without_special_times(trees.look(tree))


def without_special_times(found: dict[bytes, tuple[object, ...]]) -> dict[bytes, object]:
    """GNU tar leaves the times of links as they come."""
    return {
        name: about[:3] + about[4:] if stat.S_ISLNK(int(str(about[0]), 8)) else about
        for name, about in found.items()
    }
