"""A program that swaps directories and links in a volume as fast as the kernel can, while cuddy
mounts what is in it or on it, and copies: CVE-2021-30465, CVE-2018-15664, CVE-2017-1002101 and
CVE-2024-21626 are the models. Nothing outside is ever mounted, read or written.
"""

from __future__ import annotations

import ctypes
import io
import itertools
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console import DEADLINE_S, ENGINE, Cuddy
from cuddy.engine import staging
from cuddy.errors import InvalidArgument
from cuddy.kernel import mount, namespaces
from cuddy.kernel.mount import Mount
from cuddy.runtime import rootfs

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it is cuddy that makes this promise")

SECRET = "the host's secret"
SOAK = "CUDDY_TESTS_KILLS" in os.environ
"""Asked for many rounds: `make soak`."""
ROUNDS = 100 if SOAK else 3
MOUNTS = 17
"""Of each container."""
RACE_S = 20.0 if SOAK else 0.4
AT_FDCWD, RENAME_EXCHANGE = -100, 2
libc = ctypes.CDLL(None, use_errno=True)
RUN = ("run", "--rm", "--network", "none")


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[Path]:
    """A directory of the host that must be neither mounted nor read nor changed."""
    directory = tmp_path / "secrets"
    (directory / "deep").mkdir(parents=True)
    for path in (directory / "file", directory / "deep/file"):
        path.write_text(SECRET)
    before = {path: path.stat() for path in (directory, *directory.rglob("*"))}
    yield directory
    assert {directory, *directory.rglob("*")} == set(before)
    for path, was in before.items():
        assert path.stat().st_ctime_ns == was.st_ctime_ns, path
    assert (directory / "file").read_text() == (directory / "deep/file").read_text() == SECRET


@pytest.fixture
def data(cuddy: Cuddy, secrets: Path) -> Path:
    """What is in the volume `data`: a tree, and beside its parts links that lead out."""
    cuddy.ok("volume", "create", "data")
    top = cuddy.root / "volumes/data/_data"
    (top / "dir/deep").mkdir(parents=True)
    for path in (top / "dir/file", top / "dir/deep/file"):
        path.write_text("inside")
    (top / "evil-dir").symlink_to(secrets)
    (top / "evil-deep").symlink_to("../" * 30 + str(secrets / "deep")[1:])
    (top / "dir/evil-file").symlink_to(secrets / "file")
    return top


@contextmanager
def swapping(top: Path, *, with_fifo: bool = False) -> Iterator[None]:
    """The attacker: what he does in the volume's directory a container's program could do.

    `with_fifo`: a file is one at times, and who opens it could wait for ever.
    """
    if with_fifo:
        os.mkfifo(top / "dir/fifo")
    attacker = os.fork()
    if not attacker:
        try:
            os.chroot(top)  # as a container's program he could not follow the links himself
            os.chdir("/")
            pairs = ((b"dir", b"evil-dir"), (b"dir/deep", b"evil-deep"),
                     (b"dir/file", b"dir/evil-file"))  # fmt: skip
            if with_fifo:
                pairs = (*pairs, (b"dir/file", b"dir/fifo"))
            while True:
                for one, other in pairs:
                    libc.renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE)
        finally:
            os._exit(1)
    try:
        yield
        assert os.waitpid(attacker, os.WNOHANG) == (0, 0), "the attacker has given up"
    finally:
        os.kill(attacker, signal.SIGKILL)
        os.waitpid(attacker, 0)


def check(cuddy: Cuddy, *words: object, input: bytes | None = None) -> bytes:
    """A command that may fail, but in one line; what it wrote."""
    result = cuddy(*words, input=input)
    if result.code:
        assert result.complaint
    return result.stdout


def rounds(seconds: float = RACE_S) -> Iterator[int]:
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        yield number
        number += 1


def test_mounts_on_it_stay_in_the_container(cuddy: Cuddy, data: Path, secrets: Path) -> None:
    """Targets of further mounts are in the volume: a second container is the attacker."""
    targets = [f"/in/dir/deep/{number}" for number in range(MOUNTS)]
    words = [word for target in targets for word in ("-v", f"{data.parent}/lock:{target}/new/lock")]
    words += ["--tmpfs", "/in/dir/deep/memory", "-v", "data:/in", "alpine"]
    with swapping(data):
        for _ in range(ROUNDS):
            check(cuddy, *RUN, *words, "true")


