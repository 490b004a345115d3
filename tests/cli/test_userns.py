"""--userns: inside root, on the host nobody, and on the disk as if nothing were."""

from __future__ import annotations

import os
import shutil
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, wait_until

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

    def test_a_range_that_a_kill_left_is_found_and_freed(self, cuddy: Cuddy) -> None:
        cuddy.ok("create", "--name", "box", AUTO, "alpine")
        (cuddy.root / "ids/5-6-0123456789ab").symlink_to("0123456789ab")
        report = cuddy.ok("system", "check")
        assert "ids 5-6-0123456789ab: a killed command left it" in report
        cuddy.ok("system", "check", "--repair")
        assert len(list((cuddy.root / "ids").iterdir())) == 1

    def test_a_device_of_the_host_can_be_used(self, cuddy: Cuddy, tmp_path: Path) -> None:
        os.mknod(tmp_path / "node", 0o20666, os.makedev(1, 7))
        places = ["/dev/own/full", "/opt/full"]
        flags = [f"--device={tmp_path}/node:{place}" for place in places]
        script = "".join(f"echo x >{place} && echo wrong; " for place in places)
        result = cuddy("run", "--rm", AUTO, *flags, "alpine", "sh", "-c", script)
        assert result.out == ""
        assert result.err.count("No space left on device") == 2

    def test_more_than_sixty_layers(self, cuddy: Cuddy, tmp_path: Path) -> None:
        lines = ["FROM alpine", *(f"COPY Dockerfile /{number}" for number in range(70))]
        (tmp_path / "Dockerfile").write_text("\n".join(lines))
        cuddy.ok("build", "-q", "-t", "many", tmp_path)
        script = "ls / | grep -c '^[0-9]' && stat -c %u /69"
        out = cuddy.ok("run", "--rm", AUTO, "many", "sh", "-c", script)
        cuddy.ok("rmi", "many")
        assert out.split() == ["70", "0"]


class TestFiles:
    """A volume and a directory of the host belong on the disk to whom they belong inside."""

    @pytest.fixture
    def box(self, cuddy: Cuddy, tmp_path: Path) -> str:
        mounts = ["-v", "data:/data", "-v", f"{tmp_path}:/host"]
        cuddy.ok("run", "-d", "--name", "box", AUTO, *mounts, "alpine", "sleep", "1000")
        return "box"

    def test_what_is_mounted_is_not_told_apart_from_any_other(
        self, cuddy: Cuddy, box: str, tmp_path: Path
    ) -> None:
        cuddy.ok("exec", box, "sh", "-c", "touch /data/a /host/a && chown 7:8 /data/a /host/a")
        stored = cuddy.root / "volumes/data/_data/a"
        for path in (stored, tmp_path / "a"):
            assert (path.stat().st_uid, path.stat().st_gid) == (7, 8)
        other = ["run", "--rm", "-v", "data:/data", "alpine", "stat", "-c", "%u", "/data/a"]
        assert cuddy.ok(*other) == "7"
        assert cuddy.ok(*other[:2], AUTO, *other[2:]) == "7"

    def test_what_knows_no_owners_but_its_own_is_nobody_s(self, cuddy: Cuddy) -> None:
        script = "stat -c %u /sys-of-host && ! touch /sys-of-host/x 2>/dev/null"
        words = ["-v", "/sys/kernel:/sys-of-host", "alpine", "sh", "-c", script]
        result = cuddy("run", "--rm", AUTO, *words)
        assert (result.code, result.out) == (0, "65534")
        assert "files at /sys-of-host are nobody's in the container" in result.err
        assert "nobody's" not in cuddy("run", "--rm", "--userns=nomap", *words).err

    def test_an_image_that_is_mounted(self, cuddy: Cuddy) -> None:
        words = ["--mount", "type=image,src=alpine,dst=/other", "alpine", "stat", "-c", "%u"]
        assert cuddy.ok("run", "--rm", AUTO, *words, "/other", "/other/etc") == "0\n0"

    def test_map_gives_what_is_written_to_its_owner(self, cuddy: Cuddy, tmp_path: Path) -> None:
        os.chown(tmp_path, 1234, 1234)
        words = ["-v", f"{tmp_path}:/mine:map", "alpine", "touch", "/mine/x"]
        cuddy.ok("run", "--rm", AUTO, *words)
        assert (tmp_path / "x").stat().st_uid == 1234

    def test_cp_both_ways_while_it_runs(self, cuddy: Cuddy, box: str, tmp_path: Path) -> None:
        cuddy.ok("exec", box, "sh", "-c", "touch /own; chown 7:8 /own; mkdir /to")
        cuddy.ok("cp", "-a", f"{box}:/own", tmp_path / "out")
        assert (tmp_path / "out").stat().st_uid == 7
        os.chown(tmp_path / "out", 9, 9)
        os.chmod(tmp_path / "out", 0o600)
        cuddy.ok("cp", tmp_path / "out", f"{box}:/to/in")
        assert cuddy.ok("exec", box, "stat", "-c", "%u:%g %a", "/to/in") == "9:9 600"
        cuddy.ok("stop", "-t", "0", box)
        cuddy.ok("cp", tmp_path / "out", f"{box}:/to/later")
        cuddy.ok("start", box)
        assert cuddy.ok("exec", box, "stat", "-c", "%u", "/to/in", "/to/later") == "9\n9"

    @pytest.mark.parametrize("state", ["running", "stopped"])
    def test_an_export_has_the_owners_of_inside(
        self, cuddy: Cuddy, box: str, tmp_path: Path, state: str
    ) -> None:
        cuddy.ok("exec", box, "sh", "-c", "touch /own; chown 7:8 /own")
        if state == "stopped":
            cuddy.ok("stop", "-t", "0", box)
        cuddy.ok("export", "-o", tmp_path / "all.tar", box)
        with tarfile.open(tmp_path / "all.tar") as tar:
            found = {member.name: (member.uid, member.gid) for member in tar}
        assert found["own"] == (7, 8)
        assert found["etc/passwd"] == (0, 0)

    def test_a_commit_runs_as_any_image(self, cuddy: Cuddy, box: str) -> None:
        cuddy.ok("exec", box, "sh", "-c", "touch /own; chown 7:8 /own")
        cuddy.ok("commit", box, "committed")
        for words in ([], [AUTO]):
            out = cuddy.ok("run", "--rm", *words, "committed", "stat", "-c", "%u", "/own")
            assert out == "7"
        cuddy.ok("rmi", "committed")


