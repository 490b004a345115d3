"""Archives from strangers: a clear error of one line, and nothing left behind."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archives
import images
import rawtar
from archives import blob_path, docker_archive, entry, layout, pack
from cuddy.errors import CorruptContent, CuddyError, InvalidReference, NoSuchImage, NotFound
from cuddy.image import index, load, store
from cuddy.image.settings import Settings
from cuddy.image.storage import Storage

pytestmark = pytest.mark.root

PLAIN = images.tar(images.entry("etc/motd", b"hello"))
BUILT = images.image([images.layer(PLAIN)])
OTHER = images.image([images.layer(PLAIN), images.layer(images.tar(images.entry("x", b"y")))])
CONFIG = BUILT.blobs[BUILT.id]
ARM = "arm64" if images.ARCHITECTURE == "amd64" else "amd64"
SMALL = Settings(max_archive_bytes=1 << 20, max_layer_bytes=1 << 20)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def bring(storage: Storage, data: bytes, **options: Any) -> list[str]:
    """Load an archive from a file; what was said."""
    said: list[str] = []
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        load.load(
            storage,
            file.fileno(),
            report=lambda step: step.id or said.append(step.state),  # type: ignore[func-returns-value]
            **options,
        )
    return said


def refused(
    storage: Storage, data: bytes, match: str, kind: type[CuddyError] = CorruptContent, **more: Any
) -> None:
    """It is an error of one line, and the store is as empty as before."""
    with pytest.raises(kind, match=match) as caught:
        bring(storage, data, **more)
    assert "\n" not in ascii(str(caught.value))
    assert len(str(caught.value)) < 1000
    nothing_left(storage)


def nothing_left(storage: Storage) -> None:
    assert index.load(storage) == []
    assert os.listdir(storage.tmp_dir) == []
    assert os.listdir(storage.ingest_dir) == []


def test_they_are_good_before_they_are_made_bad(storage: Storage) -> None:
    assert bring(storage, pack(layout(BUILT))) == ["Loaded image: r.example/image:0"]
    assert bring(storage, pack(docker_archive(CONFIG, [PLAIN], tags=["r.example/other:1"]))) == [
        "Loaded image: r.example/other:1"
    ]
    assert store.resolve(storage, "r.example/other:1").id == BUILT.id
    assert len(store.list_images(storage)) == 1


NAMES = {
    "up": rawtar.entry(b"../evil", b"x"),
    "up inside": rawtar.entry(b"blobs/../../evil", b"x"),
    "absolute": rawtar.entry(b"/etc/evil", b"x"),
    "very long": rawtar.pax(path=b"x/" * 4000) + rawtar.entry(b"x", b"x"),
}
KINDS = {
    "fifo": rawtar.entry(b"pipe", kind=b"6"),
    "device": rawtar.entry(b"null", kind=b"3", major=1, minor=3),
    "sparse": rawtar.pax(GNU__sparse__realsize=b"9", GNU__sparse__map=b"0,1")
    + rawtar.entry(b"holes", b"x"),
    "unknown": rawtar.entry(b"what", kind=b"Z"),
}


class TestMembers:
    @pytest.mark.parametrize("member", NAMES.values(), ids=NAMES)
    def test_names_that_lead_out(self, storage: Storage, member: bytes) -> None:
        refused(storage, pack(layout(BUILT), member), "leads out of it")

    @pytest.mark.parametrize("member", KINDS.values(), ids=KINDS)
    def test_what_is_not_a_file(self, storage: Storage, member: bytes) -> None:
        refused(storage, pack(layout(BUILT), member), "not a plain file|unknown type")

    @pytest.mark.parametrize("kind", [b"2", b"1"], ids=["link", "hard link"])
    @pytest.mark.parametrize(
        ("target", "match"),
        [
            (b"../../../etc/passwd", "leads out of it"),
            (b"/etc/passwd", "lacks"),
            (b"layer.tar", "circle|lacks"),
            (b"../0/layer.tar", "circle|leads out"),
            (b"", "lacks"),
        ],
    )
    def test_layers_that_are_links(
        self, storage: Storage, kind: bytes, target: bytes, match: str
    ) -> None:
        members = docker_archive(CONFIG, [PLAIN])
        del members["0/layer.tar"]
        link = rawtar.entry(b"0/layer.tar", kind=kind, link=target)
        refused(storage, pack(members, link), match)

    def test_links_that_go_in_a_circle(self, storage: Storage) -> None:
        members = docker_archive(CONFIG, [PLAIN])
        del members["0/layer.tar"]
        links = rawtar.entry(b"0/layer.tar", kind=b"2", link=b"../1/layer.tar")
        links += rawtar.entry(b"1/layer.tar", kind=b"2", link=b"../0/layer.tar")
        refused(storage, pack(members, links), "circle")

    @pytest.mark.parametrize("name", ["manifest.json", "oci-layout", "config.json"])
    def test_the_same_name_twice(self, storage: Storage, name: str) -> None:
        members = layout(BUILT) | docker_archive(CONFIG, [PLAIN])
        refused(storage, pack(members, rawtar.entry(name.encode(), b"{}")), "twice")
        refused(storage, pack(members, rawtar.entry(b"./" + name.encode(), b"{}")), "twice")

    @pytest.mark.parametrize("kind", [b"6", b"3", b"5"], ids=["fifo", "device", "directory"])
    @pytest.mark.parametrize("name", ["manifest.json", "index.json"])
    def test_the_list_of_images_is_no_file(self, storage: Storage, kind: bytes, name: str) -> None:
        members = layout(BUILT) if name == "index.json" else docker_archive(CONFIG, [PLAIN])
        del members[name]
        special = rawtar.entry(name.encode(), kind=kind)
        refused(storage, pack(members, special), "not a plain file|neither index.json nor")

    def test_it_ends_too_early(self, storage: Storage) -> None:
        data = pack(layout(BUILT))
        for end in (100, 600, len(data) // 2, len(data) - len(rawtar.END) - 100):
            refused(storage, data[:end], "ends in the middle|lacks|neither")

    def test_something_follows_its_end(self, storage: Storage) -> None:
        refused(storage, pack(layout(BUILT)) + b"more", "after its end")
        refused(storage, pack(layout(BUILT)) + pack(layout(OTHER)), "after its end")
        refused(storage, gzip.compress(pack(layout(BUILT))) + b"more", "damaged")

    def test_it_is_none(self, storage: Storage) -> None:
        refused(storage, b"", "empty")
        refused(storage, bytes(10240), "empty")
        refused(storage, b"rubbish" * 1000, "not a tar")
        refused(storage, gzip.compress(b"rubbish" * 1000), "not a tar")
        refused(storage, pack({"README": b"hello"}), "neither index.json nor manifest.json")
        refused(storage, pack({"repositories": b"{}", "x/json": b""}), "before 1.10")


DEEP = b"[" * 100_000
DOCUMENTS = {"deep": DEEP, "text": b"hello", "empty": b"", "number": b"7", "huge": b" " * (5 << 20)}


class TestDocuments:
    @pytest.mark.parametrize("data", DOCUMENTS.values(), ids=DOCUMENTS)
    def test_a_list_of_images_that_is_none(self, storage: Storage, data: bytes) -> None:
        match = "JSON|not a list|allowed"
        refused(storage, pack(layout(BUILT) | {"index.json": data}), match)
        refused(storage, pack(layout(BUILT) | {"oci-layout": data}), match)
        members = docker_archive(CONFIG, [PLAIN]) | {"manifest.json": data}
        refused(storage, pack(members), match)

    @pytest.mark.parametrize("data", DOCUMENTS.values(), ids=DOCUMENTS)
    def test_a_config_that_is_none(self, storage: Storage, data: bytes) -> None:
        match = "JSON|allowed|has no|diff_ids|not Linux"
        refused(storage, pack(docker_archive(data * 2, [PLAIN])), match)
        built = images.image([])
        blobs = {images.digest_of(data): data}
        manifest = built.document | {"config": images.descriptor(images.OCI_CONFIG, data)}
        wrong = built._replace(manifest=images.to_json(manifest), blobs=blobs)
        refused(storage, pack(layout(wrong)), match)

    @pytest.mark.parametrize(
        "index",
        [None, {}, "x", [1], [{}], [{"digest": "sha256:../../evil", "size": 1, "mediaType": "x"}]],
        ids=str,
    )
    def test_an_index_of_the_wrong_shape(self, storage: Storage, index: Any) -> None:
        members = layout(BUILT) | {"index.json": archives.listed(index)}
        refused(storage, pack(members), "index|descriptor|digest")

    @pytest.mark.parametrize(
        "item",
        [
            [], {"Config": None}, {"Config": 7}, {"Config": {}}, {"Layers": 7}, {"Layers": [7]},
            {"RepoTags": 7}, {"RepoTags": [None]}, {"RepoTags": "r"},
        ],
        ids=str,
    )  # fmt: skip
    def test_an_item_of_the_wrong_shape(self, storage: Storage, item: Any) -> None:
        members = docker_archive(CONFIG, [PLAIN])
        good = json.loads(members["manifest.json"])[0]
        bad = {**good, **item} if isinstance(item, dict) else item
        members["manifest.json"] = images.to_json([bad])
        refused(storage, pack(members), "manifest.json")

    def test_members_that_are_not_there(self, storage: Storage) -> None:
        for missing in (BUILT.digest, *BUILT.blobs):
            members = layout(BUILT)
            del members[blob_path(missing)]
            refused(storage, pack(members), "lacks")
        for name in ("config.json", "0/layer.tar"):
            members = docker_archive(CONFIG, [PLAIN])
            del members[name]
            refused(storage, pack(members), "lacks")
        members = docker_archive(CONFIG, [PLAIN], Config="../../etc/passwd")
        refused(storage, pack(members), "leads out")

    def test_content_that_is_not_what_its_name_says(self, storage: Storage) -> None:
        for digest, data in {BUILT.digest: BUILT.manifest, **BUILT.blobs}.items():
            match = "something else|does not match|damaged|JSON|bytes"
            damaged = data[:-1] + bytes([data[-1] ^ 1])
            members = layout(BUILT) | {blob_path(digest): damaged}
            refused(storage, pack(members), match)
            refused(storage, pack(layout(BUILT) | {blob_path(digest): data + b" "}), match)
            refused(storage, pack(layout(BUILT) | {blob_path(digest): data[:-1]}), match)
        config = blob_path(BUILT.id)
        members = docker_archive(CONFIG + b" ", [PLAIN], Config=config)
        members[config] = members.pop("config.json")
        refused(storage, pack(members), "something else")

    def test_sizes_that_lie(self, storage: Storage) -> None:
        for size in (0, 1, len(BUILT.manifest) + 1, 1 << 40):
            index = [entry(BUILT) | {"size": size}]
            refused(storage, pack(layout(BUILT, index=index)), "bytes|between")

    def test_layers_and_diff_ids_that_do_not_match(self, storage: Storage) -> None:
        refused(storage, pack(docker_archive(CONFIG, [PLAIN, PLAIN])), "number of diff_ids")
        refused(storage, pack(docker_archive(CONFIG, [])), "number of diff_ids")
        other = images.tar(images.entry("other", b""))
        refused(storage, pack(docker_archive(CONFIG, [other])), "should be sha256:")
        packed = pack(docker_archive(CONFIG, [gzip.compress(other)]))
        refused(storage, packed, "not the one that the image's config names")

    def test_a_layer_that_leads_out_of_its_directory(
        self, storage: Storage, tmp_path: Path
    ) -> None:
        evil = images.layer(images.tar(images.entry("../evil", b"x")))
        built = images.image([evil])
        refused(storage, pack(layout(built)), "leads out of it")
        plain = gzip.decompress(evil.data)
        refused(storage, pack(docker_archive(built.blobs[built.id], [plain])), "leads out of it")
        assert not list(tmp_path.rglob("evil"))

    def test_a_manifest_that_is_an_index_too(self, storage: Storage) -> None:
        both = BUILT._replace(
            manifest=images.to_json(BUILT.document | {"manifests": [entry(OTHER)]})
        )
        refused(storage, pack(layout(both, OTHER)), "not the|claims to be")
        index = both._replace(media_type=images.OCI_INDEX)
        refused(storage, pack(layout(index, OTHER)), "not the|claims to be")
        members = layout(BUILT)
        members["index.json"] = images.to_json(
            json.loads(members["index.json"]) | {"layers": [], "config": {}}
        )
        refused(storage, pack(members), "claims to be an index")

    def test_artifacts(self, storage: Storage) -> None:
        manifest = BUILT.document
        manifest["config"]["mediaType"] = "application/vnd.example.thing"
        refused(
            storage, pack(layout(BUILT._replace(manifest=images.to_json(manifest)))), "not a contai"
        )
        manifest = BUILT.document
        manifest["layers"][0]["mediaType"] = "text/plain"
        refused(
            storage, pack(layout(BUILT._replace(manifest=images.to_json(manifest)))), "unknown type"
        )
        refused(storage, pack(layout(BUILT, index=[entry(BUILT) | {"mediaType": "x"}])), "unknown")

    def test_indexes_in_indexes(self, storage: Storage) -> None:
        nested = BUILT
        for _ in range(3):
            nested = images.index([(f"linux/{images.ARCHITECTURE}", nested)])
        assert bring(storage, pack(layout(nested))) == ["Loaded image: r.example/image:0"]
        fresh = Storage(storage.root + "-fresh")
        for _ in range(5):
            nested = images.index([(f"linux/{images.ARCHITECTURE}", nested)])
        refused(fresh, pack(layout(nested)), "too deep")
        wide = images.index([(f"linux/{images.ARCHITECTURE}", BUILT)] * 3000)
        refused(fresh, pack(layout(wide)), "too many")

    def test_documents_of_another_image_are_not_believed(self, storage: Storage) -> None:
        listed = images.index([(f"linux/{images.ARCHITECTURE}", OTHER)])
        for stranger in (OTHER, listed):
            lying = entry(BUILT, "r.example/image:0")
            lying["annotations"]["cuddy.image.documents"] = stranger.digest
            members = layout(BUILT, stranger, index=[lying])
            refused(storage, pack(members), "belongs to another image")


class TestNames:
    @pytest.mark.parametrize(
        "name",
        ["\x1b[2J", "UPPER", "a b", "", ":tag", "a:b:c", "../x", "x" * 300, "r/\n", "a@sha256:12"],
    )
    def test_that_are_no_names(self, storage: Storage, name: str) -> None:
        refused(
            storage,
            pack(docker_archive(CONFIG, [PLAIN], tags=[name])),
            "invalid image name",
            InvalidReference,
        )
        if name:
            members = layout(BUILT, index=[entry(BUILT, name)])
            refused(storage, pack(members), "invalid image name", InvalidReference)

    def test_that_are_digests(self, storage: Storage) -> None:
        tags = [f"alpine@{BUILT.digest}"]
        refused(storage, pack(docker_archive(CONFIG, [PLAIN], tags=tags)), "is a digest")

    def test_one_for_two_images(self, storage: Storage) -> None:
        index = [entry(each, "r.example/image:0") for each in (BUILT, OTHER)]
        refused(storage, pack(layout(BUILT, OTHER, index=index)), "to two images")

    def test_the_layout_s_own_may_be_anything(self, storage: Storage) -> None:
        for name in ("latest", "\x1b[2J", "UP:PER/", "a:b:c", "x@y"):
            found = entry(BUILT)
            found["annotations"] = {"org.opencontainers.image.ref.name": name}
            said = bring(storage, pack(layout(BUILT, index=[found])))
            assert said == [f"Loaded image ID: {BUILT.id}"]
        found["annotations"] = {"org.opencontainers.image.ref.name": "some/name"}
        said = bring(storage, pack(layout(BUILT, index=[found])))
        assert said == ["Loaded image: some/name:latest"]


class TestPlatforms:
    def foreign(self) -> images.BuiltImage:
        return images.image([images.layer(PLAIN)], architecture=ARM)

    def test_the_one_that_suits_is_chosen(self, storage: Storage) -> None:
        listed = images.index([
            (f"linux/{ARM}", self.foreign()), (f"linux/{images.ARCHITECTURE}", BUILT),
        ])  # fmt: skip
        bring(storage, pack(layout(listed)))
        image = store.resolve(storage, "r.example/image:0")
        assert image.id == BUILT.id
        bring(storage, pack(layout(listed)), platform_name=f"linux/{ARM}")
        assert store.resolve(storage, "r.example/image:0").id == self.foreign().id

    def test_entries_of_one_name_are_one_image(self, storage: Storage) -> None:
        index = [
            entry(built, "r.example/image:0", platform={"os": "linux", "architecture": name})
            for built, name in ((self.foreign(), ARM), (BUILT, images.ARCHITECTURE))
        ]
        bring(storage, pack(layout(self.foreign(), BUILT, index=index)))
        assert store.resolve(storage, "r.example/image:0").id == BUILT.id

    def test_an_index_may_list_more_than_there_is(self, storage: Storage) -> None:
        listed = images.index([
            (f"linux/{images.ARCHITECTURE}", OTHER), (f"linux/{ARM}", self.foreign()),
            (f"linux/{images.ARCHITECTURE}", BUILT),
        ])  # fmt: skip
        members = layout(listed)
        del members[blob_path(OTHER.digest)]
        bring(storage, pack(members))
        assert store.resolve(storage, "r.example/image:0").id == BUILT.id

    def test_none_that_suits(self, storage: Storage) -> None:
        listed = images.index([(f"linux/{ARM}", self.foreign())])
        refused(storage, pack(layout(listed)), f"has it for linux/{ARM}", NoSuchImage)
        for members in (layout(listed), docker_archive(CONFIG, [PLAIN])):
            refused(storage, pack(members), "no image for", NotFound, platform_name="linux/s390x")

    def test_an_image_for_windows(self, storage: Storage) -> None:
        windows = images.image([images.layer(PLAIN)], os="windows")
        refused(storage, pack(layout(windows)), "not for Linux")
        config = windows.blobs[windows.id]
        refused(storage, pack(docker_archive(config, [PLAIN])), "not for Linux")

    def test_what_a_platform_says_is_not_what_the_config_says(self, storage: Storage) -> None:
        here = {"os": "linux", "architecture": images.ARCHITECTURE}
        index = [entry(self.foreign(), "r.example/x:1", platform=here)]
        refused(
            storage,
            pack(layout(self.foreign(), index=index)),
            "no image for",
            NotFound,
            platform_name=f"linux/{images.ARCHITECTURE}",
        )


class TestBothLists:
    """docker >= 25 writes index.json and manifest.json; the first versions had their faults."""

    def test_an_image_that_index_json_forgets_is_found(self, storage: Storage) -> None:
        config = OTHER.blobs[OTHER.id]
        layers = [gzip.decompress(OTHER.blobs[x["digest"]]) for x in OTHER.document["layers"]]
        members = layout(BUILT) | docker_archive(config, layers, tags=None)
        assert bring(storage, pack(members)) == [
            "Loaded image: r.example/image:0",
            f"Loaded image ID: {OTHER.id}",
        ]

    def test_a_manifest_without_its_layers_is_passed_over(self, storage: Storage) -> None:
        empty = BUILT._replace(manifest=images.to_json(BUILT.document | {"layers": []}))
        members = layout(empty) | docker_archive(CONFIG, [PLAIN])
        assert bring(storage, pack(members)) == ["Loaded image: r.example/image:0"]
        assert store.resolve(storage, "r.example/image:0").id == BUILT.id

    def test_where_they_differ_the_layout_counts(self, storage: Storage) -> None:
        config = OTHER.blobs[OTHER.id]
        members = layout(BUILT) | docker_archive(config, [PLAIN, PLAIN])
        assert bring(storage, pack(members)) == ["Loaded image: r.example/image:0"]
        assert store.resolve(storage, "r.example/image:0").id == BUILT.id


class TestBombs:
    def test_around_the_archive(self, storage: Storage) -> None:
        data = gzip.compress(pack(layout(BUILT), rawtar.entry(b"zeros", bytes(2 << 20))))
        refused(storage, data, "larger than 1048576 bytes", settings=SMALL)

    def test_in_a_layer(self, storage: Storage) -> None:
        plain = images.tar(images.entry("zeros", bytes(2 << 20)))
        built = images.image([images.layer(plain)])
        match = "unpacks to more than 1048576 bytes"
        refused(storage, pack(layout(built)), match, settings=SMALL)
        config = built.blobs[built.id]
        for layer in (plain, gzip.compress(plain)):
            refused(storage, pack(docker_archive(config, [layer])), match, settings=SMALL)

    def test_a_pipe_without_end(self, storage: Storage) -> None:
        """First the header of a huge file, then zeros for ever."""
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.close(reader)
            try:
                os.write(writer, rawtar.header(b"zeros", size=rawtar.binary(1 << 40, 12)))
                while True:
                    os.write(writer, bytes(1 << 16))
            finally:
                os._exit(0)
        os.close(writer)
        with pytest.raises(CorruptContent, match="larger than 1048576 bytes"):
            load.load(storage, reader, settings=SMALL)
        os.close(reader)
        os.wait()
        nothing_left(storage)


LOADED = pack(layout(BUILT, OTHER) | docker_archive(CONFIG, [PLAIN], tags=["r.example/x:1"]))
OLD = pack(docker_archive(CONFIG, [PLAIN]))


@given(st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_archive_is_refused_or_still_good(tmp_path: Path, data: st.DataObject) -> None:
    good = bytearray(data.draw(st.sampled_from([LOADED, OLD])))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(good) - 1))
        length = data.draw(st.sampled_from([1, 1, 2, 12, 512]))
        new = data.draw(st.binary(min_size=0, max_size=length))
        good[place : place + length] = new
    with tempfile.TemporaryDirectory(dir=tmp_path) as directory:
        storage = Storage(f"{directory}/store")
        try:
            bring(storage, bytes(good), settings=SMALL)
        except CuddyError as error:
            assert "bug" not in str(error)
        assert os.listdir(storage.tmp_dir) == []
        for image in store.list_images(storage):
            store.resolve(storage, image.id)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("sha256:" + "0" * 64),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value inside a document."""
    found = [path] if path else []
    children = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        children = enumerate(value)
    for key, child in children:
        found += places(child, (*path, key))
    return found


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a path; without one there, if it is `...`."""
    changed = json.loads(json.dumps(document))
    *above, last = path
    node = changed
    for key in above:
        node = node[key]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return changed


@given(st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_documents_with_strange_values_are_refused_or_good(
    tmp_path: Path, data: st.DataObject
) -> None:
    """Each with true digests all around it, so that it is really read."""

    def strange(document: Any) -> bytes:
        path = data.draw(st.sampled_from(places(document)))
        return images.to_json(put(document, path, data.draw(st.just(...) | JSON)))

    what = data.draw(st.sampled_from(["index.json", "manifest.json", "config", "manifest"]))
    built = data.draw(st.sampled_from([BUILT, images.image([])]))
    if what == "config":
        config = strange(json.loads(built.blobs[built.id]))
        document = built.document | {"config": images.descriptor(images.OCI_CONFIG, config)}
        blobs = built.blobs | {images.digest_of(config): config}
        built = built._replace(manifest=images.to_json(document), blobs=blobs)
    if what == "manifest":
        built = built._replace(manifest=strange(built.document))
    members = layout(built)
    if what == "index.json":
        members[what] = strange(json.loads(members[what]))
    if what == "manifest.json":
        members = docker_archive(CONFIG, [PLAIN])
        members[what] = strange(json.loads(members[what]))
    with tempfile.TemporaryDirectory(dir=tmp_path) as directory:
        storage = Storage(f"{directory}/store")
        try:
            bring(storage, pack(members), settings=SMALL)
        except CuddyError:
            assert os.listdir(storage.tmp_dir) == []
        for image in store.list_images(storage):
            store.resolve(storage, image.id)
