"""Namespaces of a container: new, the caller's, or somebody's by path; users mapped."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bundles import OTHER, Bundle, Runtime, end
from console import wait_until
from cuddy.kernel import mount, namespaces

LINKS = {
    "pid": "pid",
    "mount": "mnt",
    "uts": "uts",
    "ipc": "ipc",
    "network": "net",
    "cgroup": "cgroup",
}


def links_of(pid: int | str) -> dict[str, str]:
    return {kind: os.readlink(f"/proc/{pid}/ns/{link}") for kind, link in LINKS.items()}


@pytest.fixture
def other() -> Iterator[int]:
    """A process in new namespaces of every kind but the user's and the mounts'."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        kinds = ("uts", "ipc", "network", "cgroup")
        namespaces.unshare(sum(namespaces.FLAGS[kind] for kind in kinds))
        namespaces.sethostname("others")
        os.write(write_end, b"1")
        signal.pause()
    os.read(read_end, 1)
    os.close(read_end)
    os.close(write_end)
    yield pid
    end(pid)
    os.waitpid(pid, 0)


class TestKinds:
    def test_it_may_have_none_at_all(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.config.update(mounts=[{"destination": "/proc", "type": "proc"}], linux={})
        bundle.script("readlink /proc/self/ns/mnt; readlink /proc/self/ns/pid; pwd")
        seen = runtime.run(bundle).out.split()
        if OTHER:  # others leave the mounts, which are the caller's
            subprocess.run(["umount", "-R", bundle.rootfs], check=True)
        assert seen == [*(os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "pid")), "/"]

    def test_those_asked_for_are_new(self, runtime: Runtime, bundle: Bundle) -> None:
        pid = runtime.created(bundle.script("sleep 1000"))
        ours, theirs = links_of("self"), links_of(pid)
        assert [kind for kind in LINKS if ours[kind] == theirs[kind]] == []

    @pytest.mark.parametrize("kind", ["pid", "uts", "ipc", "network", "cgroup"])
    def test_the_others_are_the_callers(self, runtime: Runtime, bundle: Bundle, kind: str) -> None:
        bundle.namespace(kind, None)
        pid = runtime.created(bundle.script("sleep 1000"))
        ours, theirs = links_of("self"), links_of(pid)
        assert [each for each in LINKS if ours[each] == theirs[each]] == [kind]

    @pytest.mark.parametrize("kind", ["uts", "ipc", "network", "cgroup"])
    def test_one_can_be_joined_by_its_path(
        self, runtime: Runtime, bundle: Bundle, other: int, kind: str
    ) -> None:
        bundle.namespace(kind, f"/proc/{other}/ns/{LINKS[kind]}")
        pid = runtime.created(bundle.script("sleep 1000"))
        assert links_of(pid)[kind] == links_of(other)[kind]

    def test_a_pid_namespace_can_be_joined(self, runtime: Runtime, bundle: Bundle) -> None:
        first = runtime.started(bundle.runs("sleep", "1000"), "first")
        command = Path(f"/proc/{first}/cmdline")
        wait_until(lambda: command.read_text() == "sleep\x001000\0")
        bundle.namespace("pid", f"/proc/{first}/ns/pid")
        second = runtime.started(
            bundle.script("echo $$; cat /proc/1/cmdline; echo; sleep 1000"), "second"
        )
        assert links_of(second)["pid"] == links_of(first)["pid"]
        number, command_line, _ = runtime.wait_for_output("second", lines=2).split("\n")
        assert command_line == "sleep\x001000\0"
        # The runtime itself has come back: its children are in the caller's namespace.
        assert int(number) > 1

    @pytest.mark.parametrize("kind", [*LINKS, "user", "time"])
    def test_a_path_to_another_kind_is_an_error_that_names_it(
        self, runtime: Runtime, bundle: Bundle, other: int, kind: str
    ) -> None:
        path = f"/proc/{other}/ns/{'ipc' if kind == 'uts' else 'uts'}"
        bundle.namespace(kind, path)
        result = runtime.create(bundle)
        assert result.code != 0
        assert f"{path} is no {kind} namespace" in result.err
        assert not list(runtime.directory.glob("state/*"))

    @pytest.mark.parametrize("path", ["/no/such", "/etc/passwd", "/"])
    def test_a_path_to_no_namespace_is_an_error(
        self, runtime: Runtime, bundle: Bundle, path: str
    ) -> None:
        for kind in ("network", "pid"):
            bundle.namespace(kind, path)
            result = runtime.create(bundle, kind)
            assert result.code != 0
            assert len(result.err.splitlines()) == 1
        assert not list(runtime.directory.glob("state/*"))

    def test_a_new_network_has_its_loopback_up(self, runtime: Runtime, bundle: Bundle) -> None:
        out = runtime.run(bundle.runs("cat", "/proc/net/dev", "/proc/net/if_inet6")).out
        assert "lo:" in out
        assert "00000000000000000000000000000001" in out

    def test_its_cgroups_are_its_root(self, runtime: Runtime, bundle: Bundle) -> None:
        out = runtime.run(bundle.runs("cat", "/proc/self/cgroup")).out
        assert {line.split(":", 2)[2] for line in out.splitlines()} == {"/"}


