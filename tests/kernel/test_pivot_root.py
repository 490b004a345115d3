"""Another directory becomes the root, and nothing of the old one can be reached."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from child import in_child
from cuddy.kernel import mount, namespaces
from cuddy.kernel.pivot_root import pivot_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory that is to become the root."""
    root = tmp_path / "root"
    (root / "proc").mkdir(parents=True)
    (root / "marker").write_text("new")
    return root


def enter(root: Path) -> None:
    mount.bind(str(root), str(root))
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    pivot_root(root_fd)
    os.close(root_fd)


def test_the_directory_is_the_root(root: Path) -> None:
    def work() -> tuple[list[str], str]:
        enter(root)
        return sorted(os.listdir("/")), os.getcwd()

    spaces = namespaces.CLONE_NEWNS
    assert in_child(work, unshare=spaces) == (["marker", "proc"], "/")


def test_the_old_root_is_unmounted_for_this_namespace_only(root: Path) -> None:
    before = Path("/proc/self/mountinfo").read_text()

    def work() -> list[str]:
        proc_fd = os.open("/proc", os.O_PATH)
        enter(root)
        fd = os.open("self/mountinfo", os.O_RDONLY, dir_fd=proc_fd)
        with open(fd) as file:
            return [point.target for point in mount.parse_mountinfo(file.read())]

    assert in_child(work, unshare=namespaces.CLONE_NEWNS) == ["/"]
    assert Path("/proc/self/mountinfo").read_text() == before


def test_no_way_of_dots_leads_out(root: Path) -> None:
    def work() -> set[int]:
        enter(root)
        return {os.stat("/" + "../" * n).st_ino for n in range(20)}

    assert len(in_child(work, unshare=namespaces.CLONE_NEWNS)) == 1


def test_a_second_chroot_does_not_break_out_as_it_does_of_the_first(root: Path) -> None:
    """chroot(2) moves the root below the working directory, which is then outside of it."""

    def work() -> list[str]:
        enter(root)
        os.mkdir("/jail")
        os.chroot("/jail")
        for _ in range(50):
            os.chdir("..")
        os.chroot(".")
        return os.listdir("/")

    assert "marker" in in_child(work, unshare=namespaces.CLONE_NEWNS)


def test_a_directory_that_is_no_mount_point_is_refused(root: Path) -> None:
    def work() -> None:
        root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
        with pytest.raises(OSError, match="pivot_root"):
            pivot_root(root_fd)

    in_child(work, unshare=namespaces.CLONE_NEWNS)
