"""ADD of archives, whoever made them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import copy_cases, rawtar
from tests.copy_cases import Thing, archive, directory, file, hard, link

from cuddy.builder import copy as copies
from cuddy.builder.instructions import Copy, Place
from cuddy.builder.remote_sources import RemoteSources
from cuddy.builder.tree import Tree
from cuddy.errors import CorruptContent, CuddyError
from cuddy.image.settings import Settings

pytestmark = pytest.mark.root
ADD = Copy(Place(1, 1), "ADD x /t", True, ("x",), "/t")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    copy_cases.make(path, copy_cases.BASE)
    return path


@pytest.fixture
def add(tmp_path: Path, root: Path) -> Iterator[Callable[..., None]]:
    """Adds a file with this content to the image at /t."""
    tree = tmp_path / "tree"
    tree.mkdir()
    fds = [os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (root, tree)]

    def carry_out(data: bytes, copy: Copy = ADD, remote: RemoteSources | None = None) -> None:
        (tree / "x").write_bytes(data)
        copies.copy(fds[0], copy, Tree(fds[1], "build context", owner=(0, 0)), None, remote)

    yield carry_out
    for fd in fds:
        os.close(fd)


def zstd(data: bytes) -> bytes:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports import zstd
    return bytes(zstd.compress(data))


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd])
def test_archives_of_every_kind_are_unpacked(
    root: Path, add: Callable[..., None], compress: Callable[[bytes], bytes]
) -> None:
    add(compress(archive(directory("d"), file("d/f"))))
    assert (root / "t" / "d" / "f").read_bytes() == b"d/f"


@pytest.mark.parametrize(
    "data",
    [b"", b"x", bytes(10240), b"#!/bin/sh\n" * 200, gzip.compress(b"text"), b"\x1f\x8b\x08cut",
     lzma.compress(b"")[:10], archive(file("f"))[:300]],
)  # fmt: skip
def test_what_is_no_archive_is_copied(root: Path, add: Callable[..., None], data: bytes) -> None:
    add(data)
    assert (root / "t").read_bytes() == data


@pytest.mark.parametrize("unpack, is_file", [(False, True), (True, False), (None, False)])
def test_the_flag_decides(
    root: Path, add: Callable[..., None], unpack: bool | None, is_file: bool
) -> None:
    add(archive(file("f")), ADD._replace(unpack=unpack))
    assert (root / "t").is_file() == is_file


def test_copy_does_not_unpack(root: Path, add: Callable[..., None]) -> None:
    add(archive(file("f")), ADD._replace(is_add=False))
    assert (root / "t").is_file()


def test_owners_and_times_are_the_archives_unless_told_otherwise(
    root: Path, add: Callable[..., None]
) -> None:
    data = archive(directory("d", 0o750, (7, 8)), file("d/f", 0o4711, (7, 8)), link("d/l", "f"))
    add(data)
    assert copy_cases.listing(root / "t")["d/f"].startswith("-rws--x--x 7:8 t1")
    assert copy_cases.listing(root / "t")["d"].startswith("drwxr-x--- 7:8 t0")
    add(data, ADD._replace(chown="app:50", target="/u", chmod="600"))
    owners = {told.split()[1] for told in copy_cases.listing(root / "u").values()}
    assert owners == {"1000:50"}
    assert copy_cases.listing(root / "u")["d/f"].startswith("-rws--x--x")


def test_links_of_the_archive_lead_nowhere_else(root: Path, add: Callable[..., None]) -> None:
    add(
        archive(
            directory("etc"), link("way", "/etc"), file("way/shadow"), link("up", "../../../.."),
            file("up/made"), directory("usr/lib"), link("lib", "usr/lib"), file("lib/x"),
        )
    )  # fmt: skip
    assert (root / "t" / "etc" / "shadow").read_bytes() == b"way/shadow"
    assert (root / "t" / "made").read_bytes() == b"up/made"
    assert not (root / "etc" / "shadow").exists()


@pytest.mark.parametrize(
    "data",
    [
        archive(file("../out")), archive(file("a/../../out")), archive(link("../out", "x")),
        archive(file("ok"), hard("twin", "../../etc/passwd")),
        archive(file("ok"), hard("twin", "nowhere")), archive(directory("d"), hard("twin", "d")),
        archive(file("ok"))[:513],
    ],
)  # fmt: skip
def test_an_archive_that_leads_out_is_refused(
    root: Path, tmp_path: Path, add: Callable[..., None], data: bytes
) -> None:
    with pytest.raises(CorruptContent):
        add(data)
    assert not (tmp_path / "out").exists() and not (root / "out").exists()


def test_absolute_names_are_below_the_target(root: Path, add: Callable[..., None]) -> None:
    add(archive(file("/etc/passwd", content=b"mine")))
    assert (root / "t" / "etc" / "passwd").read_bytes() == b"mine"
    assert (root / "etc" / "passwd").read_bytes() == copy_cases.PASSWD


def test_entries_replace_what_is_in_their_way(root: Path, add: Callable[..., None]) -> None:
    add(
        archive(
            file("existing"), directory("f"), file("f/in"), directory("tolink"), file("tolink/in"),
            link("etc", "rel"),
        ),
        ADD._replace(target="/"),
    )  # fmt: skip
    assert (root / "existing").read_bytes() == b"existing"
    assert (root / "f" / "in").is_file()
    assert not (root / "tolink").is_symlink() and (root / "tolink" / "in").is_file()
    assert os.readlink(root / "etc") == "rel"


def test_a_directory_that_becomes_a_link_hands_its_attributes_to_nobody(
    root: Path, add: Callable[..., None]
) -> None:
    mode = (root / "existing").stat().st_mode
    add(
        archive(directory("d", 0o751, (3, 3)), file("d/x"), link("d", "/existing"), file("d/y")),
        ADD._replace(target="/"),
    )
    assert (root / "existing").stat().st_mode == mode
    assert (root / "existing").stat().st_uid == 5
    assert (root / "existing" / "y").is_file()


def test_the_target_itself_stays_as_it_is(root: Path, add: Callable[..., None]) -> None:
    before = (root / "existing").stat()
    add(archive(directory(".", 0o700, (9, 9)), file("./f")), ADD._replace(target="/existing"))
    after = (root / "existing").stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)


def test_devices_and_fifos_are_made_and_not_opened(root: Path, add: Callable[..., None]) -> None:
    data = rawtar.header(b"null", b"3", mode=0o666, major=1, minor=3)
    data += rawtar.header(b"pipe", b"6", mode=0o600) + rawtar.END
    add(data)
    assert (root / "t" / "null").stat().st_rdev == os.makedev(1, 3)
    assert stat.S_ISFIFO((root / "t" / "pipe").stat().st_mode)


def test_a_bomb_is_refused(root: Path, tmp_path: Path, add: Callable[..., None]) -> None:
    bomb = zstd(rawtar.entry(b"big", bytes(1 << 24)) + rawtar.END)
    remote = RemoteSources(str(tmp_path), Settings(max_layer_bytes=1 << 20))
    with pytest.raises(CorruptContent, match="more than"):
        add(bomb, remote=remote)
    add(bomb)
    assert (root / "t" / "big").stat().st_size == 1 << 24


NAMES = st.sampled_from(["a", "b", "a/b", "b/a", "../x", "/a", ".", "a/..", "existing", "tolink/q"])
THINGS = st.builds(
    Thing, st.sampled_from("-dlhp"), NAMES, st.integers(0, 0o7777), st.just((1, 1)), NAMES
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(THINGS, max_size=8))
def test_any_archive_stays_in_the_image(
    root: Path, tmp_path: Path, add: Callable[..., None], things: list[Thing]
) -> None:
    outside = {
        path: told for path, told in copy_cases.listing(tmp_path).items()
        if not path.startswith(("root/", "tree/"))
    }  # fmt: skip
    try:
        add(archive(*things), ADD._replace(target="/existing/x"))
    except CuddyError:
        pass
    found = copy_cases.listing(tmp_path)
    assert (root / "etc" / "passwd").read_bytes() == copy_cases.PASSWD
    assert {path for path in found if not path.startswith(("root/", "tree/"))} == set(outside)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=600), st.integers(0, 600))
def test_damaged_archives_are_refused_or_copied(
    add: Callable[..., None], junk: bytes, place: int
) -> None:
    data = bytearray(archive(directory("d"), file("d/f"), link("l", "d")))
    data[place : place + len(junk)] = junk
    try:
        add(bytes(data), ADD._replace(target="/existing/y/"))
    except CuddyError:
        pass
