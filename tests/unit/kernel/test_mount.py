"""The Mount value, and reading /proc/self/mountinfo."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.kernel import mount
from cuddy.kernel.mount import Mount


class TestMountAsText:
    """A mount prints itself as the mount(8) command line that would make it."""

    def test_a_new_file_system(self) -> None:
        plan = Mount("tmpfs", "/run", "tmpfs", mount.MS_NOSUID | mount.MS_NODEV, "size=64k")
        assert str(plan) == "mount -t tmpfs -o nosuid,nodev,size=64k tmpfs /run"

    def test_a_bind(self) -> None:
        assert str(Mount("/a", "/b", "", mount.MS_BIND)) == "mount -o bind /a /b"

    def test_a_recursive_bind_says_rbind(self) -> None:
        words = str(Mount("/a", "/b", "", mount.MS_BIND | mount.MS_REC)).split()
        assert "rbind" in words[2].split(",")

    def test_without_a_source_it_says_none(self) -> None:
        assert str(Mount("", "/b")) == "mount none /b"


LINE = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"


class TestMountinfo:
    def test_the_example_of_proc_5(self) -> None:
        (point,) = mount.parse_mountinfo(LINE)
        assert point == (
            36, 35, "98:0", "/mnt1", "/mnt2", "rw,noatime", "ext3", "/dev/root",
            "rw,errors=continue", "master:1",
        )  # fmt: skip

    def test_optional_fields_may_be_none_or_many(self) -> None:
        none = LINE.replace(" master:1", "")
        many = LINE.replace("master:1", "shared:2 master:1 propagate_from:3 unbindable")
        found = mount.parse_mountinfo(f"{none}\n{many}\n")
        assert [point.tags for point in found] == [
            "", "shared:2 master:1 propagate_from:3 unbindable",
        ]  # fmt: skip
        alike = mount.parse_mountinfo(f"{LINE}\n") * 2
        assert [point._replace(tags="master:1") for point in found] == alike

    def test_a_source_may_be_empty(self) -> None:
        (point,) = mount.parse_mountinfo("36 35 0:40 / /x rw -  tmpfs  rw".replace("-  ", "- "))
        assert (point.fstype, point.source, point.super_options) == ("tmpfs", "", "rw")

    def test_a_target_with_blanks_and_newlines_is_one_line(self) -> None:
        (point,) = mount.parse_mountinfo(LINE.replace("/mnt2", r"/a\040b\011c\012d\134e"))
        assert point.target == "/a b\tc\nd\\e"

    @pytest.mark.parametrize("odd", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
    def test_only_a_newline_ends_a_line(self, odd: str) -> None:
        (point,) = mount.parse_mountinfo(LINE.replace("/mnt2", f"/a{odd}b"))
        assert point.target == f"/a{odd}b"

    def test_a_target_called_dash_does_not_end_the_fields(self) -> None:
        (point,) = mount.parse_mountinfo(LINE.replace("/mnt2", "/-"))
        assert (point.target, point.fstype) == ("/-", "ext3")

    @pytest.mark.parametrize(
        ("directory", "path", "is_there"),
        [("/", "/a", True), ("/a", "/a", True), ("/a", "/a/b", True), ("/a", "/ab", False)],
    )
    def test_what_is_below_a_directory(self, directory: str, path: str, is_there: bool) -> None:
        assert mount.contains(directory, path) == is_there


def escape(text: str) -> str:
    """What the kernel does: fs/proc_namespace.c, mangle."""
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\#" else c for c in text)


@given(st.text())
def test_any_name_survives_the_kernels_escapes(name: str) -> None:
    assert mount.unescape(escape(name)) == name


@pytest.mark.parametrize("text", ["", "plain", "ünï"])
def test_a_name_without_escapes_stays_as_it_is(text: str) -> None:
    assert mount.unescape(text) == text
