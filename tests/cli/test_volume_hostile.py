"""Volumes in which a container's program has left traps, and images that bring them along."""

from __future__ import annotations

import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import ENGINE, Cuddy

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine has these verbs")


@pytest.fixture
def data(cuddy: Cuddy) -> Path:
    """What is in the volume `data`."""
    cuddy.ok("volume", "create", "data")
    return cuddy.root / "volumes/data/_data"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of the host, on the file system that the volumes are on: links to it can be made."""
    path = tmp_path / "secret"
    path.write_text("the host's")
    return path


def is_untouched(secret: Path) -> bool:
    status = secret.stat()
    return status.st_nlink == 1 and status.st_mode & 0o7777 == 0o644 and status.st_uid == 0


class TestLinksWithTwoNames:
    """Symbolic links to the host's files; who follows the first gets the file as the second."""

    def test_a_snapshot_has_them_too(self, cuddy: Cuddy, data: Path, secret: Path) -> None:
        (data / "dir").mkdir()
        (data / "dir/one").symlink_to(secret)
        os.link(data / "dir/one", data / "two", follow_symlinks=False)
        cuddy.ok("volume", "snapshot", "data", "copy")
        copied = cuddy.root / "volumes/copy/_data"
        assert os.readlink(copied / "two") == os.readlink(copied / "dir/one") == str(secret)
        assert (copied / "two").lstat().st_nlink == 2
        assert is_untouched(secret)

    def test_so_has_what_comes_from_an_image(
        self, cuddy: Cuddy, secret: Path, tmp_path: Path
    ) -> None:
        with tarfile.open(tmp_path / "image.tar", "w") as tar:
            for name, kind, target in (
                ("in", tarfile.DIRTYPE, ""),
                ("in/one", tarfile.SYMTYPE, str(secret)),
                ("in/two", tarfile.LNKTYPE, "in/one"),
            ):
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, target
                tar.addfile(info)
        cuddy.ok("import", str(tmp_path / "image.tar"), "hostile")
        cuddy.ok("create", "-v", "data:/in", "hostile", "true")
        assert os.readlink(cuddy.root / "volumes/data/_data/two") == str(secret)
        assert is_untouched(secret)

    def test_so_has_what_is_exported_and_copied(
        self, cuddy: Cuddy, data: Path, secret: Path, tmp_path: Path
    ) -> None:
        (data / "one").symlink_to(secret)
        os.link(data / "one", data / "two", follow_symlinks=False)
        cuddy.ok("volume", "export", "-o", str(tmp_path / "data.tar"), "data")
        cuddy.ok("volume", "import", "other", str(tmp_path / "data.tar"))
        cuddy.ok("volume", "cp", "data:/", f"{tmp_path}/out")
        for top in (cuddy.root / "volumes/other/_data", tmp_path / "out"):
            assert os.readlink(top / "two") == os.readlink(top / "one") == str(secret)
        assert is_untouched(secret)


def test_no_volume_is_what_a_link_in_another_leads_to(
    cuddy: Cuddy, data: Path, secret: Path
) -> None:
    (data / "link").symlink_to(secret.parent)
    (data / "inside").symlink_to("dir")
    (data / "dir").mkdir()
    for name in ("link", "inside"):
        words = ["-o", "type=none", "-o", "o=bind", "-o", f"device={data / name}", f"is-{name}"]
        cuddy.ok("volume", "create", *words)
    result = cuddy("run", "--rm", "-v", "is-link:/in", "alpine", "cat", "/in/secret")
    assert (result.code, result.out, "leads out of it" in result.complaint) == (125, "", True)
    assert "leads out of it" in cuddy("volume", "export", "is-link").complaint
    cuddy.ok("run", "--rm", "-v", "is-inside:/in", "alpine", "touch", "/in/file")
    assert (data / "dir/file").exists()
    assert is_untouched(secret)


class TestHoles:
    """Files of terabytes that take no room: nobody reads them through."""

    @pytest.fixture
    def bomb(self, data: Path) -> Path:
        (data / "bomb").touch()
        os.truncate(data / "bomb", 4 << 40)
        return data / "bomb"

    def test_they_are_compared_and_copied_as_holes(
        self, cuddy: Cuddy, bomb: Path, tmp_path: Path
    ) -> None:
        cuddy.ok("volume", "snapshot", "data", timeout=20)
        assert cuddy.ok("volume", "diff", "data", timeout=20) == ""
        with open(bomb, "r+b") as file:
            file.seek((1 << 41) + 5)
            file.write(b"x")
        assert cuddy.ok("volume", "diff", "data", timeout=20) == "C /bomb"
        cuddy.ok("volume", "export", "-o", str(tmp_path / "data.tar"), "data", timeout=20)
        cuddy.ok("volume", "import", "other", str(tmp_path / "data.tar"), timeout=20)
        assert cuddy.ok("volume", "diff", "data", "other", timeout=20) == ""
        cuddy.ok("volume", "cp", "data:/bomb", str(tmp_path), timeout=20)
        assert (tmp_path / "bomb").stat().st_blocks < 100


