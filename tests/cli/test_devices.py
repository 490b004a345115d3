"""Devices of the host inside: nodes, and whether they may be used."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import Cuddy

MISC = 10
"""The major number of devices that have none of their own: /proc/misc lists the minor ones."""


def minor() -> int:
    """Of a device that no container may use, though to open it takes no power."""
    lines = Path("/proc/misc").read_text().splitlines()
    there = {name: int(number) for number, name in map(str.split, lines)}
    for name in ("fuse", "tun", "userfaultfd", "loop-control"):
        if name in there:
            return there[name]
    pytest.skip("this kernel has no device that anybody may open")


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A directory with such a device of the host's."""
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep/own"
    os.mknod(path, 0o20600, os.makedev(MISC, minor()))
    return path


class TestOneDevice:
    def test_it_may_be_used(self, cuddy: Cuddy, node: Path) -> None:
        script = "exec 3</dev/mine; stat -c %t:%T /dev/mine"
        words = ["--device", f"{node}:/dev/mine", "alpine", "sh", "-c", script]
        assert cuddy.ok("run", "--rm", *words) == f"{MISC:x}:{minor():x}"

    def test_others_may_not(self, cuddy: Cuddy) -> None:
        script = f"mknod /x c {MISC} {minor()} && echo made && exec 3</x"
        result = cuddy("run", "--rm", "alpine", "sh", "-c", script)
        assert result.out == "made"
        assert "not permitted" in result.err

    def test_it_may_be_only_read(self, cuddy: Cuddy, node: Path) -> None:
        words = ["--device", f"{node}:/dev/mine:r", "alpine", "sh", "-c"]
        result = cuddy("run", "--rm", *words, "exec 3</dev/mine && echo read; exec 3<>/dev/mine")
        assert result.out == "read"
        assert "not permitted" in result.err

    def test_a_link_leads_to_it(self, cuddy: Cuddy, node: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(node)
        words = ["--device", f"{tmp_path}/link:/dev/a/b/mine", "alpine", "test", "-c"]
        cuddy.ok("run", "--rm", *words, "/dev/a/b/mine")

    def test_a_directory_brings_all_in_it(self, cuddy: Cuddy, node: Path, tmp_path: Path) -> None:
        words = ["--device", f"{tmp_path}:/dev/all", "alpine", "sh", "-c"]
        cuddy.ok("run", "--rm", *words, "exec 3</dev/all/deep/own")

    @pytest.mark.parametrize(
        ("device", "complaint", "code"),
        [
            ("/dev/nope", "no such file or directory", 127),
            ("/etc/passwd", "not a device node", 125),
        ],
    )
    def test_what_is_no_device_is_an_error(
        self, cuddy: Cuddy, device: str, complaint: str, code: int
    ) -> None:
        """The exit code is docker's, to whom a device that is missing is like a missing program."""
        result = cuddy("run", "--name", "box", "--device", device, "alpine", "true")
        assert result.code == code
        assert cuddy.field("box", "{{.State.ExitCode}}") == "128"
        assert cuddy("start", "box").code == 1
        assert "error gathering device information while adding custom device" in result.complaint
        assert complaint in result.complaint

    def test_the_record_says_it_as_docker_does(self, cuddy: Cuddy) -> None:
        words = ["--device", "/dev/null:/dev/x:r", "--device-cgroup-rule", "c 1:2 rwm"]
        cuddy.ok("create", "--name", "one", *words, "alpine", "true")
        found = cuddy.inspect("one")["HostConfig"]
        assert found["Devices"] == [
            {"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}
        ]
        assert found["DeviceCgroupRules"] == ["c 1:2 rwm"]


def test_a_rule_alone_allows_a_node_of_the_containers_own(cuddy: Cuddy) -> None:
    words = ["--device-cgroup-rule", f"c {MISC}:{minor()} r", "alpine", "sh", "-c"]
    cuddy.ok("run", "--rm", *words, f"mknod /x c {MISC} {minor()} && exec 3</x")


class TestVendorsDevices:
    @pytest.fixture
    def vendor(self, node: Path) -> Iterator[str]:
        """A device that a vendor has named, in a specification; its name."""
        edits = {
            "env": ["VENDOR=yes"],
            "deviceNodes": [{"path": "/dev/mine", "hostPath": str(node)}],
            "mounts": [{"hostPath": str(node.parent), "containerPath": "/opt/vendor"}],
            "hooks": [
                {
                    "hookName": "createRuntime",
                    "path": "/bin/sh",
                    "args": ["sh", "-c", f"cat > {node.parent}/state"],
                }
            ],
        }
        device = {"name": "one", "containerEdits": edits}
        name = f"cuddy-tests.io/d{os.getpid()}"
        directory = Path("/run/cdi")
        was_there = directory.exists()
        directory.mkdir(exist_ok=True)
        path = directory / f"cuddy-tests-{os.getpid()}.json"
        path.write_text(json.dumps({"cdiVersion": "0.6.0", "kind": name, "devices": [device]}))
        yield f"{name}=one"
        path.unlink()
        if not was_there:
            directory.rmdir()

    def test_it_brings_what_it_needs(self, cuddy: Cuddy, vendor: str) -> None:
        script = "exec 3</dev/mine; ls /opt/vendor; echo $VENDOR"
        words = ["--device", vendor, "--name", "one", "alpine", "sh", "-c", script]
        assert cuddy.ok("run", *words).split() == ["own", "state", "yes"]
        request = {"Driver": "cdi", "Count": 0, "DeviceIDs": [vendor], "Capabilities": None}
        found = cuddy.inspect("one")["HostConfig"]
        assert found["DeviceRequests"] == [request | {"Options": None}]
        assert found["Devices"] == []

    def test_one_that_nobody_knows_is_an_error(self, cuddy: Cuddy) -> None:
        result = cuddy("run", "--rm", "--device", "nobody.io/x=1", "alpine", "true")
        assert result.code == 125
        assert "unresolvable CDI devices nobody.io/x=1" in result.complaint

    def test_gpus_that_nobody_knows_are_an_error(self, cuddy: Cuddy) -> None:
        result = cuddy("run", "--rm", "--gpus", "driver=nobody,count=all", "alpine", "true")
        assert result.code == 125
        assert 'could not select device driver "nobody"' in result.complaint


class TestPrivileged:
    def test_it_has_the_hosts_devices_and_may_write_settings(self, cuddy: Cuddy) -> None:
        script = "exec 3</dev/kmsg; mkdir /sys/fs/cgroup/*/inner >/dev/null 2>&1; echo 1 >/dev/null"
        cuddy.ok("run", "--rm", "--privileged", "alpine", "sh", "-c", script)
        mounts = cuddy.ok("run", "--rm", "--privileged", "alpine", "cat", "/proc/mounts")
        options = {line.split()[1]: line.split()[3].split(",") for line in mounts.split("\n")}
        assert "rw" in options["/sys"]
        assert "/proc/sys" not in options

    def test_the_record_says_it_as_docker_does(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "one", "--privileged", "alpine", "true")
        found = cuddy.inspect("one")["HostConfig"]
        assert found["MaskedPaths"] is None
        assert found["ReadonlyPaths"] is None
        assert found["SecurityOpt"] == ["label=disable"]


class TestSettings:
    def test_those_of_its_namespaces_are_made(self, cuddy: Cuddy) -> None:
        words = ["--sysctl", "net.core.somaxconn=77", "--sysctl", "kernel.shmmax=1048576", "alpine"]
        paths = ["/proc/sys/net/core/somaxconn", "/proc/sys/kernel/shmmax"]
        assert cuddy.ok("run", "--rm", *words, "cat", *paths).split() == ["77", "1048576"]

    def test_those_of_the_host_are_refused(self, cuddy: Cuddy) -> None:
        result = cuddy("run", "--rm", "--sysctl", "kernel.pid_max=100", "alpine", "true")
        assert result.code == 125
        assert "sysctl 'kernel.pid_max=100' is not allowed" in result.complaint

    def test_control_groups_may_be_the_containers_to_divide(self, cuddy: Cuddy) -> None:
        group = (
            "/sys/fs/cgroup/memory"
            if Path("/sys/fs/cgroup/memory").exists()
            else ("/sys/fs/cgroup")
        )
        words = ["--security-opt", "writable-cgroups=true", "alpine", "mkdir", f"{group}/inner"]
        cuddy.ok("run", "--rm", *words)
        assert cuddy("run", "--rm", "alpine", "mkdir", f"{group}/inner").code != 0

    def test_annotations_reach_the_runtime(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "--name", "one", "--annotation", "org.example=1", "alpine", "true")
        assert cuddy.inspect("one")["HostConfig"]["Annotations"] == {"org.example": "1"}
        container_id = cuddy.inspect("one")["Id"]
        config = (cuddy.root / "containers" / container_id / "config.json").read_text()
        assert '"org.example":"1"' in config


def test_an_apparmor_profile_needs_apparmor(cuddy: Cuddy) -> None:
    result = cuddy("run", "--rm", "--security-opt", "apparmor=no-such-profile", "alpine", "true")
    assert result.code == 125
    assert "AppArmor" in result.complaint
    cuddy.ok("run", "--name", "one", "--security-opt", "apparmor=unconfined", "alpine", "true")
    assert cuddy.inspect("one")["AppArmorProfile"] == "unconfined"


def test_groups_are_added_by_name_and_number(cuddy: Cuddy) -> None:
    words = ["--group-add", "audio", "--group-add", "4242", "alpine", "id", "-G"]
    found = cuddy.ok("run", "--rm", "-u", "1000:1000", *words).split()
    assert {"1000", "4242"} <= set(found)
    assert len(found) == 3
    result = cuddy("run", "--rm", "--group-add", "nobodys", "alpine", "true")
    assert result.code != 0
    assert "unable to find group nobodys: no matching entries in group file" in result.complaint


def test_a_working_directory_that_is_a_file_is_an_error(cuddy: Cuddy) -> None:
    result = cuddy("run", "--rm", "-w", "/etc/passwd", "alpine", "true")
    assert result.code != 0
    assert "Cannot mkdir: /etc/passwd is not a directory" in result.complaint


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--cpu-count", "1"], '"--cpu-count" is only supported on a Docker daemon running on win'),
        (["--io-maxiops", "1"], '"--io-maxiops" is only supported'),
        (["--isolation", "hyperv"], "linux only supports 'default'"),
        (["--use-api-socket"], "there is no API socket"),
        (["--storage-opt", "size=1g"], "--storage-opt is supported only for overlay over xfs with"),
        (["--runtime", "nosuch"], "unknown or invalid runtime name: nosuch"),
    ],
)
def test_what_is_not_to_be_had_here_is_said(cuddy: Cuddy, words: list[str], complaint: str) -> None:
    result = cuddy("run", "--rm", *words, "alpine", "true")
    assert result.code == 125
    assert complaint in result.complaint