class TestProcesses:
    def test_a_user_writes_to_its_streams_by_their_names(self, cuddy: Cuddy) -> None:
        write = ["sh", "-c", "echo out >/dev/stdout; echo err >/dev/stderr"]
        result = cuddy("run", "--name", "box", "-u", "1000", AUTO, "alpine", *write)
        assert (result.code, result.out, result.err) == (0, "out", "err")
        cuddy.ok("run", "-d", "--name", "long", AUTO, "alpine", "sleep", "1000")
        result = cuddy("exec", "-u", "1000", "long", *write)
        assert (result.code, result.out, result.err) == (0, "out", "err")

    def test_a_terminal_is_its_user_s(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "box", AUTO, "alpine", "sleep", "1000")
        with cuddy.terminal("exec", "-t", "box", "stat", "-c", "tty of %u", "/dev/pts/0") as person:
            person.expect("tty of 0")

    @pytest.mark.parametrize("words", [[AUTO], [AUTO, "-u", "1000"], ["-u", "1000"]])
    def test_it_dies_with_its_monitor(self, cuddy: Cuddy, words: list[str]) -> None:
        cuddy.ok("run", "-d", "--name", "box", *words, "alpine", "sleep", "1000")
        pid = cuddy.pid("box")
        status = Path(f"/proc/{pid}/status").read_text()
        (parent,) = [line.split()[1] for line in status.splitlines() if line.startswith("PPid")]
        os.kill(int(parent), signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{pid}/root/etc").exists())

    def test_who_joins_it_has_its_users(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "box", AUTO, "alpine", "sleep", "1000")
        words = ["--userns=container:box", "alpine", "readlink", "/proc/self/ns/user"]
        there = cuddy.ok("exec", "box", "readlink", "/proc/self/ns/user")
        assert cuddy.ok("run", "--rm", *words) == there


def test_a_map_of_one_s_own(cuddy: Cuddy) -> None:
    words = ["--uidmap", "0:300000:1000", "--gidmap", "0:400000:1000"]
    script = "cat /proc/self/uid_map /proc/self/gid_map; stat -c %u:%g /etc"
    out = cuddy.ok("run", "--rm", *words, "alpine", "sh", "-c", script)
    assert out.split() == ["0", "300000", "1000", "0", "400000", "1000", "0:0"]


MACHINE = Path("/etc/cuddy/config.toml")
"""Of the session: /etc is a copy."""


class TestConfigured:
    @pytest.fixture
    def machine(self, cuddy: Cuddy) -> Iterator[dict[str, str]]:
        """The environment on a machine on which `auto` is configured for everybody."""
        MACHINE.parent.mkdir()
        MACHINE.write_text('[containers]\nuserns = "auto"\n')
        yield {key: text for key, text in cuddy.environment.items() if key != "CUDDY_CONFIG"}
        shutil.rmtree(MACHINE.parent)

    def test_for_the_machine_and_otherwise_for_a_user(
        self, cuddy: Cuddy, tmp_path: Path, machine: dict[str, str]
    ) -> None:
        look = ["run", "--rm", "alpine", "cat", "/proc/self/uid_map"]

        def first(**more: str) -> str:
            return cuddy.ok(*look, env=machine | more).split()[1]

        assert int(first()) > 65536
        own = tmp_path / ".config/cuddy/config.toml"
        own.parent.mkdir(parents=True)
        own.write_text('[containers]\nuserns = "host"\n')
        assert first(HOME=str(tmp_path)) == "0"
        assert first(XDG_CONFIG_HOME=str(own.parent.parent)) == "0"
        own.write_text("userns = auto")
        broken = cuddy("run", "--rm", "alpine", env=machine | {"HOME": str(tmp_path)})
        assert (broken.code, str(own) in broken.complaint) == (125, True)

    def test_a_container_keeps_the_users_that_it_was_made_with(
        self, cuddy: Cuddy, machine: dict[str, str]
    ) -> None:
        cuddy.ok("create", "--name", "box", "alpine", "cat", "/proc/self/uid_map", env=machine)
        MACHINE.write_text("")
        assert cuddy.ok("start", "-a", "box", env=machine).split()[1] == str(base(cuddy, "box"))

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
