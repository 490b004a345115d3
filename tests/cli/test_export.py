"""`export`: everything a container's root shows, of one that runs and of one that does not."""

from __future__ import annotations

import io
import os
import signal
import stat
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, wait_until

CHANGE = (
    "rm /etc/motd; rm -r /media; rm -r /home && mkdir /home && echo new >/home/new; "
    "echo deep >/usr/local/deep; chmod 4755 /usr/local/deep; ln /usr/local/deep /opt/again; "
    "ln -s /etc/passwd /opt/link; mkfifo /opt/fifo; chown 7:8 /opt/fifo"
)


def export(cuddy: Cuddy, name: str) -> dict[str, tarfile.TarInfo]:
    result = cuddy("export", name)
    assert result.code == 0, result.err
    with tarfile.open(fileobj=io.BytesIO(result.stdout)) as archive:
        return {info.name: info for info in archive if info.name != "."}


def check(found: dict[str, tarfile.TarInfo]) -> None:
    """What CHANGE has left of the image, and added to it."""
    assert "bin/busybox" in found
    assert "etc/passwd" in found
    assert not {"etc/motd", "media", "home/.wh..wh..opq", "etc/.wh.motd"} & set(found)
    assert [name for name in found if name.startswith("home/")] == ["home/new"]
    names = [name for name in ("usr/local/deep", "opt/again") if found[name].isreg()]
    [first] = names
    assert found[first].mode & 0o7777 == 0o4755  # docker adds the kind of file
    [second] = {"usr/local/deep", "opt/again"} - {first}
    assert found[second].islnk() and found[second].linkname == first
    assert found["opt/link"].linkname == "/etc/passwd"
    assert (found["opt/fifo"].isfifo(), found["opt/fifo"].uid, found["opt/fifo"].gid) == (
        True, 7, 8,
    )  # fmt: skip


def test_of_a_container_that_has_ended(cuddy: Cuddy) -> None:
    cuddy.ok("run", "--name", "box", "--network", "none", "alpine", "sh", "-c", CHANGE)
    check(export(cuddy, "box"))


def test_of_one_that_runs(cuddy: Cuddy) -> None:
    command = f"{CHANGE}; touch /ready; sleep 1000"
    cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sh", "-c", command)
    wait_until(lambda: cuddy("exec", "box", "test", "-e", "/ready").code == 0)
    check(export(cuddy, "box"))
    assert cuddy.ok("exec", "box", "cat", "/home/new") == "new"


def test_of_one_that_never_ran(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "box", "alpine")
    assert "bin/busybox" in export(cuddy, "box")


@pytest.mark.parametrize("state", ["running", "ended"])
def test_what_is_mounted_is_not_part_of_it(cuddy: Cuddy, tmp_path: Path, state: str) -> None:
    (tmp_path / "secret").touch()
    command = ["sleep", "1000"] if state == "running" else ["true"]
    flags = ["-v", f"{tmp_path}:/data", "--tmpfs", "/scratch", "--network", "none"]
    cuddy.ok("run", "-d", "--name", "box", *flags, "alpine", *command)
    if state == "ended":
        cuddy.ok("wait", "box")
    found = export(cuddy, "box")
    assert found["data"].isdir()
    for directory in ("data", "scratch", "proc", "sys", "dev"):
        inside = [name for name in found if name.startswith(f"{directory}/")]
        assert [name for name in inside if "dev/" not in name] == []


@pytest.mark.skipif(ENGINE != "cuddy", reason="others make no promise")
def test_the_same_container_makes_the_same_bytes(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "box", "alpine")
    assert cuddy("export", "box").stdout == cuddy("export", "box").stdout


@pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine has the image host")
def test_the_image_host_can_be_exported_as_well(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "box", "host")
    with cuddy.start("export", "box") as process:
        assert process.stdout
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            names = {info.name for info, _ in zip(archive, range(200))}
    assert "etc/passwd" in names


