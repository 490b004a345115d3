"""`import`: the archive of a root file system becomes an image, whoever made it."""

from __future__ import annotations

import bz2
import functools
import gzip
import http.server
import lzma
import os
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import images
import isolation
from console import ENGINE, Cuddy
from rawtar import END, entry, header

ours = pytest.mark.skipif(ENGINE != "cuddy", reason="it is about how cuddy does it")


@functools.cache
def root() -> bytes:
    """A root file system with a program in it, as a plain tar."""
    return images.tar(
        images.entry("bin/"),
        images.entry("bin/busybox", images.BUSYBOX.resolve().read_bytes(), mode=0o755),
        images.link("bin/sh", "busybox"),
        images.entry("etc/note", b"read me\n"),
    )


COMPRESSIONS = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": images.compress_zstd,
}


@pytest.fixture
def new(cuddy: Cuddy) -> Iterator[str]:
    """A name for the image; it is removed with the others that a test makes."""
    before = set(cuddy.ok("images", "-aq", "--no-trunc").split())
    yield "imported:1"
    cuddy.remove_all()
    made = set(cuddy.ok("images", "-aq", "--no-trunc").split()) - before
    if made:
        cuddy.ok("rmi", "-f", *made)


def run(cuddy: Cuddy, image: str, *words: str) -> str:
    return cuddy.ok("run", "--rm", "--network", "none", image, *words)


@pytest.mark.parametrize("kind", COMPRESSIONS)
def test_of_every_compression(cuddy: Cuddy, new: str, kind: str) -> None:
    if kind == "zstd" and ENGINE == "docker":
        pytest.skip("dockerd 20.10 knows no zstd")
    identity = cuddy.ok("import", "-", new, input=COMPRESSIONS[kind](root()))
    assert identity == cuddy.inspect(new)["Id"]
    assert run(cuddy, new, "/bin/busybox", "cat", "/etc/note") == "read me"


def test_of_a_file(cuddy: Cuddy, new: str, tmp_path: Path) -> None:
    (tmp_path / "root.tar").write_bytes(root())
    cuddy.ok("import", tmp_path / "root.tar", new)
    assert run(cuddy, new, "/bin/busybox", "cat", "/etc/note") == "read me"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of a plain web server with the archive."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web/root.tar.gz").write_bytes(gzip.compress(root()))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path / "web"))
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


def test_of_a_url(cuddy: Cuddy, new: str, server: str) -> None:
    cuddy.ok("import", f"{server}/root.tar.gz", new)
    assert run(cuddy, new, "/bin/busybox", "cat", "/etc/note") == "read me"
    comment = cuddy.ok("history", "--format", "{{.Comment}}", new)
    assert comment == f"Imported from {server}/root.tar.gz"
    assert cuddy("import", f"{server}/nothing", new).code == 1


def test_the_config_that_docker_writes(cuddy: Cuddy, new: str) -> None:
    cuddy.ok("import", "-c", 'CMD ["/bin/sh"]', "--change", "ENV A=1 B=2", "-", new, input=root())
    found = cuddy.inspect(new)
    config = {key: value for key, value in found["Config"].items() if value}
    assert config == {"Cmd": ["/bin/sh"], "Env": ["A=1", "B=2"]}
    assert (found["Os"], found["Architecture"]) == ("linux", images.ARCHITECTURE)
    assert cuddy.ok("history", "--format", "{{.Comment}}", new) == "Imported from -"


def test_a_message_and_a_platform(cuddy: Cuddy, new: str) -> None:
    flags = ["-m", "a note", "--platform", "linux/arm64"]
    cuddy.ok("import", *flags, "-", new, input=root())
    if ENGINE == "cuddy":  # dockerd 20.10 heeds it only as an experiment
        assert cuddy.inspect(new)["Architecture"] == "arm64"
    assert cuddy.ok("history", "--format", "{{.Comment}}", new) == "a note"


def test_without_a_name_it_is_known_by_its_id(cuddy: Cuddy, new: str) -> None:
    identity = cuddy.ok("import", "-", input=root())
    assert run(cuddy, identity, "/bin/busybox", "cat", "/etc/note") == "read me"


