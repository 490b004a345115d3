"""`image prune`: what nothing uses goes, what anything uses stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import images
from console import ENGINE, Cuddy
from cuddy.image import blobs, store
from cuddy.image.storage import Storage

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="images are put into our store directly")


@pytest.fixture
def storage(fresh: Cuddy) -> Storage:
    return Storage(str(fresh.root))


def built(text: str, **config: object) -> images.BuiltImage:
    layer = images.layer(images.tar(images.entry("data", text.encode() * 100_000)))
    return images.image([layer], config=config)


def names(cuddy: Cuddy) -> list[str]:
    return cuddy.ok("images", "--format", "{{.Repository}}:{{.Tag}}").split()


def test_images_without_a_name_go(fresh: Cuddy, storage: Storage) -> None:
    image = images.install(storage, built("a"), "x")
    images.install(storage, built("b"), "x")
    result = fresh("image", "prune", "-f")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "Deleted Images:"
    assert f"deleted: {image.id}" in lines
    assert lines[-2] == ""
    assert lines[-1].startswith("Total reclaimed space: ")
    assert lines[-1] != "Total reclaimed space: 0B"
    assert sorted(names(fresh)) == ["alpine:latest", "x:latest"]


def test_nothing_to_do(fresh: Cuddy) -> None:
    assert fresh.ok("image", "prune", "-f") == "Total reclaimed space: 0B"
    assert names(fresh) == ["alpine:latest"]


@pytest.mark.parametrize("answer", ["n", "N", "maybe", "yes", ""])
def test_it_asks_first(fresh: Cuddy, storage: Storage, answer: str) -> None:
    images.install(storage, built("a"), "x")
    result = fresh("image", "prune", "-a", input=answer.encode())
    assert result.code == 0
    assert result.out == (
        "WARNING! This will remove all images without at least one container associated to them.\n"
        "Are you sure you want to continue? [y/N] "
    )
    assert "x:latest" in names(fresh)


@pytest.mark.parametrize("answer", ["y", "Y\n", " y "])
def test_and_does_it_after_a_yes(fresh: Cuddy, storage: Storage, answer: str) -> None:
    images.install(storage, built("a"), "x")
    result = fresh.ok("image", "prune", "--all", input=answer.encode())
    assert "[y/N] Deleted Images:\nuntagged: " in result
    assert names(fresh) == []


def test_all_spares_what_containers_use(fresh: Cuddy, storage: Storage) -> None:
    images.install(storage, built("a"), "x")
    fresh.ok("create", "--name", "kept", "alpine", "true")
    out = fresh.ok("image", "prune", "-af")
    assert "untagged: x:latest" in out
    assert names(fresh) == ["alpine:latest"]
    assert fresh.ok("start", "-a", "kept") == ""


def test_all_spares_a_nameless_image_that_a_container_uses(fresh: Cuddy) -> None:
    fresh.ok("create", "--name", "kept", "alpine", "echo", "hi")
    fresh.ok("rmi", "-f", "alpine")
    assert fresh.ok("image", "prune", "-af") == "Total reclaimed space: 0B"
    assert fresh.ok("start", "-a", "kept") == "hi"


def test_filters_choose(fresh: Cuddy, storage: Storage) -> None:
    images.install(storage, built("a", Labels={"keep": "", "team": "red"}), "red")
    images.install(storage, built("b", Labels={"team": "blue"}), "blue")
    assert "Deleted" not in fresh.ok("image", "prune", "-af", "--filter", "label=none")
    assert "Deleted" not in fresh.ok("image", "prune", "-f", "--filter", "label=team")
    assert "Deleted" not in fresh.ok("image", "prune", "-af", "--filter", "until=2023-01-01")
    out = fresh.ok("image", "prune", "-af", "--filter", "label=team", "--filter", "label!=keep")
    assert "untagged: blue:latest" in out
    assert sorted(names(fresh)) == ["alpine:latest", "red:latest"]
    out = fresh.ok("image", "prune", "-f", "--filter", "dangling=false", "--filter", "until=24h",
                   "--filter", "label=team=red")  # fmt: skip
    assert "untagged: red:latest" in out
    assert names(fresh) == ["alpine:latest"]


@pytest.mark.parametrize(
    ("filters", "why"),
    [
        (["bad=1"], "invalid filter 'bad'"),
        (["until=xx"], "invalid time 'xx'"),
        (["until=1s", "until=2s"], "more than one until filter"),
        (["dangling=maybe"], "invalid filter 'dangling=maybe'"),
    ],
)
def test_filters_that_cannot_be_meant(fresh: Cuddy, filters: list[str], why: str) -> None:
    words = [word for each in filters for word in ("--filter", each)]
    result = fresh("image", "prune", "-f", *words)
    assert result.code != 0
    assert why in result.complaint


def test_what_an_interrupted_pull_left_goes_too(fresh: Cuddy, storage: Storage) -> None:
    blob = blobs.write(storage, os.urandom(300_000))
    (Path(storage.ingest_dir) / f"sha256-{'0' * 64}").write_bytes(os.urandom(200_000))
    (Path(storage.layers_dir) / ("1" * 64)).mkdir()
    assert fresh.ok("image", "prune", "-f").startswith("Total reclaimed space: 5")
    assert not os.path.exists(blobs.path(storage, blob))
    assert os.listdir(storage.ingest_dir) == []
    assert names(fresh) == ["alpine:latest"]


def test_but_not_while_somebody_is_at_work(fresh: Cuddy, storage: Storage) -> None:
    blob = blobs.write(storage, os.urandom(300_000))
    with store.lease(storage):
        result = fresh("image", "prune", "-f")
    assert result.code == 0
    assert result.out == "Total reclaimed space: 0B"
    assert result.complaint.startswith("cuddy: warning: what has no name was left alone")
    assert os.path.exists(blobs.path(storage, blob))


def test_nor_while_the_store_is_damaged(fresh: Cuddy, storage: Storage) -> None:
    image = images.install(storage, built("a"), "x")
    fresh.ok("rmi", "alpine")
    blobs.delete(storage, image.manifest["digest"])
    left = os.listdir(f"{storage.blobs_dir}/sha256")
    assert "pull the image again" in fresh("image", "prune", "-f").complaint
    assert os.listdir(f"{storage.blobs_dir}/sha256") == left