@pytest.fixture
def mapped(bundle: Bundle) -> Bundle:
    """A bundle whose root is the host's 200000; its files belong to that root."""
    ranges = [{"containerID": 0, "hostID": 200_000, "size": 65536}]
    bundle.namespace("user")
    bundle.linux.update(uidMappings=ranges, gidMappings=ranges)
    for directory in (bundle.path, *list(bundle.path.parents)[:-2]):
        if directory.stat().st_uid == 0 and directory.stat().st_mode & 0o011 == 0:
            directory.chmod(0o711)
    subprocess.run(["chown", "-hR", "200000:200000", bundle.rootfs], check=True)
    return bundle


class TestUsers:
    def test_root_inside_is_somebody_outside(self, runtime: Runtime, mapped: Bundle) -> None:
        pid = runtime.started(mapped.script("touch /made; id -u; sleep 1000"))
        assert runtime.wait_for_output() == "0\n"
        status = Path(f"/proc/{pid}/status").read_text()
        assert status.split("Uid:")[1].split()[:4] == ["200000"] * 4
        assert (mapped.rootfs / "made").stat().st_uid == 200_000

    def test_another_user_inside_too(self, runtime: Runtime, mapped: Bundle) -> None:
        mapped.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [7]}
        pid = runtime.started(mapped.script("id -u; id -G; sleep 1000"))
        assert set(runtime.wait_for_output(lines=2).split()) == {"1000", "7"}
        assert Path(f"/proc/{pid}/status").read_text().split("Uid:")[1].split()[0] == "201000"

    def test_the_devices_are_the_hosts_own(self, runtime: Runtime, mapped: Bundle) -> None:
        script = "echo x >/dev/null && head -c 2 /dev/zero | od -An -tx1; ls -l /dev/null"
        out = runtime.run(mapped.script(script)).out
        assert out.split()[:2] == ["00", "00"]

    def test_its_root_is_powerless_against_the_hosts(
        self, runtime: Runtime, mapped: Bundle, tmp_path: Path
    ) -> None:
        (tmp_path / "hosts").mkdir()
        (tmp_path / "hosts/secret").write_text("secret")
        (tmp_path / "hosts/secret").chmod(0o600)
        (tmp_path / "hosts").chmod(0o755)
        mapped.mount("/mnt", "bind", tmp_path / "hosts", "bind")
        result = runtime.run(mapped.script("cat /mnt/secret; touch /mnt/x"))
        assert result.stdout == b""
        assert result.code != 0

    @pytest.mark.parametrize(
        "ranges", [[], [(0, 0, 0)], [(0, 5, 9), (3, 50, 9)], [(0, 4294967295, 1)]]
    )
    def test_a_map_that_makes_no_sense_is_an_error(
        self, runtime: Runtime, mapped: Bundle, ranges: list[tuple[int, int, int]]
    ) -> None:
        names = ("containerID", "hostID", "size")
        maps = [dict(zip(names, each)) for each in ranges]
        mapped.linux.update(uidMappings=maps, gidMappings=maps)
        result = runtime.create(mapped)
        assert result.code != 0
        assert len(result.err.splitlines()) == 1
        assert not list(runtime.directory.glob("state/*"))

    def test_exec_is_in_the_same_user_namespace(self, runtime: Runtime, mapped: Bundle) -> None:
        pid = runtime.started(mapped.script("sleep 1000"))
        out = runtime.ok("exec", "box", "readlink", "/proc/self/ns/user")
        assert out == os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user")
        assert runtime.ok("exec", "box", "id", "-u") == "0"

    @pytest.mark.parametrize("new", [(), ("network", "ipc", "uts", "pid", "cgroup")])
    def test_a_user_namespace_can_be_joined_by_its_path(
        self, runtime: Runtime, mapped: Bundle, tmp_path: Path, new: tuple[str, ...]
    ) -> None:
        """With namespaces that belong to it, as a pod's are, or with new ones."""
        first = runtime.started(mapped.script("sleep 1000"), "first")
        for kind in {"network", "ipc", "uts", "pid", "cgroup"} - set(new):
            mapped.namespace(kind, f"/proc/{first}/ns/{LINKS[kind]}")
        mapped.namespace("user", f"/proc/{first}/ns/user")
        second = runtime.started(mapped.script("id -u; sleep 1000"), "second")
        assert runtime.wait_for_output("second") == "0\n"
        assert os.readlink(f"/proc/{second}/ns/user") == os.readlink(f"/proc/{first}/ns/user")
        assert [k for k in LINKS if links_of(first)[k] != links_of(second)[k]] == [
            kind for kind in LINKS if kind in (*new, "mount")
        ]
        assert runtime.ok("exec", "second", "id", "-u") == "0"

    @pytest.mark.parametrize("kind", ["uts", "ipc", "network", "pid"])
    def test_in_a_new_one_the_hosts_can_be_joined(
        self, runtime: Runtime, mapped: Bundle, other: int, kind: str
    ) -> None:
        mapped.namespace(kind, f"/proc/{other}/ns/{LINKS[kind]}")
        # The kernel shows a network's /sys, and the processes of a /proc, to their owners only.
        for path in ("/sys", "/proc"):
            mapped.without_mount(path)
            mapped.mount(path, "bind", path, "rbind")
        pid = runtime.started(mapped.script("id -u; sleep 1000"))
        assert runtime.wait_for_output() == "0\n"
        assert links_of(pid)[kind] == links_of(other)[kind]
        assert runtime.ok("exec", "box", "id", "-u") == "0"

    def test_the_own_one_given_by_its_path_is_none(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.namespace("user", "/proc/self/ns/user")
        out = runtime.run(bundle.runs("readlink", "/proc/self/ns/user")).out
        assert out == os.readlink("/proc/self/ns/user")

    def test_without_maps_it_is_refused(self, runtime: Runtime, mapped: Bundle) -> None:
        del mapped.linux["uidMappings"]
        result = runtime.create(mapped)
        assert result.code != 0
        assert "mapping" in result.err

    def test_limits_are_set_with_the_hosts_power(self, runtime: Runtime, mapped: Bundle) -> None:
        """Of which a user namespace's root has none."""
        mapped.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 7, "hard": 8}]
        mapped.process["oomScoreAdj"] = 500
        script = "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj"
        assert runtime.run(mapped.script(script)).out.split() == ["7", "8", "500"]


