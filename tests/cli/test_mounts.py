"""Volumes, tmpfs, a read-only root, and the copy-on-write of images."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console import Cuddy


@contextmanager
def mounted(place: Path) -> Iterator[None]:
    """A file system of its own at a directory."""
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


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

    def test_mount_makes_no_source(self, cuddy: Cuddy, tmp_path: Path) -> None:
        mount = f"type=bind,src={tmp_path}/nothing,dst=/in"
        result = cuddy("run", "--rm", "--mount", mount, "alpine", "true")
        assert result.code == 125
        text = f'invalid mount config for type "bind": bind source path does not exist: {tmp_path}'
        assert text in result.complaint
        assert os.listdir(tmp_path) == []

    def test_a_socket(self, cuddy: Cuddy, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "sock"))
            out = cuddy.ok(
                "run",
                "--rm",
                "-v",
                f"{tmp_path}/sock:/run/a.sock",
                "alpine",
                "ls",
                "-l",
                "/run/a.sock",
            )
        assert out.startswith("s")

    def test_writable_below_a_read_only_one_if_asked(self, cuddy: Cuddy, shared: Path) -> None:
        (shared / "sub").mkdir()
        with mounted(shared / "sub"):
            mount = f"type=bind,src={shared},dst=/in,ro,bind-recursive=writable"
            script = "touch /in/sub/x && ! touch /in/x"
            cuddy.ok("run", "--rm", "--mount", mount, "alpine", "sh", "-c", script)

    def test_what_is_mounted_below_is_left_out_if_asked(self, cuddy: Cuddy, shared: Path) -> None:
        (shared / "sub").mkdir()
        with mounted(shared / "sub"):
            (shared / "sub/x").touch()
            for option in ("bind-nonrecursive", "bind-recursive=disabled"):
                mount = f"type=bind,src={shared},dst=/in,{option}"
                assert cuddy.ok("run", "--rm", "--mount", mount, "alpine", "ls", "/in/sub") == ""

    def test_two_at_one_place_are_refused(self, cuddy: Cuddy) -> None:
        words = ["-v", "/tmp:/in", "--mount", "type=tmpfs,dst=/in"]
        assert "Duplicate mount point: /in" in cuddy("create", *words, "alpine").err

    @pytest.mark.parametrize("place", ["/proc", "/proc/sys/kernel"])
    def test_not_over_what_the_kernel_shows(self, cuddy: Cuddy, shared: Path, place: str) -> None:
        result = cuddy("run", "--rm", "-v", f"{shared}:{place}", "alpine", "true")
        assert result.code != 0
        assert place in result.err

    def test_a_target_that_is_a_dangling_link_is_made_where_it_leads(
        self, cuddy: Cuddy, shared: Path
    ) -> None:
        cuddy.ok("run", "--name", "one", "alpine", "ln", "-s", "../../mnt/far/away", "/lib/here")
        image = cuddy.ok("commit", "one")
        words = ["-v", f"{shared}:/lib/here", image, "cat", "/mnt/far/away/file"]
        out = cuddy("run", "--rm", *words)
        cuddy.ok("rmi", "-f", image)
        assert out.out == "from the host"

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


class TestPropagation:
    def test_mounts_travel_to_where_they_are_wanted(self, cuddy: Cuddy, tmp_path: Path) -> None:
        with mounted(tmp_path):
            subprocess.run(["mount", "--make-shared", tmp_path], check=True)
            (tmp_path / "of-the-host").mkdir()
            (tmp_path / "of-the-container").mkdir()
            run = ["run", "-d", "--privileged", "alpine", "sleep", "100"]
            cuddy.ok(*run[:2], "--name", "both", "-v", f"{tmp_path}:/in:rshared", *run[2:])
            cuddy.ok(*run[:2], "--name", "hears", "-v", f"{tmp_path}:/in:rslave", *run[2:])
            cuddy.ok(*run[:2], "--name", "deaf", "-v", f"{tmp_path}:/in", *run[2:])
            mount = "mount -t tmpfs x /in/of-the-container && touch /in/of-the-container/x"
            cuddy.ok("exec", "both", "sh", "-c", mount)
            with mounted(tmp_path / "of-the-host"):
                (tmp_path / "of-the-host/x").touch()
                seen = {
                    name: cuddy.ok("exec", name, "sh", "-c", "cd /in; ls of-the-*/x")
                    for name in ("both", "hears")
                }
                assert cuddy("exec", "deaf", "sh", "-c", "ls /in/of-the-*/x").out == ""
            cuddy.remove_all()
            assert (tmp_path / "of-the-container/x").exists()
            subprocess.run(["umount", tmp_path / "of-the-container"], check=True)
        assert set(seen.values()) == {"of-the-container/x\nof-the-host/x"}

    def test_what_is_not_shared_is_an_error_that_says_so(
        self, cuddy: Cuddy, tmp_path: Path
    ) -> None:
        with mounted(tmp_path):
            subprocess.run(["mount", "--make-private", tmp_path], check=True)
            for kind, words in (("rshared", "not a shared mount"), ("slave", "shared or slave")):
                result = cuddy("run", "--rm", "-v", f"{tmp_path}:/in:{kind}", "alpine", "true")
                assert result.code != 0
                assert words in result.err


class TestImages:
    def test_another_image_can_be_looked_at(self, cuddy: Cuddy) -> None:
        mount = "type=image,src=alpine,dst=/other"
        script = "cat /other/etc/os-release; ! touch /other/x"
        out = cuddy.ok("run", "--rm", "--mount", mount, "alpine", "sh", "-c", script)
        assert out == cuddy.ok("run", "--rm", "alpine", "cat", "/etc/os-release")

    def test_or_a_part_of_it(self, cuddy: Cuddy) -> None:
        mount = "type=image,src=alpine,dst=/other,image-subpath=etc/apk"
        assert "arch" in cuddy.ok("run", "--rm", "--mount", mount, "alpine", "ls", "/other")

    def test_one_that_is_not_there_is_an_error(self, cuddy: Cuddy) -> None:
        mount = "type=image,src=nothing,dst=/other"
        assert "nothing" in cuddy("create", "--mount", mount, "alpine").complaint
        assert cuddy.ok("ps", "-aq") == ""


class TestTmpfs:
    def test_by_mount(self, cuddy: Cuddy) -> None:
        mount = "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=750"
        script = "df -k /t | tail -n 1; stat -c %a /t"
        out = cuddy.ok("run", "--rm", "--mount", mount, "alpine", "sh", "-c", script).split()
        assert (out[1], out[-1]) == ("1024", "750")

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
