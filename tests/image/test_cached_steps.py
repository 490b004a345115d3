"""The build cache in the store: what a record is, what it keeps, and who must respect it."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import images
from cuddy import files
from cuddy.image import blobs, cached_steps, garbage, index, rmi, snapshots, store
from cuddy.image import digest as digests
from cuddy.image import storage as storages
from cuddy.image.cached_steps import Step
from cuddy.image.storage import Storage

pytestmark = pytest.mark.root

KEY = digests.of(b"key")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(str(tmp_path / "store"))
    storages.create(made)
    return made


def layer_of(storage: Storage, word: str) -> str:
    """A layer with one file in it; its chain id."""
    chain_id = digests.of(word.encode())
    directory = Path(snapshots.path(storage, chain_id))
    directory.mkdir()
    (directory / word).write_text(word)
    return chain_id


def step_of(storage: Storage, word: str, parent: str = "", **more: object) -> Step:
    """A cached step that made such a layer."""
    chain_id = layer_of(storage, word)
    step = Step(
        digests.of(f"key of {word}".encode()), parent, chain_id, digests.of(word.encode()), 1,
        "2026-01-02T03:04:05Z", f"RUN {word}",
    )._replace(**more)  # type: ignore[arg-type] # fmt: skip
    cached_steps.write(storage, step)
    return step


class TestWhatAStepIs:
    def test_it_is_found_as_it_was_written(self, storage: Storage) -> None:
        blob = {"mediaType": "x", "digest": blobs.write(storage, b"blob"), "size": 4}
        step = step_of(storage, "a", digests.of(b"parent"), blob=blob)
        found = cached_steps.find(storage, step.key)
        assert found is not None
        assert found._replace(last_used_ns=0, uses=0) == step

    def test_one_that_changed_nothing_has_no_layer(self, storage: Storage) -> None:
        cached_steps.write(storage, Step(KEY, "", "", "", 0, "", "WORKDIR /"))
        found = cached_steps.find(storage, KEY)
        assert found is not None
        assert not found.chain_id
        assert garbage.cached(storage) == garbage.NOTHING

    def test_it_is_none_when_its_layer_is_gone(self, storage: Storage) -> None:
        step = step_of(storage, "a")
        snapshots.delete(storage, step.chain_id)
        assert cached_steps.find(storage, step.key) is None
        assert cached_steps.ruins(storage) == [cached_steps.path(storage, step.key)]

    @pytest.mark.parametrize("what", ["file", "link"])
    def test_it_is_none_when_its_layer_is_no_directory(self, storage: Storage, what: str) -> None:
        step = step_of(storage, "a")
        where = Path(snapshots.path(storage, step.chain_id))
        snapshots.delete(storage, step.chain_id)
        where.symlink_to("/etc") if what == "link" else where.write_text("")
        assert cached_steps.find(storage, step.key) is None

    def test_a_blob_that_is_gone_can_be_made_again(self, storage: Storage) -> None:
        blob = {"mediaType": "x", "digest": blobs.write(storage, b"blob"), "size": 4}
        step = step_of(storage, "a", blob=blob)
        blobs.delete(storage, blob["digest"])
        found = cached_steps.find(storage, step.key)
        assert found is not None
        assert found.blob is None

    def test_uses_are_counted_once_in_a_while(self, storage: Storage) -> None:
        step = step_of(storage, "a")
        for _ in range(3):
            found = cached_steps.find(storage, step.key)
        assert found is not None
        assert found.uses == 0
        os.utime(cached_steps.path(storage, step.key), ns=(0, 41))
        assert cached_steps.find(storage, step.key)
        found = cached_steps.read(storage, step.key)
        assert found is not None
        assert found.uses == 42
        assert found.last_used_ns > 0


def spoil(path: Path, how: str, storage: Storage) -> None:
    """Put something else in the place of a record."""
    text = path.read_text()
    path.unlink()
    if how == "fifo":
        os.mkfifo(path)
    elif how == "link":
        path.symlink_to("/etc/passwd")
    elif how == "directory":
        path.mkdir()
    else:
        path.write_text({
            "torn": text[:50], "empty": "", "huge": text + " " * cached_steps.MAX_BYTES,
            "deep": "[" * 60000, "list": "[1]", "null": "null",
            "escape": text.replace("sha256:", "sha256:../../../"),
            "number": text.replace('"size":1', '"size":' + "9" * 5000),
            "negative": text.replace('"size":1', '"size":-1'),
        }[how])  # fmt: skip


HOSTILE = ["fifo", "link", "directory", "torn", "empty", "huge", "deep", "list", "null", "escape",
           "number", "negative"]  # fmt: skip


@pytest.mark.parametrize("how", HOSTILE)
def test_whatever_lies_in_its_place_is_no_step(storage: Storage, how: str) -> None:
    step = step_of(storage, "a")
    spoil(Path(cached_steps.path(storage, step.key)), how, storage)
    assert cached_steps.find(storage, step.key) is None
    assert list(cached_steps.list_steps(storage)) == []
    assert cached_steps.ruins(storage) == [cached_steps.path(storage, step.key)]
    assert step.chain_id in garbage.nameless(storage, ())[0].layers


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_bytes_are_a_step_or_none(data: st.DataObject) -> None:
    """A record with any of its values replaced, or with any bytes at all."""
    record = {
        "description": "RUN x", "created": "t", "parent": "", "chainId": KEY, "diffId": KEY,
        "size": 1, "blob": {"mediaType": "x", "digest": KEY, "size": 3},
    }  # fmt: skip
    value = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
        max_leaves=5,
    )
    field = data.draw(st.sampled_from(sorted(record)))
    text = files.format_json({**record, field: data.draw(value)}).encode()
    raw = data.draw(st.just(text) | st.binary(max_size=99))
    directory = Path(f"/dev/shm/{os.getpid()}-steps")
    made = Storage(str(directory))
    try:
        os.makedirs(made.steps_dir)
        Path(cached_steps.path(made, KEY)).write_bytes(raw)
        found = cached_steps.read(made, KEY)
        if found:
            garbage.keep([found])
            snapshots.path(made, found.chain_id)
    finally:
        files.remove_tree(str(directory))


class TestWhoRespectsIt:
    def test_what_a_step_made_is_no_garbage(self, storage: Storage) -> None:
        step_of(
            storage, "a", blob={"mediaType": "x", "digest": blobs.write(storage, b"1"), "size": 1}
        )
        assert garbage.nameless(storage, ()) == (garbage.NOTHING, [])

    def test_rmi_leaves_layers_that_steps_made(self, storage: Storage) -> None:
        image = images.install(
            storage, images.image([images.layer(images.tar(images.entry(w, b"x"))) for w in "ab"]),
            "x",
        )  # fmt: skip
        manifest = index.manifest(storage, image.manifest)
        cached_steps.write(storage, Step(
            KEY, image.chain_ids[0], image.chain_ids[1], image.chain_ids[1], 1, "", "RUN b",
            manifest["layers"][1],
        ))  # fmt: skip
        records = rmi.remove(storage, "x", force=False, used_by=lambda _: [])
        assert ("Deleted", image.chain_ids[0]) in records
        assert ("Deleted", image.chain_ids[1]) not in records
        assert not snapshots.has(storage, image.chain_ids[0])
        found = cached_steps.find(storage, KEY)
        assert found is not None
        assert found.blob == manifest["layers"][1]

    def test_a_step_saves_what_was_to_go_with_the_last_lease(self, storage: Storage) -> None:
        image = images.install(storage, images.alpine(), "x")
        with store.lease(storage):
            rmi.remove(storage, "x", force=False, used_by=lambda _: [])
            chain_id = image.chain_ids[-1]
            cached_steps.write(storage, Step(KEY, "", chain_id, chain_id, 1, "", "RUN x"))
        assert cached_steps.find(storage, KEY)
        assert not os.path.exists(storage.doomed_path)


def test_of_two_builds_at_once_each_leaves_a_whole_record(storage: Storage) -> None:
    """Readers see one or the other, never half of one."""
    ones = [step_of(storage, word)._replace(key=KEY) for word in "ab"]
    cached_steps.write(storage, ones[0])
    pids = []
    for one in ones:
        pid = os.fork()
        if pid == 0:
            for _ in range(100):
                cached_steps.write(storage, one)
            os._exit(0)
        pids.append(pid)
    seen = {getattr(cached_steps.find(storage, KEY), "chain_id", None) for _ in range(600)}
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0]
    assert seen <= {one.chain_id for one in ones}
    assert os.listdir(storage.tmp_dir) == []


def test_a_writer_killed_anywhere_leaves_the_old_record_or_the_new(storage: Storage) -> None:
    old, new = (step_of(storage, word)._replace(key=KEY) for word in "ab")
    cached_steps.write(storage, old)
    dice = random.Random(1)
    for _ in range(30):
        pid = os.fork()
        if pid == 0:
            while True:
                cached_steps.write(storage, new)
                cached_steps.write(storage, old)
        threading.Event().wait(dice.random() / 300)
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        found = cached_steps.find(storage, KEY)
        assert found is not None
        assert found.chain_id in (old.chain_id, new.chain_id)
        blobs.sweep(storage)
        assert os.listdir(storage.tmp_dir) == []
