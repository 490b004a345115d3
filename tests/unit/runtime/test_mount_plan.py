"""The plan of a container's mounts: what config.json says, as arguments of mount(2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.errors import InvalidArgument
from cuddy.kernel import mount
from cuddy.kernel.mount import Change
from cuddy.runtime import mount_plan

WORDS = [*mount.OPTIONS, *mount.PROPAGATION, *mount_plan.RECURSIVE, *mount_plan.EXTRAS]


def plan(destination: str, fstype: str = "", source: str = "", *options: str) -> mount.Mount:
    entry: Any = {"destination": destination, "options": list(options)}
    entry |= {"type": fstype} if fstype else {}
    entry |= {"source": source} if source else {}
    (planned,) = mount_plan.plan_mounts({"mounts": [entry]})
    return planned


class TestOptions:
    def test_flags_are_told_from_the_file_systems_own_options(self) -> None:
        options = mount_plan.parse(["nosuid", "ro", "size=64k", "mode=755"])
        assert options.flags == mount.MS_NOSUID | mount.MS_RDONLY
        assert options.propagation == ()
        assert options.data == ("size=64k", "mode=755")

    @pytest.mark.parametrize(
        ("options", "flags"),
        [
            (["ro", "rw"], 0),
            (["rw", "ro"], mount.MS_RDONLY),
            (["noexec", "exec", "nodev"], mount.MS_NODEV),
            (["defaults"], 0),
            ([], 0),
        ],
    )
    def test_the_last_word_counts(self, options: list[str], flags: int) -> None:
        assert mount_plan.parse(options).flags == flags

    def test_propagation_is_apart_since_it_takes_a_call_of_its_own(self) -> None:
        options = mount_plan.parse(["rbind", "rslave", "nodev"])
        assert options.flags == mount.MS_BIND | mount.MS_REC | mount.MS_NODEV
        assert options.propagation == (mount.MS_SLAVE | mount.MS_REC,)
        assert options.data == ()

    @given(st.lists(st.one_of(st.sampled_from(WORDS), st.text())))
    def test_any_words_mean_something(self, words: list[str]) -> None:
        options = mount_plan.parse(words)
        known = set(WORDS)
        assert options.data == tuple(word for word in words if word not in known)
        assert not options.flags & options.cleared
        for change in mount_plan.changes_of_bind(options):
            assert not change.sets & change.clears & ~mount.MOUNT_ATTR__ATIME


PRIVATE, SLAVE, SHARED = mount.MS_PRIVATE, mount.MS_SLAVE, mount.MS_SHARED
RO, ATIME = mount.MOUNT_ATTR_RDONLY, mount.MOUNT_ATTR__ATIME


class TestChangesOfABind:
    @pytest.mark.parametrize(
        ("words", "changes"),
        [
            ("bind", [Change(propagation=PRIVATE)]),
            ("rbind", [Change(propagation=PRIVATE, recursive=True)]),
            ("bind ro", [Change(RO, propagation=PRIVATE)]),
            ("rbind ro", [Change(propagation=PRIVATE, recursive=True), Change(RO)]),
            ("rbind rslave", [Change(propagation=SLAVE, recursive=True)]),
            ("rbind rro shared", [Change(propagation=SHARED), Change(RO, recursive=True)]),
            ("bind ro rw", [Change(clears=RO, propagation=PRIVATE)]),
            (
                "rbind rprivate shared",
                [Change(propagation=PRIVATE, recursive=True), Change(propagation=SHARED)],
            ),
            ("bind noatime", [Change(mount.MOUNT_ATTR_NOATIME, ATIME, PRIVATE)]),
            ("bind relatime", [Change(0, ATIME, PRIVATE)]),
            ("bind atime", [Change(propagation=PRIVATE)]),
            (
                "rbind shared rnoatime rro rrw",
                [
                    Change(propagation=SHARED),
                    Change(mount.MOUNT_ATTR_NOATIME, ATIME | RO, recursive=True),
                ],
            ),
            ("bind remount ro", [Change(RO)]),
        ],
    )
    def test_are_as_few_as_can_be(self, words: str, changes: list[Change]) -> None:
        assert plan("/in", "none", "/out", *words.split()).changes == tuple(changes)


class TestPlan:
    def test_a_file_system(self) -> None:
        planned = plan("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k")
        assert str(planned) == (
            "mount -t tmpfs -o nosuid,strictatime,mode=755,size=65536k tmpfs /dev"
        )

    def test_a_bind_by_type_or_by_option(self) -> None:
        assert plan("/in", "bind", "/out", "ro") == plan("/in", "none", "/out", "bind", "ro")
        assert plan("/in", "bind", "/out").flags == mount.MS_BIND

    def test_options_that_mean_nothing_to_a_bind_are_left_out(self) -> None:
        assert plan("/in", "bind", "/out", "rbind", "mode=755").data == ""

    def test_without_a_source_the_type_stands_for_it(self) -> None:
        assert plan("/proc", "proc").source == "proc"

    @pytest.mark.parametrize(
        ("destination", "target"),
        [("/a/../b", "/b"), ("a", "/a"), ("//a//b/", "/a/b"), ("/../../x", "/x"), ("/a/.", "/a")],
    )
    def test_targets_are_cleaned(self, destination: str, target: str) -> None:
        assert plan(destination, "tmpfs").target == target

    @pytest.mark.parametrize("destination", ["/", "", ".", "/..", "/a/..", "//"])
    def test_the_root_itself_can_be_bound_over_only(self, destination: str) -> None:
        with pytest.raises(InvalidArgument, match="root itself"):
            plan(destination, "tmpfs")
        assert plan(destination, "bind", "/x").target == "/"

    def test_a_target_may_be_the_hosts_name_of_it(self) -> None:
        entry: Any = {"destination": "/b/rootfs/a", "type": "tmpfs"}
        assert mount_plan.plan_mount(entry, "/b/rootfs").target == "/a"
        assert mount_plan.plan_mount(entry, "/b/root").target == "/b/rootfs/a"

    def test_a_nul_character_is_refused(self) -> None:
        with pytest.raises(InvalidArgument, match="NUL"):
            plan("/a", "bind", "/x\0y")

    def test_the_order_is_the_configs(self) -> None:
        mounts: Any = [{"destination": f"/{n}", "type": "tmpfs"} for n in "cab"]
        planned = mount_plan.plan_mounts({"mounts": mounts})
        assert [each.target for each in planned] == ["/c", "/a", "/b"]


class TestNothingStandsInForProc:
    """CVE-2019-16884, CVE-2019-19921: files that the runtime writes to must be the kernel's."""

    @pytest.mark.parametrize("path", ["/proc/self", "/proc/sys", "/proc/1/attr", "/dev/../proc/x"])
    def test_mounts_inside_proc_are_refused(self, path: str) -> None:
        for fstype in ("tmpfs", "bind"):
            with pytest.raises(InvalidArgument, match="inside /proc"):
                plan(path, fstype, "/etc")

    @pytest.mark.parametrize("path", ["/proc/cpuinfo", "/proc/meminfo", "/proc/net/dev"])
    def test_what_lxcfs_covers_is_allowed(self, path: str) -> None:
        assert plan(path, "bind", "/x").target == path

    @pytest.mark.parametrize("fstype", ["tmpfs", "overlay", "sysfs", ""])
    def test_another_file_system_at_proc_is_refused(self, fstype: str) -> None:
        with pytest.raises(InvalidArgument, match="/proc"):
            plan("/proc", fstype, "x")

    def test_names_that_only_begin_like_proc_are_not_meant(self) -> None:
        assert plan("/process/x", "tmpfs").target == "/process/x"