class TestTime:
    def test_a_new_one_has_clocks_of_its_own(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.namespace("time")
        bundle.linux["timeOffsets"] = {
            "boottime": {"secs": 10_000_000, "nanosecs": 5},
            "monotonic": {"secs": 20_000_000},
        }
        pid = runtime.started(bundle.script("cat /proc/uptime /proc/self/timens_offsets; sleep 9"))
        uptime, monotonic, boottime = runtime.wait_for_output(lines=3).splitlines()
        assert abs(float(uptime.split()[0]) - 10_000_000 - uptime_of_host()) < 60
        assert monotonic.split() == ["monotonic", "20000000", "0"]
        assert boottime.split() == ["boottime", "10000000", "5"]
        assert os.readlink(f"/proc/{pid}/ns/time") != os.readlink("/proc/self/ns/time")
        inside = runtime.ok("exec", "box", "cat", "/proc/uptime")
        assert float(inside.split()[0]) > 10_000_000

    def test_it_goes_with_a_user_namespace(self, runtime: Runtime, mapped: Bundle) -> None:
        mapped.namespace("time")
        mapped.linux["timeOffsets"] = {"boottime": {"secs": 10_000_000}}
        assert runtime.run(mapped.script("id -u; cat /proc/uptime")).out.split()[1] > "1"

    def test_one_can_be_joined(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.namespace("time")
        first = runtime.started(bundle.script("sleep 1000"), "first")
        bundle.namespace("time", f"/proc/{first}/ns/time")
        second = runtime.started(bundle.script("sleep 1000"), "second")
        assert os.readlink(f"/proc/{second}/ns/time") == os.readlink(f"/proc/{first}/ns/time")

    def test_offsets_without_a_new_one_are_refused(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["timeOffsets"] = {"boottime": {"secs": 1}}
        result = runtime.create(bundle)
        assert result.code != 0
        assert "time namespace" in result.err


def uptime_of_host() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


class TestMounts:
    def test_without_any_namespace_all_are_the_callers(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        del bundle.linux["namespaces"]
        bundle.config["mounts"] = []
        pid = runtime.started(bundle.script("ls /; sleep 1000"))
        assert "bin" in runtime.wait_for_output(lines=5).split()
        assert links_of(pid) == links_of("self")
        (bundle.rootfs / "ours").touch()
        assert runtime.ok("exec", "box", "ls", "/ours") == "/ours"
        end(pid)
        runtime.wait(pid)
        if OTHER:  # its root stays a mount of ours
            subprocess.run(["umount", "-R", bundle.rootfs], check=True)

    def test_a_mount_namespace_can_be_joined(self, runtime: Runtime, bundle: Bundle) -> None:
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            namespaces.unshare(namespaces.CLONE_NEWNS)
            mount.set_propagation("/", mount.MS_SLAVE | mount.MS_REC)
            os.write(write_end, b"1")
            signal.pause()
        os.read(read_end, 1)
        os.close(read_end)
        os.close(write_end)
        try:
            bundle.namespace("mount", f"/proc/{pid}/ns/mnt")
            bundle.mount("/mnt", "tmpfs")
            before = Path("/proc/self/mountinfo").read_text()
            init = runtime.started(bundle.script("ls /; sleep 1000"))
            assert "bin" in runtime.wait_for_output(lines=5).split()
            assert os.readlink(f"/proc/{init}/ns/mnt") == os.readlink(f"/proc/{pid}/ns/mnt")
            assert Path("/proc/self/mountinfo").read_text() == before
            # The namespace has a root of its own, and another container there would have a third.
            (bundle.rootfs / "ours").touch()
            assert runtime.ok("exec", "box", "ls", "/ours") == "/ours"
        finally:
            end(pid)
            os.waitpid(pid, 0)
