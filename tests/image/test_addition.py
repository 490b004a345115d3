"""Layers made here: one pass makes the blob, the ids and the directory."""

from __future__ import annotations

import gzip
import os
from functools import partial
from pathlib import Path

import pytest

import images
from cuddy.errors import CorruptContent
from cuddy.image import addition, blobs, snapshots, spec
from cuddy.image import digest as digests
from cuddy.image import storage as storages
from cuddy.image.storage import Storage

pytestmark = pytest.mark.root


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(str(tmp_path / "store"))
    storages.create(made)
    return made


def add(storage: Storage, archive: bytes, *parents: str) -> addition.Added:
    pieces = (archive[at : at + 1000] for at in range(0, len(archive), 1000))
    return addition.add(storage, pieces, parents)


def test_the_blob_is_the_tar_compressed_and_named_by_its_digest(storage: Storage) -> None:
    archive = images.tar(images.entry("etc/motd", b"hello"))
    added = add(storage, archive)
    data = blobs.read(storage, added.blob["digest"])
    assert gzip.decompress(data) == archive
    assert added.diff_id == images.digest_of(archive)
    assert (added.blob["digest"], added.blob["size"]) == (images.digest_of(data), len(data))
    assert spec.compression(added.blob) == "gzip"
    assert added.size_bytes == 5


def test_the_same_layer_has_the_same_digest_at_any_time(storage: Storage, tmp_path: Path) -> None:
    archive = images.tar(images.entry("etc/motd", b"hello" * 10000))
    other = Storage(str(tmp_path / "other"))
    storages.create(other)
    assert add(storage, archive) == add(other, archive)


def test_the_directory_is_unpacked_on_top_of_its_parents(storage: Storage) -> None:
    below = add(storage, images.tar(images.entry("opt/", mode=0o750, uid=7)))
    above = add(storage, images.tar(images.entry("opt/file", b"x")), below.chain_id)
    assert above.chain_id == digests.chain_ids([below.diff_id, above.diff_id])[1]
    directory = Path(snapshots.path(storage, above.chain_id))
    assert (directory / "opt/file").read_bytes() == b"x"
    status = (directory / "opt").stat()
    assert (status.st_mode & 0o7777, status.st_uid) == (0o750, 7)


def test_what_is_no_layer_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(CorruptContent, match="leads out of it"):
        add(storage, images.tar(images.entry("../evil", b"x" * 3_000_000)))
    with pytest.raises(CorruptContent, match="not a tar"):
        add(storage, b"rubbish" * 100_000)
    assert os.listdir(storage.tmp_dir) == os.listdir(f"{storage.blobs_dir}/sha256") == []


def test_an_error_of_the_source_leaves_nothing(storage: Storage) -> None:
    def chunks():
        yield images.tar(images.entry("a", b"x"))[:512]
        raise OSError(5, "no more")

    with pytest.raises(OSError, match="no more"):
        addition.add(storage, chunks(), ())
    assert os.listdir(storage.tmp_dir) == os.listdir(f"{storage.blobs_dir}/sha256") == []


class TestSeveral:
    def stack(self, *archives: bytes) -> list[addition.Tar]:
        """The layers of an image, the lowest first."""
        diff_ids = [images.digest_of(archive) for archive in archives]
        chain = digests.chain_ids(diff_ids)
        return [
            addition.Tar(partial(iter, [archive]), diff_ids[n], chain[:n])
            for n, archive in enumerate(archives)
        ]

    def test_they_lie_on_one_another(self, storage: Storage) -> None:
        archives = [images.tar(images.entry(f"opt/{n}", b"x" * n)) for n in range(6)]
        archives[0] = images.tar(images.entry("opt/", mode=0o750, uid=7))
        done: list[addition.Added] = []
        addition.add_several(storage, self.stack(*archives), lambda _, added: done.append(added))
        assert [added.size_bytes for added in done] == [0, 1, 2, 3, 4, 5]
        for archive, added in zip(archives, done):
            assert gzip.decompress(blobs.read(storage, added.blob["digest"])) == archive
            opt = Path(snapshots.path(storage, added.chain_id), "opt").stat()
            assert (opt.st_mode & 0o7777, opt.st_uid) == (0o750, 7)
        assert os.listdir(storage.tmp_dir) == []

    def test_one_that_is_not_what_it_should_be_ends_it(self, storage: Storage) -> None:
        archives = [images.tar(images.entry(f"{n}", b"x")) for n in range(4)]
        tars = self.stack(*archives)
        tars[2] = tars[2]._replace(chunks=partial(iter, [archives[1]]))
        done: list[str] = []
        with pytest.raises(CorruptContent, match="should be sha256:"):
            addition.add_several(storage, tars, lambda tar, _: done.append(tar.diff_id))
        assert done == [tar.diff_id for tar in tars[:2]]
        assert os.listdir(storage.tmp_dir) == []
        assert len(os.listdir(storage.layers_dir)) == 2 + len(["empty"])
