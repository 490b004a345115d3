"""`save` and `load`: archives that docker, podman, skopeo and umoci write and read as well."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import images
import peers
from console import ENGINE, Cuddy
from cuddy.image.storage import Storage
from peers import Peer

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="archives are other engines' own there")


def small(text: bytes, compression: str = "gzip") -> images.BuiltImage:
    """An image of two layers with one file each."""
    bottom = images.layer(images.tar(images.entry("bottom", b"the same")), compression)
    return images.image([bottom, images.layer(images.tar(images.entry("top", text)), compression)])


def install(cuddy: Cuddy, built: images.BuiltImage, name: str) -> None:
    images.install(Storage(str(cuddy.root)), built, name)


def document(archive: Path, name: str) -> Any:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        assert file
        return json.loads(file.read())


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return tar.getnames()


class TestSave:
    def test_it_is_a_layout_and_docker_s_archive_at_once(
        self, fresh: Cuddy, tmp_path: Path
    ) -> None:
        archive = tmp_path / "alpine.tar"
        assert fresh.ok("save", "-o", archive, "alpine") == ""
        assert document(archive, "oci-layout") == {"imageLayoutVersion": "1.0.0"}
        (entry,) = document(archive, "index.json")["manifests"]
        assert entry["annotations"]["io.containerd.image.name"] == "docker.io/library/alpine:latest"
        assert entry["annotations"]["org.opencontainers.image.ref.name"] == "latest"
        (item,) = document(archive, "manifest.json")
        assert item["RepoTags"] == ["alpine:latest"]
        assert item["Config"] == f"blobs/{images.alpine().id.replace(':', '/')}"
        assert set(item["Layers"]) < set(names(archive))

    def test_standard_output_has_the_same_bytes_every_time(
        self, fresh: Cuddy, tmp_path: Path
    ) -> None:
        archive = tmp_path / "alpine.tar"
        fresh.ok("save", "-o", archive, "alpine")
        piped = fresh("save", "alpine")
        assert piped.stdout == archive.read_bytes()
        command = [*fresh.program, "save", "alpine"]
        with (tmp_path / "appended").open("ab") as file:  # where the kernel refuses to copy
            subprocess.run(command, check=True, stdout=file, env=fresh.environment)
        assert (tmp_path / "appended").read_bytes() == piped.stdout

    def test_several_images_share_their_blobs(self, fresh: Cuddy, tmp_path: Path) -> None:
        install(fresh, small(b"1"), "r.example/one")
        install(fresh, small(b"2"), "r.example/two:2")
        archive = tmp_path / "both.tar"
        fresh.ok("save", "-o", archive, "r.example/one", "r.example/two:2", "r.example/one:latest")
        assert [item["RepoTags"] for item in document(archive, "manifest.json")] == [
            ["r.example/one:latest"],
            ["r.example/two:2"],
        ]
        found = names(archive)
        assert len(set(found)) == len(found) == 3 + 2 * 2 + 3

    def test_a_name_without_a_tag_means_all_its_tags(self, fresh: Cuddy, tmp_path: Path) -> None:
        install(fresh, small(b"1"), "r.example/one:b")
        install(fresh, small(b"1"), "r.example/one:a")
        archive = tmp_path / "all.tar"
        fresh.ok("save", "-o", archive, "r.example/one")
        (item,) = document(archive, "manifest.json")
        assert item["RepoTags"] == ["r.example/one:a", "r.example/one:b"]

    def test_an_id_or_a_digest_is_saved_without_a_name(self, fresh: Cuddy, tmp_path: Path) -> None:
        built = small(b"1")
        install(fresh, built, "r.example/one")
        archive = tmp_path / "id.tar"
        for word in (built.id, built.id[7:19], f"r.example/one@{built.digest}"):
            fresh.ok("save", "-o", archive, word)
            (item,) = document(archive, "manifest.json")
            assert item["RepoTags"] is None
            (entry,) = document(archive, "index.json")["manifests"]
            assert "io.containerd.image.name" not in entry.get("annotations", {})

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["host"], "cannot be saved"),
            (["no-such-image"], "No such image"),
            (["-o", "/", "alpine"], "is a directory"),
            (["-o", "/dev/null", "alpine"], "is a device"),
            (["-o", "/no/such/file", "alpine"], "no directory"),
            (["--platform", "linux/s390x", "alpine"], "not for linux/s390x"),
            (["--platform", "?", "alpine"], "invalid platform"),
            ([], "requires at least 1 argument"),
        ],
    )
    def test_what_cannot_be(self, cuddy: Cuddy, words: list[str], said: str) -> None:
        result = cuddy("save", *words)
        assert result.code == 1
        assert said in result.complaint
        assert result.stdout == b""

    def test_a_terminal_is_spared(self, cuddy: Cuddy) -> None:
        with cuddy.terminal("save", "alpine") as terminal:
            terminal.expect("cowardly refusing")
            assert terminal.ends() == 1

    def test_a_file_appears_whole_or_not_at_all(self, fresh: Cuddy, tmp_path: Path) -> None:
        archive = tmp_path / "there.tar"
        archive.write_text("what was there before")
        assert fresh("save", "-o", archive, "alpine", "no-such-image").code == 1
        assert archive.read_text() == "what was there before"
        (fresh.root / "images/blobs").joinpath(
            images.alpine().document["layers"][0]["digest"].replace(":", "/")
        ).write_bytes(b"damage")
        assert "damaged" in fresh("save", "-o", archive, "alpine").complaint
        assert sorted(os.listdir(tmp_path)) == ["home", "there.tar"]

    def test_a_link_in_the_file_s_place_stays_one(self, fresh: Cuddy, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("real")
        fresh.ok("save", "-o", tmp_path / "link", "alpine")
        assert (tmp_path / "link").is_symlink()
        assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o600


class TestOthersReadIt:
    """One name with gzip, one with zstd, which old dockers cannot read."""

    @pytest.fixture
    def archive(self, fresh: Cuddy, tmp_path: Path) -> Path:
        install(fresh, small(b"1"), "r.example/one:1")
        install(fresh, small(b"2", "zstd"), "r.example/two:2")
        archive = tmp_path / "both.tar"
        fresh.ok("save", "-o", archive, "r.example/one:1", "r.example/two:2")
        return archive

    def test_docker(self, archive: Path, docker: Peer) -> None:
        out = docker.ok("load", "-i", archive)
        assert out.splitlines() == [
            "Loaded image: r.example/one:1",
            "Loaded image: r.example/two:2",
        ]
        assert docker.id("r.example/one:1") == small(b"1").id
        assert docker.id("r.example/two:2") == small(b"2", "zstd").id

    def test_podman(self, archive: Path, podman: Peer) -> None:
        podman.ok("load", "-i", archive)
        assert podman.id("r.example/one:1") == small(b"1").id
        assert podman.id("r.example/two:2") == small(b"2", "zstd").id

    def test_skopeo(self, archive: Path, tmp_path: Path) -> None:
        peers.skopeo("copy", f"oci-archive:{archive}:2", f"dir:{tmp_path}/layout")
        manifest = json.loads((tmp_path / "layout/manifest.json").read_bytes())
        assert manifest == small(b"2", "zstd").document
        for name in ("r.example/one:1", "r.example/two:2"):
            peers.skopeo("copy", f"docker-archive:{archive}:{name}", f"dir:{tmp_path}/archive")

    def test_umoci(self, archive: Path, tmp_path: Path) -> None:
        layout = tmp_path / "layout"
        layout.mkdir()
        peers.run("tar", "-xf", archive, "-C", layout)
        umoci = peers.tool("umoci")
        assert peers.run(umoci, "ls", "--layout", layout).split() == ["1", "2"]
        peers.run(umoci, "unpack", "--image", f"{layout}:1", tmp_path / "bundle")
        assert (tmp_path / "bundle/rootfs/top").read_bytes() == b"1"


def other_home(home_in: Any, tmp_path: Path) -> Cuddy:
    """A second engine, with nothing in it but `alpine`, which is taken away."""
    cuddy: Cuddy = home_in(tmp_path / "other")
    cuddy.ok("rmi", "alpine")
    return cuddy


class TestLoad:
    def test_what_was_saved_is_the_same_image_again(
        self, fresh: Cuddy, home_in: Any, tmp_path: Path
    ) -> None:
        fresh.ok("save", "-o", tmp_path / "a.tar", "alpine")
        other = other_home(home_in, tmp_path)
        assert other.ok("load", "-i", tmp_path / "a.tar") == "Loaded image: alpine:latest"
        assert other.ok("images", "-q", "--no-trunc") == images.alpine().id
        assert other.ok("run", "--rm", "alpine", "echo", "it runs") == "it runs"
        # The manifest that the registry would know it by has come along too.
        assert (other.root / "images/blobs" / images.alpine().digest.replace(":", "/")).exists()
        again = tmp_path / "again.tar"
        other.ok("save", "-o", again, "alpine")
        assert again.read_bytes() == (tmp_path / "a.tar").read_bytes()

    @pytest.mark.parametrize("compression", ["", "gz", "zst", "xz", "bz2"])
    def test_from_standard_input_however_compressed(
        self, fresh: Cuddy, tmp_path: Path, compression: str
    ) -> None:
        built = small(b"1")
        install(fresh, built, "r.example/one")
        archive = fresh("save", "r.example/one").stdout
        fresh.ok("rmi", "r.example/one")
        pack: dict[str, Callable[[bytes], bytes]] = {
            "": bytes,
            "gz": gzip.compress,
            "zst": images.compress_zstd,
            "xz": lzma.compress,
            "bz2": bz2.compress,
        }
        out = fresh.ok("load", "-q", input=pack[compression](archive))
        assert out == "Loaded image: r.example/one:latest"
        assert built.id in fresh.ok("images", "-q", "--no-trunc")
        assert os.listdir(fresh.root / "tmp") == []

    def test_a_name_that_is_taken_passes_to_the_new_image(
        self, fresh: Cuddy, tmp_path: Path
    ) -> None:
        old, new = small(b"old"), small(b"new")
        install(fresh, new, "r.example/one")
        archive = fresh("save", "r.example/one").stdout
        fresh.ok("rmi", "r.example/one")
        install(fresh, old, "r.example/one")
        assert fresh.ok("load", input=archive).splitlines() == [
            f"The image r.example/one:latest already exists, renaming the old one with ID {old.id}"
            " to empty string",
            "Loaded image: r.example/one:latest",
        ]
        assert fresh.ok("images", "-q", "--no-trunc", "r.example/one:latest") == new.id

    def test_an_image_that_is_here_keeps_where_it_came_from(
        self, fresh: Cuddy, tmp_path: Path
    ) -> None:
        before = fresh.inspect("alpine")["RepoDigests"]
        archive = fresh("save", "alpine").stdout
        assert fresh.ok("load", input=archive) == "Loaded image: alpine:latest"
        assert fresh.inspect("alpine")["RepoDigests"] == before != []

    def test_an_image_without_a_name_is_told_by_its_id(self, fresh: Cuddy) -> None:
        built = small(b"1")
        install(fresh, built, "r.example/one")
        archive = fresh("save", built.id).stdout
        fresh.ok("rmi", "r.example/one")
        assert fresh.ok("load", input=archive) == f"Loaded image ID: {built.id}"
        assert fresh.ok("images", "-q", "--no-trunc", "--filter", "dangling=true") == built.id

    def test_progress_is_drawn_at_a_terminal(self, fresh: Cuddy, tmp_path: Path) -> None:
        fresh.ok("save", "-o", tmp_path / "a.tar", "alpine")
        fresh.ok("rmi", "alpine")
        with fresh.terminal("load", "-i", tmp_path / "a.tar") as terminal:
            assert terminal.ends() == 0
            screen = "\n".join(terminal.screen())
        assert "Load" in screen.splitlines()[0]
        assert "Loaded image: alpine:latest" in screen

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["-i", "/no/such/file"], "no such file"),
            (["-i", "/"], "a directory is not an archive"),
            (["-i", "/dev/null"], "the archive is empty"),
            (["-i", "/dev/zero"], "not a tar archive"),
            (["-i", "/etc/passwd"], "not a tar archive"),
            (["--platform", "?", "-i", "/dev/null"], "invalid platform"),
            (["alpine.tar"], "accepts no arguments"),
        ],
    )
    def test_what_cannot_be(self, cuddy: Cuddy, words: list[str], said: str) -> None:
        result = cuddy("load", *words)
        assert result.code == 1
        assert said in result.complaint

    def test_a_terminal_holds_no_archive(self, cuddy: Cuddy) -> None:
        with cuddy.terminal("load") as terminal:
            terminal.expect("stdin is empty")
            assert terminal.ends() == 1


class TestOthersWroteIt:
    """alpine, as each of them saves it, runs here under the id it has there."""

    @pytest.fixture
    def other(self, home_in: Any, tmp_path: Path) -> Cuddy:
        return other_home(home_in, tmp_path)

    def check(self, other: Cuddy, archive: Path, name: str) -> None:
        assert other.ok("load", "-i", archive) == f"Loaded image: {name}"
        assert other.ok("images", "-q", "--no-trunc") == images.alpine().id
        assert other.ok("run", "--rm", name, "echo", "it runs") == "it runs"

    @pytest.fixture
    def saved(self, fresh: Cuddy, tmp_path: Path) -> Path:
        archive = tmp_path / "saved.tar"
        fresh.ok("tag", "alpine", "r.example/alpine:1")
        fresh.ok("save", "-o", archive, "r.example/alpine:1")
        return archive

    def test_docker(self, other: Cuddy, saved: Path, tmp_path: Path, docker: Peer) -> None:
        docker.ok("load", "-i", saved)
        docker.ok("save", "-o", tmp_path / "docker.tar", "r.example/alpine:1")
        self.check(other, tmp_path / "docker.tar", "r.example/alpine:1")

    @pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
    def test_podman(
        self, other: Cuddy, saved: Path, tmp_path: Path, podman: Peer, form: str
    ) -> None:
        podman.ok("load", "-i", saved)
        archive = tmp_path / "podman.tar"
        podman.ok("save", "-q", "--format", form, "-o", archive, "r.example/alpine:1")
        self.check(other, archive, "r.example/alpine:1")

    @pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
    def test_skopeo(self, other: Cuddy, saved: Path, tmp_path: Path, form: str) -> None:
        archive = tmp_path / "skopeo.tar"
        peers.skopeo("copy", f"docker-archive:{saved}", f"{form}:{archive}:r.example/alpine:2")
        self.check(other, archive, "r.example/alpine:2")

    def test_a_layout_of_umoci_s_as_a_tar(self, other: Cuddy, saved: Path, tmp_path: Path) -> None:
        umoci, layout = peers.tool("umoci"), tmp_path / "layout"
        peers.run(umoci, "init", "--layout", layout)
        peers.skopeo("copy", f"docker-archive:{saved}", f"oci:{layout}:one")
        peers.run(umoci, "config", "--image", f"{layout}:one", "--config.user", "guest")
        peers.run("tar", "-C", layout, "-cf", tmp_path / "layout.tar", ".")
        # The layout has only tags, and a tag alone is no name.
        said = other.ok("load", "-i", tmp_path / "layout.tar")
        assert said.startswith("Loaded image ID: sha256:")
        assert other.ok("run", "--rm", said.split()[-1], "whoami") == "guest"

    def test_docker_s_layers_are_shared_by_links(
        self, other: Cuddy, fresh: Cuddy, tmp_path: Path, docker: Peer
    ) -> None:
        for number in (b"1", b"2"):
            install(fresh, small(number), f"r.example/small:{number.decode()}")
        docker.ok("load", input=fresh("save", "r.example/small").stdout)
        docker.ok("save", "-o", tmp_path / "both.tar", "r.example/small:1", "r.example/small:2")
        out = other.ok("load", "-i", tmp_path / "both.tar")
        assert sorted(out.splitlines()) == [
            "Loaded image: r.example/small:1",
            "Loaded image: r.example/small:2",
        ]
        ids = set(other.ok("images", "-q", "--no-trunc").split())
        assert ids == {small(b"1").id, small(b"2").id}
