"""`cp`: files from a container and into it, by Docker's rules, whatever state it is in."""

from __future__ import annotations

import io
import os
import shutil
import socket
import stat
import tarfile
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, wait_until

only_cuddy = pytest.mark.skipif(ENGINE != "cuddy", reason="others differ, see docs/commands/cp.md")

MAKE = """
mkdir -p /d/sub /empty
echo file >/f; chmod 640 /f; chown 7:8 /f; touch -d '2001-02-03 04:05:06' /f
echo deep >/d/sub/deep; ln /d/sub/deep /d/again; ln -s sub/deep /d/link; mkfifo /d/fifo
mknod /d/zero c 1 5 || mkfifo /d/zero; head -c 10 /dev/urandom >/d/some; chmod 750 /d/sub
ln -s /f /to-file; ln -s d /to-dir; ln -s /nowhere/x /dangling; ln -s /new /dangling-here
"""


@pytest.fixture(params=["running", "ended"])
def box(request: pytest.FixtureRequest, cuddy: Cuddy) -> Cuddy:
    """A container called `box` in which MAKE was run.

    In a user namespace there are no new devices, of which only one test takes notice.
    """
    script = MAKE if request.param == "ended" else f"{MAKE}\ntouch /ready; exec sleep 1000"
    words = ["run", "-d", "--name", "box", "--network", "none"]
    cuddy.ok(*words, "alpine", "sh", "-ec", script)
    if request.param == "ended":
        assert cuddy.ok("wait", "box") == "0"
    else:
        ready = lambda: cuddy("exec", "box", "test", "-e", "/ready").code == 0  # noqa: E731
        wait_until(ready)
    return cuddy


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The current directory of the commands: a file, and directories with something in them."""
    fill(tmp_path)
    return tmp_path


def fill(directory: Path) -> None:
    """Make what `here` has, and nothing else."""
    for path in directory.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (directory / "file").write_text("from the host\n")
    (directory / "dir/inner").mkdir(parents=True)
    (directory / "dir/inner/x").write_text("x\n")
    (directory / "full").mkdir()
    (directory / "full/old").write_text("old\n")
    (directory / "link").symlink_to("file")
    (directory / "dirlink").symlink_to("dir")


def listing(cuddy: Cuddy, path: str) -> dict[str, tarfile.TarInfo]:
    """What is at a path inside, by name, as a tar has it."""
    result = cuddy("cp", f"box:{path}", "-")
    assert result.code == 0, result.err
    with tarfile.open(fileobj=io.BytesIO(result.stdout)) as archive:
        return {info.name.removeprefix("./"): info for info in archive}


def content(cuddy: Cuddy, path: str) -> str:
    """What is in a file inside."""
    result = cuddy("cp", f"box:{path}", "-")
    assert result.code == 0, result.err
    with tarfile.open(fileobj=io.BytesIO(result.stdout)) as archive:
        file = archive.extractfile(archive.getmembers()[0])
        assert file
        return file.read().decode()


def tree(path: Path) -> set[str]:
    return {str(found.relative_to(path)) for found in path.rglob("*")}


D_TREE = {"sub", "sub/deep", "again", "link", "fifo", "zero", "some"}


class TestOut:
    def test_the_table_of_docker(self, box: Cuddy, here: Path) -> None:
        copied = {"new", *(f"new/{name}" for name in D_TREE)}
        within = {f"full/{name}" for name in D_TREE}
        for source, target, made in [
            ("/f", "new", {"new"}),
            ("f", "new", {"new"}),
            ("/d/../f", "new", {"new"}),
            ("/f", "full", {"full/f"}),
            ("/f", "full/", {"full/f"}),
            ("/f", "full/old", {"full/old"}),
            ("/empty", "new", {"new"}),
            ("/empty", "new/", {"new"}),
            ("/empty", "full", {"full/empty"}),
            ("/empty/", "full", {"full/empty"}),
            ("/empty/.", "full", set()),
            ("/d", "new", copied),
            ("/d/.", "new", copied),
            ("/d/.", "full", within),
            ("/to-file", "new", {"new"}),
            ("/to-dir/.", "full", within),
        ]:
            fill(here)
            before = tree(here)
            assert box.ok("cp", f"box:{source}", target, cwd=here) == ""
            assert tree(here) == before | made, (source, target)

    def test_what_cannot_be_meant(self, box: Cuddy, here: Path) -> None:
        before = tree(here)
        for source, target, words in [
            ("/d", "file", "cannot copy directory"),
            ("/f", "new/", "no such directory"),
            ("/f", "file/", "not a directory"),
            ("/f", "no/new", 'invalid output path: directory "{}/no" does not exist'),
            ("/d", "new/.", "no such file or directory"),
            ("/f", "/dev/null", '"/dev/null" must be a directory or a regular file: got a device'),
            ("/nothing", "new", "Could not find the file /nothing in container box"),
            ("/no/thing", "new", "Could not find the file /no/thing in container box"),
            ("/f/", "new", "not a directory"),
            ("/f/.", "new", "not a directory"),
            ("", "new", "path"),
        ]:
            result = box("cp", f"box:{source}", target, cwd=here)
            assert result.code == 1
            assert words.format(here) in result.complaint
            assert tree(here) == before

    def test_a_file_is_the_caller_s_but_keeps_mode_and_time(self, box: Cuddy, here: Path) -> None:
        box.ok("cp", "box:/f", here / "file")
        status = (here / "file").stat()
        assert (here / "file").read_text() == "file\n"
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 0, 0o640)
        assert int(status.st_mtime) == 981173106

    @only_cuddy
    def test_with_archive_owners_are_kept(self, box: Cuddy, here: Path) -> None:
        box.ok("cp", "-a", "box:/f", here / "file")
        assert ((here / "file").stat().st_uid, (here / "file").stat().st_gid) == (7, 8)

    def test_everything_is_what_it_was(self, box: Cuddy, here: Path) -> None:
        box.ok("cp", "box:/d", here)
        found = here / "d"
        assert (found / "sub").stat().st_mode & 0o7777 == 0o750
        assert os.readlink(found / "link") == "sub/deep"
        assert (found / "again").samefile(found / "sub/deep")
        assert stat.S_ISFIFO((found / "fifo").stat().st_mode)
        assert (found / "zero").stat().st_rdev == os.makedev(1, 5)
        assert (found / "some").stat().st_size == 10

    def test_a_link_is_copied_or_followed(self, box: Cuddy, here: Path) -> None:
        box.ok("cp", "box:/to-file", here / "one")
        assert os.readlink(here / "one") == "/f"
        box.ok("cp", "-L", "box:/to-file", here / "two")
        assert (here / "two").read_text() == "file\n"
        box.ok("cp", "-L", "box:/to-dir", here / "full")
        assert (here / "full/to-dir/sub/deep").read_text() == "deep\n"
        box.ok("cp", "box:/dangling", here / "three")
        assert os.readlink(here / "three") == "/nowhere/x"
        assert "/nowhere/x" in box("cp", "-L", "box:/dangling", here / "four").complaint

    def test_links_of_the_host_are_followed_at_the_destination(
        self, box: Cuddy, here: Path
    ) -> None:
        (here / "astray").symlink_to(here / "full/new")
        box.ok("cp", "box:/f", here / "astray")
        assert (here / "full/new").read_text() == "file\n"
        box.ok("cp", "box:/f", here / "link")
        assert (here / "link").is_symlink()
        assert (here / "file").read_text() == "file\n"
        box.ok("cp", "box:/empty", here / "dirlink")
        assert (here / "dir/empty").is_dir()

    def test_a_directory_and_a_file_do_not_replace_each_other(self, box: Cuddy, here: Path) -> None:
        (here / "full/f").mkdir()
        (here / "full/d").touch()
        assert f'cannot overwrite directory "{here}/full/f" with non-directory' in box(
            "cp", "box:/f", here / "full"
        ).complaint  # fmt: skip
        assert f'cannot overwrite non-directory "{here}/full/d" with directory' in box(
            "cp", "box:/d", here / "full"
        ).complaint  # fmt: skip

    def test_as_a_tar(self, box: Cuddy) -> None:
        assert set(listing(box, "/d")) == {"d", *(f"d/{name}" for name in D_TREE)}
        assert set(listing(box, "/to-dir/")) >= {"to-dir", "to-dir/sub/deep"}
        assert {"sub", "link"} <= set(listing(box, "/d/."))
        info = listing(box, "/f")["f"]
        assert (info.uid, info.gid, info.mode & 0o7777, info.size) == (7, 8, 0o640, 5)
        assert listing(box, "/to-file")["to-file"].issym()

    def test_into_its_own_directory_a_name_with_colons(self, box: Cuddy, here: Path) -> None:
        box.ok("cp", "box:/f", "./a:b", cwd=here)
        box.ok("cp", "box:/f", here / "c:d")
        assert {"a:b", "c:d"} <= set(os.listdir(here))


class TestIn:
    def test_the_table_of_docker(self, box: Cuddy, here: Path) -> None:
        for source, target, found in [
            ("file", "/new1", "/new1"),
            ("file", "new2", "/new2"),
            ("./file", "/empty", "/empty/file"),
            ("file", "/f", "/f"),
            ("dir/inner/x", "/to-file", "/f"),
            ("file", "/to-dir", "/d/file"),
            ("file", "/dangling-here", "/new"),
            ("dir", "/new3", "/new3/inner/x"),
            ("dir", "/new4/", "/new4/inner/x"),
            ("dir/.", "/new5", "/new5/inner/x"),
            ("dir", "/empty", "/empty/dir/inner/x"),
            ("dir/", "/d", "/d/dir/inner/x"),
            ("dir/.", "/empty", "/empty/inner/x"),
            ("dirlink/", "/empty", "/empty/dirlink/inner/x"),
        ]:
            assert box.ok("cp", source, f"box:{target}", cwd=here) == ""
            expected = "x\n" if source[:3] == "dir" else "from the host\n"
            assert content(box, found) == expected, (source, target)

    def test_what_cannot_be_meant(self, box: Cuddy, here: Path) -> None:
        for source, target, words in [
            ("nothing", "/new", "lstat {}/nothing: no such file or directory"),
            ("file/", "/new", "not a directory"),
            ("file", "/new/", "no such directory"),
            ("file", "/no/new", "Could not find the file /no in container box"),
            ("file", "/dangling", "Could not find the file /nowhere in container box"),
            ("dir", "/f", "cannot copy directory"),
            ("dir", "/f/", 'cannot overwrite non-directory "/f" with directory "/"'),
            ("file", "/f/", "no such directory"),
            ("-", "/f", 'destination "box:/f" must be a directory'),
            ("-", "/nothing", 'destination "box:/nothing" must be a directory'),
        ]:
            result = box("cp", source, f"box:{target}", cwd=here)
            assert result.code == 1
            assert words.format(here) in result.complaint

    def test_owners_modes_and_times_are_those_of_the_host(self, box: Cuddy, here: Path) -> None:
        os.chown(here / "dir", 55, 66)
        os.chown(here / "file", 7, 8)
        (here / "file").chmod(0o4711)
        os.utime(here / "file", (981173106, 981173106))
        box.ok("cp", here / "file", "box:/new")
        info = listing(box, "/new")["new"]
        assert (info.uid, info.gid, info.mode & 0o7777) == (7, 8, 0o4711)
        assert info.mtime == 981173106
        box.ok("cp", here / "dir", "box:/newdir")
        assert (listing(box, "/newdir")["newdir"].uid, listing(box, "/newdir")["newdir"].gid) == (
            55, 66,
        )  # fmt: skip

    def test_links_fifos_and_holes(self, box: Cuddy, here: Path) -> None:
        os.mkfifo(here / "dir/fifo")
        os.link(here / "dir/inner/x", here / "dir/again")
        with socket.socket(socket.AF_UNIX) as left_out:
            left_out.bind(str(here / "dir/socket"))
        with (here / "dir/holes").open("wb") as file:
            file.seek(50 << 20)
            file.write(b"end")
        box.ok("cp", here / "dir", "box:/new")
        box.ok("cp", here / "link", "box:/copied")
        box.ok("cp", "-L", here / "link", "box:/followed")
        found = listing(box, "/new")
        assert found["new/fifo"].isfifo()
        assert found["new/again"].islnk() or found["new/inner/x"].islnk()
        assert "new/socket" not in found
        assert listing(box, "/copied")["copied"].linkname == "file"
        assert content(box, "/followed") == "from the host\n"
        if ENGINE == "cuddy":
            [upper] = box.root.glob("containers/*/upper")
            assert (upper / "new/holes").stat().st_blocks < 1000

    def test_a_tar_from_standard_input(self, box: Cuddy, here: Path) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            archive.add(here / "dir", "made/of")
            info = tarfile.TarInfo("to-dir/through")
            info.size, info.uid, info.gid = 4, 5, 6
            archive.addfile(info, io.BytesIO(b"data"))
            info = tarfile.TarInfo("to-dir/through-too")
            info.type, info.mode = tarfile.DIRTYPE, 0o711
            archive.addfile(info)
        box.ok("cp", "-", "box:/", input=buffer.getvalue())
        assert content(box, "/made/of/inner/x") == "x\n"
        info = listing(box, "/d/through")["through"]
        assert (info.uid, info.gid) == (5, 6)
        assert listing(box, "/d/through-too")["through-too"].mode & 0o7777 == 0o711

    def test_a_damaged_tar_is_an_error(self, box: Cuddy) -> None:
        assert box("cp", "-", "box:/", input=b"garbage" * 100).code == 1

    def test_directories_are_merged(self, box: Cuddy, here: Path) -> None:
        (here / "dir").chmod(0o711)
        (here / "d").mkdir()
        (here / "d/new").touch()
        (here / "d").chmod(0o711)
        box.ok("cp", here / "d", "box:/")
        found = listing(box, "/d")
        assert {"d/new", "d/sub/deep"} <= set(found)
        assert found["d"].mode & 0o7777 == 0o711


class TestArguments:
    def test_one_side_is_a_container(self, cuddy: Cuddy) -> None:
        for words, complaint in (
            (["a:/x", "b:/y"], "copying between containers is not supported"),
            (["a", "b"], "must specify at least one container source"),
            (["./a:x", "/b:y"], "must specify at least one container source"),
            (["", "a:/x"], "source can not be empty"),
            (["a:/x", ""], "destination can not be empty"),
            (["nobody:/x", "."], "o such container: nobody"),
            (["/etc/passwd", "nobody:/x"], "o such container: nobody"),
        ):
            result = cuddy("cp", *words)
            assert result.code == 1
            assert complaint in result.complaint
        assert "requires 2 arguments" in cuddy("cp", "box:/x").complaint

    def test_what_was_done_is_said_when_asked_for_or_on_a_terminal(
        self, box: Cuddy, here: Path
    ) -> None:
        result = box("cp", "--quiet=false", "box:/f", here / "new")
        assert (result.out, result.err) == ("", f"Successfully copied 2.05kB to {here}/new")
        result = box("cp", "--quiet=false", here / "dir", "box:/new")
        assert result.err == "Successfully copied 3.07kB to box:/new"
        assert box("cp", "-q", "box:/f", here / "new").err == ""
        with box.terminal("cp", here / "file", "box:/new") as terminal:
            terminal.expect("Successfully copied 2.05kB to box:/new")
            assert terminal.ends() == 0

    @only_cuddy
    def test_a_tar_never_goes_to_a_terminal(self, box: Cuddy) -> None:
        with box.terminal("cp", "box:/f", "-") as terminal:
            terminal.expect("cowardly refusing")
            assert terminal.ends() == 1


@pytest.mark.parametrize("state", ["created", "running", "paused", "ended"])
class TestStates:
    @pytest.fixture
    def box(self, cuddy: Cuddy, state: str, tmp_path: Path) -> Cuddy:
        """A container with a read-only root and three mounts."""
        for name in ("data", "locked"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "there").write_text(name)
        binds = ["-v", f"{tmp_path}/data:/data", "-v", f"{tmp_path}/locked:/locked:ro"]
        words = ["--name", "box", "--network", "none", "--read-only", *binds, "alpine", "sleep"]
        cuddy.ok("create", *words, "0" if state == "ended" else "1000")
        if state != "created":
            cuddy.ok("start", "box")
        if state == "ended":
            cuddy.ok("wait", "box")
        if state == "paused" and cuddy("pause", "box").code:
            pytest.skip("no pause")
        return cuddy

    def test_volumes_are_seen_and_what_is_read_only_stays_so(
        self, box: Cuddy, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("from the host\n")
        assert content(box, "/data/there") == "data"
        assert content(box, "/locked/there") == "locked"
        box.ok("cp", tmp_path / "file", "box:/data/new")
        assert (tmp_path / "data/new").read_text() == "from the host\n"
        result = box("cp", tmp_path / "file", "box:/locked/new")
        assert "mounted volume is marked read-only" in result.complaint
        result = box("cp", tmp_path / "file", "box:/etc/new")
        assert "container rootfs is marked read-only" in result.complaint


@only_cuddy
class TestMounts:
    def test_of_a_running_container_all_is_seen_as_it_sees_it(
        self, cuddy: Cuddy, here: Path
    ) -> None:
        words = ["run", "-d", "--name", "box", "--network", "none", "--tmpfs", "/scratch"]
        cuddy.ok(*words, "alpine", "sh", "-c", "echo hidden >/scratch/x; exec sleep 1000")
        wait_until(lambda: cuddy("exec", "box", "test", "-s", "/scratch/x").code == 0)
        assert content(cuddy, "/scratch/x") == "hidden\n"
        cuddy.ok("cp", here / "file", "box:/scratch/new")
        assert cuddy.ok("exec", "box", "cat", "/scratch/new") == "from the host"

    def test_files_of_the_kernel_s_are_what_they_say(self, cuddy: Cuddy, here: Path) -> None:
        cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sleep", "1000")
        assert content(cuddy, "/proc/1/cmdline") == "sleep\0" + "1000\0"
        cuddy.ok("cp", "box:/proc/1/cmdline", here / "new")
        assert (here / "new").read_bytes() == b"sleep\0" + b"1000\0"

    def test_of_a_whole_root_the_kernel_s_files_are_left_out(
        self, cuddy: Cuddy, here: Path
    ) -> None:
        cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sleep", "1000")
        cuddy.ok("cp", "box:/", here / "root")
        assert (here / "root/bin/busybox").exists()
        for name in ("proc", "sys", "dev"):
            assert os.listdir(here / "root" / name) == []

    def test_nothing_is_left_of_it_and_the_container_starts_as_before(
        self, cuddy: Cuddy, here: Path
    ) -> None:
        cuddy.ok("create", "--name", "box", "--network", "none", "alpine", "cat", "/new")
        cuddy.ok("cp", here / "file", "box:/new")
        [work] = cuddy.root.glob("containers/*/work/work")
        assert os.listdir(work) == []
        assert cuddy.ok("start", "-a", "box") == "from the host"

    def test_the_container_s_user_gets_what_comes_with_archive(
        self, cuddy: Cuddy, here: Path
    ) -> None:
        cuddy.ok("create", "--name", "box", "--user", "guest", "alpine", "true")
        cuddy.ok("cp", "-a", here / "dir", "box:/new")
        assert {(each.uid, each.gid) for each in listing(cuddy, "/new").values()} == {(405, 100)}

    def test_the_image_host(self, cuddy: Cuddy, here: Path) -> None:
        cuddy.ok("create", "--name", "box", "host", "cat", "/etc/new")
        cuddy.ok("cp", here / "file", "box:/etc/new")
        assert content(cuddy, "/etc/new") == "from the host\n"
        assert not Path("/etc/new").exists()
        assert "root:*" in content(cuddy, "/etc/shadow")
        assert cuddy.ok("start", "-a", "box") == "from the host"

    def test_set_user_id_and_devices_of_strangers_stay_powerless(
        self, cuddy: Cuddy, here: Path
    ) -> None:
        script = "cp /bin/busybox /su; chmod 6755 /su; mkdir /d; mknod -m 666 /d/sda b 8 0"
        cuddy.ok("run", "--name", "box", "--network", "none", "alpine", "sh", "-ec", script)
        cuddy.ok("cp", "box:/su", here / "su")
        cuddy.ok("cp", "box:/d", here)
        assert (here / "su").stat().st_mode & 0o7777 == 0o755
        assert (here / "d/sda").stat().st_mode & 0o7777 == 0o600
