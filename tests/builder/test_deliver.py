"""What comes of a build: files in a directory, tars, archives and layouts of the image."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import images
from cuddy.builder import layer_forms, outputs
from cuddy.builder.built import Result
from cuddy.builder.deliver import deliver
from cuddy.builder.report import Numbering
from cuddy.builder.state import Layer, State
from cuddy.engine.home import Home
from cuddy.errors import Conflict, CuddyError, InvalidArgument
from cuddy.image import import_, index, load, store
from cuddy.image import storage as storages
from cuddy.image.storage import Storage
from images import entry, link

pytestmark = pytest.mark.root

FILES = images.tar(
    entry("etc/", mode=0o755),
    entry("etc/passwd", b"root", mode=0o600, uid=5, gid=6, mtime=1_000_000_000),
    entry("bin/", mode=0o755),
    entry("bin/su", b"#!", mode=0o4755),
    link("bin/again", "bin/su", hard=True),
    link("up", "../../../etc"),
    link("absolute", "/etc/passwd"),
)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    found = Storage(str(tmp_path / "root"))
    storages.create(found)
    return found


def result(storage: Storage, archive: bytes = FILES, platform: str = "linux/amd64") -> Result:
    """The store's image of one layer, as a build would have made it."""
    image = import_.import_(storage, iter([archive]), import_.Options(platform=platform))
    (blob,) = index.manifest(storage, image.manifest)["layers"]
    (diff_id,), (chain_id,) = image.config["rootfs"]["diff_ids"], image.chain_ids
    state = State((Layer(chain_id, diff_id, 1, "", blob),), {}, (), platform)
    return Result(state, image.config)


def write(
    storage: Storage, text: str, *results: Result, tags: tuple[str, ...] = (), stdout_fd: int = -1
) -> None:
    home = Home(storage.root, f"{storage.root}/run")
    wanted = outputs.for_elsewhere(outputs.parse_all([text]), {})
    silent = Numbering(lambda event: None)
    deliver(home, wanted, results, tags, silent, stdout_fd=stdout_fd)


def test_a_directory(storage: Storage, tmp_path: Path) -> None:
    """Everything is the caller's, and nobody gets the powers that somebody else gave away."""
    out = tmp_path / "new" / "out"
    write(storage, str(out), result(storage))
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*")) == [
        "absolute", "bin", "bin/again", "bin/su", "etc", "etc/passwd", "up",
    ]  # fmt: skip
    found = (out / "etc/passwd").stat()
    assert (found.st_uid, found.st_gid) == (os.geteuid(), os.getegid())
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_mtime == 1_000_000_000
    assert stat.S_IMODE((out / "bin/su").stat().st_mode) == 0o755
    assert (out / "bin/su").stat().st_ino == (out / "bin/again").stat().st_ino
    assert os.readlink(out / "up") == "../../../etc"
    assert not os.listdir(storage.tmp_dir)


def test_a_directory_keeps_what_is_in_it(storage: Storage, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "etc").mkdir(parents=True, mode=0o700)
    (out / "etc/other").write_text("other")
    (out / "etc/passwd").write_text("old")
    out.chmod(0o711)
    write(storage, str(out), result(storage))
    assert (out / "etc/other").read_text() == "other"
    assert (out / "etc/passwd").read_text() == "root"
    assert stat.S_IMODE(out.stat().st_mode) == 0o711


def test_no_link_leads_out_of_a_directory(storage: Storage, tmp_path: Path) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (outside / "passwd").write_text("mine")
    (out / "etc").symlink_to(outside)
    with pytest.raises(Conflict):
        write(storage, str(out), result(storage))
    (out / "etc").unlink()
    (out / "etc").mkdir()
    (out / "etc/passwd").symlink_to(outside / "passwd")
    write(storage, str(out), result(storage))
    assert (outside / "passwd").read_text() == "mine"
    assert os.listdir(outside) == ["passwd"]


@pytest.mark.parametrize("compression", ["", "gzip", "zstd", "uncompressed"])
def test_a_tar(storage: Storage, tmp_path: Path, compression: str) -> None:
    path = tmp_path / "out.tar"
    extra = f",compression={compression}" if compression else ""
    write(storage, f"type=tar,dest={path}{extra}", result(storage))
    data = b"".join(compression_of(path.read_bytes()))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = archive.getmember("etc/passwd")
        assert (found.uid, found.gid, found.mode, found.mtime) == (5, 6, 0o600, 1_000_000_000)
        assert archive.getmember("bin/su").mode == 0o4755
        assert "." not in archive.getnames()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert sorted(os.listdir(tmp_path)) == ["out.tar", "root"]