@pytest.mark.parametrize("mount_words", [
    ["--mount", "type=volume,src=data,dst=/in,volume-subpath=dir"],
    ["--mount", "type=volume,src=data,dst=/in,volume-subpath=dir/deep"],
    ["--mount", "type=volume,src=data,dst=/in/file,volume-subpath=dir/file"],
    ["-v", "{data}/dir:/in"],
    ["-v", "{data}/dir/deep/made/new:/in:map=5"],
])  # fmt: skip
def test_parts_of_it_are_never_others(
    cuddy: Cuddy, data: Path, secrets: Path, mount_words: list[str]
) -> None:
    words = [word.format(data=data) for word in mount_words]
    script = "cat /in/file /in/deep/file; echo spoilt >/in/file; echo spoilt >/in/new"
    with swapping(data):
        for _ in range(ROUNDS):
            out = check(cuddy, *RUN, *words, "alpine", "sh", "-c", script)
            assert SECRET.encode() not in out


def test_nor_are_parts_whose_mounts_travel(cuddy: Cuddy, data: Path, secrets: Path) -> None:
    """What a container mounted in such a place would be on the host, over what a link names."""
    subprocess.run(["mount", "--bind", data, data], check=True)
    try:
        subprocess.run(["mount", "--make-shared", data], check=True)
        words = ["-v", f"{data}/dir:/in:rshared", "alpine", "sh", "-c"]
        with swapping(data):
            for _ in range(ROUNDS):
                out = check(cuddy, *RUN, *words, "cat /in/file; echo spoilt >/in/new")
                assert SECRET.encode() not in out
        if not (data / "dir").is_symlink():
            libc.renameat2(AT_FDCWD, bytes(data / "dir"), AT_FDCWD, bytes(data / "evil-dir"), 2)
        result = cuddy(*RUN, *words, "true")
        assert (result.code, "leads out of it" in result.complaint) == (125, True)
    finally:
        subprocess.run(["umount", data], check=True)


