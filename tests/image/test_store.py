"""The images of a store: names, ids, tags, removal; skopeo as judge of what is on disk."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import images
from cuddy import files
from cuddy.errors import Conflict, CorruptContent, InvalidReference, NoSuchImage
from cuddy.image import blobs, index, rmi, snapshots, store
from cuddy.image.rmi import User
from cuddy.image.storage import Storage

pytestmark = pytest.mark.root


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def built(*contents: str, docker: bool = False, **config: Any) -> images.BuiltImage:
    """An image with a layer for each of these words."""
    layers = [images.layer(images.tar(images.entry(word, word.encode()))) for word in contents]
    return images.image(layers, config=config, docker=docker)


def free(_: str) -> list[User]:
    return []


def used(_: str) -> list[User]:
    return [User("c" * 64, is_running=False)]


def running(_: str) -> list[User]:
    return [User("c" * 64, is_running=True)]


def names(storage: Storage) -> set[str]:
    return {index.name(entry) for entry in index.load(storage)}


def everything(storage: Storage) -> set[str]:
    """Every blob and layer on disk."""
    return {*os.listdir(f"{storage.blobs_dir}/sha256"), *os.listdir(storage.layers_dir)} - {"empty"}


class TestFinding:
    def test_by_every_name_it_has(self, storage: Storage) -> None:
        image = images.install(storage, built("a"), "alpine:3")
        store.tag(storage, "alpine:3", "quay.io/me/mine:1")
        for name in (
            "alpine:3", "docker.io/library/alpine:3", "quay.io/me/mine:1", image.id,
            image.id.removeprefix("sha256:"), image.id[7:15], image.id[:15],
            f"alpine@{built('a').digest}", f"alpine:any@{built('a').digest}",
        ):  # fmt: skip
            assert store.resolve(storage, name).id == image.id, name

    @pytest.mark.parametrize(
        "name", ["alpine", "alpine:4", "other:3", "deadbeef", "alpine@sha256:" + "0" * 64]
    )
    def test_what_is_not_there(self, storage: Storage, name: str) -> None:
        images.install(storage, built("a"), "alpine:3")
        with pytest.raises(NoSuchImage, match="No such image: "):
            store.resolve(storage, name)

    def test_in_a_store_that_does_not_exist_yet(self, storage: Storage) -> None:
        with pytest.raises(NoSuchImage):
            store.resolve(storage, "alpine")
        assert store.list_images(storage) == []

    def test_what_is_no_name(self, storage: Storage) -> None:
        with pytest.raises(InvalidReference):
            store.resolve(storage, "../etc")

    def test_an_ambiguous_beginning_of_an_id(self, storage: Storage) -> None:
        by_digit: dict[str, str] = {}
        for number in range(100):
            image = images.install(storage, built(Label=str(number)), f"x:{number}")
            if image.id[7] in by_digit:
                with pytest.raises(InvalidReference, match="ambiguous"):
                    store.resolve(storage, image.id[7])
                return
            by_digit[image.id[7]] = image.id
        pytest.fail("no two ids begin alike")

    def test_a_name_outweighs_the_beginning_of_an_id(self, storage: Storage) -> None:
        first = images.install(storage, built("a"), "x")
        second = images.install(storage, built("b"), first.id[7:12])
        assert store.resolve(storage, first.id[7:12]).id == second.id

    def test_the_list_has_the_newest_first(self, storage: Storage) -> None:
        old = images.image([], created="2001-01-01T00:00:00Z")
        images.install(storage, old, "old")
        images.install(storage, built("a"), "new")
        found = [image.names for image in store.list_images(storage)]
        assert found == [("docker.io/library/new:latest",), ("docker.io/library/old:latest",)]

    def test_two_names_are_one_image(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        store.tag(storage, "x", "y")
        [image] = store.list_images(storage)
        assert image.names == ("docker.io/library/x:latest", "docker.io/library/y:latest")

    def test_a_missing_layer_is_told(self, storage: Storage) -> None:
        image = images.install(storage, built("a"), "x")
        files.remove_tree(snapshots.path(storage, image.chain_ids[0]))
        with pytest.raises(CorruptContent, match="layer .* is missing .*pull the image again"):
            store.resolve(storage, "x")

    def test_a_missing_document_is_told(self, storage: Storage) -> None:
        image = images.install(storage, built("a"), "x")
        blobs.delete(storage, image.id)
        with pytest.raises(CorruptContent, match="pull the image again"):
            store.resolve(storage, "x")

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"manifests":5}', '{"manifests":[5]}', "{"])
    def test_a_damaged_index_is_told_with_its_path(self, storage: Storage, text: str) -> None:
        images.install(storage, built("a"), "x")
        Path(storage.index_path).write_text(text)
        with pytest.raises(CorruptContent, match=r"index\.json"):
            store.resolve(storage, "x")


class TestTags:
    def test_a_name_moves(self, storage: Storage) -> None:
        first = images.install(storage, built("a"), "x")
        second = images.install(storage, built("b"), "y")
        store.tag(storage, "y", "x")
        assert store.resolve(storage, "x").id == second.id
        assert store.resolve(storage, first.id).names == ()

    def test_a_digest_cannot_be_given(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        with pytest.raises(InvalidReference, match="digest"):
            store.tag(storage, "x", "y@" + built("a").digest)

    def test_the_same_name_again_changes_nothing(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        before = Path(storage.index_path).stat()
        store.tag(storage, "x", "x")
        assert Path(storage.index_path).stat().st_ino == before.st_ino

    def test_fifty_at_once_are_all_kept(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        children = []
        for number in range(50):
            pid = os.fork()
            if pid == 0:
                try:
                    store.tag(storage, "x", f"y:{number}")
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(pid)
        assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
        assert len(names(storage)) == 51


class TestRemoving:
    def test_the_last_name_takes_the_image_along(self, storage: Storage) -> None:
        image = images.install(storage, built("a", "b"), "x:1")
        records = rmi.remove(storage, "x:1", force=False, used_by=free)
        assert records == [
            ("Untagged", "x:1"),
            ("Untagged", f"x@{built('a', 'b').digest}"),
            ("Deleted", image.id),
            ("Deleted", image.chain_ids[1]),
            ("Deleted", image.chain_ids[0]),
        ]
        assert everything(storage) == set()
        assert os.listdir(storage.tmp_dir) == []

    def test_docker_s_documents_go_too(self, storage: Storage) -> None:
        images.install(storage, built("a", docker=True), "x")
        rmi.remove(storage, "x", force=False, used_by=free)
        assert everything(storage) == set()

    def test_another_name_keeps_it(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        store.tag(storage, "x", "y")
        assert rmi.remove(storage, "y", force=False, used_by=free) == [("Untagged", "y:latest")]
        assert store.resolve(storage, "x")

    def test_the_digest_goes_with_the_last_tag_of_its_repository(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x:1")
        store.tag(storage, "x:1", "x:2")
        store.tag(storage, "x:1", "y")
        digest = f"x@{built('a').digest}"
        assert rmi.remove(storage, "x:1", force=False, used_by=free) == [("Untagged", "x:1")]
        records = rmi.remove(storage, "x:2", force=False, used_by=free)
        assert records == [("Untagged", "x:2"), ("Untagged", digest)]
        assert store.resolve(storage, "y").repo_digests == ()

    def test_layers_of_other_images_stay(self, storage: Storage) -> None:
        both = images.install(storage, built("a", "b"), "both")
        images.install(storage, built("a"), "one")
        records = rmi.remove(storage, "both", force=False, used_by=free)
        assert ("Deleted", both.chain_ids[1]) in records
        assert ("Deleted", both.chain_ids[0]) not in records
        assert store.resolve(storage, "one")

    def test_by_id(self, storage: Storage) -> None:
        image = images.install(storage, built("a"), "x")
        records = rmi.remove(storage, image.id[7:19], force=False, used_by=free)
        assert [what for what, _ in records] == ["Untagged", "Untagged", "Deleted", "Deleted"]
        assert everything(storage) == set()

    def test_by_id_with_names_in_two_repositories_it_must_be_forced(self, storage: Storage) -> None:
        image = images.install(storage, built("a"), "x")
        store.tag(storage, "x", "y")
        with pytest.raises(Conflict, match="multiple repositories"):
            rmi.remove(storage, image.id, force=False, used_by=free)
        rmi.remove(storage, image.id, force=True, used_by=free)
        assert everything(storage) == set()

    def test_by_digest(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        digest = f"x@{built('a').digest}"
        assert rmi.remove(storage, digest, force=False, used_by=free) == [("Untagged", digest)]
        assert store.resolve(storage, "x").repo_digests == ()

    def test_a_container_keeps_it(self, storage: Storage) -> None:
        image = images.install(storage, built("a"), "x")
        with pytest.raises(Conflict, match="container cccccccccccc is using"):
            rmi.remove(storage, "x", force=False, used_by=used)
        with pytest.raises(Conflict, match="stopped container cccccccccccc"):
            rmi.remove(storage, image.id, force=False, used_by=used)
        with pytest.raises(Conflict, match="cannot be forced.*running container cccccccccccc"):
            rmi.remove(storage, image.id, force=True, used_by=running)
        assert store.resolve(storage, "x").names

    def test_but_not_one_of_two_names(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        store.tag(storage, "x", "y")
        rmi.remove(storage, "y", force=False, used_by=running)
        assert store.resolve(storage, "x")

    def test_forced_it_loses_its_name_but_not_its_layers(self, storage: Storage) -> None:
        image = images.install(storage, built("a"), "x")
        records = rmi.remove(storage, "x", force=True, used_by=running)
        assert [what for what, _ in records] == ["Untagged", "Untagged"]
        assert store.resolve(storage, image.id).names == ()
        assert rmi.remove(storage, image.id, force=False, used_by=free)
        assert everything(storage) == set()

    def test_an_image_that_lacks_parts_can_be_removed(self, storage: Storage) -> None:
        image = images.install(storage, built("a"), "x")
        blobs.delete(storage, image.id)
        files.remove_tree(snapshots.path(storage, image.chain_ids[0]))
        rmi.remove(storage, "x", force=False, used_by=free)
        assert index.load(storage) == []

    def test_nothing_is_removed_while_somebody_holds_the_store(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        start, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(start, 1)
            rmi.remove(storage, "x", force=False, used_by=free)
            os._exit(0)
        with store.hold(storage), store.hold(storage):
            os.write(go, b".")
            for _ in range(20):
                assert store.resolve(storage, "x")
                assert os.waitpid(pid, os.WNOHANG) == (0, 0)
                time.sleep(0.005)
        assert os.waitpid(pid, 0)[1] == 0
        assert index.load(storage) == []
        os.close(start)
        os.close(go)

    def test_what_is_not_there(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        with pytest.raises(NoSuchImage):
            rmi.remove(storage, "y", force=True, used_by=free)


class TestLayout:
    """The store is an OCI image layout: skopeo says so."""

    def skopeo(self, *words: str) -> str:
        command = ["skopeo", "--insecure-policy", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @pytest.mark.parametrize("docker", [False, True])
    @pytest.mark.parametrize("name", ["alpine:3.20", "localhost:5000/a/b-c.d_e:1", "quay.io/x/y"])
    def test_every_image_can_be_inspected_and_copied(
        self, storage: Storage, tmp_path: Path, docker: bool, name: str
    ) -> None:
        image = images.install(storage, built("a", "b", docker=docker, Labels={"k": "v"}), name)
        images.install(storage, built("other"), "other")
        where = f"oci:{storage.images_dir}:{image.names[0]}"
        assert json.loads(self.skopeo("inspect", where))["Labels"] == {"k": "v"}
        self.skopeo("copy", where, f"dir:{tmp_path}/copy")
        manifest = json.loads((tmp_path / "copy/manifest.json").read_text())
        assert manifest["config"]["digest"] == image.id
        for layer in manifest["layers"]:
            data = (tmp_path / "copy" / layer["digest"].partition(":")[2]).read_bytes()
            assert images.digest_of(data) == layer["digest"]

    def test_an_image_known_by_digest_only(self, storage: Storage, tmp_path: Path) -> None:
        first, second = built("a"), built("b")
        images.install(storage, first, "x")
        images.install(storage, second, "x")
        name = f"docker.io/library/x@{first.digest}"
        assert names(storage) == {"docker.io/library/x:latest", name}
        self.skopeo("copy", f"oci:{storage.images_dir}:{name}", f"dir:{tmp_path}/copy")

    def test_what_skopeo_adds_is_found(self, storage: Storage, tmp_path: Path) -> None:
        image = images.install(storage, built("a"), "x")
        where = f"oci:{storage.images_dir}"
        self.skopeo("copy", f"{where}:{image.names[0]}", f"{where}:mine")
        assert store.resolve(storage, "mine").id == image.id
        assert len(store.list_images(storage)) == 1
        rmi.remove(storage, "x", force=False, used_by=free)
        assert store.resolve(storage, "mine").id == image.id
        rmi.remove(storage, "mine", force=False, used_by=free)
        assert everything(storage) == set()

    def test_only_root_can_look(self, storage: Storage) -> None:
        images.install(storage, built("a"), "x")
        for directory in (storage.images_dir, storage.layers_dir, storage.tmp_dir):
            assert os.stat(directory).st_mode & 0o077 == 0
        assert os.stat(storage.index_path).st_mode & 0o077 == 0