class TestOutput:
    def test_into_a_file_that_only_its_owner_can_read(self, cuddy: Cuddy, tmp_path: Path) -> None:
        cuddy.ok("create", "--name", "box", "alpine")
        target = tmp_path / "root.tar"
        assert cuddy.ok("export", "-o", target, "box") == ""
        assert tarfile.is_tarfile(target)
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert os.listdir(tmp_path) == ["root.tar"]

    def test_never_to_a_terminal(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "box", "alpine")
        with cuddy.terminal("export", "box") as terminal:
            terminal.expect("cowardly refusing")
            assert terminal.ends() == 1

    @pytest.mark.parametrize("target", ["no/such/directory", "/dev/null"])
    def test_never_into_what_is_no_file(self, cuddy: Cuddy, tmp_path: Path, target: str) -> None:
        cuddy.ok("create", "--name", "box", "alpine")
        result = cuddy("export", "-o", target, "box", cwd=tmp_path)
        assert result.code == 1
        assert "invalid output path" in result.complaint

    def test_a_failure_leaves_the_old_file(self, cuddy: Cuddy, tmp_path: Path) -> None:
        (tmp_path / "root.tar").write_text("old")
        assert cuddy("export", "-o", tmp_path / "root.tar", "nobody").code == 1
        assert (tmp_path / "root.tar").read_text() == "old"
        assert os.listdir(tmp_path) == ["root.tar"]

    @pytest.mark.skipif(ENGINE != "cuddy", reason="docker reads on to the end")
    def test_a_reader_that_leaves_ends_it_quietly(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "box", "alpine")
        with cuddy.start("export", "box") as process:
            assert process.stdout and process.stderr
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait() == 141


@pytest.mark.skipif(ENGINE != "cuddy", reason="it is the daemon that would have to be killed")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_the_middle_it_leaves_nothing(
    cuddy: Cuddy, tmp_path: Path, number: signal.Signals
) -> None:
    cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sleep", "1000")
    before = Path("/proc/self/mountinfo").read_text()
    for delay in (0.02, 0.06, 0.1):
        with cuddy.start("export", "-o", tmp_path / "root.tar", "box") as process:
            time.sleep(delay)
            process.send_signal(number)
            process.wait()
        (tmp_path / "root.tar").unlink(missing_ok=True)
        assert os.listdir(tmp_path) == []
    assert Path("/proc/self/mountinfo").read_text() == before
    assert cuddy.ok("exec", "box", "echo", "well") == "well"


@pytest.mark.skipif(ENGINE != "cuddy", reason="docker has no lock for it")
def test_one_that_is_removed_meanwhile_is_no_success(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sh", "-c",
             "head -c 9000000 /dev/zero >/big; sleep 1000")  # fmt: skip
    wait_until(lambda: cuddy.ok("exec", "box", "stat", "-c", "%s", "/big") == "9000000")
    with cuddy.start("export", "box") as process:
        assert process.stdout and process.stderr
        process.stdout.read(1024)
        cuddy.ok("rm", "-f", "box")
        process.stdout.read()
        assert process.wait() == 1
        assert b"removed meanwhile" in process.stderr.read()


@pytest.mark.skipif(ENGINE != "cuddy", reason="docker makes no promise about such an archive")
@pytest.mark.parametrize("verb", ["start", "rm"])
def test_nobody_waits_for_the_export_of_one_that_has_ended(cuddy: Cuddy, verb: str) -> None:
    cuddy.ok("run", "--name", "box", "--network", "none", "alpine", "sh", "-c",
             "head -c 9000000 /dev/zero >/big")  # fmt: skip
    with cuddy.start("export", "box") as process:
        assert process.stdout and process.stderr
        process.stdout.read(1024)
        cuddy.ok(verb, "box", timeout=30)
        process.stdout.read()
        assert process.wait() == 1
        happened = b"started" if verb == "start" else b"removed"
        assert happened + b" meanwhile" in process.stderr.read()


def test_docker_s_words_for_what_is_not_there(cuddy: Cuddy) -> None:
    result = cuddy("export", "nobody")
    assert (result.code, result.stdout) == (1, b"")
    assert "no such container" in result.complaint.lower()


def test_gnu_tar_unpacks_it(cuddy: Cuddy, tmp_path: Path) -> None:
    cuddy.ok("run", "--name", "box", "--network", "none", "alpine", "sh", "-c", CHANGE)
    archive = cuddy("export", "box").stdout
    subprocess.run(["tar", "-x", "-C", tmp_path], input=archive, check=True)
    assert (tmp_path / "home/new").read_text() == "new\n"
