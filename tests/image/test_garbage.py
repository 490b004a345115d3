"""Content without a name: what it is, who may take it away, and when."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import images
from cuddy import files, usage
from cuddy.image import blobs, garbage, index, rmi, snapshots, store
from cuddy.image.rmi import User
from cuddy.image.storage import Storage

pytestmark = pytest.mark.root


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def built(*contents: str) -> images.BuiltImage:
    """An image with a layer for each of these words."""
    layers = [images.layer(images.tar(images.entry(word, word.encode()))) for word in contents]
    return images.image(layers)


def free(_: str) -> list[User]:
    return []


def everything(storage: Storage) -> set[str]:
    """Every blob and layer on disk."""
    return {*os.listdir(f"{storage.blobs_dir}/sha256"), *os.listdir(storage.layers_dir)} - {"empty"}


def forget(storage: Storage) -> None:
    """Let the index name nothing: what there is becomes nameless."""
    with index.Change(storage) as change:
        change.entries = []


class TestWhatIsNameless:
    def test_nothing_of_a_whole_image(self, storage: Storage) -> None:
        images.install(storage, images.alpine(), "x")
        images.install(storage, built("a", "b"), "y")
        assert garbage.nameless(storage, ()) == (garbage.NOTHING, [])

    def test_all_that_no_entry_leads_to(self, storage: Storage) -> None:
        image = images.install(storage, built("a", "b"), "x")
        images.install(storage, built("a"), "y")
        with index.Change(storage) as change:
            change.entries = [e for e in change.entries if index.name(e).endswith("y:latest")]
        found, broken = garbage.nameless(storage, ())
        assert list(found.layers) == [image.chain_ids[1]]
        assert image.id in found.blobs
        assert len(found.blobs) == 3  # manifest, config, the second layer
        assert broken == []

    def test_not_what_a_container_stands_on(self, storage: Storage) -> None:
        image = images.install(storage, built("a", "b"), "x")
        forget(storage)
        found, _ = garbage.nameless(storage, image.chain_ids[:1])
        assert list(found.layers) == [image.chain_ids[1]]

    def test_a_document_that_is_gone_is_told(self, storage: Storage) -> None:
        image = images.install(storage, built("a"), "x")
        blobs.delete(storage, image.id)
        found, broken = garbage.nameless(storage, ())
        assert broken == [image.manifest["digest"]]

    def test_images_that_skopeo_put_there_have_a_name(self, storage: Storage) -> None:
        child = built("a")
        images.install(storage, child, "x")
        whole = images.index([("linux/amd64", child)])
        blobs.write(storage, whole.manifest)
        with index.Change(storage) as change:
            change.entries = [
                {"mediaType": whole.media_type, "digest": whole.digest, "size": len(whole.manifest)}
            ]
        assert garbage.nameless(storage, ()) == (garbage.NOTHING, [])


class TestRemoval:
    def test_content_stays_while_somebody_has_a_lease(self, storage: Storage) -> None:
        image = images.install(storage, built("a", "b"), "x")
        before = everything(storage)
        with store.lease(storage), store.lease(storage):
            records = rmi.remove(storage, "x", force=False, used_by=free)
            assert ("Deleted", image.id) in records
            assert index.load(storage) == []
            assert everything(storage) == before
        assert everything(storage) == set()
        assert not os.path.exists(storage.doomed_path)
        assert os.listdir(storage.tmp_dir) == []

    def test_the_last_lease_takes_it_away(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        with store.lease(storage):
            with store.lease(storage):
                rmi.remove(storage, "x", force=False, used_by=free)
            assert everything(storage) != set()
        assert everything(storage) == set()

    def test_what_has_a_name_again_stays(self, storage: Storage) -> None:
        images.install(storage, built("a", "b"), "x")
        with store.lease(storage):
            rmi.remove(storage, "x", force=False, used_by=free)
            images.install(storage, built("a"), "y")
        assert store.resolve(storage, "y")
        assert garbage.nameless(storage, ())[0] == garbage.NOTHING

    def test_a_holder_that_was_killed_keeps_nothing(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        images.install(storage, built("b"), "y")
        with store.lease(storage):
            rmi.remove(storage, "x", force=False, used_by=free)
            pid = os.fork()  # which inherits the lease
            if pid == 0:
                os.read(os.pipe()[0], 1)
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        rmi.remove(storage, "y", force=False, used_by=free)
        assert everything(storage) == set()

    def test_a_note_that_is_garbage_is_dropped(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        Path(storage.doomed_path).write_text("{")
        rmi.remove(storage, "x", force=False, used_by=free)
        assert everything(storage) == set()
        assert not os.path.exists(storage.doomed_path)

    def test_what_goes_is_counted(self, storage: Storage) -> None:
        image = images.install(storage, built("a"), "x")
        paths = [snapshots.path(storage, image.chain_ids[0])]
        paths += [f"{storage.blobs_dir}/sha256/{name}" for name in everything(storage)]
        size = sum(usage.tree_bytes(path) for path in paths)
        with garbage.Removal(storage) as removal:
            rmi.remove_within(removal, "x", force=False, used_by=free)
        assert removal.freed_bytes == size > 0


class TestReaders:
    def test_they_never_see_half_an_image(self, storage: Storage) -> None:
        """One process adds and removes; another looks at the list and at the image all the time."""
        images.install(storage, built("other"), "other")
        changing = os.fork()
        if changing == 0:
            try:
                for _ in range(60):
                    images.install(storage, built("a", "b"), "x")
                    rmi.remove(storage, "x", force=False, used_by=free)
                os._exit(0)
            finally:
                os._exit(1)
        seen: set[int] = set()
        while os.waitid(os.P_PID, changing, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            seen.add(len(store.list_images(storage)))
            try:
                assert len(store.resolve(storage, "x").chain_ids) == 2
            except store.NoSuchImage:
                pass
        assert os.waitpid(changing, 0)[1] == 0
        assert seen == {1, 2}


class TestUsage:
    def test_trees_deeper_than_any_path_is_long(self, tmp_path: Path) -> None:
        fd = os.open(tmp_path, os.O_RDONLY)
        for _ in range(40):
            os.mkdir("d" * 200, dir_fd=fd)
            below = os.open("d" * 200, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        file = os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=fd)
        os.write(file, b"x" * 10_000)
        blocks = os.fstat(file).st_blocks
        os.close(file)
        os.close(fd)
        assert usage.tree_bytes(str(tmp_path)) >= blocks * 512 > 0
        files.remove_tree(f"{tmp_path}/{'d' * 200}")

    def test_a_file_with_two_names_counts_once(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"x" * 10_000)
        before = usage.tree_bytes(str(tmp_path))
        os.link(tmp_path / "a", tmp_path / "b")
        assert usage.tree_bytes(str(tmp_path)) == before

    def test_what_is_not_there_takes_nothing(self, tmp_path: Path) -> None:
        assert usage.tree_bytes(str(tmp_path / "x")) == 0
