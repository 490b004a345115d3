"""Volumes, tmpfs, a read-only root, and the copy-on-write of images."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from console import Cuddy


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A directory of the host with one file."""
    directory = tmp_path / "shared"
    directory.mkdir()
    (directory / "file").write_text("from the host\n")
    return directory


class TestBinds:
    def test_both_sides_see_the_same_files(self, cuddy: Cuddy, shared: Path) -> None:
        script = "cat /in/file; echo from inside >/in/new"
        assert cuddy.ok("run", "--rm", "-v", f"{shared}:/in", "alpine", "sh", "-c", script) == (
            "from the host"
        )
        assert (shared / "new").read_text() == "from inside\n"

    def test_read_only(self, cuddy: Cuddy, shared: Path) -> None:
        words = ["-v", f"{shared}:/in:ro", "alpine", "sh", "-c", "cat /in/file; echo x >/in/file"]
        result = cuddy("run", "--rm", *words)
        assert result.out == "from the host"
        assert "ead-only" in result.err
        assert (shared / "file").read_text() == "from the host\n"

    def test_read_only_for_what_is_mounted_below_too(self, cuddy: Cuddy, shared: Path) -> None:
        (shared / "sub").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "none", shared / "sub"], check=True)
        try:
            words = ["-v", f"{shared}:/in:ro", "alpine", "sh", "-c", "touch /in/sub/x"]
            code = cuddy("run", "--rm", *words).code
        finally:
            subprocess.run(["umount", shared / "sub"], check=True)
        assert code != 0

    def test_a_single_file(self, cuddy: Cuddy, shared: Path) -> None:
        words = ["-v", f"{shared}/file:/etc/motd:ro", "alpine", "cat", "/etc/motd"]
        assert cuddy.ok("run", "--rm", *words) == "from the host"

    def test_a_missing_source_is_made_a_directory(self, cuddy: Cuddy, tmp_path: Path) -> None:
        cuddy.ok("run", "--rm", "-v", f"{tmp_path}/new/dir:/in", "alpine", "touch", "/in/x")
        assert (tmp_path / "new/dir/x").exists()

    def test_a_missing_target_is_made(self, cuddy: Cuddy, shared: Path) -> None:
        words = ["-v", f"{shared}:/a/b/c", "alpine", "cat", "/a/b/c/file"]
        assert cuddy.ok("run", "--rm", *words) == "from the host"

    def test_several_nested_in_any_order(self, cuddy: Cuddy, shared: Path, tmp_path: Path) -> None:
        inner = tmp_path / "inner"
        inner.mkdir()
        (inner / "deep").write_text("deep\n")
        words = ["-v", f"{inner}:/in/inner", "-v", f"{shared}:/in"]
        out = cuddy.ok("run", "--rm", *words, "alpine", "cat", "/in/file", "/in/inner/deep")
        assert out == "from the host\ndeep"

    def test_a_relative_source_is_an_error_that_says_so(self, cuddy: Cuddy) -> None:
        result = cuddy("run", "--rm", "-v", "a/b:/in", "alpine", "true")
        assert result.code == 125
        assert "a/b" in result.complaint

    @pytest.mark.parametrize("volume", ["/x:y", "/x:/y:zz", "/x:", "/x:/", "/a:/b:/c:/d"])
    def test_nonsense_is_an_error(self, cuddy: Cuddy, volume: str) -> None:
        result = cuddy("run", "--rm", "-v", volume, "alpine", "true")
        assert result.code == 125
        assert result.complaint

    def test_odd_names_are_fine(self, cuddy: Cuddy, tmp_path: Path) -> None:
        odd = tmp_path / "a b,c\\d ü"
        odd.mkdir()
        (odd / "file").write_text("odd")
        words = ["-v", f"{odd}:/in, put", "alpine", "cat", "/in, put/file"]
        assert cuddy.ok("run", "--rm", *words) == "odd"


class TestTmpfs:
    def test_it_is_empty_and_in_memory(self, cuddy: Cuddy) -> None:
        words = ["--tmpfs", "/scratch", "alpine", "sh", "-c"]
        out = cuddy.ok("run", "--rm", *words, "touch /scratch/x; grep scratch /proc/mounts")
        fields = out.split()
        assert (fields[1], fields[2]) == ("/scratch", "tmpfs")
        assert {"rw", "nosuid", "nodev", "noexec"} <= set(fields[3].split(","))

    def test_options(self, cuddy: Cuddy) -> None:
        words = ["--tmpfs", "/scratch:size=1m,mode=700,exec", "alpine", "sh", "-c"]
        script = "df -k /scratch | tail -n 1; stat -c %a /scratch; grep scratch /proc/mounts"
        out = cuddy.ok("run", "--rm", *words, script)
        assert out.splitlines()[0].split()[1] == "1024"
        assert out.splitlines()[1] == "700"
        assert "noexec" not in out


class TestReadOnlyRoot:
    def test_nothing_can_be_written_but_volumes_and_tmpfs(self, cuddy: Cuddy, shared: Path) -> None:
        words = ["--read-only", "--tmpfs", "/tmp", "-v", f"{shared}:/in", "alpine", "sh", "-c"]
        assert cuddy("run", "--rm", *words, "touch /tmp/x /in/x /dev/shm/x").code == 0
        for place in ("/x", "/etc/x", "/root/x"):
            assert cuddy("run", "--rm", *words, f"touch {place}").code != 0, place

    def test_a_new_mount_point_can_be_made_all_the_same(self, cuddy: Cuddy, shared: Path) -> None:
        words = ["--read-only", "-v", f"{shared}:/brand/new", "alpine", "cat", "/brand/new/file"]
        assert cuddy.ok("run", "--rm", *words) == "from the host"


class TestCopyOnWrite:
    def test_what_one_container_writes_no_other_sees(self, cuddy: Cuddy) -> None:
        cuddy.ok(
            "run", "--name", "writer", "alpine", "sh", "-c", "echo mine >/etc/motd; touch /new"
        )
        out = cuddy.ok("run", "--rm", "alpine", "sh", "-c", "cat /etc/motd; ls /")
        assert "mine" not in out
        assert "new" not in out.split()

    def test_removing_everything_harms_neither_image_nor_host(self, cuddy: Cuddy) -> None:
        before = sorted(os.listdir("/usr"))
        cuddy("run", "--rm", "alpine", "sh", "-c", "rm -rf /* 2>/dev/null")
        assert cuddy.ok("run", "--rm", "alpine", "echo", "still here") == "still here"
        assert sorted(os.listdir("/usr")) == before

    def test_ten_containers_cost_no_second_copy(self, cuddy: Cuddy) -> None:
        before = disk_usage(cuddy.root)
        for number in range(10):
            cuddy.ok("run", "--name", f"copy{number}", "--network", "none", "alpine", "true")
        assert disk_usage(cuddy.root) - before < 10 * 200_000

    def test_changing_owner_and_mode_copies_up(self, cuddy: Cuddy) -> None:
        script = "chown 1000:1000 /etc/passwd; chmod 600 /etc/passwd; stat -c '%u %a' /etc/passwd"
        assert cuddy.ok("run", "--rm", "alpine", "sh", "-c", script) == "1000 600"
        out = cuddy.ok("run", "--rm", "alpine", "stat", "-c", "%u %a", "/etc/passwd")
        assert out == "0 644"


def disk_usage(path: Path) -> int:
    out = subprocess.check_output(["du", "-sk", path], text=True)
    return int(out.split()[0]) * 1024
