"""overlayfs for real: stacks, whiteouts, opaque directories, and hundreds of layers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from child import in_child
from cuddy.kernel import mount, namespaces, overlay


def apart(work: Callable[[], object]) -> None:
    in_child(work, unshare=namespaces.CLONE_NEWNS)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """lower, upper, work and target, in a place with a name that needs escapes."""
    place = tmp_path / "with, comma: colon\\ and backslash"
    for name in ("top", "bottom", "upper", "work", "target"):
        (place / name).mkdir(parents=True)
    (place / "bottom/both").write_text("bottom")
    (place / "bottom/only").write_text("bottom")
    (place / "bottom/directory").mkdir()
    (place / "bottom/directory/below").touch()
    (place / "top/both").write_text("top")
    return place


def mount_stack(stack: Path) -> Path:
    lower = [f"{stack}/top", f"{stack}/bottom"]
    overlay.perform(overlay.plan(lower, f"{stack}/upper", f"{stack}/work", f"{stack}/target"))
    return stack / "target"


def test_the_topmost_file_shows_and_writing_goes_to_the_upper_directory(stack: Path) -> None:
    def work() -> None:
        target = mount_stack(stack)
        assert (target / "both").read_text() == "top"
        assert (target / "only").read_text() == "bottom"
        (target / "only").write_text("changed")
        assert (stack / "bottom/only").read_text() == "bottom"
        assert (stack / "upper/only").read_text() == "changed"

    apart(work)


def test_without_an_upper_directory_nothing_can_be_written(stack: Path) -> None:
    def work() -> None:
        lower = [f"{stack}/top", f"{stack}/bottom"]
        overlay.perform(overlay.plan(lower, "", "", f"{stack}/target"))
        assert (stack / "target/only").read_text() == "bottom"
        with pytest.raises(OSError):
            (stack / "target/new").touch()

    apart(work)


def test_a_whiteout_hides_what_is_below(stack: Path) -> None:
    upper_fd = os.open(stack / "upper", os.O_PATH | os.O_DIRECTORY)
    overlay.make_whiteout("only", dir_fd=upper_fd)
    os.close(upper_fd)

    def work() -> None:
        assert "only" not in os.listdir(mount_stack(stack))

    apart(work)


def test_an_opaque_directory_hides_the_one_below(stack: Path) -> None:
    (stack / "upper/directory").mkdir()
    fd = os.open(stack / "upper/directory", os.O_RDONLY)
    overlay.make_opaque(fd)
    os.close(fd)
    assert overlay.is_opaque(str(stack / "upper/directory"))
    assert not overlay.is_opaque(str(stack / "upper"))

    def work() -> None:
        assert os.listdir(mount_stack(stack) / "directory") == []

    apart(work)


def test_the_kernels_own_marks_are_known(stack: Path) -> None:
    def work() -> None:
        target = mount_stack(stack)
        (target / "only").unlink()
        (target / "directory/below").unlink()
        (target / "directory").rmdir()
        (target / "directory").mkdir()

    apart(work)
    assert overlay.is_whiteout((stack / "upper/only").lstat())
    assert overlay.is_opaque(str(stack / "upper/directory"))
    assert not overlay.is_whiteout(os.stat("/dev/null"))


@pytest.mark.parametrize("count", [2, 100, 500])
def test_five_hundred_layers_can_be_stacked(tmp_path: Path, count: int) -> None:
    lower = []
    for number in range(count):
        layer = tmp_path / f"a-name-long-enough-that-many-do-not-fit-a-page-{number}"
        layer.mkdir()
        (layer / "number").write_text(str(number))
        (layer / str(number)).touch()
        lower.append(str(layer))
    for name in ("upper", "work", "target"):
        (tmp_path / name).mkdir()

    def work() -> None:
        where = os.getcwd()
        before = os.listdir("/proc/self/fd")
        paths = (f"{tmp_path}/{name}" for name in ("upper", "work", "target"))
        overlay.perform(overlay.plan(lower, *paths))
        assert (tmp_path / "target/number").read_text() == "0"
        assert len(os.listdir(tmp_path / "target")) == count + 1
        assert os.getcwd() == where
        assert os.listdir("/proc/self/fd") == before

    apart(work)


def test_a_volatile_mount_leaves_a_mark_that_keeps_nobody_from_the_next_one(stack: Path) -> None:
    lower = [f"{stack}/top", f"{stack}/bottom"]
    plan = overlay.plan(lower, f"{stack}/upper", f"{stack}/work", f"{stack}/target")

    def work() -> None:
        overlay.perform(overlay.volatile(plan))
        (stack / "target/new").write_text("kept")
        mount.umount(f"{stack}/target")
        assert (stack / "work/work/incompat/volatile").is_dir()
        with pytest.raises(OSError):
            mount.perform(plan)
        for again in (overlay.volatile(plan), plan):
            overlay.perform(again)
            assert (stack / "target/new").read_text() == "kept"
            mount.umount(f"{stack}/target")
        assert not (stack / "work/work/incompat").exists()

    apart(work)


def test_where_nothing_can_be_volatile_the_mount_is_an_ordinary_one(stack: Path) -> None:
    lower = [f"{stack}/top", f"{stack}/bottom"]
    plan = overlay.plan(lower, f"{stack}/upper", f"{stack}/work", f"{stack}/target")

    def work() -> None:
        overlay.VOLATILE = ",no_such_option"  # what an old kernel takes it for
        overlay.perform(overlay.volatile(plan))
        assert (stack / "target/only").read_text() == "bottom"

    apart(work)
