"""The mounts of a container: every option, and targets that a hostile image has prepared."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from bundles import OTHER, Bundle, Runtime
from cuddy.kernel import mount, namespaces

RANGES = [{"containerID": 0, "hostID": 200_000, "size": 65536}]
SHOW = "cat /proc/self/mountinfo"


def give_users(bundle: Bundle) -> Bundle:
    """Let the container have a user namespace, to whose root its files belong."""
    bundle.namespace("user")
    bundle.linux.update(uidMappings=RANGES, gidMappings=RANGES)
    for path in (bundle.rootfs, *bundle.rootfs.rglob("*")):
        os.chown(path, 200_000, 200_000, follow_symlinks=False)
    return bundle


@pytest.fixture(params=[False, True], ids=["plain", "users"])
def either(request: pytest.FixtureRequest, bundle: Bundle) -> Bundle:
    """A bundle without a user namespace, and one with."""
    return give_users(bundle) if request.param else bundle


def mounted(runtime: Runtime, bundle: Bundle) -> dict[str, mount.MountPoint]:
    """What the container sees as mounts, by their targets."""
    result = runtime.run(bundle.script(SHOW))
    assert result.code == 0, result.err
    return {point.target: point for point in mount.parse_mountinfo(result.out)}


class TestOptions:
    @pytest.mark.parametrize("kind", ["bind", "tmpfs"])
    @pytest.mark.parametrize("recursive", ["", "r"])
    def test_attributes(
        self, runtime: Runtime, either: Bundle, tmp_path: Path, kind: str, recursive: str
    ) -> None:
        options = [f"{recursive}{word}" for word in ("ro", "nosuid", "nodev", "noexec", "noatime")]
        either.mount("/mnt", kind, tmp_path if kind == "bind" else "tmpfs", *options)
        found = mounted(runtime, either)["/mnt"].options.split(",")
        assert {"ro", "nosuid", "nodev", "noexec", "noatime"} <= set(found)

    def test_a_bind_keeps_what_it_does_not_name(
        self, runtime: Runtime, bundle: Bundle, tmp_path: Path
    ) -> None:
        source = tmp_path / "source"
        source.mkdir()
        mount.mount("tmpfs", str(source), "tmpfs", mount.MS_NOSUID | mount.MS_NODEV)
        try:
            bundle.mount("/mnt", "bind", source, "rbind", "ro", "dev")
            options = mounted(runtime, bundle)["/mnt"].options.split(",")
        finally:
            mount.umount(str(source))
        assert {"ro", "nosuid"} <= set(options)
        assert "nodev" not in options

    @pytest.mark.parametrize(
        ("option", "tag"), [("rslave", "master:"), ("rprivate", ""), ("rshared", "shared:")]
    )
    def test_propagation(
        self, runtime: Runtime, bundle: Bundle, tmp_path: Path, option: str, tag: str
    ) -> None:
        source = tmp_path / "source"
        source.mkdir()
        mount.mount("tmpfs", str(source), "tmpfs")
        try:
            mount.set_propagation(str(source), mount.MS_SHARED)
            bundle.mount("/mnt", "bind", source, "rbind", option)
            tags = mounted(runtime, bundle)["/mnt"].tags
        finally:
            mount.umount(str(source))
        assert tag in tags if tag else not tags

    @pytest.mark.parametrize("wanted", ["shared", "slave", "private", "unbindable", "rshared"])
    def test_propagation_of_the_root(self, runtime: Runtime, bundle: Bundle, wanted: str) -> None:
        bundle.linux["rootfsPropagation"] = wanted
        tags = mounted(runtime, bundle)["/"].tags
        assert tags.partition(":")[0] == {"rshared": "shared", "unbindable": "unbindable"}.get(
            wanted, "shared" if wanted == "shared" else ""
        )

    def test_the_same_mount_can_be_changed_later(self, runtime: Runtime, either: Bundle) -> None:
        either.mount("/mnt", "tmpfs", "tmpfs", "mode=700")
        either.mount("/mnt", "none", "", "bind", "remount", "noexec")
        point = mounted(runtime, either)["/mnt"]
        assert "noexec" in point.options
        assert "mode=700" in point.super_options


class TestTmpfs:
    def test_is_as_accessible_as_what_it_covers(self, runtime: Runtime, bundle: Bundle) -> None:
        (bundle.rootfs / "mnt").chmod(0o710)
        bundle.mount("/mnt", "tmpfs")
        bundle.mount("/tmp", "tmpfs", "tmpfs", "mode=1500")
        bundle.mount("/new", "tmpfs")
        assert runtime.run(bundle.script("stat -c %a /mnt /tmp /new")).out == "710\n1500\n1777"

    def test_that_is_read_only_holds_mounts(self, runtime: Runtime, either: Bundle) -> None:
        either.mount("/mnt", "tmpfs", "tmpfs", "ro")
        either.mount("/mnt/below/deep", "tmpfs")
        result = runtime.run(either.script("touch /mnt/below/deep/x && touch /mnt/x"))
        assert "/mnt/x: Read-only file system" in result.err

    def test_dev_may_be_read_only(self, runtime: Runtime, either: Bundle) -> None:
        either.config["mounts"][1]["options"].append("ro")
        result = runtime.run(either.script("echo x > /dev/null && touch /dev/x"))
        assert "/dev/x: Read-only file system" in result.err

    def test_can_begin_with_what_it_covers(self, runtime: Runtime, either: Bundle) -> None:
        place = either.rootfs / "var/lib"
        (place / "deep/er").mkdir(parents=True)
        (place / "deep/er/file").write_text("content\n")
        (place / "deep/er/file").chmod(0o4741)
        (place / "deep").chmod(0o2777)
        (place / "link").symlink_to("/etc/passwd")
        os.mkfifo(place / "fifo")
        if "user" in str(either.linux["namespaces"]):
            give_users(either)
        os.chown(place / "deep/er/file", 200_001, 200_002)
        (place / "deep/er/file").chmod(0o4741)
        either.mount("/var/lib", "tmpfs", "tmpfs", "tmpcopyup", "ro")
        script = """cd /var/lib; cat deep/er/file; stat -c '%a %u:%g' deep/er/file
        stat -c '%a %F' deep fifo; readlink link; touch x"""
        result = runtime.run(either.script(script))
        owner = "1:2" if "user" in str(either.linux["namespaces"]) else "200001:200002"
        assert result.out.splitlines() == [
            "content", f"4741 {owner}", "2777 directory", "644 fifo", "/etc/passwd",
        ]  # fmt: skip
        assert "Read-only" in result.err

    def test_what_does_not_fit_is_an_error(self, runtime: Runtime, bundle: Bundle) -> None:
        (bundle.rootfs / "var/lib/file").write_bytes(b"x" * 100_000)
        bundle.mount("/var/lib", "tmpfs", "tmpfs", "tmpcopyup", "size=64k")
        result = runtime.create(bundle)
        assert result.code == 1
        assert "no space left" in result.err.lower()


class TestSources:
    def test_may_be_what_an_earlier_mount_has_made(
        self, runtime: Runtime, either: Bundle, tmp_path: Path
    ) -> None:
        source = tmp_path / "source"
        (source / "x").mkdir(parents=True)
        (source / "x/file").write_text("content\n")
        source.chmod(0o700)
        either.mount("/mnt", "bind", source, "rbind", "rprivate")
        either.mount(f"{either.rootfs}/final", "bind", f"{either.rootfs}/mnt/x", "rbind")
        assert runtime.run(either.script("cat /final/file")).out == "content"

    def test_with_owners_of_their_own_too(
        self, runtime: Runtime, either: Bundle, tmp_path: Path
    ) -> None:
        source = tmp_path / "source"
        source.mkdir()
        either.mount("/mnt", "bind", source, "rbind")
        either.mount("/final", "bind", f"{either.rootfs}/mnt", "rbind", "idmap")
        either.config["mounts"][-1] |= {"uidMappings": RANGES, "gidMappings": RANGES}
        expected = "0" if "user" in str(either.linux["namespaces"]) else "200000"
        assert runtime.run(either.script("stat -c %u /final")).out == expected

    def test_may_be_the_root_itself(self, runtime: Runtime, bundle: Bundle, tmp_path: Path) -> None:
        other = Bundle(tmp_path / "other")
        (other.rootfs / "etc/name").write_text("other\n")
        other.rootfs.rename(tmp_path / "root")
        bundle.config["mounts"].insert(
            0, {"destination": "/", "source": str(tmp_path / "root"), "options": ["rbind"]}
        )
        assert runtime.run(bundle.script("cat /etc/name; ls -d /proc/1")).out == "other\n/proc/1"

    @pytest.mark.skipif(OTHER == "runc", reason="words of crun's")
    def test_may_be_links_themselves(self, runtime: Runtime, either: Bundle) -> None:
        link = either.path / "link"
        link.symlink_to("nowhere")
        (either.rootfs / "target").symlink_to("elsewhere")
        either.mount("/copied/link", "bind", link, "bind", "copy-symlink")
        either.mount("/target", "bind", link, "bind", "src-nofollow", "dest-nofollow")
        script = "readlink /copied/link; readlink /target; grep -c copied /proc/mounts"
        assert runtime.run(either.script(script)).out == "nowhere\nnowhere\n0"

    def test_one_that_is_missing_is_named(self, runtime: Runtime, either: Bundle) -> None:
        either.mount("/mnt", "bind", "/no/such", "bind")
        result = runtime.create(either)
        assert result.code == 1
        assert "/no/such" in result.err
        assert "no such file or directory" in result.err.lower()


class TestUserNamespace:
    def test_without_a_network_of_its_own_it_sees_the_hosts_sys(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.namespace("network", None)
        points = mounted(runtime, give_users(bundle))
        assert points["/sys"].fstype == "sysfs"
        assert all(
            point.options.startswith("ro") for target, point in points.items()
            if target.startswith("/sys/")
        )  # fmt: skip

    def test_without_processes_of_its_own_it_sees_the_hosts(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.namespace("pid", None)
        out = runtime.run(give_users(bundle).script("cat /proc/$$/stat")).out
        assert int(out.split()[0]) > 1

    def test_without_messages_of_its_own_it_sees_the_hosts_if_they_are_to_be_seen(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.namespace("ipc", None)
        bundle.mount("/dev/mqueue", "mqueue")
        assert "/dev" in mounted(runtime, give_users(bundle))

    def test_a_group_of_terminals_that_it_has_not_is_left_out(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.config["mounts"][2]["options"].append("gid=5")
        give_users(bundle)
        bundle.linux["gidMappings"] = [{"containerID": 0, "hostID": 200_000, "size": 1}]
        points = mounted(runtime, bundle)
        assert "gid=" not in points["/dev/pts"].super_options
        assert "mode=620" in points["/dev/pts"].super_options


def test_half_a_character_is_no_path(runtime: Runtime, either: Bundle) -> None:
    either.mount("/mnt", "bind", "/tmp/\ud800", "bind")
    result = runtime.create(either)
    assert result.code == 1
    assert "half a character" in result.err


class TestHostileTargets:
    @pytest.mark.parametrize("name", ["proc", "sys", "dev"])
    def test_a_link_in_the_place_of_a_kernels_directory(
        self, runtime: Runtime, either: Bundle, name: str
    ) -> None:
        (either.rootfs / name).rmdir()
        (either.rootfs / name).symlink_to("/tmp")
        result = runtime.create(either)
        assert result.code == 1
        assert "must be mounted on ordinary directory" in result.err

    def test_links_to_the_host_stay_inside(
        self, runtime: Runtime, either: Bundle, tmp_path: Path
    ) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (either.rootfs / "way").symlink_to(outside)
        (either.rootfs / "up").symlink_to("../../../../../../../../.." + str(outside))
        either.mount("/way/deep", "tmpfs")
        either.mount("/up/other", "bind", "/etc/hostname", "bind")
        assert runtime.run(either.script(f"ls {outside}")).out == "deep\nother"
        assert list(outside.iterdir()) == []

    def test_nothing_made_inside_is_seen_outside(
        self, runtime: Runtime, bundle: Bundle, tmp_path: Path
    ) -> None:
        before = len(mount.list_mounts())
        bundle.mount("/mnt", "bind", tmp_path, "rbind", "rshared")
        runtime.started(bundle.script("sleep 1000"))
        assert len(mount.list_mounts()) == before


def in_private(action: Callable[[], str], propagation: int = mount.MS_PRIVATE) -> str:
    """What an action in a mount namespace that is gone afterwards returns."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mount.set_propagation("/", propagation | mount.MS_REC)
        os.write(write_end, action().encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(write_end)
    os.waitpid(pid, 0)
    with os.fdopen(read_end) as told:
        return told.read()


@pytest.mark.parametrize("propagation", ["", "rprivate", "rshared", "rslave"])
def test_a_host_whose_mounts_are_shared_gets_none(
    runtime: Runtime, bundle: Bundle, propagation: str
) -> None:
    if propagation:
        bundle.linux["rootfsPropagation"] = propagation

    def action() -> str:
        before = len(mount.list_mounts())
        result = runtime.run(bundle.script("echo ran"))
        return f"{result.out} {len(mount.list_mounts()) - before}"

    assert in_private(action, mount.MS_SHARED) == "ran 0"


@pytest.mark.parametrize("propagation", ["slave", "rslave"])
def test_a_slave_root_hears_of_the_hosts_mounts(
    runtime: Runtime, bundle: Bundle, propagation: str
) -> None:
    bundle.linux["rootfsPropagation"] = propagation
    tags = in_private(lambda: mounted(runtime, bundle)["/"].tags, mount.MS_SHARED)
    assert tags.startswith("master:")


class TestOtherRoots:
    def test_without_pivot_root_nothing_of_the_host_is_left(
        self, runtime: Runtime, either: Bundle
    ) -> None:
        """A proc without masks would let those inside mount one of their own."""
        either.linux["maskedPaths"] = ["/proc/kcore"]
        result = runtime.run(either.script(f"{SHOW}; ls /"), flags=["--no-pivot"])
        assert result.code == 0, result.err
        points = mount.parse_mountinfo(result.out.rpartition(" - ")[0] + " - x x x")
        (root,) = (point.root for point in points if point.target == "/")
        assert root.endswith(f"/{either.path.name}/rootfs")
        assert not [point for point in points if point.target.startswith(("/run", "/home"))]
        assert "mnt" in result.out.splitlines()

    @pytest.mark.parametrize("path", [None, "/proc/self/ns/mnt"])
    def test_without_mounts_of_its_own_it_has_the_callers(
        self, runtime: Runtime, bundle: Bundle, path: str | None
    ) -> None:
        bundle.namespace("mount", path)
        assert in_private(lambda: runtime.run(bundle.script("ls -d /mnt /proc/1")).out) == (
            "/mnt\n/proc/1"
        )

    @pytest.mark.skipif(bool(OTHER), reason="others leave them")
    @pytest.mark.parametrize("program", ["true", "no-such-program"])
    def test_they_are_what_they_were_when_it_is_deleted(
        self, runtime: Runtime, bundle: Bundle, program: str
    ) -> None:
        bundle.namespace("mount", None)
        rootfs = f"{bundle.path}/rootfs"

        def action() -> str:
            mount.bind(rootfs, rootfs)  # somebody's, which stays
            code = runtime.run(bundle.runs(program)).code
            found = [each.target for each in mount.list_mounts() if rootfs in each.target]
            return f"{code == 0} {found}"

        assert in_private(action) == f"{program == 'true'} {[rootfs]}"


class TestDevices:
    def test_have_the_owners_and_permissions_that_are_asked_for(
        self, runtime: Runtime, either: Bundle
    ) -> None:
        either.linux["devices"] = [
            {"path": "/dev/a", "type": "b", "major": 1, "minor": 5, "uid": 7, "gid": 8,
             "fileMode": 0o157},
            {"path": "/dev/below/b", "type": "c", "major": 251, "minor": 1},
            {"path": "/dev/c", "type": "p", "major": 9, "minor": 9, "fileMode": 0o660},
        ]  # fmt: skip
        script = """cd /dev; stat -c '%n %a %u:%g %t,%T' a below/b null; stat -c '%F %a' c
        readlink fd; grep -c ' /dev/' /proc/mounts; echo x > null"""
        result = runtime.run(either.script(script))
        assert result.out.splitlines() == [
            "a 157 7:8 1,5", "below/b 666 0:0 fb,1", "null 666 0:0 1,3", "fifo 660",
            "/proc/self/fd", "1",
        ]  # fmt: skip
        assert result.code == 0, result.err

    @pytest.mark.parametrize(
        "change", [{"major": -1}, {"major": 1 << 40}, {"minor": 1 << 20}, {"type": "x"},
                   {"path": "/dev/a\ud800"}, {"path": "/dev/a\0"}]
    )  # fmt: skip
    def test_that_there_cannot_be_are_refused(
        self, runtime: Runtime, either: Bundle, change: dict[str, object]
    ) -> None:
        device = {"path": "/dev/a", "type": "c", "major": 1, "minor": 3}
        either.linux["devices"] = [device | change]
        result = runtime.create(either)
        assert result.code == 1
        assert len(result.err.splitlines()) == 1
        assert not list(runtime.directory.glob("state/*"))

    def test_are_not_made_in_a_directory_of_the_hosts(
        self, runtime: Runtime, either: Bundle, tmp_path: Path
    ) -> None:
        (tmp_path / "hosts").mkdir()
        either.without_mount("/dev")
        either.without_mount("/dev/pts")
        either.mount("/dev", "bind", tmp_path / "hosts", "rbind")
        assert runtime.run(either.script("ls /dev")).out == ""

    def test_are_not_made_through_a_link(
        self, runtime: Runtime, bundle: Bundle, tmp_path: Path
    ) -> None:
        (tmp_path / "hosts").mkdir()
        bundle.without_mount("/dev")
        bundle.without_mount("/dev/pts")
        (bundle.rootfs / "dev").rmdir()
        (bundle.rootfs / "dev").symlink_to(tmp_path / "hosts")
        assert runtime.create(bundle).code == 1
        assert list((tmp_path / "hosts").iterdir()) == []

    def test_one_of_another_number_is_no_stand_in(self, runtime: Runtime, bundle: Bundle) -> None:
        """CVE-2025-31133: what is taken for /dev/null must be it."""
        bundle.without_mount("/dev")
        bundle.without_mount("/dev/pts")
        os.mknod(bundle.rootfs / "dev/null", 0o20666, os.makedev(1, 5))
        assert runtime.create(bundle).code == 1


class TestMasks:
    def test_are_shared_and_put_once(self, runtime: Runtime, either: Bundle) -> None:
        for name in ("one", "two"):
            (either.rootfs / name).mkdir()
        (either.rootfs / "file").write_text("secret")
        masked = ["/one", "/two", "/file", "/one", "/file", "/none"]
        either.linux["maskedPaths"] = masked
        script = (
            "cat /file; ls /one; stat -c %d /one /two; grep -cE ' /(one|two|file) ' /proc/mounts"
        )
        result = runtime.run(either.script(f"{script}; touch /one/x"))
        one, two, number = result.out.split()
        assert one == two
        assert number == "3"
        assert "Read-only" in result.err


def test_the_order_of_mounts_is_the_configs(runtime: Runtime, either: Bundle) -> None:
    result = runtime.run(either.script(SHOW))
    points = mount.parse_mountinfo(result.out)[1:]
    mounts = either.config["mounts"]
    assert [each.target for each in points] == [each["destination"] for each in mounts]
    assert [each.source for each in points] == [each["source"] for each in mounts]