def test_a_tree_deeper_than_any_path_is_an_error_but_goes(cuddy: Cuddy, data: Path) -> None:
    fd = os.open(data, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=fd)
        above, fd = fd, os.open("d" * 200, os.O_RDONLY, dir_fd=fd)
        os.close(above)
    os.close(fd)
    cuddy.ok("volume", "create", "empty")
    for words in (("snapshot", "data"), ("diff", "empty", "data"), ("export", "data")):
        result = cuddy("volume", *words)
        assert (result.code, "too long" in result.complaint) == (1, True)
    assert cuddy.ok("volume", "ls", "-q").split() == ["data", "empty"]
    cuddy.ok("volume", "rm", "data")


def test_names_do_nothing_to_a_terminal(cuddy: Cuddy, data: Path, tmp_path: Path) -> None:
    name = "a\x1b]0;title\x07\n"
    (data / name).write_text("x")
    cuddy.ok("volume", "create", "empty")
    with cuddy.terminal("volume", "diff", "empty", "data") as terminal:
        assert terminal.ends() == 0
        assert r"A /a\x1b]0;title\a\n" in terminal.screen()
    for words in (("data:/" + name + "/x", tmp_path / "x"), ("data:/x" + name, tmp_path / "x")):
        result = cuddy("volume", "cp", *words)
        assert result.code == 1
        assert not {"\x1b", "\n"} & set(result.complaint)


def test_what_is_copied_out_gives_nobody_power(cuddy: Cuddy, data: Path, tmp_path: Path) -> None:
    for name, kind in (("fifo", stat.S_IFIFO), ("disk", stat.S_IFBLK), ("null", stat.S_IFCHR)):
        os.mknod(data / name, kind | 0o666, os.makedev(1, 3))
        (data / name).chmod(0o666)
    (data / "program").write_text("x")
    os.chown(data / "program", 1234, 5678)
    (data / "program").chmod(0o6755)
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    os.setxattr(data / "program", "security.capability", capability)
    cuddy.ok("volume", "cp", "data:/", f"{tmp_path}/out", timeout=20)
    for name in ("fifo", "disk", "null", "program"):
        status = (tmp_path / "out" / name).lstat()
        assert (status.st_uid, status.st_gid) == (0, 0)
        assert not status.st_mode & 0o6000
        if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            assert not status.st_mode & 0o077
    assert os.listxattr(tmp_path / "out/program") == []


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Cuddy]:
    """A Home on a small disk of its own, with a volume `data` that fills half of it."""
    where = tmp_path / "small"
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", where], check=True)
    try:
        home = Cuddy(where / "root", tmp_path / "run")
        home.ok("volume", "create", "data")
        (home.root / "volumes/data/_data/file").write_bytes(b"x" * 2_000_000)
        yield home
    finally:
        subprocess.run(["umount", where], check=True)


def test_a_full_disk_leaves_nothing_half_done(small: Cuddy, tmp_path: Path) -> None:
    archive = tmp_path / "data.tar"
    small.ok("volume", "export", "-o", str(archive), "data")
    small.ok("volume", "create", "empty")
    before = (small.root / "volumes/data/_data/file").stat()
    for words in (
        ("snapshot", "data", "copy"), ("import", "made", archive), ("import", "empty", archive),
        ("import", "--replace", "data", archive), ("export", "-o", small.root / "x.tar", "data"),
    ):  # fmt: skip
        result = small("volume", *words)
        assert (result.code, "no space left" in result.complaint) == (1, True), words
    assert small.ok("volume", "ls", "-q").split() == ["data", "empty"]
    assert os.listdir(small.root / "tmp") == os.listdir(small.root / "volumes/empty/_data") == []
    assert not (small.root / "x.tar").exists()
    assert (small.root / "volumes/data/_data/file").stat() == before
    with open(small.root.parent / "rest", "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(b"x" * 4096)
    small.ok("volume", "mv", "data", "other")
    small.ok("volume", "rm", "other")
    assert small.ok("system", "check") == "sound"


def test_a_read_only_disk_is_an_error_but_can_be_read(small: Cuddy, tmp_path: Path) -> None:
    archive = tmp_path / "data.tar"
    subprocess.run(["mount", "-o", "remount,ro", small.root.parent], check=True)
    for words in (("export", "-o", archive, "data"), ("cp", "data:/file", tmp_path / "out")):
        small.ok("volume", *words)
    for words in (
        ("create", "new"), ("mv", "data", "new"), ("snapshot", "data"), ("import", "new", archive),
        ("import", "--replace", "data", archive), ("rm", "data"), ("cp", archive, "data:/"),
    ):  # fmt: skip
        result = small("volume", *words)
        assert (result.code, "read-only" in result.complaint) == (1, True), words
    subprocess.run(["mount", "-o", "remount,rw", small.root.parent], check=True)
