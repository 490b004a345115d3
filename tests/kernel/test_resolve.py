"""Hostile paths: nothing opened below a directory lies outside it."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuddy.kernel import resolve


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root beside a secret, with links of every kind that try to reach it."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("inside")
    (root / "secret").write_text("harmless")
    for name, target in (
        ("absolute", f"{tmp_path}/secret"),
        ("up", "../secret"),
        ("far_up", "../" * 40 + "secret"),
        ("from_below", "etc/../../../secret"),
        ("chain", "up"),
        ("etc/out", "/../../secret"),
        ("loop", "loop"),
        ("directory_out", ".."),
        ("magic", "/proc/self/root"),
        ("inside", "/etc/passwd"),
    ):
        (root / name).symlink_to(target)
    return root


@pytest.fixture
def root_fd(root: Path) -> Iterator[int]:
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def read(fd: int) -> str:
    with open(fd) as file:
        return file.read()


class TestInRoot:
    """As a process whose root is that directory would see it."""

    @pytest.mark.parametrize(
        "path",
        ["up", "far_up", "from_below", "chain", "etc/out", "/../../secret", "directory_out/secret"],
    )
    def test_dots_stop_at_the_root(self, root_fd: int, path: str) -> None:
        assert read(resolve.open_in_root(root_fd, path, os.O_RDONLY)) == "harmless"

    def test_an_absolute_link_begins_at_the_root(self, root_fd: int) -> None:
        assert read(resolve.open_in_root(root_fd, "inside", os.O_RDONLY)) == "inside"
        with pytest.raises(FileNotFoundError):
            resolve.open_in_root(root_fd, "absolute", os.O_RDONLY)

    def test_links_in_a_circle_end(self, root_fd: int) -> None:
        with pytest.raises(OSError) as caught:
            resolve.open_in_root(root_fd, "loop", os.O_RDONLY)
        assert caught.value.errno == errno.ELOOP

    def test_magic_links_of_a_proc_inside_are_not_followed(self, root: Path) -> None:
        """With /proc mounted in the root, /proc/self/root would be the host's."""
        fd = os.open("/", os.O_PATH | os.O_DIRECTORY)
        for path in ("/proc/self/root", "/proc/self/cwd", f"/proc/self/fd/{fd}"):
            with pytest.raises(OSError) as caught:
                resolve.open_in_root(fd, path, os.O_PATH)
            assert caught.value.errno == errno.ELOOP
        os.close(fd)

    def test_a_new_file_at_the_end_of_a_dangling_link_is_made_inside(
        self, root: Path, root_fd: int, tmp_path: Path
    ) -> None:
        (root / "dangling").symlink_to("/../new")
        os.close(resolve.open_in_root(root_fd, "dangling", os.O_WRONLY | os.O_CREAT, mode=0o600))
        assert (root / "new").exists()
        assert not (tmp_path / "new").exists()


class TestBeneath:
    """Through no link at all, and never out."""

    @pytest.mark.parametrize(
        "path", ["up", "absolute", "inside", "chain", "directory_out/secret", "loop"]
    )
    def test_no_link_is_followed(self, root_fd: int, path: str) -> None:
        with pytest.raises(OSError) as caught:
            resolve.open_beneath(root_fd, path, os.O_RDONLY)
        assert caught.value.errno == errno.ELOOP

    @pytest.mark.parametrize("path", ["..", "../secret", "etc/../../secret", "/etc/passwd"])
    def test_nothing_leads_out(self, root_fd: int, path: str) -> None:
        with pytest.raises(OSError) as caught:
            resolve.open_beneath(root_fd, path, os.O_RDONLY)
        assert caught.value.errno == errno.EXDEV

    def test_what_lies_there_is_opened(self, root_fd: int) -> None:
        assert read(resolve.open_beneath(root_fd, "etc/passwd", os.O_RDONLY)) == "inside"
        assert read(resolve.open_beneath(root_fd, b"etc/../secret", os.O_RDONLY)) == "harmless"


def test_descriptors_do_not_survive_exec(root_fd: int) -> None:
    fd = resolve.open_in_root(root_fd, "etc", os.O_PATH)
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_renames_meanwhile_never_lead_out(root: Path, root_fd: int, tmp_path: Path) -> None:
    """A directory is swapped for a link to its parent, over and over, by somebody else."""
    (root / "a").mkdir()
    (root / "a/secret").write_text("harmless")
    (root / "b").symlink_to(tmp_path)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for source, target in (("a", "c"), ("b", "a"), ("a", "b"), ("c", "a")):
                (root / source).rename(root / target)

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = set()
    try:
        for _ in range(2000):
            try:
                seen.add(read(resolve.open_in_root(root_fd, "a/../a/secret", os.O_RDONLY)))
            except OSError as error:
                assert error.errno in (errno.ENOENT, errno.EXDEV, errno.EAGAIN)
    finally:
        done.set()
        swapper.join()
    assert seen <= {"harmless"}


class Openings:
    """Which entries of a directory are opened (inotify(7)); O_PATH only looks."""

    IN_OPEN = 0x20

    def __init__(self, directory: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert libc.inotify_add_watch(self.fd, os.fsencode(directory), self.IN_OPEN) >= 0

    def names(self) -> list[str]:
        """What was opened since the last time, in a directory of short names."""
        try:
            data, found = os.read(self.fd, 4096), []
        except BlockingIOError:
            return []
        while data:
            size = struct.unpack_from("iIII", data)[3]
            found.append(data[16 : 16 + size].rstrip(b"\0").decode())
            data = data[16 + size :]
        return found


class TestReading:
    def test_a_regular_file_up_to_a_limit(self, root_fd: int) -> None:
        assert resolve.read_in_root(root_fd, "/etc/passwd") == b"inside"
        assert resolve.read_in_root(root_fd, "/etc/passwd", limit=3) == b"ins"

    @pytest.mark.parametrize(
        "path", ["/none", "/etc/passwd/none", "/loop", "/etc", "/absolute", "/x" * 2000]
    )
    def test_what_is_no_file_is_empty(self, root_fd: int, path: str) -> None:
        assert resolve.read_in_root(root_fd, path) == b""

    def test_pipes_sockets_and_devices_are_not_waited_for(self, root: Path, root_fd: int) -> None:
        """CVE-2024-9676."""
        import socket

        os.mkfifo(root / "fifo")
        os.mknod(root / "zero", 0o20666, os.makedev(1, 5))
        os.mknod(root / "tty", 0o20666, os.makedev(5, 0))
        os.mknod(root / "disk", 0o60666, os.makedev(240, 250))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(root / "socket"))
            for name in ("fifo", "zero", "tty", "disk", "socket"):
                assert resolve.read_in_root(root_fd, f"/{name}") == b"", name

    def test_a_device_is_not_even_opened(self, root: Path, root_fd: int) -> None:
        """To open a watchdog is to arm it; the image says which device it is."""
        os.mknod(root / "zero", 0o20666, os.makedev(1, 5))
        os.mkfifo(root / "fifo")
        (root / "file").write_text("x")
        openings = Openings(root)
        try:
            for name in ("zero", "fifo"):
                assert resolve.open_file(root_fd, name) == -1
            assert openings.names() == []
            assert resolve.read_in_root(root_fd, "/file") == b"x"
            assert openings.names() == ["file"]
        finally:
            os.close(openings.fd)
