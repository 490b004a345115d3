"""`cp` against those who would lead it astray: programs that swap files, and archives that lie."""

from __future__ import annotations

import ctypes
import fcntl
import io
import os
import signal
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console import ENGINE, MAIN, Cuddy, wait_until

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it is cuddy that makes this promise")

SECRET = "the host's secret"
RACE_S = 1.5
AT_FDCWD, RENAME_EXCHANGE = -100, 2
libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[Path]:
    """A directory of the host that must be neither read nor changed."""
    directory = tmp_path / "secrets"
    directory.mkdir()
    for number in range(20):
        (directory / f"f{number}").write_text(SECRET)
    before = {path.name: path.stat() for path in directory.iterdir()}
    about = directory.stat()
    yield directory
    assert {path.name for path in directory.iterdir()} == set(before)
    for name, was in before.items():
        assert (directory / name).read_text() == SECRET
        now = (directory / name).stat()
        assert (now.st_ctime_ns, now.st_nlink) == (was.st_ctime_ns, was.st_nlink)
    assert directory.stat().st_ctime_ns == about.st_ctime_ns


@pytest.fixture
def box(cuddy: Cuddy, secrets: Path) -> Cuddy:
    """A container with a tree in /data, and beside its parts links that lead out."""
    script = f"""
    mkdir -p /data/dir/deep /data/links
    for i in $(seq 0 19); do echo inside >/data/dir/f$i; echo inside >/data/dir/deep/f$i; done
    ln -s {secrets} /data/evil-dir; ln -s ../../../../../../../../../../..{secrets} /data/evil-deep
    ln -s {secrets}/f0 /data/dir/evil-file
    exec sleep 1000
    """
    cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sh", "-ec", script)
    for _ in range(500):
        if cuddy("exec", "box", "test", "-L", "/data/dir/evil-file").code == 0:
            break
    return cuddy


@contextmanager
def swapping(cuddy: Cuddy, *pairs: tuple[str, str]) -> Iterator[None]:
    """Somebody who exchanges files inside as fast as the kernel can."""
    pid = cuddy.pid("box")
    attacker = os.fork()
    if not attacker:
        try:
            os.chdir(f"/proc/{pid}/root/data")
            names = [(one.encode(), other.encode()) for one, other in pairs]
            while True:
                for one, other in names:
                    libc.renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)
        finally:
            os._exit(1)
    try:
        yield
        assert os.waitpid(attacker, os.WNOHANG) == (0, 0), "the attacker has given up"
    finally:
        os.kill(attacker, signal.SIGKILL)
        os.waitpid(attacker, 0)


PAIRS = (("dir", "evil-dir"), ("dir/deep", "evil-deep"), ("dir/f0", "dir/evil-file"))


def rounds() -> Iterator[int]:
    end = time.monotonic() + RACE_S
    number = 0
    while time.monotonic() < end:
        yield number
        number += 1


def check(cuddy: Cuddy, *words: object, input: bytes | None = None) -> bytes:
    """A command that may fail, but in one line; what it wrote."""
    result = cuddy(*words, input=input)
    if result.code:
        assert result.complaint
    return result.stdout


def test_nothing_outside_is_read_while_links_are_swapped(box: Cuddy, tmp_path: Path) -> None:
    with swapping(box, *PAIRS):
        for number in rounds():
            target = tmp_path / f"out{number}"
            check(box, "cp", "box:/data", target)
            check(box, "cp", "box:/data/dir/f0", tmp_path / f"file{number}")
            check(box, "cp", "-L", "box:/data/evil-dir/f1", tmp_path / f"followed{number}")
            assert SECRET.encode() not in check(box, "cp", "box:/data/dir", "-")
    for path in tmp_path.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.parent.name != "secrets":
            assert SECRET not in path.read_text()