def compression_of(data: bytes) -> Iterator[bytes]:
    from cuddy.image import compression

    return compression.decompress(iter([data]))


def test_a_tar_on_standard_output_for_several_platforms(storage: Storage) -> None:
    reader, writer = os.pipe()
    both = (result(storage), result(storage, platform="linux/arm/v7"))
    small = [each._replace(state=each.state._replace(config={})) for each in both]
    os.set_blocking(writer, True)
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        with open(reader, "rb") as file, tarfile.open(fileobj=file, mode="r|") as archive:
            names = archive.getnames()
        os._exit(0 if {"linux_amd64/etc/passwd", "linux_arm_v7/bin/su"} <= set(names) else 1)
    os.close(reader)
    write(storage, "-", *small, stdout_fd=writer)
    os.close(writer)
    assert os.waitpid(pid, 0)[1] == 0


def test_what_fails_leaves_no_file(storage: Storage, tmp_path: Path) -> None:
    gone = result(storage)
    lost = gone.state.layers[0]._replace(chain_id=f"sha256:{'0' * 64}")
    broken = gone._replace(state=gone.state._replace(layers=(lost,)))
    (tmp_path / "out.tar").write_text("before")
    with pytest.raises(CuddyError):
        write(storage, f"type=tar,dest={tmp_path}/out.tar", broken)
    assert (tmp_path / "out.tar").read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["out.tar", "root"]


@pytest.mark.parametrize("kind", ["oci", "docker"])
@pytest.mark.parametrize("compression", ["", "gzip", "zstd", "uncompressed"])
def test_an_archive_can_be_loaded(
    storage: Storage, tmp_path: Path, kind: str, compression: str
) -> None:
    path = tmp_path / "out.tar"
    extra = f",compression={compression}" if compression else ""
    built = result(storage)
    write(storage, f"type={kind},dest={path},name=r.example/b:2{extra}", built, tags=("a",))
    other = Storage(str(tmp_path / "other"))
    with path.open("rb") as file:
        (image_id,) = set(load.load(other, file.fileno()))
    image = store.resolve(other, image_id)
    assert set(image.names) == {"docker.io/library/a:latest", "r.example/b:2"}
    assert image.config == built.config
    (blob,) = index.manifest(other, image.manifest)["layers"]
    assert layer_forms.form_of(blob) == (compression or "gzip")
    with tarfile.open(path) as archive:
        assert ("manifest.json" in archive.getnames()) == (kind == "docker")


def test_equal_images_make_equal_archives(storage: Storage, tmp_path: Path) -> None:
    built = result(storage)
    for name in ("one", "two"):
        write(storage, f"type=oci,dest={tmp_path}/{name}", built)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_layout_in_a_directory_has_several_images(storage: Storage, tmp_path: Path) -> None:
    out = tmp_path / "layout"
    other = images.tar(entry("f", b"f"))
    write(storage, f"type=oci,dest={out},tar=false,name=a", result(storage))
    write(storage, f"type=oci,dest={out},tar=false,name=b", result(storage, other))
    write(storage, f"type=oci,dest={out},tar=false,name=a", result(storage, other))
    listed = json.loads((out / "index.json").read_text())["manifests"]
    names = [each["annotations"]["io.containerd.image.name"] for each in listed]
    assert sorted(names) == ["docker.io/library/a:latest", "docker.io/library/b:latest"]
    assert not list(out.rglob("*.tmp"))


def test_several_platforms_are_one_image(storage: Storage, tmp_path: Path) -> None:
    both = (result(storage), result(storage, platform="linux/arm64"))
    write(storage, f"type=oci,dest={tmp_path}/x,tar=false", *both)
    (top,) = json.loads((tmp_path / "x/index.json").read_text())["manifests"]
    nested = json.loads((tmp_path / "x/blobs" / top["digest"].replace(":", "/")).read_text())
    assert [each["platform"]["architecture"] for each in nested["manifests"]] == ["amd64", "arm64"]
    with pytest.raises(InvalidArgument, match="does not support exporting manifest lists"):
        write(storage, f"type=docker,dest={tmp_path}/y", *both)


def test_others_can_read_a_layout(storage: Storage, tmp_path: Path) -> None:
    built = result(storage)
    write(storage, f"type=oci,dest={tmp_path}/x,tar=false,name=x:1,annotation.k=v", built)
    done = subprocess.run(
        ["skopeo", "inspect", "--raw", f"oci:{tmp_path}/x:1"], capture_output=True, check=False
    )
    if done.returncode == 127:
        pytest.skip("skopeo is not installed")
    assert json.loads(done.stdout)["annotations"] == {"k": "v"}
