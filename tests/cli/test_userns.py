"""--userns: inside root, on the host nobody, and on the disk as if nothing were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from console import ENGINE, Cuddy

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="others have other ranges")

AUTO = "--userns=auto"


def base(cuddy: Cuddy, name: str) -> int:
    """The host's id of a container's root."""
    maps = cuddy.inspect(name)["HostConfig"]["IDMappings"]
    assert maps["UidMap"] == maps["GidMap"]
    return int(maps["UidMap"][0].split(":")[1])


class TestAuto:
    def test_root_inside_is_nobody_on_the_host(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "box", AUTO, "alpine", "sleep", "1000")
        first = base(cuddy, "box")
        assert first > 65536
        assert os.stat(f"/proc/{cuddy.pid('box')}").st_uid == first
        assert cuddy.ok("exec", "box", "id", "-u") == "0"
        assert cuddy.ok("exec", "box", "cat", "/proc/self/uid_map").split() == [
            "0", str(first), "65536"
        ]  # fmt: skip

    def test_its_files_have_the_image_s_owners_inside_and_on_the_disk(self, cuddy: Cuddy) -> None:
        script = "touch /new; mkdir /own; chown 7:8 /own; rm /etc/motd; stat -c %u:%g / /own /new"
        cuddy.ok("create", "--name", "box", AUTO, "alpine", "sh", "-c", script)
        assert cuddy.ok("start", "-a", "box").split() == ["0:0", "7:8", "0:0"]
        upper = cuddy.root / "containers" / cuddy.field("box", "{{.Id}}") / "upper"
        status = (upper / "own").stat()
        assert (status.st_uid, status.st_gid) == (7, 8)
        assert (upper / "new").stat().st_uid == 0

    def test_it_can_write_the_files_that_we_manage(self, cuddy: Cuddy) -> None:
        script = "echo 1.2.3.4 other >>/etc/hosts && stat -c %u /etc/hosts /etc/resolv.conf"
        assert cuddy.ok("run", "--rm", AUTO, "alpine", "sh", "-c", script).split() == ["0", "0"]

    def test_no_two_have_a_range_in_common_and_it_comes_back(self, cuddy: Cuddy) -> None:
        for name in ("one", "two"):
            cuddy.ok("create", "--name", name, AUTO, "alpine")
        one, two = base(cuddy, "one"), base(cuddy, "two")
        assert abs(one - two) >= 65536
        cuddy.ok("rm", "one")
        cuddy.ok("create", "--name", "three", AUTO, "alpine")
        assert base(cuddy, "three") == one
        cuddy.ok("rm", "two", "three")
        assert list((cuddy.root / "ids").iterdir()) == []

    def test_more_than_sixty_layers(self, cuddy: Cuddy) -> None:
        lines = ["FROM alpine", *(f"COPY Dockerfile /{number}" for number in range(70))]
        directory = cuddy.root / "many"
        directory.mkdir()
        (directory / "Dockerfile").write_text("\n".join(lines))
        cuddy.ok("build", "-q", "-t", "many", directory)
        script = "ls / | grep -c '^[0-9]' && stat -c %u /69"
        out = cuddy.ok("run", "--rm", AUTO, "many", "sh", "-c", script)
        cuddy.ok("rmi", "many")
        assert out.split() == ["70", "0"]


def test_a_map_of_one_s_own(cuddy: Cuddy) -> None:
    words = ["--uidmap", "0:300000:1000", "--gidmap", "0:400000:1000"]
    script = "cat /proc/self/uid_map /proc/self/gid_map; stat -c %u:%g /etc"
    out = cuddy.ok("run", "--rm", *words, "alpine", "sh", "-c", script)
    assert out.split() == ["0", "300000", "1000", "0", "400000", "1000", "0:0"]


class TestConfigured:
    def test_what_config_toml_says_counts_where_nothing_else_is_said(
        self, cuddy: Cuddy, tmp_path: Path
    ) -> None:
        path = tmp_path / "config.toml"
        path.write_text('[containers]\nuserns = "auto"\n[userns]\nrange = "700000:131072"\n')
        own = {"env": cuddy.environment | {"CUDDY_CONFIG": str(path)}}
        cat = ["alpine", "cat", "/proc/self/uid_map"]
        first = int(cuddy.ok("run", "--rm", *cat, **own).split()[1])
        assert first in (700000, 765536)
        assert cuddy.ok("run", "--rm", "--userns=host", *cat, **own).split()[1] == "0"
        assert cuddy.ok("run", "--rm", "--privileged", *cat, **own).split()[1] == "0"