def test_what_was_exported_is_the_same_again(cuddy: Cuddy, new: str) -> None:
    change = "rm -r /home; echo x >/new; chown 5:6 /new; chmod 4755 /new"
    cuddy.ok("run", "--name", "box", "--network", "none", "alpine", "sh", "-c", change)
    first = cuddy("export", "box").stdout
    cuddy.ok("import", "-c", 'CMD ["true"]', "-", new, input=first)
    cuddy.ok("create", "--name", "again", new)
    second = cuddy("export", "again").stdout
    if ENGINE == "cuddy":
        assert second == first
    assert run(cuddy, new, "stat", "-c", "%a %u:%g", "/new") == "4755 5:6"


@ours
@pytest.mark.parametrize("program", ["podman", "umoci"])
def test_others_can_read_it(fresh: Cuddy, tmp_path: Path, program: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed: it is the judge")
    fresh.ok("import", "-c", 'CMD ["/bin/sh"]', "-", "rooted:1", input=root())
    if program == "umoci":
        layout = f"{fresh.root}/images:docker.io/library/rooted:1"
        command = ["umoci", "stat", "--image", layout, "--json"]
    else:
        fresh.ok("create", "--name", "box", "rooted:1")
        fresh.ok("export", "-o", tmp_path / "root.tar", "box")
        # podman's names of directories must be short.
        home = ["--root", str(tmp_path / "podman"), "--runroot", f"{isolation.directory()}/run"]
        driver = ["--storage-driver", "vfs"]
        command = ["podman", *home, *driver, "import", str(tmp_path / "root.tar"), "rooted:1"]
    done = subprocess.run(command, capture_output=True, text=True)
    if "no image found in image index" in done.stderr or "could not find" in done.stderr:
        pytest.skip(f"{program} here wants names of another form")
    assert done.returncode == 0, done.stderr


HOSTILE = {
    "a name that leads out": entry(b"../evil", b"x"),
    "a link out of it, and a write through it": header(b"l", b"2", link=b"/tmp")
    + entry(b"l/../../evil", b"x"),
    "a hard link to nothing": header(b"l", b"1", link=b"nowhere"),
    "a damaged header": entry(b"a", b"x", size=b"99999999999\0"),
    "a truncated file": entry(b"a", b"x" * 5000)[:-4096],
    "no archive": b"rubbish" * 1000,
    "nothing": b"",
    "damaged gzip": gzip.compress(os.urandom(100_000))[:-2000] + bytes(100),
}


@ours
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_archives_are_refused_and_leave_nothing(fresh: Cuddy, what: str) -> None:
    before = images_and_layers(fresh)
    end = END if HOSTILE[what] and "no archive" not in what and "truncated" not in what else b""
    result = fresh("import", "-", "evil", input=HOSTILE[what] + end)
    assert result.code == 1
    assert result.complaint
    assert images_and_layers(fresh) == before


def images_and_layers(cuddy: Cuddy) -> list[str]:
    rooms = ("images/blobs/sha256", "layers", "tmp")
    return sorted(str(path) for room in rooms for path in (cuddy.root / room).iterdir())


@ours
def test_a_bomb_stops_at_the_limit(fresh: Cuddy, tmp_path: Path) -> None:
    before = images_and_layers(fresh)
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo("zeros")
        info.size = 64 << 20
        with open("/dev/zero", "rb") as zeros:
            archive.addfile(info, zeros)
    environment = fresh.environment | {"CUDDY_MAX_LAYER_SIZE": "32m"}
    result = fresh("import", tmp_path / "bomb.tar.gz", "bomb", env=environment)
    assert result.code == 1
    assert "CUDDY_MAX_LAYER_SIZE" in result.complaint
    assert images_and_layers(fresh) == before


def test_what_cannot_be_meant_is_refused(cuddy: Cuddy, tmp_path: Path) -> None:
    for words in (
        ["/no/such/file"],
        ["-", "Not A Name"],
        ["-c", "RUN x", "-", "name"],
        ["--platform", "a/b/c/d", "-", "name"],
    ):
        assert cuddy("import", *words, input=root()).code == 1


@ours
def test_killed_at_any_moment_it_leaves_nothing(cuddy: Cuddy, new: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        info = tarfile.TarInfo("big")
        info.size = 40 << 20
        with open("/dev/urandom", "rb") as noise:
            archive.addfile(info, noise)
    for delay in (0.05, 0.1, 0.15, 0.25):
        with cuddy.start("import", tmp_path / "root.tar", new) as process:
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.wait()
    identity = cuddy.ok("import", tmp_path / "root.tar", new)
    assert identity in cuddy.ok("images", "-q", "--no-trunc")
    assert os.listdir(cuddy.root / "tmp") == []
