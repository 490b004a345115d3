"""Packing trees that somebody else owns: complete, in order, and never led astray."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from child import in_child
from cuddy.errors import CorruptContent
from cuddy.image import changeset, tar
from cuddy.kernel import mount, namespaces, overlay

pytestmark = pytest.mark.root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


def contents(data: bytes) -> dict[bytes, tuple[tar.Member, bytes]]:
    stream = tar.Stream(iter([data]))
    found = {}
    for member in tar.members(stream):
        read = bytearray()
        stream.copy(member.stored_bytes, read.extend)
        found[member.name] = (member, bytes(read))
    return found


def archive(root: Path) -> dict[bytes, tuple[tar.Member, bytes]]:
    return contents(b"".join(changeset.archive(str(root))))


def make(root: Path) -> dict[bytes, tuple[tar.Member, bytes]]:
    return contents(b"".join(changeset.make(str(root), changeset.nothing)))


def dig(root: Path, name: bytes, depth: int) -> None:
    """Make a directory in a directory in a directory."""
    fd = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)


def test_names_are_sorted_and_a_directory_comes_before_what_is_in_it(root: Path) -> None:
    for name in ("b/2", "b/1", "b/deep/x", "a", "c"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    names = [b"./", b"a", b"c", b"b/", b"b/1", b"b/2", b"b/deep/", b"b/deep/x"]
    assert list(archive(root)) == names


def test_sockets_are_left_out(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{root}/socket")
        assert list(archive(root)) == [b"./"]


def test_links_are_packed_and_never_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("x")
    (root / "directory").symlink_to(tmp_path / "outside")
    (root / "file").symlink_to(tmp_path / "outside/secret")
    found = archive(root)
    assert list(found) == [b"./", b"directory", b"file"]
    assert found[b"file"][0].link == os.fsencode(tmp_path / "outside/secret")


def test_what_is_swapped_for_a_link_while_it_is_packed_is_left_out(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("the secret")
    (root / "big").write_bytes(bytes(3 * changeset.CHUNK))
    (root / "file").write_text("harmless")
    (root / "z").mkdir()
    (root / "z/secret").write_text("harmless")
    chunks = changeset.archive(str(root))
    data = next(chunks)
    (root / "file").unlink()
    (root / "file").symlink_to(tmp_path / "outside/secret")
    (root / "z").rename(tmp_path / "moved")
    (root / "z").symlink_to(tmp_path / "outside")
    found = contents(data + b"".join(chunks))
    assert list(found) == [b"./", b"big"]
    assert b"the secret" not in data


def test_a_device_in_the_place_of_a_file_is_not_opened(root: Path) -> None:
    """What a container can do to an export of it: the mount's "nodev" is what counts."""

    def work() -> None:
        flags = mount.MS_BIND | mount.MS_NODEV | mount.MS_RDONLY
        mount.perform(mount.Mount(str(root), str(root), "", flags))
        root_fd = os.open(root, os.O_RDONLY)
        assert changeset.open_file(root_fd, b"device") == -1

    os.mknod(root / "device", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    in_child(work, unshare=namespaces.CLONE_NEWNS)


def test_a_file_that_shrinks_is_filled_up_and_one_that_grows_is_cut(root: Path) -> None:
    size = 3 * changeset.CHUNK
    (root / "log").write_bytes(b"x" * size)
    (root / "log2").write_bytes(b"y" * size)
    chunks = changeset.archive(str(root))
    data = next(chunks)
    os.truncate(root / "log", 100)
    os.truncate(root / "log2", 100)
    with open(root / "log2", "ab") as file:
        file.write(b"z" * 300)
    found = contents(data + b"".join(chunks))
    assert len(found[b"log"][1]) == size
    assert found[b"log"][1].rstrip(b"\0").strip(b"x") == b""
    assert found[b"log2"][1] == b"y" * 100 + b"z" * 300


def test_what_vanishes_is_left_out(root: Path) -> None:
    (root / "big").write_bytes(bytes(2 * changeset.CHUNK))
    (root / "gone").touch()
    (root / "link").symlink_to("x")
    (root / "directory").mkdir()
    chunks = changeset.archive(str(root))
    data = next(chunks)
    (root / "gone").unlink()
    (root / "link").unlink()
    (root / "directory").rmdir()
    assert list(contents(data + b"".join(chunks))) == [b"./", b"big"]


def test_a_tree_deeper_than_any_limit_of_open_files(root: Path) -> None:
    dig(root, b"d", 1500)
    assert b"d/" * 1500 in archive(root)


def test_a_path_longer_than_any_path_is_an_error(root: Path) -> None:
    dig(root, b"n" * 250, 20)
    with pytest.raises(CorruptContent, match="too long a path"):
        archive(root)


def test_descriptors_are_closed_when_nobody_wants_the_rest(root: Path) -> None:
    (root / "d").mkdir()
    (root / "d/big").write_bytes(bytes(4 * changeset.CHUNK))
    before = os.listdir("/proc/self/fd")
    chunks = changeset.archive(str(root))
    next(chunks)
    chunks.close()
    assert os.listdir("/proc/self/fd") == before


class TestChangeset:
    def test_what_is_gone_becomes_whiteouts(self, root: Path) -> None:
        (root / "d").mkdir()
        fd = os.open(root / "d", os.O_RDONLY)
        overlay.make_whiteout("gone", dir_fd=fd)
        overlay.make_opaque(fd)
        os.close(fd)
        found = make(root)
        assert list(found) == [b"./", b"d/", b"d/.wh..wh..opq", b"d/.wh.gone"]
        assert found[b"d/"][0].xattrs == {}
        assert {found[name][0].kind for name in list(found)[2:]} == {tar.FILE}

    def test_a_file_called_like_a_whiteout_hides_nothing(self, root: Path) -> None:
        (root / ".wh.etc").touch()
        (root / ".wh.dir").mkdir()
        assert list(make(root)) == [b"./"]
        assert list(archive(root)) == [b"./", b".wh.etc", b".wh.dir/"]

    def test_what_overlayfs_really_writes(self, tmp_path: Path, root: Path) -> None:
        lower, upper, work = (tmp_path / name for name in ("lower", "upper", "work"))
        for path in (lower / "old", lower / "again", lower / "kept", upper, work):
            path.mkdir(parents=True)
        for path in (lower / "old/x", lower / "again/x", lower / "kept/x", lower / "file"):
            path.touch()

        def change() -> None:
            overlay.perform(overlay.plan([str(lower)], str(upper), str(work), str(root)))
            (root / "file").unlink()
            (root / "kept/x").unlink()
            for name in ("old", "again"):
                (root / name / "x").unlink()
                (root / name).rmdir()
            (root / "again").mkdir()
            (root / "again/new").touch()
            with pytest.raises(OSError):
                os.rename(root / "kept", root / "moved")  # a redirect, which no layer can hold

        in_child(change, unshare=namespaces.CLONE_NEWNS)
        names = [
            b"./", b".wh.file", b".wh.old", b"again/", b"again/.wh..wh..opq", b"again/new",
            b"kept/", b"kept/.wh.x",
        ]  # fmt: skip
        assert list(make(upper)) == names