def test_nothing_outside_is_written_while_links_are_swapped(box: Cuddy, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    for number in range(20):
        (source / f"f{number}").write_text("new")
        (source / f"deep/f{number}").write_text("new")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(source, "dir")
    with swapping(box, *PAIRS):
        for _ in rounds():
            check(box, "cp", f"{source}/.", "box:/data/dir")
            check(box, "cp", f"{source}/f0", "box:/data/dir/f0")
            check(box, "cp", f"{source}/f0", "box:/data/evil-dir")
            check(box, "cp", "-", "box:/data", input=buffer.getvalue())


def test_a_link_to_the_outside_leads_inside(box: Cuddy, secrets: Path, tmp_path: Path) -> None:
    assert "Could not find" in box("cp", "box:/data/evil-dir/f0", tmp_path / "x").complaint
    assert "Could not find" in box("cp", "-L", "box:/data/evil-dir", tmp_path / "x").complaint
    box.ok("exec", "box", "sh", "-c", f"mkdir -p {secrets}; echo mine >{secrets}/f0")
    box.ok("cp", "box:/data/evil-dir/f0", tmp_path / "x")
    assert (tmp_path / "x").read_text() == "mine\n"
    box.ok("cp", tmp_path / "x", "box:/data/evil-deep")
    assert box.ok("exec", "box", "cat", f"{secrets}/x") == "mine"


def test_neither_magic_links_nor_the_kernel_s_files_lead_out(box: Cuddy, tmp_path: Path) -> None:
    box.ok("exec", "box", "ln", "-s", "/proc/1/root", "/data/magic")
    box.ok("exec", "box", "ln", "-s", "/proc/self/fd/0", "/data/stdin")
    (tmp_path / "x").write_text("x")
    for path in ("/data/magic/etc/passwd", "/proc/1/root/etc/passwd", "/proc/1/cwd/etc/passwd"):
        assert box("cp", f"box:{path}", tmp_path / "y").code == 1
        assert box("cp", tmp_path / "x", f"box:{path}").complaint
    assert box("cp", "-L", "box:/data/stdin", tmp_path / "y").complaint
    assert box("cp", tmp_path / "x", "box:/proc/sys/kernel/core_pattern").complaint
    assert not (tmp_path / "y").exists()


def test_a_device_in_the_place_of_a_file_is_not_opened(box: Cuddy, tmp_path: Path) -> None:
    box.ok("exec", "box", "mknod", "/data/dir/real", "c", "1", "9")  # urandom has no end
    box.ok("exec", "box", "touch", "/data/dir/fake")
    with swapping(box, ("dir/real", "dir/fake")):
        for number in rounds():
            check(box, "cp", "box:/data/dir", tmp_path / f"out{number}")
            assert not os.path.isfile(tmp_path / f"out{number}/real") or (
                os.path.getsize(tmp_path / f"out{number}/real") == 0
            )
            if number == 8:
                break


def archive(*members: tuple[str, bytes, str]) -> bytes:
    """A tar of (name, type, link or content)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, kind, text in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(text)
            else:
                info.linkname = text
            file.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def test_an_archive_cannot_leave_its_directory(box: Cuddy, secrets: Path) -> None:
    link, hard, file = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.REGTYPE
    for members, words in (
        ([("../../x", file, "x")], '"../../x" is outside of "/data/links"'),
        ([("a/../../x", file, "x")], "is outside of"),
        ([("l", link, "../../../etc")], 'invalid symlink "/data/links/l" -> "../../../etc"'),
        ([("h", hard, "../../etc/passwd")], "is outside of"),
        ([("h", hard, "no/such")], ""),
        ([("f", file, "x"), ("f/g", file, "x")], '"/data/links/f" is not a directory'),
        ([("h", hard, ".")], "hard link to a directory"),
        ([("l", link, str(secrets)), ("l/f0", file, "x")], ""),
        ([("l", link, "/proc/1/root"), ("l/tmp/x", file, "x")], ""),
    ):
        result = box("cp", "-", "box:/data/links", input=archive(*members))
        assert result.code == 1, members
        assert words in result.complaint
    assert box.ok("exec", "box", "find", "/", "-xdev", "-name", "x") == ""


def test_absolute_names_and_links_stay_inside(box: Cuddy) -> None:
    link, file = tarfile.SYMTYPE, tarfile.REGTYPE
    members = [("/abs/x", file, "one"), ("l", link, "/data/dir"), ("l/f0", file, "two")]
    box.ok("cp", "-", "box:/data/links", input=archive(*members))
    assert box.ok("exec", "box", "cat", "/data/links/abs/x", "/data/dir/f0") == "onetwo"


def test_a_tar_without_end_or_sense_ends_in_one_line(box: Cuddy) -> None:
    whole = archive(*((f"f{number}", tarfile.REGTYPE, "x" * 600) for number in range(4)))
    for data in (whole[:700], whole[:1024], whole[: -len(whole) // 2], b"\xff" * 2000, b"BZh9"):
        assert box("cp", "-", "box:/data/links", input=data).complaint
    names = ["x" * 300, "/".join(["y" * 200] * 30)]
    for name in names:
        data = archive((name, tarfile.REGTYPE, "x"))
        assert box("cp", "-", "box:/data/links", input=data).complaint
    deep = archive(
        ("d/" * 1500 + "x", tarfile.REGTYPE, "x"), ("d/" * 1500 + "y", tarfile.REGTYPE, "")
    )
    box.ok("cp", "-", "box:/data/links", input=deep)


def test_killed_at_any_moment_nothing_of_ours_is_left(box: Cuddy, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(300):
        (source / f"f{number}").write_text("x" * 1000)
    for delay in (0.03, 0.06, 0.09, 0.12, 0.15):
        with box.start("cp", source, f"box:/in{delay}") as process:
            time.sleep(delay)
            process.kill()
    found = box.ok("exec", "box", "sh", "-c", "ls -A /; ls -A /in* || true")
    assert not [name for name in found.split() if name.endswith("tmp") and name != "tmp"]
    assert box.ok("exec", "box", "echo", "well") == "well"


def test_killed_while_it_holds_a_container_that_has_ended(cuddy: Cuddy, tmp_path: Path) -> None:
    cuddy.ok("create", "--name", "box", "--network", "none", "alpine", "true")
    (tmp_path / "big").write_bytes(b"x" * 30_000_000)
    for delay in (0.05, 0.08, 0.11, 0.14):
        with cuddy.start("cp", tmp_path / "big", "box:/big") as process:
            time.sleep(delay)
            process.kill()
    assert cuddy.ok("start", "-a", "box") == ""


def test_one_that_is_being_copied_into_cannot_be_started_and_says_so(
    cuddy: Cuddy, tmp_path: Path
) -> None:
    cuddy.ok("create", "--name", "box", "--network", "none", "alpine", "true")
    patient = [sys.executable, "-c", IMPATIENT, str(MAIN.parent.parent)]
    impatient = Cuddy(cuddy.root, cuddy.run_root, patient)
    with cuddy.start("cp", "-", "box:/") as process:
        assert process.stdin
        process.stdin.write(archive(("x", tarfile.REGTYPE, "x"))[:600])
        process.stdin.flush()
        [directory] = cuddy.root.glob("containers/*/")
        wait_until(lambda: is_taken(directory / "lock"))
        for words in (["start", "box"], ["rm", "-f", "box"]):
            assert "is in use by another command" in impatient(*words).complaint
    assert cuddy.ok("start", "-a", "box") == ""


def is_taken(path: Path) -> bool:
    """Whether somebody has a lock."""
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


IMPATIENT = """
import sys
sys.path.insert(0, sys.argv[1])
from cuddy.cli import main
from cuddy.engine import container
container.PATIENCE_S = 0.2
sys.exit(main.main(sys.argv[2:]))
"""
"""The program, with less patience than it has."""
