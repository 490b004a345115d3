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
from cuddy.kernel import namespaces

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

    def test_a_path_to_another_kind_is_an_error_that_names_it(
        self, runtime: Runtime, bundle: Bundle, other: int
    ) -> None:
        bundle.namespace("ipc", f"/proc/{other}/ns/uts")
        result = runtime.create(bundle)
        assert result.code != 0
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

    @pytest.mark.skipif(bool(OTHER), reason="others use chroot")
    def test_without_mounts_of_its_own_it_is_refused(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        bundle.namespace("mount", None)
        result = runtime.create(bundle)
        assert result.code != 0
        assert "mount namespace" in result.err

    @pytest.mark.skipif(bool(OTHER), reason="others can do more")
    @pytest.mark.parametrize(("kind", "path"), [("user", "/proc/self/ns/user"), ("time", "")])
    def test_what_is_not_there_yet_is_refused_and_not_left_out(
        self, runtime: Runtime, bundle: Bundle, kind: str, path: str
    ) -> None:
        bundle.namespace(kind, path)
        result = runtime.create(bundle)
        assert result.code != 0
        assert f"{kind} namespace" in result.err

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
