"""Namespaces that a container has not for itself: the host's, or another container's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from console import Cuddy, bridge_of, wait_until

SLEEP = ("alpine", "sleep", "1000")


def namespace(pid: int | str, kind: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def links_of(bridge: str) -> str:
    words = ["ip", "-o", "link", "show", "master", bridge]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def target(cuddy: Cuddy) -> str:
    """A running container that others may join; its id."""
    words = ["--name", "target", "--hostname", "box", "--ipc", "shareable"]
    return cuddy.ok("run", "-d", *words, "alpine", "sleep", "1000")


class TestAnotherContainers:
    def test_network_names_and_files_are_the_others(self, cuddy: Cuddy, target: str) -> None:
        script = "hostname; cat /etc/hosts; ip -o -4 addr show eth0"
        out = cuddy.ok("run", "--rm", "--network", "container:target", "alpine", "sh", "-c", script)
        address = cuddy.field("target", "{{.NetworkSettings.IPAddress}}")
        assert out.startswith("box\n")
        assert f"{address}\tbox" in out
        assert f"inet {address}/" in out

    def test_its_processes_are_seen(self, cuddy: Cuddy, target: str) -> None:
        words = ["--pid", "container:target", "alpine", "cat", "/proc/1/cmdline"]
        assert cuddy.ok("run", "--rm", *words).split("\0")[:2] == ["sleep", "1000"]

    def test_memory_is_shared_both_ways(self, cuddy: Cuddy, target: str) -> None:
        script = "echo hello > /dev/shm/here; grep ' /dev/shm ' /proc/mounts"
        words = ["--ipc", "container:target", "--name", "other", "alpine", "sh", "-c", script]
        mounted = cuddy.ok("run", *words)
        assert {"nosuid", "nodev", "noexec"} <= set(mounted.split()[3].split(","))
        assert cuddy.ok("exec", "target", "cat", "/dev/shm/here") == "hello"
        cuddy.ok("rm", "other")
        assert cuddy.ok("exec", "target", "cat", "/dev/shm/here") == "hello"

    def test_the_record_has_the_whole_id(self, cuddy: Cuddy, target: str) -> None:
        words = [f"--{kind}=container:{target[:12]}" for kind in ("network", "pid", "ipc")]
        cuddy.ok("create", "--name", "one", *words, "alpine", "true")
        found = cuddy.inspect("one")
        for field in ("NetworkMode", "PidMode", "IpcMode"):
            assert found["HostConfig"][field] == f"container:{target}"
        assert found["Config"]["Hostname"] == "box"
        assert found["HostsPath"] == cuddy.inspect("target")["HostsPath"]

    def test_one_that_does_not_run_cannot_be_joined(self, cuddy: Cuddy, target: str) -> None:
        cuddy.ok("create", "--name", "one", "--network", "container:target", "alpine", "true")
        cuddy.ok("kill", "target")
        wait_until(lambda: cuddy.field("target", "{{.State.Running}}") == "false")
        result = cuddy("start", "one")
        assert result.code == 1
        assert f"cannot join network of a non running container: {target}" in result.complaint
        hosts = Path(cuddy.inspect("target")["HostsPath"]).read_text()
        assert "box" in hosts

    @pytest.mark.parametrize("kind", ["network", "pid", "ipc"])
    def test_one_that_is_not_there_is_an_error(self, cuddy: Cuddy, kind: str) -> None:
        result = cuddy("create", f"--{kind}", "container:nobody", "alpine", "true")
        assert result.code == 125
        assert "No such container: nobody" in result.complaint
        assert cuddy.ok("ps", "-aq") == ""

    def test_memory_that_is_private_stays_so(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "private", "alpine", "true")
        result = cuddy("create", "--ipc", "container:private", "alpine", "true")
        assert result.code == 125
        assert "non-shareable IPC (hint: use IpcMode:shareable" in result.complaint

    def test_its_end_takes_processes_and_address_along(self, cuddy: Cuddy, target: str) -> None:
        cuddy.ok(
            "run", "-d", "--name", "pids", "--pid", "container:target", "alpine", "sleep", "99"
        )
        words = ["--network", "container:target", *SLEEP]
        cuddy.ok("run", "-d", "--name", "net", *words)
        link = f"veth{target[:10]}"
        assert link in links_of(bridge_of(cuddy))
        cuddy.ok("kill", "target")
        wait_until(lambda: cuddy.field("pids", "{{.State.ExitCode}}") == "137")
        wait_until(lambda: link not in links_of(bridge_of(cuddy)))
        assert cuddy.field("net", "{{.State.Running}}") == "true"
        assert "eth0" not in cuddy.ok("exec", "net", "ip", "addr")


class TestTheHosts:
    @pytest.mark.parametrize(
        ("words", "kind"),
        [
            (["--network", "host"], "net"),
            (["--pid", "host"], "pid"),
            (["--ipc", "host"], "ipc"),
            (["--uts", "host"], "uts"),
            (["--cgroupns", "host"], "cgroup"),
        ],
    )
    def test_this_namespace_alone_is_the_hosts(
        self, cuddy: Cuddy, words: list[str], kind: str
    ) -> None:
        cuddy.ok("run", "-d", "--name", "one", *words, "alpine", "sleep", "1000")
        pid = cuddy.pid("one")
        kinds = ("net", "pid", "ipc", "uts", "cgroup")
        assert [k for k in kinds if namespace(pid, k) == namespace("self", k)] == [kind]

    def test_names_are_the_hosts_or_the_users_own(self, cuddy: Cuddy) -> None:
        name = os.uname().nodename
        assert cuddy.ok("run", "--rm", "--uts", "host", "alpine", "hostname") == name
        assert cuddy.ok("run", "--rm", "--network", "host", "alpine", "hostname") == name
        words = ["--network", "host", "--hostname", "mine", "alpine", "hostname"]
        assert cuddy.ok("run", "--rm", *words) == "mine"

    def test_its_control_groups_are_seen_but_not_others(self, cuddy: Cuddy) -> None:
        words = ["--cgroupns", "host", "alpine", "sh", "-c"]
        out = cuddy.ok(
            "run", "--rm", *words, "cat /proc/self/cgroup; ls -d /sys/fs/cgroup/pids/* || :"
        )
        assert ":/cuddy/" in out
        if Path("/sys/fs/cgroup/pids").exists():
            assert "/sys/fs/cgroup/pids/pids.max" in out  # the root group has no such file


def test_memory_nobody_shares_may_be_left_out(cuddy: Cuddy) -> None:
    result = cuddy("run", "--rm", "--ipc", "none", "alpine", "ls", "-d", "/dev/shm")
    assert result.code != 0
    assert cuddy.ok("run", "--rm", "--ipc", "shareable", "alpine", "ls", "-d", "/dev/shm")


def test_what_is_not_shared_memory_is_not_shared(cuddy: Cuddy) -> None:
    """A container that may mount could have put anything there."""
    script = "umount /dev/shm; mount --bind /etc /dev/shm; touch /there; exec sleep 1000"
    words = ["--name", "target", "--privileged", "--ipc", "shareable", "--network", "none"]
    cuddy.ok("run", "-d", *words, "alpine", "sh", "-c", script)
    wait_until(lambda: cuddy("exec", "target", "test", "-e", "/there").code == 0)
    result = cuddy("run", "--rm", "--ipc", "container:target", "alpine", "ls", "/dev/shm")
    assert result.code == 125
    assert "the other container's /dev/shm is not its shared memory" in result.complaint
    assert cuddy.ok("ps", "-a", "--format", "{{.Names}}") == "target"
