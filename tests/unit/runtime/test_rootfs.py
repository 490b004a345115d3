"""The plan of a container's mounts: what config.json says, as arguments of mount(2)."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.errors import InvalidArgument
from cuddy.kernel import mount
from cuddy.runtime import rootfs


def plan(destination: str, fstype: str = "", source: str = "", *options: str) -> mount.Mount:
    entry: Any = {"destination": destination, "options": list(options)}
    entry |= {"type": fstype} if fstype else {}
    entry |= {"source": source} if source else {}
    (planned,) = rootfs.plan_mounts({"mounts": [entry]})
    return planned


class TestOptions:
    def test_flags_are_told_from_the_file_systems_own_options(self) -> None:
        flags, propagation, data = rootfs.parse_options(["nosuid", "ro", "size=64k", "mode=755"])
        assert flags == mount.MS_NOSUID | mount.MS_RDONLY
        assert propagation == 0
        assert data == ["size=64k", "mode=755"]

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
        assert rootfs.parse_options(options)[0] == flags

    def test_propagation_is_apart_since_it_takes_a_call_of_its_own(self) -> None:
        flags, propagation, data = rootfs.parse_options(["rbind", "rslave", "nodev"])
        assert flags == mount.MS_BIND | mount.MS_REC | mount.MS_NODEV
        assert propagation == mount.MS_SLAVE | mount.MS_REC
        assert data == []


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
    def test_the_root_itself_is_refused(self, destination: str) -> None:
        with pytest.raises(InvalidArgument, match="root itself"):
            plan(destination, "tmpfs")

    def test_the_order_is_the_configs(self) -> None:
        mounts: Any = [{"destination": f"/{n}", "type": "tmpfs"} for n in "cab"]
        planned = rootfs.plan_mounts({"mounts": mounts})
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
