"""Caches that travel: what is sent, what of it is believed, and what a bad one costs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import images
from cuddy.builder import cache, cache_from, cache_to, layers, remote_cache
from cuddy.builder.cache import Asked
from cuddy.builder.remote_cache import Entry, Wish
from cuddy.builder.state import Layer
from cuddy.engine.home import Home, open_home
from cuddy.errors import CorruptContent, InvalidArgument, RegistryError, SystemFailure
from cuddy.image import blobs, cached_steps, changeset, snapshots, store
from cuddy.image import digest as digests
from cuddy.image.settings import Settings
from registry import Registry

pytestmark = pytest.mark.root
QUICK = Settings(retry_delay_s=0.01, timeout_s=5)


@pytest.fixture
def here(tmp_path: Path) -> Home:
    return open_home(str(tmp_path / "here/root"), str(tmp_path / "here/run"))


@pytest.fixture
def there(tmp_path: Path) -> Home:
    return open_home(str(tmp_path / "there/root"), str(tmp_path / "there/run"))


def asked(number: int, parent: str = "") -> Asked:
    return Asked("RUN", parent, (("command", f"step {number}"),), shown=f"RUN step {number}")


def build(home: Home, *, with_blobs: bool = True) -> list[Layer]:
    """Two steps that made a layer each, and one that changed nothing; their layers."""
    found: list[Layer] = []
    for number, word in enumerate("ab"):
        parents = [layer.chain_id for layer in found]
        layer = make(home, word, parents)
        if with_blobs:
            [layer] = layers.with_blobs(home.storage, [layer])
        found.append(layer)
        cache.keep(home, asked(number, parents[-1] if parents else ""), layer)
    cache.keep(home, asked(2, found[-1].chain_id), Layer("", "", 0, "2026-01-02T03:04:05Z"))
    return found


def make(home: Home, word: str, parents: list[str]) -> Layer:
    """A layer with one file."""
    directory = f"{home.tmp_dir}/{word}"
    os.mkdir(directory, 0o755)
    Path(directory, word).write_bytes(os.urandom(5000))
    data = b"".join(changeset.make(directory, changeset.nothing))
    chain_id = layers.chain_id_of(parents, digests.of(data))
    snapshots.commit(home.storage, directory, chain_id)
    return Layer(chain_id, digests.of(data), 5000, "2026-01-02T03:04:05Z")


def use(home: Home, *texts: str) -> tuple[list[Layer | None], list[str]]:
    """What the three steps are worth elsewhere, and what is complained of."""
    told: list[str] = []
    imports = cache_from.Imports(home, texts, QUICK, told.append)
    with store.lease(home.storage):
        found: list[Layer | None] = []
        for number in range(3):
            parents = [layer.chain_id for layer in found if layer]
            found.append(imports.look(asked(number, parents[-1] if parents else ""), parents))
    return found, told


def files_of(home: Home, layer: Layer) -> list[str]:
    return os.listdir(snapshots.path(home.storage, layer.chain_id))


class TestWords:
    @pytest.mark.parametrize(("text", "wish"), [
        ("host/x:1", Wish("registry", "host/x:1")),
        ("type=registry,ref=x,mode=max", Wish("registry", "x", is_max=True)),
        ("ref=x", Wish("registry", "x")),
        ("type=local,dest=/d,tag=t,ignore-error=true", Wish("local", "/d", "t", may_fail=True)),
        ("type=inline", Wish("inline")),
    ])  # fmt: skip
    def test_they_mean(self, text: str, wish: Wish) -> None:
        assert remote_cache.parse(text, flag="cache-to") == wish

    @pytest.mark.parametrize(("text", "complaint"), [
        ("type=gha", "unknown type of --cache-to: 'gha'"), ("type=local", "needs dest="),
        ("type=registry", "needs ref="), ("type=inline,ref=x", "unknown field"),
        ("ref=x,mode=med", "invalid mode"), ("ref=x,y", "'y' is not NAME=VALUE"),
        ("ref=x,compression=zstd", "gzip only"), ('"', "parse error"), ("", "EOF"),
    ])  # fmt: skip
    def test_they_mean_nothing(self, text: str, complaint: str) -> None:
        with pytest.raises(InvalidArgument, match=complaint):
            remote_cache.parse(text, flag="cache-to")

    def test_an_image_is_named_to_use_its_own(self) -> None:
        with pytest.raises(InvalidArgument, match="is of an image"):
            remote_cache.parse("type=inline", flag="cache-from")


class TestThereAndBack:
    @pytest.mark.parametrize("kind", ["registry", "local"])
    def test_a_step_is_found_and_its_layer_brought(
        self, here: Home, there: Home, registry: Registry, tmp_path: Path, kind: str
    ) -> None:
        made = build(here)
        name = registry.name("cache", os.urandom(4).hex())
        to, from_ = {
            "registry": (f"type=registry,ref={name}", name),
            "local": (f"type=local,dest={tmp_path}/out", f"type=local,src={tmp_path}/out"),
        }[kind]
        cache_to.export(here, [to], made, made, QUICK, pytest.fail)
        found, told = use(there, from_)
        assert told == []
        assert [layer and layer._replace(size_bytes=0) for layer in found] == [
            made[0]._replace(size_bytes=0), made[1]._replace(size_bytes=0),
            Layer("", "", 0, "2026-01-02T03:04:05Z"),
        ]  # fmt: skip
        assert found[1] and files_of(there, found[1]) == ["b"]
        assert cache.look(there, asked(1, made[0].chain_id)) == found[1]
        assert os.listdir(there.tmp_dir) == []

    def test_only_what_is_asked_for_is_fetched(
        self, here: Home, there: Home, tmp_path: Path
    ) -> None:
        made = build(here)
        cache_to.export(here, [f"type=local,dest={tmp_path}/o"], made, made, QUICK, pytest.fail)
        texts = [f"type=local,src={tmp_path}/o"]
        imports = cache_from.Imports(there, texts, QUICK, pytest.fail)
        if imports:
            assert os.listdir(f"{there.storage.blobs_dir}/sha256") == []
            assert imports.look(asked(0), [])
        assert len(os.listdir(f"{there.storage.blobs_dir}/sha256")) == 1

    def test_an_image_is_its_own_cache(self, here: Home, there: Home, registry: Registry) -> None:
        made = build(here)
        annotations = cache_to.inline(here, ["type=inline"], made)
        assert cache_to.inline(here, ["x"], made) == {}
        config = images.to_json({
            "architecture": "amd64", "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in made]},
        })  # fmt: skip
        manifest = images.to_json({
            "schemaVersion": 2, "mediaType": images.OCI_MANIFEST,
            "config": images.descriptor(images.OCI_CONFIG, config),
            "layers": [layer.blob for layer in made], "annotations": annotations,
        })  # fmt: skip
        content = {images.digest_of(config): config}
        for layer in made:
            assert layer.blob
            digest = layer.blob["digest"]
            content[digest] = b"".join(blobs.chunks(here.storage, digest))
        built = images.BuiltImage(manifest, images.OCI_MANIFEST, content)
        found, told = use(there, registry.push(built, "inline"))
        assert told == []
        assert [layer and layer.chain_id for layer in found] == [*(m.chain_id for m in made), ""]

    def test_a_layer_that_was_never_compressed_is(
        self, here: Home, there: Home, tmp_path: Path
    ) -> None:
        made = build(here, with_blobs=False)
        cache_to.export(here, [f"type=local,dest={tmp_path}/o"], made, made, QUICK, pytest.fail)
        assert all(s.blob for s in cached_steps.list_steps(here.storage) if s.chain_id)
        found, told = use(there, f"type=local,src={tmp_path}/o")
        assert told == []
        assert found[1] and files_of(there, found[1]) == ["b"]

    def test_min_is_the_image_and_max_is_all(self, here: Home, tmp_path: Path) -> None:
        image = build(here)
        build_keys = {step.key for step in cached_steps.list_steps(here.storage)}
        others = make(here, "c", [])
        others_key = cache.key(Asked("COPY", ""))
        cache.keep(here, Asked("COPY", ""), others)
        assert {e.key for e in cache_to.entries(here, image)} == build_keys
        everything = {e.key for e in cache_to.entries(here, [*image, others])}
        assert everything == build_keys | {others_key}

    def test_a_layout_may_have_several(self, here: Home, there: Home, tmp_path: Path) -> None:
        made = build(here)
        for tag in ("one", "two", "one"):
            text = f"type=local,dest={tmp_path}/o,tag={tag}"
            cache_to.export(here, [text], made, made, QUICK, pytest.fail)
        listed = json.loads((tmp_path / "o/index.json").read_text())["manifests"]
        assert len(listed) == 2
        digest = listed[0]["digest"]
        for pick in ("tag=two", f"digest={digest}"):
            found, told = use(there, f"type=local,src={tmp_path}/o,{pick}")
            assert all(found) and told == []
        found, told = use(there, f"type=local,src={tmp_path}/o")
        assert (found, len(told)) == ([None] * 3, 1)
        assert "it has nothing named latest" in told[0]

    def test_what_cannot_be_written_is_an_error_unless_that_is_fine(
        self, here: Home, tmp_path: Path
    ) -> None:
        made = build(here)
        told: list[str] = []
        (tmp_path / "file").touch()
        for place, error in (
            (f"type=local,dest={tmp_path}/file/x", SystemFailure),
            ("type=registry,ref=127.0.0.1:1/x", RegistryError),
        ):
            with pytest.raises(error):
                cache_to.export(here, [place], made, made, QUICK, told.append)
            assert told == []
            cache_to.export(here, [f"{place},ignore-error=true"], made, made, QUICK, told.append)
            assert "was not written" in told.pop()


def spoil(top: Path, change: Any) -> None:
    """Change the cache's config, its manifest, or both, and make the digests right again."""
    listed = json.loads((top / "index.json").read_text())

    def load(digest: str) -> Any:
        return json.loads((top / "blobs" / digest.replace(":", "/")).read_text())

    def save(document: object) -> tuple[str, int]:
        data = json.dumps(document).encode()
        (top / "blobs/sha256" / digests.of(data)[7:]).write_bytes(data)
        return digests.of(data), len(data)

    manifest = load(listed["manifests"][0]["digest"])
    config = load(manifest["config"]["digest"])
    config = change(config, manifest) or config
    manifest["config"]["digest"], manifest["config"]["size"] = save(config)
    listed["manifests"][0]["digest"], listed["manifests"][0]["size"] = save(manifest)
    (top / "index.json").write_text(json.dumps(listed))