def test_nothing_outside_is_read_or_written_by_volume_cp(
    cuddy: Cuddy, data: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    for path in (source / "file", source / "deep/file"):
        path.write_text("new")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(source, "dir")
    cuddy.ok("volume", "create", "other")
    with swapping(data, with_fifo=True):
        for number in rounds():
            check(cuddy, "volume", "cp", "data:/", tmp_path / f"out{number}")
            check(cuddy, "volume", "cp", "data:/dir/file", tmp_path / f"file{number}")
            check(cuddy, "volume", "cp", "-L", "data:/evil-dir/file", tmp_path / f"link{number}")
            check(cuddy, "volume", "cp", f"{source}/.", "data:/dir")
            check(cuddy, "volume", "cp", f"{source}/file", "data:/dir/file")
            check(cuddy, "volume", "cp", "-", "data:/", input=archive.getvalue())
            check(cuddy, "volume", "cp", "data:/dir", f"other:/{number}")
            check(cuddy, "volume", "cp", f"other:/{number}", "data:/dir/deep")
    for path in (*tmp_path.rglob("*"), *(cuddy.root / "volumes/other/_data").rglob("*")):
        if path.is_file() and not path.is_symlink() and "secrets" not in path.parts:
            assert path.read_text() != SECRET


def test_nor_by_export_snapshot_and_diff(cuddy: Cuddy, data: Path) -> None:
    with swapping(data, with_fifo=True):
        for number in rounds():
            assert SECRET.encode() not in check(cuddy, "volume", "export", "data")
            check(cuddy, "volume", "snapshot", "data", f"s{number}")
            check(cuddy, "volume", "diff", "data")
    for name in cuddy.ok("volume", "ls", "-q").split():
        if name != "data":
            for path in (cuddy.root / f"volumes/{name}/_data").rglob("*"):
                assert not path.is_file() or path.is_symlink() or path.read_text() == "inside"


def test_nor_while_a_volume_that_is_mounted_is_filled(
    cuddy: Cuddy, secrets: Path, tmp_path: Path
) -> None:
    """There our own directory aside is one that containers can reach."""
    place = tmp_path / "area/place"
    place.mkdir(parents=True)
    words = ["-o", "type=none", "-o", f"device={place}", "-o", "o=bind"]
    cuddy.ok("volume", "create", *words, "there")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for number in range(20):
            tar.addfile(tarfile.TarInfo(f"dir{number}/new"), io.BytesIO())
    attacker = os.fork()
    if not attacker:
        try:
            os.chroot(place.parent)
            os.chdir("/")
            place_links(secrets)
        finally:
            os._exit(1)
    try:
        for _ in rounds():
            check(cuddy, "volume", "import", "there", input=archive.getvalue())
            check(cuddy, "create", "-v", "there:/etc", "alpine", "true")
            for path in place.iterdir():
                subprocess.run(["rm", "-rf", path], check=True)
    finally:
        os.kill(attacker, signal.SIGKILL)
        os.waitpid(attacker, 0)


def place_links(target: Path) -> None:
    """Put links in the place of directories; those that were are heaped up."""
    names = (b"place/.cuddy-copying", b"place/.cuddy-copied", b"place/.cuddy-copying/dir7")
    for number in range(1 << 30):
        if not os.path.islink("evil"):
            if os.path.lexists("evil"):
                os.rename("evil", f"heap{number}")
            os.symlink(target, "evil")
        libc.renameat2(AT_FDCWD, b"evil", AT_FDCWD, names[number % 3], RENAME_EXCHANGE)


def test_a_working_directory_never_leads_out(cuddy: Cuddy, secrets: Path) -> None:
    path = "../" * 30 + str(secrets / "file")[1:]
    cuddy.ok("run", "-d", "--name", "one", "--network", "none", "alpine", "sleep", "100")
    for number in range(3, 10):
        where = f"/proc/self/fd/{number}"
        attempts = [("exec", "-w", where, "one"), (*RUN, "-w", where, "alpine")]
        if number > 7 or SOAK:
            attempts.append((*RUN, "-w", f"{where}/{path}/../made", "alpine"))
        for words in attempts:
            assert SECRET not in cuddy(*words, "cat", path).out


def test_thousands_of_mounts_below_a_hostile_root(tmp_path: Path, secrets: Path) -> None:
    """The runtime's own steps without a container around them: many more attempts."""
    top = tmp_path / "root"
    (top / "dir/deep").mkdir(parents=True)
    (top / "dir/file").write_text("inside")
    (top / "evil-dir").symlink_to(secrets)
    (top / "evil-deep").symlink_to("../" * 30 + str(secrets / "deep")[1:])
    (top / "dir/evil-file").symlink_to(secrets / "file")
    shown = tmp_path / "shown"
    shown.mkdir()
    with swapping(top):
        victim = os.fork()
        if not victim:
            code = 1
            try:
                code = mount_for_a_while(top, shown, secrets)
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(victim, 0)[1]) == 0


def mount_for_a_while(top: Path, shown: Path, secrets: Path) -> int:
    """0: at least 100 mounts have been made, and none of them outside."""
    namespaces.unshare(namespaces.CLONE_NEWNS)
    mount.set_propagation("/", mount.MS_PRIVATE | mount.MS_REC)
    top_fd = os.open(top, os.O_PATH | os.O_DIRECTORY)
    made = 0
    least, most = (time.monotonic() + seconds for seconds in (max(RACE_S, 1), DEADLINE_S))
    for number in itertools.count():
        if time.monotonic() > (least if made >= 100 else most):
            break
        plan = Mount(str(shown), f"/dir/deep/{number % 50}/new", "", mount.MS_BIND)
        try:
            rootfs.attach_bind(plan, top_fd)
            made += 1
        except OSError:
            pass
        for path in ("dir", "dir/deep", "dir/file"):
            try:
                fd = staging.open_inside(top_fd, path, {"Type": "volume", "Name": "x"})
            except (InvalidArgument, OSError):
                continue
            if os.readlink(f"/proc/self/fd/{fd}").startswith(str(secrets)):
                return 2
            os.close(fd)
    mounted = [point.target for point in mount.list_mounts() if point.root.endswith("/shown")]
    is_inside = all(each.startswith(f"{top}/") for each in mounted)
    return 0 if is_inside and made >= 100 else 3
