"""Volumes in which a container's program has left traps, and images that bring them along."""

from __future__ import annotations

import os
import tarfile
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
