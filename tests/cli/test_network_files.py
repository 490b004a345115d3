"""/etc/hosts, /etc/hostname and /etc/resolv.conf: what is in them, and whose they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import images
from console import ENGINE, Cuddy
from cuddy.image.storage import Storage

NAMES = ("hosts", "hostname", "resolv.conf")

only_here = pytest.mark.skipif(ENGINE != "cuddy", reason="docker does not")


@only_here
class TestTheHostHasNames:
    def test_they_lead_to_the_gateway(self, cuddy: Cuddy) -> None:
        script = "ip route | awk '/default/ {print $3}'; cat /etc/hosts"
        gateway, *lines = cuddy.ok("run", "--rm", "alpine", "sh", "-c", script).splitlines()
        assert f"{gateway}\thost.docker.internal" in lines
        assert f"{gateway}\thost.containers.internal" in lines

    @pytest.mark.skipif(not images.IS_ALPINE, reason="a static program cannot look up names")
    def test_programs_find_them(self, cuddy: Cuddy) -> None:
        words = ("run", "--rm", "alpine", "ping", "-c", "1", "-W", "2", "host.docker.internal")
        assert cuddy(*words).code == 0

    def test_on_the_hosts_network_they_lead_to_its_loopback(self, cuddy: Cuddy) -> None:
        words = ("run", "--rm", "--network", "host", "alpine", "cat", "/etc/hosts")
        assert "127.0.0.1\thost.docker.internal" in cuddy.ok(*words).splitlines()

    def test_without_a_network_there_are_none(self, cuddy: Cuddy) -> None:
        words = ("run", "--rm", "--network", "none", "alpine", "cat", "/etc/hosts")
        assert "internal" not in cuddy.ok(*words)

    def test_the_users_address_for_one_wins(self, cuddy: Cuddy) -> None:
        words = ("--add-host", "host.docker.internal:192.0.2.7", "alpine")
        out = cuddy.ok("run", "--rm", *words, "cat", "/etc/hosts")
        found = [line for line in out.splitlines() if line.endswith("host.docker.internal")]
        assert found == ["192.0.2.7\thost.docker.internal"]


OWN = "192.0.2.9 theirs\n"


def show(name: str) -> tuple[str, ...]:
    return ("cat", f"/etc/{name}")


@pytest.mark.parametrize("name", NAMES)
class TestAMountIsTheUsers:
    @pytest.fixture(params=["-v", "--mount", "read-only"])
    def words(self, request: pytest.FixtureRequest, name: str, tmp_path: Path) -> list[str]:
        path = tmp_path / "file"
        path.write_text(OWN)
        return {
            "-v": ["-v", f"{path}:/etc/{name}"],
            "--mount": ["--mount", f"type=bind,src={path},dst=/etc/{name}"],
            "read-only": ["-v", f"{path}:/etc/{name}:ro"],
        }[request.param]

    def test_it_is_what_the_container_sees_and_nobody_writes_to_it(
        self, cuddy: Cuddy, name: str, words: list[str], tmp_path: Path
    ) -> None:
        cuddy.ok("run", "-d", "--name", "box", *words, "alpine", "sleep", "1000")
        assert cuddy.ok("exec", "box", *show(name)) == OWN.rstrip()
        cuddy.ok("restart", "-t", "0", "box")
        assert cuddy.ok("exec", "box", *show(name)) == OWN.rstrip()
        assert (tmp_path / "file").read_text() == OWN

    def test_the_others_stay_ours(self, cuddy: Cuddy, name: str, words: list[str]) -> None:
        script = "grep -c . /etc/hosts /etc/hostname /etc/resolv.conf; cat /etc/hostname"
        out = cuddy.ok("run", "--rm", "--hostname", "box", *words, "alpine", "sh", "-c", script)
        assert "0" not in [line.rpartition(":")[2] for line in out.splitlines()[:3]]
        assert ("box" in out) == (name != "hostname")


class TestADirectoryAtEtc:
    @only_here
    def test_a_file_in_it_is_the_users(self, cuddy: Cuddy, tmp_path: Path) -> None:
        for name in NAMES:
            (tmp_path / name).write_text(OWN)
        words = ("-v", f"{tmp_path}:/etc", "alpine", "cat", *(f"/etc/{name}" for name in NAMES))
        assert cuddy.ok("run", "--rm", *words) == (3 * OWN).rstrip()

    @pytest.mark.parametrize("how", ["directory", "volume", "tmpfs"])
    def test_without_one_there_are_ours(self, cuddy: Cuddy, tmp_path: Path, how: str) -> None:
        words = {
            "directory": ("-v", f"{tmp_path}:/etc"),
            "volume": ("--mount", "type=volume,src=data,dst=/etc,volume-nocopy"),
            "tmpfs": ("--tmpfs", "/etc"),
        }[how]
        words += ("alpine", "cat", "/etc/hostname", "/etc/resolv.conf", "/etc/hosts")
        out = cuddy.ok("run", "--rm", "--hostname", "box", *words).splitlines()
        assert out[0] == "box"
        assert out[1].startswith("nameserver ")
        assert out[-1].endswith("\tbox")
        assert all((tmp_path / name).read_text() == "" for name in NAMES if how == "directory")

    @only_here
    def test_in_one_that_is_read_only_nothing_is_missed(self, cuddy: Cuddy, tmp_path: Path) -> None:
        (tmp_path / "hosts").write_text(OWN)
        words = ("-v", f"{tmp_path}:/etc:ro", "alpine", "sh", "-c", "ls /etc; cat /etc/hosts")
        assert cuddy.ok("run", "--rm", *words) == f"hosts\n{OWN}".rstrip()
        assert [path.name for path in tmp_path.iterdir()] == ["hosts"]

    @only_here
    def test_a_link_in_it_is_no_file(self, cuddy: Cuddy, tmp_path: Path) -> None:
        (tmp_path / "resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
        (tmp_path / "data").write_text(OWN)
        (tmp_path / "hosts").symlink_to("data")
        for mode in ("ro", "rw"):
            words = ("-v", f"{tmp_path}:/etc:{mode}", "alpine", "cat", "/etc/resolv.conf")
            assert cuddy.ok("run", "--rm", *words, "/etc/hosts").startswith("nameserver ")
            assert cuddy.ok("run", "--rm", *words[:-1], "/etc/hosts") == OWN.rstrip()


class TestAnImageWithSuchFiles:
    """Its own are hidden, as with docker: they are those of the machine it was made on."""

    def install(self, cuddy: Cuddy, name: str, *members: Any, **config: Any) -> str:
        layers = [images.layer(images.tar(*members))]
        built = images.alpine()
        document = json.loads(built.blobs[built.id])
        below = [
            images.Layer(built.blobs[each["digest"]], each["mediaType"], diff_id)
            for each, diff_id in zip(
                built.document["layers"], document["rootfs"]["diff_ids"], strict=True
            )
        ]
        images.install(Storage(str(cuddy.root)), images.image(below + layers, config=config), name)
        return name

    @pytest.fixture
    def image(self, fresh: Cuddy) -> str:
        members = [images.entry(f"etc/{name}", OWN.encode()) for name in NAMES]
        return self.install(fresh, "owner", *members)

    def test_ours_are_seen(self, fresh: Cuddy, image: str) -> None:
        out = fresh.ok("run", "--rm", image, "cat", *(f"/etc/{name}" for name in NAMES))
        assert "theirs" not in out

    def test_a_volume_that_the_image_declares_keeps_its_own(self, fresh: Cuddy) -> None:
        members = [images.entry(f"etc/{name}", OWN.encode()) for name in NAMES]
        image = self.install(fresh, "owner", *members, Volumes={"/etc": {}})
        out = fresh.ok("run", "--rm", image, "cat", *(f"/etc/{name}" for name in NAMES))
        assert out == (3 * OWN).rstrip()

    @pytest.mark.parametrize(
        "target", ["../run/systemd/resolve/stub-resolv.conf", "/run/x/y", "../../../../etc/shadow"]
    )
    def test_a_link_into_run_does_not_lose_it(self, fresh: Cuddy, target: str) -> None:
        links = [images.link(f"etc/{name}", target) for name in NAMES]
        image = self.install(fresh, "linked", *links)
        for more in ([], ["--tmpfs", "/run"], ["--read-only"]):
            words = [*more, image, "cat", "/etc/resolv.conf"]
            assert fresh.ok("run", "--rm", *words).startswith("nameserver ")
        script = "cat /etc/resolv.conf; umount /run 2>/dev/null; ls -l /etc/hosts"
        assert "->" not in fresh.ok("run", "--rm", image, "sh", "-c", script)

    def test_no_etc_at_all(self, fresh: Cuddy) -> None:
        image = self.install(fresh, "bare", images.entry(".wh.etc", b""))
        assert fresh.ok("run", "--rm", image, "cat", "/etc/resolv.conf").startswith("nameserver ")


class TestWhatTheContainerWrites:
    def test_it_may_edit_them(self, cuddy: Cuddy) -> None:
        script = (
            "cd /etc; for f in hosts hostname resolv.conf; do echo 1 >> $f && tail -n1 $f; done"
        )
        assert cuddy.ok("run", "--rm", "alpine", "sh", "-c", script).split() == ["1"] * 3

    def test_not_if_its_root_is_read_only(self, cuddy: Cuddy) -> None:
        script = "for f in hosts hostname resolv.conf; do echo more >> /etc/$f && echo bad; done"
        result = cuddy("run", "--rm", "--read-only", "alpine", "sh", "-c", script)
        assert result.out == ""
        assert result.err.count("ead-only") == 3

    def test_they_are_made_anew_by_a_start_and_part_of_no_image(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
        cuddy.ok("exec", "box", "sh", "-c", "echo 192.0.2.1 edited >> /etc/hosts")
        assert cuddy.ok("diff", "box") == ""
        cuddy.ok("restart", "-t", "0", "box")
        assert "edited" not in cuddy.ok("exec", "box", "cat", "/etc/hosts")
