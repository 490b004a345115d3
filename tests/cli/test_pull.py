"""`pull`, `images` and `rmi` against a real registry server, with skopeo as judge of the store."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

import images
from console import ENGINE, Cuddy

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="registries are configured otherwise")


def test_pull_then_run_is_the_main_job(fresh: Cuddy, registry) -> None:
    name = registry.name("alpine", "3.20")
    result = fresh("pull", name, timeout=60)
    assert result.code == 0
    assert name in result.out
    assert "Digest: sha256:" in result.out
    version = fresh.ok("run", "--rm", name, "cat", "/etc/os-release")
    assert "3.20" in version


def test_pulling_again_says_that_it_is_up_to_date(fresh: Cuddy, registry) -> None:
    name = registry.name("alpine")
    fresh.ok("pull", name, timeout=60)
    assert "up to date" in fresh.ok("pull", name)


def test_by_digest(fresh: Cuddy, registry) -> None:
    digest = images.alpine("3.20").digest
    name = f"{registry.host}/alpine@{digest}"
    fresh.ok("pull", name, timeout=60)
    assert "3.20" in fresh.ok("run", "--rm", name, "cat", "/etc/os-release")


def test_an_image_for_several_platforms_gives_this_machines(fresh: Cuddy, registry) -> None:
    name = registry.name("busybox")
    fresh.ok("pull", name, timeout=60)
    assert fresh.ok("run", "--rm", name, "echo", "mine") == "mine"


@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_layers_of_every_compression(fresh: Cuddy, registry, compression: str) -> None:
    below = images.busybox()
    first = below.document["layers"][0]
    diff_id = json.loads(below.blobs[below.id])["rootfs"]["diff_ids"][0]
    bottom = images.Layer(below.blobs[first["digest"]], first["mediaType"], diff_id)
    top = images.layer(images.tar(images.entry("etc/note", b"read me\n")), compression)
    name = registry.push(images.image([bottom, top]), f"packed{compression}")
    assert fresh.ok("run", "--rm", name, "cat", "/etc/note", timeout=60) == "read me"


def test_whiteouts_hide_what_is_below(fresh: Cuddy, registry) -> None:
    below = images.busybox()
    first = below.document["layers"][0]
    diff_id = json.loads(below.blobs[below.id])["rootfs"]["diff_ids"][0]
    bottom = images.Layer(below.blobs[first["digest"]], first["mediaType"], diff_id)
    middle = images.layer(
        images.tar(
            images.entry("a/one", b"1"), images.entry("a/two", b"2"), images.entry("b/x", b"")
        )
    )
    top = images.layer(
        images.tar(
            images.entry("a/.wh.one", b""),
            images.entry("b/.wh..wh..opq", b""),
            images.entry("b/y", b""),
        )
    )
    name = registry.push(images.image([bottom, middle, top]), "hidden")
    out = fresh.ok("run", "--rm", name, "ls", "/a", "/b", timeout=60)
    assert out.split() == ["/a:", "two", "/b:", "y"]


def test_progress_is_plain_lines_without_a_terminal(fresh: Cuddy, registry) -> None:
    result = fresh("pull", registry.name("alpine"), timeout=60)
    assert "\x1b" not in result.out + result.err
    assert "\r" not in result.out + result.err


def test_progress_is_drawn_at_a_terminal_which_is_left_clean(fresh: Cuddy, registry) -> None:
    with fresh.terminal("pull", registry.name("alpine")) as terminal:
        assert terminal.ends(timeout=60) == 0
        screen = "\n".join(terminal.screen())
    assert "Traceback" not in screen
    assert registry.name("alpine") in screen


def test_quiet_prints_only_the_name(fresh: Cuddy, registry) -> None:
    name = registry.name("alpine")
    assert fresh.ok("pull", "-q", name, timeout=60) == name


class TestImages:
    def test_the_list(self, fresh: Cuddy, registry) -> None:
        fresh.ok("pull", registry.name("busybox"), timeout=60)
        lines = fresh.ok("images").splitlines()
        assert lines[0].split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
        names = {tuple(line.split()[:2]) for line in lines[1:]}
        assert ("alpine", "latest") in names
        assert (f"{registry.host}/busybox", "latest") in names

    def test_ids_and_formats(self, fresh: Cuddy) -> None:
        full = fresh.ok("images", "-q", "--no-trunc", "alpine")
        assert full.startswith("sha256:")
        assert fresh.ok("images", "-q", "alpine") == full[7:19]
        out = fresh.ok("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}", "alpine")
        assert out == f"alpine:latest {full[7:19]}"

    def test_a_container_can_be_made_from_an_id(self, fresh: Cuddy) -> None:
        image_id = fresh.ok("images", "-q", "alpine")
        assert fresh.ok("run", "--rm", image_id, "echo", "by id") == "by id"


class TestRemove:
    def test_an_image_goes_with_its_layers(self, fresh: Cuddy, registry) -> None:
        name = registry.name("busybox")
        fresh.ok("pull", name, timeout=60)
        before = len(list((fresh.root / "layers").iterdir()))
        out = fresh.ok("rmi", name)
        assert f"Untagged: {name}" in out
        assert "Deleted: sha256:" in out
        assert len(list((fresh.root / "layers").iterdir())) < before

    def test_an_image_in_use_stays(self, fresh: Cuddy) -> None:
        fresh.ok("create", "--name", "user", "alpine")
        result = fresh("rmi", "alpine")
        assert result.code == 1
        assert result.complaint
        assert fresh.ok("start", "-a", "user") == ""

    def test_force_takes_the_name_of_an_image_in_use_away(self, fresh: Cuddy) -> None:
        fresh.ok("run", "--name", "user", "alpine", "true")
        fresh.ok("rmi", "-f", "alpine")
        assert fresh("run", "--rm", "--pull", "never", "alpine", "true").code == 125


class TestCredentials:
    def test_without_them_it_is_an_error_that_says_so(self, fresh: Cuddy, private_registry) -> None:
        result = fresh("pull", private_registry.name("alpine"))
        assert result.code == 1
        last = result.err.splitlines()[-1]
        assert "login" in last or "unauthorized" in last.lower() or "credential" in last

    def test_docker_s_file_is_read(self, fresh: Cuddy, private_registry, tmp_path) -> None:
        (tmp_path / ".docker").mkdir()
        basic = private_registry.authorization.split()[1]
        auths = {"auths": {private_registry.host: {"auth": basic}}}
        (tmp_path / ".docker/config.json").write_text(json.dumps(auths))
        environment = fresh.environment | {"HOME": str(tmp_path)}
        fresh.ok("pull", private_registry.name("alpine"), env=environment, timeout=60)


def test_the_store_is_a_layout_that_skopeo_reads(fresh: Cuddy, registry) -> None:
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed: it is the judge")
    name = registry.name("alpine", "3.20")
    fresh.ok("pull", name, timeout=60)
    layout = fresh.root / "images"
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((layout / "index.json").read_text())
    annotation = "org.opencontainers.image.ref.name"
    names = [found["annotations"][annotation] for found in index["manifests"]]
    chosen = next(found for found in names if "3.20" in found)
    target = fresh.root / "copied"
    command = ["skopeo", "--insecure-policy", "copy", f"oci:{layout}:{chosen}", f"dir:{target}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_docker_io_is_the_default_registry_and_can_have_a_mirror(
    fresh: Cuddy, registry, tmp_path
) -> None:
    result = fresh("pull", "no-such-image-anywhere", timeout=60)
    assert result.code == 1
    assert "docker.io" in result.err.splitlines()[-1]
