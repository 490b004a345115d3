"""Volumes as things of their own: mv, cp, export, import, snapshot, diff."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, gone_on, wait_until
from cuddy.engine import volume_rest
from cuddy.engine.home import Home

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine has these verbs")

KILLS = int(os.environ.get("CUDDY_TESTS_KILLS", "1"))
RAM = ("-o", "type=tmpfs", "-o", "device=tmpfs", "ram")
FILL = """
cd /in; mkdir -p dir/deep; echo one >dir/file; echo two >dir/deep/file; ln dir/file hard
ln -s ../../../etc/passwd link; mkfifo fifo
dd if=/dev/zero of=holes bs=1 count=3 seek=50M 2>/dev/null
chown 5:6 dir; chmod 2751 dir; chmod 4755 dir/deep/file; chown 7:8 .; chmod 1770 .
touch -d '2001-02-03 04:05:06' dir .
"""


def names(cuddy: Cuddy) -> list[str]:
    return cuddy.ok("volume", "ls", "-q").split()


def fill(cuddy: Cuddy, name: str, script: str = FILL) -> None:
    words = ["run", "--rm", "--network", "none", "-v", f"{name}:/in", "alpine", "sh", "-ec", script]
    cuddy.ok(*words)


def look(cuddy: Cuddy, name: str, *, blocks: bool = True) -> dict[str, object]:
    """All that is known of what is in a volume."""
    top = cuddy.root / f"volumes/{name}/_data"
    found: dict[str, object] = {}
    for path in (top, *sorted(top.rglob("*"))):
        status = path.lstat()
        times = 0 if path.is_symlink() else status.st_mtime_ns
        content = path.read_bytes() if path.is_file() and status.st_size < 1000 else b""
        link = os.readlink(path) if path.is_symlink() else ""
        xattrs = {each: os.getxattr(path, each, follow_symlinks=False)
                  for each in os.listxattr(path, follow_symlinks=False)}  # fmt: skip
        size = 0 if path.is_dir() else status.st_size
        found[str(path.relative_to(top))] = (
            status.st_mode, status.st_uid, status.st_gid, status.st_rdev, size, times, link,
            content, xattrs, 1 if path.is_dir() else status.st_nlink,
            blocks and status.st_blocks * 512 < 1 << 16,
        )  # fmt: skip
    return found


@pytest.fixture
def stocked(cuddy: Cuddy) -> Cuddy:
    """A Home with a volume `data`, in which is something of every kind."""
    cuddy.ok("volume", "create", "--label", "a=b", "data")
    # By the host's root: that of a user namespace could make no device.
    os.mknod(cuddy.root / "volumes/data/_data/null", 0o20644, os.makedev(1, 3))
    fill(cuddy, "data")
    os.setxattr(cuddy.root / "volumes/data/_data/dir/file", "user.note", b"a\0b")
    acl = bytes.fromhex("0200000001000700ffffffff020007004d00000004000500ffffffff"
                        "10000700ffffffff20000100ffffffff")  # fmt: skip
    os.setxattr(cuddy.root / "volumes/data/_data/dir", "system.posix_acl_access", acl)
    return cuddy


class TestMove:
    def test_all_of_it_goes_along(self, stocked: Cuddy) -> None:
        before = look(stocked, "data")
        (was,) = json.loads(stocked.ok("volume", "inspect", "data"))
        assert stocked.ok("volume", "mv", "data", "other") == "other"
        assert names(stocked) == ["other"]
        (now,) = json.loads(stocked.ok("volume", "inspect", "other"))
        assert now == was | {
            "Name": "other", "Mountpoint": was["Mountpoint"].replace("/data/", "/other/"),
        }  # fmt: skip
        assert look(stocked, "other") == before

    def test_not_while_a_container_has_it(self, cuddy: Cuddy) -> None:
        container = cuddy.ok("create", "-v", "data:/in", "alpine", "true")
        result = cuddy("volume", "mv", "data", "other")
        assert (result.code, names(cuddy)) == (1, ["data"])
        assert f"rename data: volume is in use - [{container}]" in result.complaint

    def test_not_to_a_name_that_is_taken_or_none(self, cuddy: Cuddy) -> None:
        for name in ("one", "two"):
            cuddy.ok("volume", "create", name)
        assert "volume two is there already" in cuddy("volume", "mv", "one", "two").complaint
        assert "invalid characters" in cuddy("volume", "mv", "one", "../x").complaint
        assert "no such volume" in cuddy("volume", "mv", "none", "x").complaint.lower()

    def test_its_snapshots_are_those_of_the_new_name(self, cuddy: Cuddy) -> None:
        cuddy.ok("volume", "create", "data")
        cuddy.ok("volume", "snapshot", "data")
        cuddy.ok("volume", "mv", "data", "other")
        assert cuddy.ok("volume", "diff", "other") == ""

    def test_a_kill_before_the_record_is_written_anew_does_no_harm(self, cuddy: Cuddy) -> None:
        cuddy.ok("volume", "create", "--label", "a=b", "data")
        os.rename(cuddy.root / "volumes/data", cuddy.root / "volumes/other")
        assert cuddy.ok("volume", "inspect", "-f", "{{.Name}} {{.Labels.a}}", "other") == "other b"
        assert "still has the name data" in cuddy.ok("system", "check", "--repair")
        record = json.loads((cuddy.root / "volumes/other/volume.json").read_text())
        assert (record["Name"], record["Labels"]) == ("other", {"a": "b"})

    def test_events_tell_of_it(self, cuddy: Cuddy) -> None:
        cuddy.ok("volume", "create", "data")
        cuddy.ok("volume", "mv", "data", "other")
        words = ["events", "--since", "1m", "--until", "0s", "--filter", "volume=other"]
        event = json.loads(cuddy.ok(*words, "--format", "{{json .}}").splitlines()[-1])
        assert event["Action"] == "rename"
        assert event["Actor"]["Attributes"] == {"driver": "local", "oldName": "data"}


class TestCopy:
    def test_in_and_out_by_the_rules_of_cp(self, cuddy: Cuddy, tmp_path: Path) -> None:
        cuddy.ok("volume", "create", "data")
        (tmp_path / "tree/deep").mkdir(parents=True)
        (tmp_path / "tree/deep/file").write_text("deep\n")
        os.chown(tmp_path / "tree/deep/file", 5, 6)
        cuddy.ok("volume", "cp", str(tmp_path / "tree"), "data:/")
        cuddy.ok("volume", "cp", f"{tmp_path}/tree/.", "data:/tree/deep")
        data = cuddy.root / "volumes/data/_data"
        assert (data / "tree/deep/deep/file").read_text() == "deep\n"
        assert (data / "tree/deep/file").stat().st_uid == 5
        cuddy.ok("volume", "cp", "data:tree/deep", f"{tmp_path}/out")
        assert (tmp_path / "out/file").stat().st_uid == 0
        cuddy.ok("volume", "cp", "-a", "data:/tree/deep/file", f"{tmp_path}/kept")
        assert (tmp_path / "kept").stat().st_uid == 5

    def test_as_a_tar(self, cuddy: Cuddy) -> None:
        cuddy.ok("volume", "create", "data")
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            tar.addfile(tarfile.TarInfo("file"), io.BytesIO())
        assert cuddy("volume", "cp", "-", "data:/", input=archive.getvalue()).code == 0
        words = [*cuddy.program, "volume", "cp", "data:/", "-"]
        out = subprocess.run(words, env=cuddy.environment, stdout=subprocess.PIPE, check=True)
        with tarfile.open(fileobj=io.BytesIO(out.stdout)) as tar:
            assert [each.lstrip("./") for each in tar.getnames()] == ["", "file"]

    def test_between_volumes(self, stocked: Cuddy) -> None:
        stocked.ok("volume", "create", "other")
        stocked.ok("volume", "cp", "data:/dir", "other:/copy")
        stocked.ok("volume", "cp", "data:/dir/file", "other:/")
        out = stocked.ok("volume", "diff", "data", "other")
        assert "A /copy/deep/file" in out.splitlines()
        copied = stocked.root / "volumes/other/_data/copy"
        original = stocked.root / "volumes/data/_data/dir"
        assert (copied.stat().st_uid, copied.stat().st_mode) == (5, original.stat().st_mode)
        assert os.listxattr(copied) == ["system.posix_acl_access"]

    def test_no_directory_is_copied_into_itself(self, stocked: Cuddy) -> None:
        data = stocked.root / "volumes/data/_data"
        for source, target in (
            ("data:/dir", "data:/dir/deep"),
            ("data:/", "data:/dir"),
            ("data:/dir/.", "data:/dir"),
            ("data:/dir", f"{data}/dir/new"),
            (f"{data}/dir", "data:/dir/new"),
        ):
            result = stocked("volume", "cp", source, target)
            assert (result.code, "into itself" in result.complaint) == (1, True), (source, target)
        stocked.ok("volume", "cp", "data:/dir/deep", "data:/copy")
        assert (data / "copy/file").read_text() == "two\n"

    def test_into_a_volume_that_a_container_uses(self, cuddy: Cuddy, tmp_path: Path) -> None:
        cuddy.ok("volume", "create", *RAM)
        assert "no container has it" in cuddy("volume", "cp", "/etc/hostname", "ram:/").complaint
        cuddy.ok("run", "-d", "--name", "one", "-v", "ram:/in", "alpine", "sleep", "100")
        cuddy.ok("volume", "cp", "/etc/hostname", "ram:/name")
        assert cuddy.ok("exec", "one", "cat", "/in/name") == Path("/etc/hostname").read_text()[:-1]
        cuddy.ok("volume", "cp", "ram:name", str(tmp_path))
        assert (tmp_path / "name").exists()

    def test_what_cannot_be_meant(self, cuddy: Cuddy, tmp_path: Path) -> None:
        cuddy.ok("volume", "create", "data")
        for words, complaint in (
            (("/a", "/b"), "must specify at least one volume source (one of the two is VOLUME"),
            (("data:nothing", str(tmp_path)), "Could not find the file /nothing in volume data"),
            (("none:x", str(tmp_path)), "none: no such volume"),
            (("data:", str(tmp_path)), "no path is given for volume data"),
        ):
            result = cuddy("volume", "cp", *words)
            assert (result.code, complaint in result.complaint) == (1, True), result.err


class TestArchives:
    def test_what_is_exported_and_imported_is_the_same(
        self, stocked: Cuddy, tmp_path: Path
    ) -> None:
        before = look(stocked, "data")
        archive = tmp_path / "data.tar"
        stocked.ok("volume", "export", "-o", str(archive), "data")
        assert archive.stat().st_size < 1 << 17
        for name, tool in (("plain", "cat"), ("gzip", "gzip"), ("zstd", "zstd")):
            packed = subprocess.run([tool], input=archive.read_bytes(), stdout=subprocess.PIPE)
            result = stocked("volume", "import", name, input=packed.stdout)
            assert (result.out, result.code) == (name, 0), result.err
            assert look(stocked, name) == before
            assert stocked.ok("volume", "diff", "data", name) == ""

    def test_other_programs_read_it(self, stocked: Cuddy, tmp_path: Path) -> None:
        archive = tmp_path / "data.tar"
        stocked.ok("volume", "export", "-o", str(archive), "data")
        with tarfile.open(archive) as tar:
            assert tar.getmember("holes").size == (50 << 20) + 3
        out = tmp_path / "out"
        out.mkdir()
        subprocess.run(["tar", "-xpf", archive, "-C", out], check=True)
        assert (out / "holes").stat().st_size == (50 << 20) + 3
        assert (out / "holes").stat().st_blocks < 200
        assert (out.stat().st_uid, out.stat().st_mode & 0o7777) == (7, 0o1770)

    def test_what_gnu_tar_wrote_is_read(self, cuddy: Cuddy, tmp_path: Path) -> None:
        (tmp_path / "tree").mkdir()
        with open(tmp_path / "tree/holes", "wb") as file:
            for number in range(3):
                file.seek(number << 22)
                file.write(b"data")
            file.truncate(20 << 20)
        command = ["tar", "-cS", "-C", tmp_path / "tree", "."]
        archive = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        assert cuddy("volume", "import", "data", "-", input=archive).code == 0
        copied = cuddy.root / "volumes/data/_data/holes"
        assert copied.read_bytes() == (tmp_path / "tree/holes").read_bytes()
        assert copied.stat().st_blocks < 200

    def test_only_into_an_empty_one_unless_it_is_to_be_replaced(self, stocked: Cuddy) -> None:
        archive = stocked.start("volume", "export", "data", stdout=subprocess.PIPE)
        with archive as process:
            packed = process.communicate()[0]
        before = look(stocked, "data")
        stocked.ok("volume", "create", "--label", "c=d", "other")
        assert stocked("volume", "import", "other", input=packed).code == 0
        fill(stocked, "other", "echo more >/in/more")
        result = stocked("volume", "import", "other", input=packed)
        assert "volume other is not empty (--replace" in result.complaint
        assert "more" in look(stocked, "other")
        words = ["--network", "none", "-v", "other:/in", "alpine", "cat", "/in/dir/file"]
        stocked.ok("create", "--name", "one", *words)
        assert stocked("volume", "import", "--replace", "other", input=packed).code == 0
        assert stocked.ok("start", "-a", "one") == "one"
        assert look(stocked, "other") == before
        assert stocked.ok("volume", "inspect", "-f", "{{.Labels.c}}", "other") == "d"

    def test_none_that_a_running_container_uses_is_replaced(self, stocked: Cuddy) -> None:
        words = ["-v", "data:/in", "--name", "one", "alpine", "sleep", "100"]
        stocked.ok("run", "-d", *words)
        result = stocked("volume", "import", "--replace", "data", "/dev/null")
        assert "volume data is in use by running containers" in result.complaint
        stocked.ok("rm", "-f", "one")

    def test_into_one_that_is_mounted(self, cuddy: Cuddy, tmp_path: Path) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("dir/file"), io.BytesIO())
        words = ["-o", "type=none", "-o", f"device={tmp_path}", "-o", "o=bind"]
        cuddy.ok("volume", "create", *words, "there")
        assert cuddy("volume", "import", "there", input=archive.getvalue()).code == 0
        assert [path.name for path in tmp_path.rglob("*")] == ["dir", "file"]
        assert "not empty" in cuddy("volume", "import", "there", input=archive.getvalue()).complaint
        cuddy.ok("volume", "create", *RAM)
        assert "in memory" in cuddy("volume", "import", "ram", input=archive.getvalue()).complaint

    @pytest.mark.parametrize(("member", "complaint"), [
        ({"name": "../../evil"}, "is outside of"),
        ({"name": "a/../../evil"}, "is outside of"),
        ({"name": "evil", "type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}, "is not there"),
        ({"name": "evil", "type": tarfile.LNKTYPE, "linkname": "../volume.json"}, "is outside of"),
        ({"name": "evil", "type": b"9"}, "unknown type"),
        ({"name": "up/evil"}, ""),
        ({"name": "/abs/evil"}, '"/abs" is not a directory'),
        ({"name": "a" * 5000}, "name of 5000 bytes"),
        ({"name": "a" * 300}, f": {'a' * 300}: file name too long"),
        ({"name": "evil", "type": tarfile.LNKTYPE, "linkname": "dir"}, "link to a directory"),
    ])  # fmt: skip
    def test_a_hostile_archive_stays_inside(
        self, cuddy: Cuddy, tmp_path: Path, member: dict[str, object], complaint: str
    ) -> None:
        (tmp_path / "outside").mkdir()
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name, target in (("abs", tmp_path / "outside"), ("up", "../" * 30 + "tmp")):
                info = tarfile.TarInfo(name)
                info.type, info.linkname = tarfile.SYMTYPE, str(target)
                tar.addfile(info)
            info = tarfile.TarInfo("dir")
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
            info = tarfile.TarInfo("x")
            for key, value in member.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO())
        result = cuddy("volume", "import", "data", input=archive.getvalue())
        assert complaint in result.err
        assert os.listdir(tmp_path / "outside") == []
        assert not Path("/tmp/evil").exists()
        if result.code:
            assert names(cuddy) == []
            assert "\n" not in result.err

    def test_what_is_no_archive_makes_no_volume(self, cuddy: Cuddy) -> None:
        for data in (b"", b"nonsense" * 100, b"\x1f\x8bnonsense"):
            assert cuddy("volume", "import", "data", input=data).code == 1
        assert cuddy("volume", "import", "data", "/nothing").code == 1
        assert names(cuddy) == []
        assert not [each for each in os.listdir(cuddy.root / "tmp") if "volume" in each]


class TestSnapshots:
    def test_it_is_what_the_volume_was(self, stocked: Cuddy) -> None:
        before = look(stocked, "data")
        name = stocked.ok("volume", "snapshot", "data")
        fill(stocked, "data", "rm -r /in/dir; echo new >/in/new; echo >>/in/hard")
        assert look(stocked, name) == before | {"hard": look(stocked, name)["hard"]}
        assert stocked.ok("volume", "diff", "data").splitlines() == ["D /dir", "C /hard", "A /new"]
        label = "label=cuddy.snapshot.of=data"
        assert stocked.ok("volume", "ls", "-q", "--filter", label) == name

    def test_it_may_have_a_name_and_labels(self, cuddy: Cuddy) -> None:
        cuddy.ok("volume", "create", "data")
        assert cuddy.ok("volume", "snapshot", "--label", "why=x", "data", "copy") == "copy"
        assert cuddy.ok("volume", "inspect", "-f", "{{.Labels.why}}", "copy") == "x"
        assert "copy is there already" in cuddy("volume", "snapshot", "data", "copy").complaint
        first, second = (cuddy.ok("volume", "snapshot", "data") for _ in range(2))
        assert first != second

    def test_all_of_it_is_of_one_moment(self, cuddy: Cuddy) -> None:
        """A program writes the same number to many files; a torn copy would have two."""
        script = """
        i=0; while true; do i=$((i+1))
        for f in 0 1 2 3 4 5 6 7 8 9; do echo $i >/in/$f.new; mv /in/$f.new /in/$f; done; done
        """
        cuddy.ok("run", "-d", "--name", "one", "--network", "none", "-v", "data:/in", "alpine",
                 "sh", "-c", script)  # fmt: skip
        data = cuddy.root / "volumes/data/_data"
        wait_until(lambda: (data / "9").exists())
        for _ in range(3):
            name = cuddy.ok("volume", "snapshot", "data")
            copied = cuddy.root / f"volumes/{name}/_data"
            values = [int((copied / str(n)).read_text()) for n in range(10)]
            # The program stands somewhere in its round: first files may be one further.
            assert values == sorted(values, reverse=True)
            assert values[0] - values[-1] <= 1
        assert cuddy.field("one", "{{.State.Status}}") == "running"
        words = ["events", "--since", "1m", "--until", "0s", "--filter", "container=one"]
        events = cuddy.ok(*words, "--format", "{{.Action}}").split()
        assert events.count("pause") == events.count("unpause") == 3

    def test_nobody_has_to_stand_still(self, cuddy: Cuddy) -> None:
        container = cuddy.ok("run", "-d", "-v", "data:/in", "alpine", "sleep", "100")
        cuddy.ok("volume", "snapshot", "--pause=false", "data")
        words = ["events", "--since", "1m", "--until", "0s", "--filter", "event=pause"]
        assert cuddy.ok(*words, "--filter", f"container={container}") == ""

    def test_containers_that_start_meanwhile_wait(self, cuddy: Cuddy) -> None:
        words = ["--network", "none", "-v", "data:/in", "alpine", "sh", "-c"]
        script = "echo >>/in/$0; sleep 100"
        cuddy.ok("create", "--name", "stopped", *words, script, "stopped")
        lives = "echo >>/in/lives; sleep 0.05"
        cuddy.ok("run", "-d", "--name", "again", "--restart", "always", *words, lives)
        writes = "while sleep 0.02; do echo >>/in/paused; done"
        cuddy.ok("run", "-d", "--name", "paused", *words, writes)
        cuddy.ok("pause", "paused")
        home = Home(str(cuddy.root), str(cuddy.run_root))
        commands = (
            ("start", "stopped"), ("unpause", "paused"), ("run", "-d", *words, script, "new"),
        )  # fmt: skip
        with ExitStack() as stack:
            with volume_rest.Stillness(home, "data"):
                begun = [stack.enter_context(cuddy.start(*words)) for words in commands]
                before = look(cuddy, "data")
                time.sleep(0.7)
                assert look(cuddy, "data") == before
                assert [process.poll() for process in begun] == [None] * len(begun)
            assert [process.wait(20) for process in begun] == [0] * len(begun)
        was = before["lives"]
        wait_until(lambda: {"stopped", "new"} <= set(look(cuddy, "data")))
        wait_until(lambda: look(cuddy, "data")["lives"] != was)
        cuddy.ok("volume", "snapshot", "data", "copy")
        cuddy.ok("rm", "-f", *cuddy.ok("ps", "-aq").split())

    def test_of_what_is_in_memory(self, cuddy: Cuddy) -> None:
        cuddy.ok("volume", "create", *RAM)
        script = "echo kept >/in/file; exec sleep 100"
        cuddy.ok("run", "-d", "-v", "ram:/in", "--name", "one", "alpine", "sh", "-c", script)
        wait_until(lambda: cuddy("exec", "one", "test", "-s", "/in/file").code == 0)
        cuddy.ok("volume", "snapshot", "ram", "kept")
        cuddy.ok("rm", "-f", "one")
        assert (cuddy.root / "volumes/kept/_data/file").read_text() == "kept\n"


class TestDiff:
    def test_attributes_and_content_count_times_do_not(self, stocked: Cuddy) -> None:
        stocked.ok("volume", "snapshot", "data", "before")
        fill(stocked, "data", "touch /in/hard; chmod 700 /in/dir; echo owt >/in/dir/deep/file")
        assert stocked.ok("volume", "diff", "before", "data").splitlines() == [
            "C /dir", "C /dir/deep", "C /dir/deep/file",
        ]  # fmt: skip

    def test_without_anything_to_compare_with_it_says_so(self, cuddy: Cuddy) -> None:
        cuddy.ok("volume", "create", "data")
        result = cuddy("volume", "diff", "data")
        assert (result.code, "has no snapshot" in result.complaint) == (1, True)


@pytest.fixture
def packed(home_in: Callable[..., Cuddy], tmp_path: Path) -> Iterator[tuple[Cuddy, Path]]:
    """A Home with a volume of many files, and an archive of it."""
    cuddy = home_in(tmp_path / "home")
    archive = tmp_path / "many.tar"
    with tarfile.open(archive, "w") as tar:
        for number in range(400):
            info = tarfile.TarInfo(f"{number // 100}/{number}")
            info.size = 1000
            tar.addfile(info, io.BytesIO(b"x" * 1000))
    cuddy.ok("volume", "import", "many", str(archive))
    yield cuddy, archive


@pytest.mark.slow
def test_a_kill_never_leaves_half_of_a_volume(packed: tuple[Cuddy, Path]) -> None:
    cuddy, archive = packed
    chance = random.Random(seed := random.SystemRandom().getrandbits(32))
    commands: tuple[tuple[str, ...], ...] = (
        ("volume", "import", "made", str(archive)),
        ("volume", "import", "empty", str(archive)),
        ("volume", "import", "--replace", "other", str(archive)),
        ("volume", "snapshot", "many", "made"),
        ("volume", "mv", "other", "made"),
    )
    words = ["--name", "one", "--network", "none", "-v", "many:/in", "alpine", "sleep", "1000"]
    cuddy.ok("run", "-d", *words)
    for number in range(KILLS * len(commands)):
        gone_on()
        words = commands[number % len(commands)]
        cuddy.ok("volume", "create", "empty")
        cuddy("volume", "create", "other")
        (cuddy.root / "volumes/other/_data/old").write_text("old")
        began = time.monotonic()
        with cuddy.start(*words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            time.sleep(chance.uniform(0, 0.4))
            process.send_signal(signal.SIGKILL)
        when = f"seed {seed}, kill {number} after {time.monotonic() - began:.3f} s of {words}"
        assert cuddy("exec", "one", "true").code == 0, f"{when}: it stands still"
        for name in names(cuddy):
            cuddy.ok("volume", "cp", f"{name}:/", f"{archive}.out")
            files = list((cuddy.root / f"volumes/{name}/_data").rglob("*"))
            assert len(files) in ((404,) if name == "many" else (0, 1, 404)), f"{when}: {name}"
        cuddy.ok("volume", "rm", *(name for name in names(cuddy) if name != "many"))
    cuddy.ok("rm", "-f", "one")
    assert cuddy("system", "check", "--repair").code == 0, seed
    assert not [each for each in os.listdir(cuddy.root / "tmp") if "volume" in each], seed
