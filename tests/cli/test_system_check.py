"""`system check`: each kind of damage is found and told, and after a repair all is sound."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import images
from console import ENGINE, Cuddy, is_alive, kill, monitor_of, wait_until
from cuddy import files
from cuddy.image import blobs, index, snapshots, store
from cuddy.image.storage import Storage

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it is about files of our root")


class Room(NamedTuple):
    """A home with the images `one` and `two`, of one and two layers, and a container `kept`."""

    cuddy: Cuddy
    storage: Storage
    two: store.Image
    container: Path

    def blob(self, digest: str) -> Path:
        return Path(blobs.path(self.storage, digest))

    @property
    def layer_blob(self) -> Path:
        manifest = index.manifest(self.storage, self.two.manifest)
        return self.blob(manifest["layers"][1]["digest"])

    @property
    def layer(self) -> Path:
        return Path(snapshots.path(self.storage, self.two.chain_ids[1]))

    def change_index(self, change: Callable[[dict[str, Any]], object]) -> None:
        document = json.loads(Path(self.storage.index_path).read_text())
        change(document)
        Path(self.storage.index_path).write_text(json.dumps(document))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    cuddy = Cuddy(tmp_path / "root", tmp_path / "run")
    storage = Storage(str(cuddy.root))
    images.install(
        storage, images.image([images.layer(images.tar(images.entry("f", b"f")))]), "one"
    )
    layers = [
        images.layer(images.tar(images.entry("low", os.urandom(20_000)), images.entry("d/"))),
        images.layer(
            images.tar(
                images.entry("d/high", os.urandom(30_000), mode=0o4755, uid=7),
                images.link("d/link", "high"),
                images.link("d/twin", "d/high", hard=True),
                images.entry(".wh.low", b""),
                images.entry("implicit/file", b"x", mtime=1_000_000),
            )
        ),
    ]
    two = images.install(storage, images.image(layers), "two")
    container_id = cuddy.ok("create", "--name", "kept", "one", "echo", "hi")
    return Room(cuddy, storage, two, cuddy.root / "containers" / container_id)


def flip(path: Path) -> None:
    """Change one byte in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def change_keeping_time(path: Path) -> None:
    status = path.stat()
    flip(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_store_that_is_in_order_is_sound(fresh: Cuddy) -> None:
    (fresh.root / "events.log.1").write_text("")
    assert fresh.ok("system", "check") == "sound"
    fresh.ok("run", "--rm", "--net", "none", "alpine", "true")
    fresh.ok("create", "--name", "kept", "--net", "none", "alpine", "echo", "hi")
    assert fresh.ok("system", "check", "--repair") == "sound"
    assert fresh.ok("start", "-a", "kept") == "hi"


def test_only_the_exit_status(room: Room) -> None:
    assert room.cuddy("system", "check", "-q") == (0, b"", b"")
    room.layer_blob.unlink()
    assert room.cuddy("system", "check", "-q") == (1, b"", b"")


REPAIRABLE: dict[str, tuple[Callable[[Room], object], str]] = {
    "a byte of a layer's blob flipped": (lambda r: flip(r.layer_blob), "not what its digest says"),
    "a layer's blob truncated": (lambda r: truncate(r.layer_blob), "not what its digest says"),
    "a layer's blob empty": (lambda r: os.truncate(r.layer_blob, 0), "not what its digest says"),
    "a layer's blob full of zeros": (
        lambda r: r.layer_blob.write_bytes(bytes(r.layer_blob.stat().st_size)),
        "not what its digest says",
    ),
    "a layer's blob gone": (lambda r: r.layer_blob.unlink(), "cuddy pull two"),
    "a layer and its blob gone": (
        lambda r: (r.layer_blob.unlink(), files.remove_tree(str(r.layer))),
        "cuddy pull two",
    ),
    "a layer gone": (lambda r: files.remove_tree(str(r.layer)), "it is not unpacked"),
    "a file of a layer changed": (
        lambda r: change_keeping_time(r.layer / "d/high"),
        "d/high has other content",
    ),
    "a file of a layer emptied": (
        lambda r: os.truncate(r.layer / "implicit/file", 0),
        "implicit/file has other attributes",
    ),
    "a file of a layer gone": (lambda r: (r.layer / "d/link").unlink(), "d/link is missing"),
    "a file in a layer too much": (
        lambda r: (r.layer / "stray").touch(),
        "stray is there and should not be",
    ),
    "a whiteout gone": (lambda r: (r.layer / "low").unlink(), "low is missing"),
    "another mode": (lambda r: (r.layer / "d/high").chmod(0o755), "d/high has other attributes"),
    "another owner": (lambda r: os.chown(r.layer / "d", 5, 5), "d has other attributes"),
    "another link": (
        lambda r: (
            (r.layer / "d/link").unlink(),
            (r.layer / "d/link").symlink_to("hugh"),
            os.utime(r.layer / "d/link", (0, 0), follow_symlinks=False),
            os.utime(r.layer / "d", (0, 0)),
        ),
        "d/link has other content",
    ),
    "an attribute of the overlay": (
        lambda r: os.setxattr(r.layer / "d", "trusted.overlay.opaque", b"y"),
        "d has other attributes",
    ),
    "another mode of a layer's root": (lambda r: r.layer.chmod(0o700), "its root has other"),
    "a config flipped": (lambda r: flip(r.blob(r.two.id)), "forget it; 'cuddy pull two:latest'"),
    "a config gone": (lambda r: r.blob(r.two.id).unlink(), "forget it; 'cuddy pull two:latest'"),
    "a manifest gone": (
        lambda r: r.blob(r.two.manifest["digest"]).unlink(),
        "forget it; 'cuddy pull two:latest'",
    ),
    "index.json garbage": (
        lambda r: Path(r.storage.index_path).write_text("{"),
        "make one of the images that are found",
    ),
    "index.json empty": (
        lambda r: Path(r.storage.index_path).write_text(""),
        "make one of the images that are found",
    ),
    "index.json gone": (lambda r: Path(r.storage.index_path).unlink(), "it is missing"),
    "index.json of something else": (
        lambda r: Path(r.storage.index_path).write_text('{"manifests": 5}'),
        "not an index of manifests",
    ),
    "an entry that is none": (
        lambda r: r.change_index(lambda d: d["manifests"].append({"digest": "x"})),
        "an entry of index.json",
    ),
    "an entry to nothing": (
        lambda r: r.change_index(
            lambda d: d["manifests"].append(
                {**d["manifests"][0], "digest": "sha256:" + "0" * 64, "annotations": {}}
            )
        ),
        "is missing",
    ),
    "two images of one name": (
        lambda r: r.change_index(
            lambda d: d["manifests"][0].update(annotations=d["manifests"][1]["annotations"])
        ),
        "another image has the name",
    ),
    "a name that is none": (
        lambda r: r.change_index(
            lambda d: d["manifests"][1]["annotations"].update({index.NAME: "../x"})
        ),
        "its name is not one an image can have",
    ),
    "a wrong id": (
        lambda r: r.change_index(
            lambda d: d["manifests"][1]["annotations"].update({index.ID: "sha256:" + "1" * 64})
        ),
        "a wrong id",
    ),
    "oci-layout gone": (lambda r: Path(r.storage.images_dir, "oci-layout").unlink(), "oci-layout"),
    "a file among the blobs": (
        lambda r: Path(r.storage.blobs_dir, "sha256/stray").touch(),
        "images/blobs/sha256/stray: nobody knows what it is",
    ),
    "a directory among the blobs": (
        lambda r: Path(r.storage.blobs_dir, "sha256", "2" * 64).mkdir(),
        "not what its digest says",
    ),
    "a file among the layers": (
        lambda r: Path(r.storage.layers_dir, "stray").touch(),
        "layers/stray: nobody knows what it is",
    ),
    "a file in the root": (lambda r: (r.cuddy.root / "stray").touch(), "stray: nobody knows"),
    "a file in tmp": (lambda r: (r.cuddy.root / "tmp/stray").touch(), "tmp/stray: nobody knows"),
    "half a container": (
        lambda r: (r.cuddy.root / "containers" / ("3" * 64)).mkdir(),
        "container 333333333333: it has no record",
    ),
    "a record that cannot be read": (
        lambda r: (r.container / "container.json").write_text("{"),
        "move it to lost/",
    ),
    "a status that cannot be read": (
        lambda r: (r.container / "status.json").write_text("[["),
        "its status cannot be read",
    ),
    "no upper directory": (
        lambda r: (r.container / "upper").rmdir(),
        "its directory upper is missing",
    ),
    "no work directory": (lambda r: (r.container / "work").rmdir(), "directory work is missing"),
    "a name that is a file": (lambda r: (r.cuddy.root / "names/x").touch(), "not a link to a"),
    "a container without its name": (
        lambda r: (r.cuddy.root / "names/kept").unlink(),
        "its name kept does not lead to it",
    ),
    "a network that is none": (
        lambda r: (r.cuddy.root / "networks/b.json").write_text("{}"),
        "networks/b.json: it is not a network",
    ),
}


@pytest.mark.parametrize("damage", REPAIRABLE)
def test_damage_is_found_and_repaired(room: Room, damage: str) -> None:
    do, told = REPAIRABLE[damage]
    do(room)
    result = room.cuddy("system", "check")
    assert result.err == ""
    assert result.code == 1
    assert told in result.out
    assert result.out.splitlines()[-1].startswith("broken: ")
    result = room.cuddy("system", "check", "--repair")
    assert (result.code, result.err) == (0, "")
    assert "repaired: " in result.out
    result = room.cuddy("system", "check")
    assert (result.code, result.err) == (0, ""), result.out
    assert "broken" not in result.out
    assert os.listdir(room.storage.tmp_dir) == []


WHOLE_AGAIN = ("a layer gone", "a file of a layer changed", "a whiteout gone", "another owner")


@pytest.mark.parametrize("damage", WHOLE_AGAIN)
def test_a_layer_that_was_unpacked_again_is_what_it_was(room: Room, damage: str) -> None:
    before = [*os.walk(room.layer)], (room.layer / "d/high").read_bytes()
    REPAIRABLE[damage][0](room)
    room.cuddy.ok("system", "check", "--repair")
    assert ([*os.walk(room.layer)], (room.layer / "d/high").read_bytes()) == before


def test_images_without_an_index_come_back_without_names(room: Room) -> None:
    Path(room.storage.index_path).write_text("garbage")
    room.cuddy.ok("system", "check", "--repair")
    assert set(room.cuddy.ok("images", "-q", "--no-trunc").split()) >= {room.two.id}
    assert [path.read_text() for path in (room.cuddy.root / "lost").iterdir()] == ["garbage"]


def test_a_repaired_image_is_whole_after_a_pull(fresh: Cuddy, registry) -> None:
    name = registry.name("alpine", "3.20")
    fresh.ok("pull", name, timeout=60)
    storage = Storage(str(fresh.root))
    image = store.resolve(storage, name)
    blob = Path(blobs.path(storage, index.manifest(storage, image.manifest)["layers"][0]["digest"]))
    flip(blob)
    files.remove_tree(snapshots.path(storage, image.chain_ids[0]))
    out = fresh.ok("system", "check", "--repair")
    assert f"'cuddy pull {name}' brings it back" in out
    out = fresh.ok("system", "check")
    assert out.startswith("note: ")
    assert "it lacks 2 of its parts" in out
    assert "pull the image again" in fresh("run", "--rm", name, "true").complaint
    fresh.ok("pull", name, timeout=60)
    assert fresh.ok("system", "check") == "sound"
    assert fresh.ok("run", "--rm", "--net", "none", name, "echo", "back") == "back"


def test_what_an_interrupted_pull_left_is_in_order(room: Room) -> None:
    Path(room.storage.ingest_dir, f"sha256-{'0' * 64}").write_bytes(b"half")
    blobs.write(room.storage, b"finished")
    Path(room.storage.images_dir, "index.json.999999999-5-abcdef.tmp").write_text("{")
    out = room.cuddy.ok("system", "check")
    assert "2 blobs or parts of blobs belong to no image" in out
    assert "its owner died over it" in out
    assert out.splitlines()[-1] == "sound"


def test_a_repair_does_not_begin_while_others_work(room: Room) -> None:
    with store.lease(room.storage):
        assert room.cuddy("system", "check").code == 0
        result = room.cuddy("system", "check", "--repair")
    assert result.code == 1
    assert "other commands are at work" in result.complaint


def test_a_layer_of_a_running_container_is_not_touched(fresh: Cuddy) -> None:
    fresh.ok("run", "-d", "--name", "busy", "--net", "none", "alpine", "sleep", "1000")
    storage = Storage(str(fresh.root))
    layer = Path(snapshots.path(storage, store.resolve(storage, "alpine").chain_ids[0]))
    (layer / "stray").touch()
    result = fresh("system", "check", "--repair")
    assert result.code == 1
    assert "stop the containers that stand on it" in result.out
    assert (layer / "stray").exists()
    fresh.remove_all()
    fresh.ok("system", "check", "--repair")
    assert not (layer / "stray").exists()


def test_what_a_dead_monitor_left_is_told_and_cleared(fresh: Cuddy) -> None:
    container_id = fresh.ok("run", "-d", "--net", "none", "alpine", "sleep", "1000")
    monitor = monitor_of(fresh, container_id)
    kill(monitor)
    wait_until(lambda: not is_alive(monitor))
    out = fresh.ok("system", "check")
    assert f"note: container {container_id[:12]}: its monitor died without clearing up" in out
    assert (fresh.run_root / container_id).exists()
    fresh.ok("system", "check", "--repair")
    assert not (fresh.run_root / container_id).exists()
    assert fresh.ok("system", "check") == "sound"
    assert fresh.field(container_id, "{{.State.Status}}") == "exited"


def test_findings_as_json(room: Room) -> None:
    room.layer_blob.unlink()
    result = room.cuddy("system", "check", "--format", "json")
    assert result.code == 1
    [finding] = map(json.loads, result.out.splitlines())
    assert finding["State"] == "broken"
    assert finding["What"] == "image docker.io/library/two:latest"