def swap_layers(config: Any, manifest: Any) -> None:
    for step in config["steps"]:
        step["layer"] = {0: 1, 1: 0}.get(step["layer"], -1)


def another_digest(config: Any, manifest: Any) -> None:
    for layer in manifest["layers"]:
        layer["digest"] = digests.of(b"nowhere")


def elsewhere(config: Any, manifest: Any) -> None:
    for layer in manifest["layers"]:
        layer["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        layer["urls"] = ["http://127.0.0.1:1/"]


def far(config: Any, manifest: Any) -> None:
    for step in config["steps"]:
        step["layer"] = 99


def odd(config: Any, manifest: Any) -> None:
    for step in config["steps"]:
        step["diffId"] = "sha256:../../../etc"


class TestHostileCaches:
    @pytest.mark.parametrize(("change", "complaint"), [
        (swap_layers, "not the one"), (another_digest, "cannot read the build cache"),
        (elsewhere, ""), (far, ""), (odd, ""), (lambda c, m: [1], "not a JSON object"),
        (lambda c, m: {"steps": 1}, "no list of steps"),
        (lambda c, m: {"steps": [{}] * 6000}, "without end"),
        (lambda c, m: m.update(layers=[{}] * 501), "501 layers"),
    ])  # fmt: skip
    def test_one_that_lies_costs_a_warning(
        self, here: Home, there: Home, tmp_path: Path, change: Any, complaint: str
    ) -> None:
        made = build(here)
        cache_to.export(here, [f"type=local,dest={tmp_path}/o"], made, made, QUICK, pytest.fail)
        spoil(tmp_path / "o", change)
        found, told = use(there, f"type=local,src={tmp_path}/o")
        assert not any(layer and layer.chain_id for layer in found)
        assert complaint in "".join(told)
        assert bool(told) == bool(complaint)
        assert not [s for s in cached_steps.list_steps(there.storage) if s.chain_id]
        assert os.listdir(there.tmp_dir) == []
        assert os.listdir(there.storage.layers_dir) == ["empty"]

    def test_blobs_that_are_no_files_are_not_read(
        self, here: Home, there: Home, tmp_path: Path
    ) -> None:
        made = build(here)
        for what in ("fifo", "link"):
            top = tmp_path / what
            cache_to.export(here, [f"type=local,dest={top}"], made, made, QUICK, pytest.fail)
            for layer in made:
                assert layer.blob
                path = top / "blobs" / layer.blob["digest"].replace(":", "/")
                path.unlink()
                os.mkfifo(path) if what == "fifo" else path.symlink_to("/etc/passwd")
            found, told = use(there, f"type=local,src={top}")
            assert found[:2] == [None, None]
            assert len(told) == 1, "the second stands on the first"

    def test_one_that_is_not_there(self, there: Home, registry: Registry, tmp_path: Path) -> None:
        texts = [f"type=local,src={tmp_path}/none", registry.name("none"), registry.name("alpine")]
        found, told = use(there, *texts, "127.0.0.1:1/x")
        assert found == [None] * 3
        assert len(told) == 4
        assert all("cannot be used" in line for line in told)

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_any_step(self, data: st.DataObject) -> None:
        """Whatever a step says, it is left out or makes sense."""
        value = st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
            max_leaves=4,
        )
        blob: Any = {"mediaType": f"{images.OCI_LAYER}+gzip", "digest": digests.of(b"1"), "size": 1}
        entry = Entry(digests.of(b"k"), digests.of(b"d"), 1, "c", "d", blob)
        manifest, config = (json.loads(each) for each in remote_cache.write_documents([entry]))
        field = data.draw(st.sampled_from(sorted(config["steps"][0])))
        config["steps"][0][field] = data.draw(value)
        found = remote_cache.read(manifest, json.dumps(config).encode())
        for each in found.values():
            assert digests.is_digest(each.key)
            assert (each.blob is None) == (each.diff_id == "")
            remote_cache.write_documents([each])

    @given(st.binary(max_size=200))
    def test_any_bytes(self, data: bytes) -> None:
        try:
            remote_cache.read({"layers": []}, data)  # type: ignore[typeddict-item]
        except CorruptContent:
            pass
