"""Images made to reach the host through the engine: links, pipes and lies where files should be."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import images
from console import ENGINE, Cuddy
from cuddy.image.storage import Storage
from images import entry, link

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="puts images into cuddy's store")


@pytest.fixture
def install(cuddy: Cuddy) -> Iterator[object]:
    """A function that adds an image `hostile`: alpine with these entries on top."""

    def install(*entries: tuple[tarfile.TarInfo, bytes], **config: object) -> str:
        below = images.alpine()
        layers = [
            images.Layer(below.blobs[found["digest"]], found["mediaType"], diff_id)
            for found, diff_id in zip(below.document["layers"], diff_ids(below), strict=True)
        ]
        built = images.image([*layers, images.layer(images.tar(*entries))], **config)
        images.install(Storage(str(cuddy.root)), built, "hostile")
        return "hostile"

    yield install
    cuddy.remove_all()
    cuddy("rmi", "hostile")


def diff_ids(built: images.BuiltImage) -> list[str]:
    return json.loads(built.blobs[built.id])["rootfs"]["diff_ids"]


@pytest.fixture
def bait(tmp_path: Path) -> Path:
    """A directory of the host that nobody must touch."""
    directory = tmp_path / "bait"
    directory.mkdir()
    (directory / "file").write_text("untouched")
    return directory


def assert_untouched(bait: Path) -> None:
    assert [path.name for path in bait.iterdir()] == ["file"]
    assert (bait / "file").read_text() == "untouched"


@pytest.mark.parametrize("name", ["etc/hosts", "etc/resolv.conf", "etc/hostname"])
@pytest.mark.parametrize("up", ["", "../../../../../../../.."])
def test_links_in_place_of_generated_files_stay_inside(install, cuddy, bait, name, up) -> None:
    image = install(link(name, f"{up}{bait}/file"))
    cuddy("run", "--rm", image, "true")
    assert_untouched(bait)


@pytest.mark.parametrize("name", ["proc", "sys", "dev", "dev/shm", "dev/pts", "tmp"])
def test_links_in_place_of_mount_points_stay_inside(install, cuddy, bait, name) -> None:
    parent, _, last = name.rpartition("/")
    image = install(entry(f"{parent}/.wh.{last}".lstrip("/"), b""), link(name, str(bait)))
    cuddy("run", "--rm", "--tmpfs", "/tmp", image, "sh", "-c", "echo x >/tmp/x; echo x >/dev/x")
    assert_untouched(bait)


def test_a_volume_on_a_link_is_mounted_inside(install, cuddy, bait, tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    image = install(link("in", str(bait)))
    cuddy("run", "--rm", "-v", f"{volume}:/in", "-v", f"{volume}:/in/deep", image, "touch", "/in/x")
    assert_untouched(bait)


def test_a_working_directory_through_a_link_is_made_inside(install, cuddy, bait) -> None:
    image = install(link("in", str(bait)))
    cuddy("run", "--rm", "-w", "/in/made", image, "touch", "x")
    assert_untouched(bait)


@pytest.mark.parametrize("name", ["etc/passwd", "etc/group"])
def test_a_pipe_or_device_instead_of_the_user_table_does_not_block(install, cuddy, name) -> None:
    for kind in (tarfile.FIFOTYPE, tarfile.CHRTYPE):
        image = install(entry(name, type=kind, devmajor=5, devminor=0))
        assert cuddy("run", "--rm", "-u", "7:7", image, "true", timeout=30).code == 0
        assert cuddy("run", "--rm", "-u", "named", image, "true", timeout=30).code != 0


def test_a_user_table_that_links_to_the_hosts_is_not_read(install, cuddy, tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("leaked:x:4242:4242::/:/bin/sh\n")
    image = install(link("etc/passwd", str(tmp_path / "passwd")))
    result = cuddy("run", "--rm", "-u", "leaked", image, "id")
    assert result.code != 0
    assert "4242" not in result.out


def test_a_huge_user_table_is_not_read_into_memory(install, cuddy) -> None:
    image = install(entry("etc/passwd", b"x:x:1:1::/:/bin/sh\n" * 1_000_000))
    assert cuddy("run", "--rm", image, "echo", "fine", timeout=20).code in (0, 125, 126)


def test_dev_console_and_ptmx_of_the_image_are_not_used(install, cuddy) -> None:
    image = install(
        entry("dev/null", b"a plain file"),
        entry("dev/ptmx", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        link("dev/console", "/etc/passwd"),
    )
    script = "stat -c %F /dev/null; readlink /dev/ptmx"
    out = cuddy.ok("run", "--rm", image, "sh", "-c", script)
    assert out.splitlines() == ["character special file", "pts/ptmx"]
    with cuddy.terminal("run", "--rm", "-it", image, "sh", "-c", "tty; head -n1 /etc/passwd") as t:
        t.expect("root:x:0:0")
        assert t.ends() == 0


def test_an_environment_with_newlines_and_no_path(install, cuddy) -> None:
    image = install(
        entry("x", b""),
        config={"Env": ["A=1\n2", "PATH=", "BAD", "=EMPTY"], "Cmd": ["/bin/sh", "-c", "echo $A"]},
    )
    assert cuddy("run", "--rm", image).code in (0, 125, 127)


def test_an_entrypoint_with_control_characters_cannot_paint_the_terminal(install, cuddy) -> None:
    image = install(entry("x", b""), config={"Cmd": ["\x1b]0;owned\x07"]})
    result = cuddy("run", "--name", "painter", image)
    assert result.code == 127
    assert b"\x1b" not in result.stderr
    assert "\x1b" not in cuddy.ok("ps", "-a", "--no-trunc")
