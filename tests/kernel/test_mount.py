"""Mounts, made in a mount namespace that goes with the test."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from child import in_child
from cuddy.kernel import mount, namespaces
from cuddy.kernel.mount import Mount


def apart(work: Callable[[], object]) -> None:
    in_child(work, unshare=namespaces.CLONE_NEWNS)


def find(target: Path) -> mount.MountPoint:
    """The topmost mount at a place."""
    return [point for point in mount.list_mounts() if point.target == str(target)][-1]


def line_of(part: str) -> str:
    """The one line of mountinfo that holds this."""
    (line,) = [x for x in Path("/proc/self/mountinfo").read_text().split("\n") if part in x]
    return line


def flags(target: Path) -> set[str]:
    return set(find(target).options.split(","))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "a place, with: odd\\ signs\n"
    directory.mkdir()
    return directory


class TestPerform:
    def test_a_file_system_with_flags_and_options(self, place: Path) -> None:
        def work() -> None:
            wanted = mount.MS_NOSUID | mount.MS_NODEV
            mount.perform(Mount("some source", str(place), "tmpfs", wanted, "size=64k,mode=750"))
            point = find(place)
            assert (point.fstype, point.source) == ("tmpfs", "some source")
            assert {"nosuid", "nodev"} <= flags(place)
            assert "size=64k" in point.super_options
            assert place.stat().st_mode & 0o777 == 0o750

        apart(work)

    def test_a_bind_gets_its_flags_by_a_second_call(self, place: Path, tmp_path: Path) -> None:
        def work() -> None:
            (tmp_path / "file").write_text("shown")
            wanted = mount.MS_BIND | mount.MS_RDONLY | mount.MS_NOEXEC
            mount.perform(Mount(str(tmp_path), str(place), "", wanted))
            assert (place / "file").read_text() == "shown"
            assert {"ro", "noexec"} <= flags(place)
            with pytest.raises(OSError) as caught:
                (place / "file").write_text("x")
            assert caught.value.errno == errno.EROFS

        apart(work)

    def test_propagation_comes_last(self, place: Path) -> None:
        def work() -> None:
            mount.perform(Mount("tmpfs", str(place), "tmpfs", 0, "", mount.MS_SHARED))
            assert " shared:" in line_of(r"odd\134\040signs")

        apart(work)

    def test_an_error_names_the_call_and_the_target(self, place: Path) -> None:
        def work() -> None:
            with pytest.raises(OSError, match="mount .*odd"):
                mount.perform(Mount("x", str(place), "no-such-fs"))

        apart(work)

    def test_unmounting_takes_it_away(self, place: Path) -> None:
        def work() -> None:
            mount.mount("tmpfs", str(place), "tmpfs")
            mount.umount(str(place))
            assert not [p for p in mount.list_mounts() if p.target == str(place)]

        apart(work)


class TestRemounting:
    def test_flags_locked_by_the_owner_stay_in_a_user_namespace(self, tmp_path: Path) -> None:
        for name in ("source", "target"):
            (tmp_path / name).mkdir()

        def work() -> None:
            mount.mount("tmpfs", f"{tmp_path}/source", "tmpfs", mount.MS_NOSUID | mount.MS_NODEV)
            in_child(inside, unshare=namespaces.CLONE_NEWUSER | namespaces.CLONE_NEWNS)

        def inside() -> None:
            mount.bind(f"{tmp_path}/source", f"{tmp_path}/target")
            mount.remount_bind(f"{tmp_path}/target", mount.MS_RDONLY)
            assert {"ro", "nosuid", "nodev"} <= flags(tmp_path / "target")

        apart(work)


class TestDetachedMounts:
    def test_a_tree_is_taken_changed_and_put_elsewhere(self, place: Path, tmp_path: Path) -> None:
        (tmp_path / "source").mkdir()
        (tmp_path / "source/file").write_text("moved")

        def work() -> None:
            tree_fd = mount.open_tree(f"{tmp_path}/source")
            mount.mount_setattr(tree_fd, mount.MOUNT_ATTR_RDONLY)
            mount.move_mount(tree_fd, str(place))
            os.close(tree_fd)
            assert (place / "file").read_text() == "moved"
            assert "ro" in flags(place)

        apart(work)

    def test_it_goes_onto_a_descriptor_whatever_its_name_has_become(self, tmp_path: Path) -> None:
        """CVE-2021-30465: the target is swapped for a link after it was looked at."""
        for name in ("source", "target", "victim"):
            (tmp_path / name).mkdir()
        (tmp_path / "source/file").touch()

        def work() -> None:
            target_fd = os.open(tmp_path / "target", os.O_PATH)
            (tmp_path / "target").rename(tmp_path / "aside")
            (tmp_path / "target").symlink_to("victim")
            tree_fd = mount.open_tree(f"{tmp_path}/source")
            mount.move_mount(tree_fd, "", dir_fd=target_fd)
            assert os.listdir(tmp_path / "victim") == []
            assert os.listdir(tmp_path / "aside") == ["file"]

        apart(work)

    def test_without_recursion_what_is_mounted_below_stays_behind(self, tmp_path: Path) -> None:
        (tmp_path / "source/below").mkdir(parents=True)
        (tmp_path / "target").mkdir()

        def work() -> list[int]:
            mount.mount("tmpfs", f"{tmp_path}/source/below", "tmpfs")
            (tmp_path / "source/below/file").touch()
            counts = []
            for flags in (0, mount.AT_RECURSIVE):
                tree_fd = mount.open_tree(f"{tmp_path}/source", mount.OPEN_TREE_CLONE | flags)
                mount.move_mount(tree_fd, f"{tmp_path}/target")
                os.close(tree_fd)
                counts.append(len(os.listdir(tmp_path / "target/below")))
            return counts

        assert in_child(work, unshare=namespaces.CLONE_NEWNS) == [0, 1]

    def test_propagation_of_a_whole_tree(self, tmp_path: Path) -> None:
        (tmp_path / "source/below").mkdir(parents=True)

        def work() -> None:
            mount.mount("tmpfs", f"{tmp_path}/source", "tmpfs")
            mount.set_propagation(f"{tmp_path}/source", mount.MS_SHARED)
            tree_fd = mount.open_tree(f"{tmp_path}/source")
            mount.mount_setattr(tree_fd, 0, propagation=mount.MS_PRIVATE, recursive=True)
            (tmp_path / "target").mkdir()
            mount.move_mount(tree_fd, f"{tmp_path}/target")
            assert "shared:" not in line_of(f" {tmp_path}/target ")

        apart(work)


def test_a_file_system_is_known_by_its_number(tmp_path: Path) -> None:
    for path, is_proc in (("/proc", True), ("/proc/self/status", True), (str(tmp_path), False)):
        fd = os.open(path, os.O_PATH)
        assert (mount.magic_of(fd) == mount.PROC_SUPER_MAGIC) == is_proc
        os.close(fd)


def test_every_mount_of_this_process_is_listed() -> None:
    points = mount.list_mounts()
    assert {"/", "/proc"} <= {point.target for point in points}
    assert all(os.path.isabs(point.target) for point in points)
