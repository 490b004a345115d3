"""COPY and ADD of a build: contexts of strangers, checkouts that move, builds that are killed."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import Cuddy, Result, wait_until

SECRET = "what nobody but the host should see"


class Place:
    """A context, and what is built of it."""

    def __init__(self, cuddy: Cuddy, directory: Path) -> None:
        self.cuddy = cuddy
        self.directory = directory

    def write(self, *lines: str) -> None:
        (self.directory / "Dockerfile").write_text("\n".join(lines) + "\n")

    def build(self, *words: str, where: Path | None = None) -> Result:
        path = str(where or self.directory)
        return self.cuddy("build", "--progress", "plain", "-t", "made", *words, path)


@pytest.fixture
def place(cuddy: Cuddy, tmp_path: Path) -> Iterator[Place]:
    directory = tmp_path / "context"
    directory.mkdir()
    yield Place(cuddy, directory)
    cuddy("rmi", "-f", "made")
    cuddy.ok("builder", "prune", "-af")


def test_what_could_block_or_do_harm_in_a_context_is_not_opened(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.directory)
    os.mkfifo("fifo")
    os.mknod("watchdog", 0o20600, os.makedev(10, 130))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        place.write("FROM scratch", "COPY . /all/", "COPY f* /some/")
        result = place.build()
        assert result.code == 0, result.err
        place.write("FROM scratch", "COPY socket /")
        assert '"/socket": not found (a socket is not copied)' in place.build().err


def test_nothing_outside_of_a_context_is_read(place: Place, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (place.directory / "out").symlink_to("../secret")
    (place.directory / "absolute").symlink_to(tmp_path / "secret")
    (place.directory / "up").symlink_to("..")
    for source in ("../secret", "out", "absolute", "up/secret", "ou*"):
        place.write("FROM scratch", f"COPY {source} /x")
        result = place.build()
        assert result.code == 1 and "not found" in result.err, source
    place.write("FROM scratch", "COPY . /x")
    assert place.build().code == 0
    place.write("FROM scratch", "COPY --from=0 /x /y")
    assert SECRET not in place.build().err


def test_links_of_a_stage_lead_into_the_stage(place: Place, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (place.directory / "passwd").symlink_to("/etc/passwd")
    (place.directory / "mine").write_text("mine:x:1:1::/:\n")
    place.write(
        "FROM scratch AS a", "COPY . /", "COPY mine /etc/passwd",
        "FROM scratch", "COPY --from=a /passwd /found", "COPY --chown=root mine /passwd/x",
    )  # fmt: skip
    result = place.build()
    assert result.code == 0, result.err


def test_a_moved_checkout_is_built_already(place: Place, tmp_path: Path) -> None:
    (place.directory / "sub").mkdir()
    (place.directory / "sub" / "f").write_text("f")
    place.write("FROM scratch", "COPY sub/ /x/")
    assert "CACHED" not in place.build().err
    moved = tmp_path / "moved"
    shutil.copytree(place.directory, moved)
    os.utime(moved / "sub" / "f", (1, 1))
    result = place.build(where=moved)
    assert result.code == 0 and "CACHED" in result.err
    (moved / "sub" / "f").write_text("g")
    assert "sub/f" in place.build("--explain-cache", where=moved).err


def test_a_build_that_is_killed_while_it_copies_leaves_nothing(place: Place) -> None:
    for number in range(800):
        (place.directory / f"f{number}").write_text(str(number))
    place.write("FROM scratch", "COPY Dockerfile /first", "COPY . /x/")
    tmp = place.cuddy.root / "tmp"
    with place.cuddy.start("build", "-t", "made", str(place.directory)) as building:
        wait_until(lambda: any(tmp.glob("*/upper/x/f*")) or building.poll() is not None)
        building.kill()
        building.communicate()
    result = place.build()
    assert result.code == 0, result.err
    assert result.err.count("CACHED") >= 1
    wait_until(lambda: not list(tmp.iterdir()))
