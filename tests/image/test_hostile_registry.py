"""Pulling from registries that lie, break off, never end, and lead elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import images
from cuddy.errors import (
    CorruptContent,
    CuddyError,
    NoSuchImage,
    RegistryBusy,
    RegistryError,
    RegistryUnreachable,
    SystemFailure,
    Unauthorized,
)
from cuddy.image import blobs, fetch, http, index, pull, spec, unpack
from cuddy.image.settings import Settings
from cuddy.image.storage import Storage
from hostile_registry import Answer, Hostile, serve_image

pytestmark = pytest.mark.root

QUICK = Settings(retry_delay_s=0.01, timeout_s=1)
DATA = bytes(range(256)) * 2000
BUILT = images.image([images.layer(images.tar(images.entry("file", DATA)), "")])
LAYER = BUILT.document["layers"][0]["digest"]
BLOB = BUILT.blobs[LAYER]
LAYER_PATH = f"/v2/x/blobs/{LAYER}"
CONFIG_PATH = f"/v2/x/blobs/{BUILT.id}"
MANIFEST_PATH = "/v2/x/manifests/latest"
Start = Callable[..., Hostile]


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    found = Storage(str(tmp_path / "store"))
    yield found
    if os.path.isdir(found.tmp_dir):
        assert os.listdir(found.tmp_dir) == []


def refused(
    storage: Storage, server: Hostile, error: type[CuddyError], match: str = ".", **options: Any
) -> None:
    """The pull fails with this error, and no image is there."""
    with pytest.raises(error, match=match) as caught:
        pull.pull(storage, f"{server.host}/x", **({"settings": QUICK} | options))
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert index.load(storage) == []


def rmi_all(storage: Storage) -> None:
    with index.Change(storage) as change:
        change.entries = []


def with_documents(manifest: object, media_type: str = images.OCI_MANIFEST) -> dict[str, Any]:
    """Routes where only the manifest is another one."""
    data = manifest if isinstance(manifest, bytes) else images.to_json(manifest)
    answer = Answer(body=data, headers={"Content-Type": media_type})
    return serve_image(BUILT) | {MANIFEST_PATH: [answer]}


class TestBlobs:
    def test_wrong_content(self, hostile: Start, storage: Storage) -> None:
        wrong = BLOB[:-1000] + b"x" * 1000
        server = hostile(serve_image(BUILT) | {LAYER_PATH: [Answer(body=wrong)]})
        refused(storage, server, CorruptContent, "does not match its digest")
        assert os.listdir(storage.ingest_dir) == []

    def test_wrong_content_that_is_no_archive_at_all(
        self, hostile: Start, storage: Storage
    ) -> None:
        server = hostile(serve_image(BUILT) | {LAYER_PATH: [Answer(body=b"?" * len(BLOB))]})
        refused(storage, server, CorruptContent, "does not match its digest")

    @pytest.mark.parametrize("extra", [b"x", b"x" * 1_000_000])
    def test_more_than_was_announced(self, hostile: Start, storage: Storage, extra: bytes) -> None:
        server = hostile(serve_image(BUILT) | {LAYER_PATH: [Answer(body=BLOB + extra)]})
        refused(storage, server, CorruptContent, "longer than")

    def test_a_body_without_end(self, hostile: Start, storage: Storage) -> None:
        server = hostile(serve_image(BUILT) | {LAYER_PATH: [Answer(body=BLOB, endless=True)]})
        refused(storage, server, CorruptContent, "longer than")

    def test_a_connection_that_breaks_is_taken_up_where_it_broke(
        self, hostile: Start, storage: Storage
    ) -> None:
        answers = [Answer(body=BLOB, cut=cut) for cut in (100_000, 0, 50_000)] + [Answer(body=BLOB)]
        server = hostile(serve_image(BUILT) | {LAYER_PATH: answers})
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)
        ranges = [headers.get("Range") for headers in server.asked(LAYER_PATH)]
        assert ranges == [None, "bytes=100000-", "bytes=100000-", "bytes=150000-"]

    def test_a_server_that_heeds_no_range(self, hostile: Start, storage: Storage) -> None:
        answers = [Answer(body=BLOB, cut=300_000), Answer(body=BLOB, ranges=False)]
        server = hostile(serve_image(BUILT) | {LAYER_PATH: answers})
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)

    @pytest.mark.parametrize("lie", ["bytes 0-9/10", "nonsense", "bytes 300001-5/5"])
    def test_a_server_that_sends_another_range(
        self, hostile: Start, storage: Storage, lie: str
    ) -> None:
        answers = [
            Answer(body=BLOB, cut=300_000),
            Answer(body=BLOB, range_lie=lie),
            Answer(body=BLOB, ranges=False),
        ]
        server = hostile(serve_image(BUILT) | {LAYER_PATH: answers})
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)

    def test_a_range_that_is_refused(self, hostile: Start, storage: Storage) -> None:
        answers = [Answer(body=BLOB, cut=300_000), Answer(416), Answer(body=BLOB)]
        server = hostile(serve_image(BUILT) | {LAYER_PATH: answers})
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)

    def test_a_body_that_is_always_too_short(self, hostile: Start, storage: Storage) -> None:
        short = BLOB[:1000]
        server = hostile(serve_image(BUILT) | {LAYER_PATH: [Answer(body=short, ranges=False)]})
        refused(storage, server, RegistryBusy, "only a part")
        [left] = os.listdir(storage.ingest_dir)
        assert Path(storage.ingest_dir, left).read_bytes() == short

    def test_a_registry_that_is_busy_for_a_while(self, hostile: Start, storage: Storage) -> None:
        busy = [Answer(503), Answer(429, headers={"Retry-After": "0"}), Answer(500)]
        routes = serve_image(BUILT)
        for path in (MANIFEST_PATH, CONFIG_PATH, LAYER_PATH):
            routes[path] = [*busy, *routes[path]]
        assert pull.pull(storage, f"{hostile(routes).host}/x", settings=QUICK)

    def test_a_registry_that_stays_busy(self, hostile: Start, storage: Storage) -> None:
        for path in (MANIFEST_PATH, LAYER_PATH):
            server = hostile(serve_image(BUILT) | {path: [Answer(503)]})
            refused(storage, server, RegistryBusy, "503.*try again")
            assert 3 <= len(server.asked(path)) <= 6

    def test_a_registry_that_trickles(self, hostile: Start, storage: Storage) -> None:
        server = hostile(serve_image(BUILT) | {LAYER_PATH: [Answer(body=BLOB, trickle_s=0.1)]})
        started = time.monotonic()
        settings = QUICK._replace(timeout_s=0.3)
        refused(storage, server, RegistryBusy, "next to nothing", settings=settings)
        assert time.monotonic() - started < 15

    def test_a_registry_that_falls_silent(self, hostile: Start, storage: Storage) -> None:
        answer = Answer(body=BLOB[:5] + b"x" * 10, trickle_s=1)
        server = hostile(serve_image(BUILT) | {LAYER_PATH: [answer]})
        refused(storage, server, RegistryBusy, settings=QUICK._replace(timeout_s=0.1))

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
    def test_errors_in_the_middle_of_a_blob(
        self, hostile: Start, storage: Storage, status: int
    ) -> None:
        answers = [Answer(body=BLOB, cut=200_000), Answer(status), Answer(body=BLOB)]
        server = hostile(serve_image(BUILT) | {LAYER_PATH: answers})
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)
        ranges = [headers.get("Range") for headers in server.asked(LAYER_PATH)]
        assert ranges == [None, "bytes=200000-", "bytes=200000-"]

    def test_a_rate_limit_is_shown_at_once(self, hostile: Start, storage: Storage) -> None:
        limits = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600",
                  "Retry-After": "21600"}  # fmt: skip
        said = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your limit"}]}'
        server = hostile({"*": [Answer(429, said, limits)]})
        refused(
            storage, server, RegistryBusy,
            "429: You have reached your limit; ratelimit-limit: 100;w=21600, "
            "ratelimit-remaining: 0;w=21600, retry-after: 21600",
        )  # fmt: skip
        assert len(server.requests()) == 1

    def test_a_blob_that_is_not_there(self, hostile: Start, storage: Storage) -> None:
        server = hostile(serve_image(BUILT) | {LAYER_PATH: [Answer(404)]})
        refused(storage, server, RegistryError, "404")

    def test_a_finished_layer_is_kept_when_another_fails(
        self, hostile: Start, storage: Storage
    ) -> None:
        good = images.layer(images.tar(images.entry("good", b"x" * 5000)), "")
        bad = images.layer(images.tar(images.entry("bad", b"y" * 5000)), "")
        built = images.image([good, bad])
        path = f"/v2/x/blobs/{images.digest_of(bad.data)}"
        routes = serve_image(built)
        server = hostile(routes | {path: [Answer(503)]})
        refused(storage, server, RegistryBusy)
        server = hostile(routes)
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)
        assert server.asked(f"/v2/x/blobs/{images.digest_of(good.data)}") == []


class TestLayers:
    def image(self, archive: bytes, compression: str = "gzip", **changes: Any) -> Any:
        layer = images.layer(archive, compression)._replace(**changes)
        return serve_image(images.image([layer]))

    def test_a_diff_id_that_is_another_s(self, hostile: Start, storage: Storage) -> None:
        routes = self.image(images.tar(images.entry("f", b"")), diff_id=images.digest_of(b"other"))
        refused(storage, hostile(routes), CorruptContent, "not the one that the image's config")

    def test_an_archive_that_leads_out(self, hostile: Start, storage: Storage) -> None:
        routes = self.image(images.tar(images.entry("../../evil", b"x")))
        refused(storage, hostile(routes), CorruptContent, "leads out")
        assert not list(Path(storage.root).parent.rglob("evil"))

    def test_a_blob_that_is_no_archive(self, hostile: Start, storage: Storage) -> None:
        for compression in ("", "gzip", "zstd"):
            routes = self.image(b"this is no archive" * 100, compression)
            refused(storage, hostile(routes), CorruptContent, "not a tar archive")

    @pytest.mark.parametrize("compression", ["gzip", "zstd"])
    def test_a_bomb(
        self, hostile: Start, storage: Storage, compression: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unpack, "MIN_LIMIT_BYTES", 1_000_000)
        routes = self.image(images.tar(images.entry("zeros", bytes(40_000_000))), compression)
        refused(storage, hostile(routes), CorruptContent, "unpacks to more than")

    def test_the_limit_of_a_layer_is_the_user_s_to_set(
        self, hostile: Start, storage: Storage
    ) -> None:
        server = hostile(self.image(images.tar(images.entry("zeros", bytes(2_000_000)))))
        small = QUICK._replace(max_layer_bytes=1_000_000)
        match = "unpacks to more than 1000000 .*CUDDY_MAX_LAYER_SIZE"
        refused(storage, server, CorruptContent, match, settings=small)
        pull.pull(storage, f"{server.host}/x", settings=QUICK._replace(max_layer_bytes=3_000_000))

    def test_a_full_disk_is_one_clear_error(self, hostile: Start, tmp_path: Path) -> None:
        small = tmp_path / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", small], check=True)
        try:
            storage = Storage(str(small / "store"))
            archive = images.tar(*[images.entry(f"f{n}", os.urandom(500_000)) for n in range(20)])
            server = hostile(self.image(archive, ""))
            refused(storage, server, SystemFailure, "no space left.*make room")
            found = subprocess.run(["du", "-sm", small], capture_output=True, text=True, check=True)
            assert int(found.stdout.split()[0]) <= 1
            assert os.listdir(storage.tmp_dir) == os.listdir(storage.ingest_dir) == []
        finally:
            subprocess.run(["umount", small], check=True)

    def test_a_worker_that_dies_is_an_error(
        self, hostile: Start, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetch, "unpack", lambda *_, **__: os.kill(os.getpid(), 9))
        server = hostile(serve_image(BUILT))
        refused(storage, server, SystemFailure, "died")

    def test_a_bug_in_a_worker_is_an_error(
        self, hostile: Start, storage: Storage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fetch, "unpack", lambda *_, **__: {}["missing"])
        refused(storage, hostile(serve_image(BUILT)), SystemFailure, "KeyError")


class TestDocuments:
    def manifest(self, **changes: Any) -> dict[str, Any]:
        return BUILT.document | changes

    @pytest.mark.parametrize("name", ["manifest", "config"])
    def test_documents_without_end(self, hostile: Start, storage: Storage, name: str) -> None:
        path = MANIFEST_PATH if name == "manifest" else CONFIG_PATH
        server = hostile(serve_image(BUILT) | {path: [Answer(body=b"[" * 50_000, endless=True)]})
        refused(storage, server, RegistryError, "more than")

    def test_another_config_than_the_manifest_says(self, hostile: Start, storage: Storage) -> None:
        size = len(BUILT.blobs[BUILT.id])
        server = hostile(serve_image(BUILT) | {CONFIG_PATH: [Answer(body=b"{" * size)]})
        refused(storage, server, CorruptContent, "something else than")

    def test_another_manifest_than_the_digest_says(self, hostile: Start, storage: Storage) -> None:
        other = images.image([])
        routes = serve_image(BUILT) | {f"/v2/x/manifests/{other.digest}": [
            Answer(body=BUILT.manifest, headers={"Content-Type": BUILT.media_type})
        ]}  # fmt: skip
        with pytest.raises(CorruptContent, match="something else than"):
            pull.pull(storage, f"{hostile(routes).host}/x@{other.digest}", settings=QUICK)

    @pytest.mark.parametrize(
        "document", [b"", b"<html>", b"[]", b"null", b'{"schemaVersion":2}', b"\xff{}", b"[" * 9999]
    )
    def test_no_manifest_at_all(self, hostile: Start, storage: Storage, document: bytes) -> None:
        refused(storage, hostile(with_documents(document)), CorruptContent)

    def test_a_document_that_is_manifest_and_index(self, hostile: Start, storage: Storage) -> None:
        both = self.manifest(manifests=[])
        for kind in (images.OCI_MANIFEST, images.OCI_INDEX):
            document = both | {"mediaType": kind}
            refused(storage, hostile(with_documents(document, kind)), CorruptContent)

    def test_a_document_that_says_it_is_something_else(
        self, hostile: Start, storage: Storage
    ) -> None:
        server = hostile(with_documents(BUILT.manifest, images.OCI_INDEX))
        refused(storage, server, CorruptContent, "served as")

    def test_an_index_in_an_index(self, hostile: Start, storage: Storage) -> None:
        inner = images.index([(f"linux/{images.ARCHITECTURE}", BUILT)])
        outer = images.index([(f"linux/{images.ARCHITECTURE}", inner)])
        refused(storage, hostile(serve_image(outer)), RegistryError, "not there for")

    def test_an_index_whose_manifest_is_an_index(self, hostile: Start, storage: Storage) -> None:
        inner = images.index([(f"linux/{images.ARCHITECTURE}", BUILT)])
        lying = json.loads(images.index([(f"linux/{images.ARCHITECTURE}", inner)]).manifest)
        lying["manifests"][0]["mediaType"] = images.OCI_MANIFEST
        routes = serve_image(inner) | with_documents(lying, images.OCI_INDEX)
        refused(storage, hostile(routes), CorruptContent)

    def test_docker_s_schema_1(self, hostile: Start, storage: Storage) -> None:
        kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
        document = {"schemaVersion": 1, "name": "x", "fsLayers": [], "history": []}
        for served in (kind, "application/json"):
            refused(storage, hostile(with_documents(document, served)), RegistryError, "schema 1")

    @pytest.mark.parametrize(
        "kind",
        [
            "application/vnd.oci.empty.v1+json",
            "application/vnd.cncf.helm.config.v1+json",
            "evil\x1b[31m",
        ],
    )
    def test_artifacts_are_no_images(self, hostile: Start, storage: Storage, kind: str) -> None:
        config = BUILT.document["config"] | {"mediaType": kind}
        server = hostile(with_documents(self.manifest(config=config)))
        with pytest.raises(RegistryError, match="not a container image but") as caught:
            pull.pull(storage, f"{server.host}/x", settings=QUICK)
        assert "\x1b" not in str(caught.value)

    def test_layers_that_are_no_layers(self, hostile: Start, storage: Storage) -> None:
        layers = [BUILT.document["layers"][0] | {"mediaType": "application/wasm"}]
        server = hostile(with_documents(self.manifest(layers=layers)))
        refused(storage, server, RegistryError, "unknown type 'application/wasm'")

    @pytest.mark.parametrize("count", [0, 2, 600])
    def test_layers_and_diff_ids_of_different_number(
        self, hostile: Start, storage: Storage, count: int
    ) -> None:
        layers = BUILT.document["layers"] * count
        refused(storage, hostile(with_documents(self.manifest(layers=layers))), CorruptContent)

    @pytest.mark.parametrize("system", ["windows", "", "linux\x1b"])
    def test_images_for_other_systems(self, hostile: Start, storage: Storage, system: str) -> None:
        built = images.image([], os=system)
        refused(storage, hostile(serve_image(built)), RegistryError, "not for Linux")

    @pytest.mark.parametrize(
        "digest",
        ["md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:../../../etc/passwd", "sha256:" + "A" * 64,
         "sha256:" + "0" * 63, "sha256", "", None, 5, "sha384:" + "0" * 96, "SHA256:" + "0" * 64],
    )  # fmt: skip
    def test_digests_that_nobody_can_verify(
        self, hostile: Start, storage: Storage, digest: object
    ) -> None:
        layers = [BUILT.document["layers"][0] | {"digest": digest}]
        server = hostile(with_documents(self.manifest(layers=layers)))
        refused(storage, server, CorruptContent, "is not a digest that cuddy can verify")
        assert not server.asked("/v2/x/blobs")

    def test_sha512_will_do(self, hostile: Start, storage: Storage) -> None:
        digest = "sha512:" + hashlib.sha512(BLOB).hexdigest()
        layers = [BUILT.document["layers"][0] | {"digest": digest}]
        routes = with_documents(self.manifest(layers=layers))
        server = hostile(routes | {f"/v2/x/blobs/{digest}": [Answer(body=BLOB)]})
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)

    def test_a_platform_that_is_a_lie(self, hostile: Start, storage: Storage) -> None:
        """What the config says counts: it is what `inspect` shows and `run` warns by."""
        other = "arm64" if images.ARCHITECTURE == "amd64" else "amd64"
        listed = images.index([(f"linux/{other}", BUILT)])
        server = hostile(serve_image(listed))
        refused(storage, server, RegistryError, "not there for")
        image = pull.pull(storage, f"{server.host}/x", platform=f"linux/{other}", settings=QUICK)
        assert image.config["architecture"] == images.ARCHITECTURE

    def test_what_nobody_knows_is_kept(self, hostile: Start, storage: Storage) -> None:
        built = images.image([], unknown={"a": [1, None, "\u00fc"]})
        odd = self.manifest(config=built.document["config"], layers=[], another={"b": 1e3})
        data = json.dumps(odd, indent=7).encode()
        routes = with_documents(data) | serve_image(built, tag="other")
        image = pull.pull(storage, f"{hostile(routes).host}/x", settings=QUICK)
        assert blobs.read(storage, images.digest_of(data)) == data
        assert image.id == built.id
        assert image.config["unknown"]["a"][2] == "\u00fc"  # type: ignore[typeddict-item]

    def test_documents_that_are_as_large_as_they_may_be(
        self, hostile: Start, storage: Storage
    ) -> None:
        for size, is_good in (
            (spec.MAX_MANIFEST_BYTES, True),
            (spec.MAX_MANIFEST_BYTES + 1, False),
        ):
            server = hostile(with_documents(BUILT.manifest.ljust(size)))
            if is_good:
                assert pull.pull(storage, f"{server.host}/x", settings=QUICK)
                rmi_all(storage)
            else:
                refused(storage, server, RegistryError, "more than 4194304 bytes")
        config = BUILT.document["config"] | {"size": spec.MAX_CONFIG_BYTES + 1}
        server = hostile(with_documents(self.manifest(config=config)))
        refused(storage, server, CorruptContent, "is not between 0 and 8388608")

    def test_a_size_that_is_a_lie(self, hostile: Start, storage: Storage) -> None:
        for size in (len(BLOB) - 1, len(BLOB) + 1, 0):
            layers = [BUILT.document["layers"][0] | {"size": size}]
            server = hostile(with_documents(self.manifest(layers=layers)))
            with pytest.raises(CuddyError):
                pull.pull(storage, f"{server.host}/x", settings=QUICK)

    def test_urls_of_layers_are_not_followed(self, hostile: Start, storage: Storage) -> None:
        elsewhere = hostile({"*": [Answer(body=BLOB)]})
        layers = [BUILT.document["layers"][0] | {"urls": [f"http://{elsewhere.host}/blob"]}]
        server = hostile(with_documents(self.manifest(layers=layers)))
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)
        assert elsewhere.requests() == []

    def test_what_a_registry_says_is_shown_harmlessly(
        self, hostile: Start, storage: Storage
    ) -> None:
        said = {"errors": [{"code": "X", "message": "evil \x1b[31m\n" + "long " * 1000}]}
        server = hostile({"*": [Answer(418, json.dumps(said).encode())]})
        with pytest.raises(RegistryError, match="418.*evil") as caught:
            pull.pull(storage, f"{server.host}/x", settings=QUICK)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500


class TestForeignLayers:
    """Layers that no registry may hand on are fetched from their urls, like blobs in all else."""

    def routes(self, *urls: str, **changes: Any) -> Any:
        kind = "application/vnd.oci.image.layer.nondistributable.v1.tar"
        layer = BUILT.document["layers"][0] | {"mediaType": kind, "urls": list(urls)}
        routes = with_documents(BUILT.document | {"layers": [layer]})
        del routes[LAYER_PATH]
        return routes | changes

    def test_they_are_found_where_they_are(self, hostile: Start, storage: Storage) -> None:
        elsewhere = hostile({"/blob": [Answer(body=BLOB, cut=200_000), Answer(body=BLOB)]})
        urls = ("http://127.0.0.1:1/gone", f"http://{elsewhere.host}/404")
        server = hostile(self.routes(*urls, f"http://{elsewhere.host}/blob"))
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)
        assert len(elsewhere.asked("/blob")) == 2
        assert len(server.asked(LAYER_PATH)) == 1

    def test_a_registry_that_has_them_is_asked_first(
        self, hostile: Start, storage: Storage
    ) -> None:
        elsewhere = hostile({"*": [Answer(body=BLOB)]})
        routes = self.routes(f"http://{elsewhere.host}/blob") | {LAYER_PATH: [Answer(body=BLOB)]}
        assert pull.pull(storage, f"{hostile(routes).host}/x", settings=QUICK)
        assert elsewhere.requests() == []

    def test_nobody_is_told_credentials(
        self, hostile: Start, storage: Storage, tmp_path: Path
    ) -> None:
        elsewhere = hostile({"*": [Answer(needs="any", challenge='Basic realm="r"')]})
        server = hostile(self.routes(f"http://{elsewhere.host}/blob"))
        auths = {"auths": {elsewhere.host: {"auth": "bWU6c2VjcmV0"}}}
        (tmp_path / "auth.json").write_text(json.dumps(auths))
        settings = QUICK._replace(auth_files=(str(tmp_path / "auth.json"),))
        refused(storage, server, RegistryError, "401", settings=settings)
        assert not [h for _, h in elsewhere.requests() if "Authorization" in h]

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (Answer(body=b"x" * len(BLOB)), CorruptContent),
            (Answer(body=BLOB, endless=True), CorruptContent),
            (Answer(body=BLOB[:-1]), RegistryBusy),
            (Answer(503), RegistryBusy),
            (Answer(404), RegistryError),
            (Answer(307, headers={"Location": "/blob"}), RegistryError),
            (Answer(307, headers={"Location": "file:///etc/passwd"}), RegistryError),
        ],
    )
    def test_they_are_not_believed(
        self, hostile: Start, storage: Storage, answer: Answer, error: type[CuddyError]
    ) -> None:
        elsewhere = hostile({"*": [answer]})
        server = hostile(self.routes(f"http://{elsewhere.host}/blob"))
        refused(storage, server, error)
        assert len(elsewhere.requests()) < 15

    @pytest.mark.parametrize("url", ["file:///etc/passwd", "", "x", "http://a:b@127.0.0.1/"])
    def test_urls_that_are_none(self, hostile: Start, storage: Storage, url: str) -> None:
        refused(storage, hostile(self.routes(url)), RegistryError)


class TestRedirects:
    def redirected(self, location: str, status: int = 307) -> Any:
        answer = Answer(status, headers={"Location": location})
        return serve_image(BUILT) | {LAYER_PATH: [answer]}

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_blobs_may_lie_elsewhere(self, hostile: Start, storage: Storage, status: int) -> None:
        elsewhere = hostile({"/bucket/*": [Answer(body=BLOB)]})
        location = f"http://{elsewhere.host}/bucket/b?signature=1"
        server = hostile(self.redirected(location, status))
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)

    def test_or_at_another_path(self, hostile: Start, storage: Storage) -> None:
        routes = self.redirected("/other/place") | {"/other/place": [Answer(body=BLOB)]}
        assert pull.pull(storage, f"{hostile(routes).host}/x", settings=QUICK)

    def test_not_in_circles(self, hostile: Start, storage: Storage) -> None:
        server = hostile(self.redirected(LAYER_PATH))
        refused(storage, server, RegistryError, "redirects without end")
        assert len(server.asked(LAYER_PATH)) < 20

    @pytest.mark.parametrize(
        "location",
        [
            "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:70/x", "data:,x",
            "http://", "http://[::1", "http://user:word@127.0.0.1:1/x", "javascript:1",
            "http://127.0.0.1:99999/x",
        ],
    )  # fmt: skip
    def test_not_to_what_is_no_web_server(
        self, hostile: Start, storage: Storage, location: str
    ) -> None:
        refused(storage, hostile(self.redirected(location)), RegistryError)

    def test_credentials_stay_home(self, hostile: Start, storage: Storage, tmp_path: Path) -> None:
        word = "Basic " + base64.b64encode(b"me:secret").decode()
        elsewhere = hostile({"/bucket": [Answer(body=BLOB)]})
        routes = serve_image(BUILT) | {LAYER_PATH: [
            Answer(307, headers={"Location": f"http://{elsewhere.host}/bucket"})
        ]}  # fmt: skip
        guarded = {
            path: [a._replace(needs=word, challenge='Basic realm="r"') for a in answers]
            for path, answers in routes.items()
        }
        server = hostile(guarded)
        file = tmp_path / "config.json"
        file.write_text(json.dumps({"auths": {server.host: {"auth": word.split()[1]}}}))
        settings = QUICK._replace(auth_files=(str(file),))
        assert pull.pull(storage, f"{server.host}/x", settings=settings)
        assert server.asked(LAYER_PATH)[-1]["Authorization"] == word
        [headers] = elsewhere.asked("/bucket")
        assert "Authorization" not in headers


class TestTokens:
    """Bearer: the token server, and who gets to see what."""

    TOKEN = "Bearer token-1"

    def guarded(self, realm: str, **more: str) -> Any:
        parameters = {"realm": realm, "service": "tests", **more}
        challenge = "Bearer " + ",".join(f'{key}="{value}"' for key, value in parameters.items())
        return {
            path: [a._replace(needs=self.TOKEN, challenge=challenge) for a in answers]
            for path, answers in serve_image(BUILT).items()
        }

    def settings(self, tmp_path: Path, host: str, entry: dict[str, str]) -> Settings:
        (tmp_path / "auth.json").write_text(json.dumps({"auths": {host: entry}}))
        return QUICK._replace(auth_files=(str(tmp_path / "auth.json"),))

    @pytest.mark.parametrize("key", ["token", "access_token"])
    def test_a_token_is_fetched_and_used(self, hostile: Start, storage: Storage, key: str) -> None:
        tokens = hostile({"/token": [Answer(body=json.dumps({key: "token-1"}).encode())]})
        server = hostile(self.guarded(f"http://{tokens.host}/token?a=b"))
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)
        path, headers = tokens.requests()[0]
        assert path == "/token?a=b&service=tests&scope=repository%3Ax%3Apull"
        assert "Authorization" not in headers

    def test_credentials_go_to_the_token_server(
        self, hostile: Start, storage: Storage, tmp_path: Path
    ) -> None:
        tokens = hostile({"/token": [Answer(body=b'{"token":"token-1"}')]})
        server = hostile(self.guarded(f"http://{tokens.host}/token", scope="repository:x:pull"))
        word = base64.b64encode(b"me:secret").decode()
        settings = self.settings(tmp_path, server.host, {"auth": word})
        assert pull.pull(storage, f"{server.host}/x", settings=settings)
        assert tokens.asked("/token")[0]["Authorization"] == f"Basic {word}"
        assert all(h.get("Authorization") in (None, self.TOKEN) for _, h in server.requests())

    def test_an_identity_token_is_exchanged(
        self, hostile: Start, storage: Storage, tmp_path: Path
    ) -> None:
        tokens = hostile({"/token": [Answer(body=b'{"access_token":"token-1"}')]})
        server = hostile(self.guarded(f"http://{tokens.host}/token"))
        settings = self.settings(tmp_path, server.host, {"identitytoken": "refresh me"})
        assert pull.pull(storage, f"{server.host}/x", settings=settings)
        assert "refresh_token=refresh+me" in tokens.asked("/token")[0]["body"]

    def test_a_token_that_expires_is_fetched_again(self, hostile: Start, storage: Storage) -> None:
        answers = [Answer(body=b'{"token":"old"}'), Answer(body=b'{"token":"token-1"}')]
        tokens = hostile({"/token": answers})
        routes = self.guarded(f"http://{tokens.host}/token")
        routes[MANIFEST_PATH] = [a._replace(needs="Bearer old") for a in routes[MANIFEST_PATH]]
        server = hostile(routes)
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)

    def test_401_for_ever(self, hostile: Start, storage: Storage) -> None:
        tokens = hostile({"/token": [Answer(body=b'{"token":"useless"}')]})
        server = hostile(self.guarded(f"http://{tokens.host}/token"))
        refused(storage, server, Unauthorized, "denied")
        assert len(server.requests()) == 2

    @pytest.mark.parametrize(
        "realm",
        ["file:///etc/passwd", "", "nowhere", "http://me:word@127.0.0.1/", "ftp://127.0.0.1/"],
    )
    def test_token_servers_that_are_none(
        self, hostile: Start, storage: Storage, realm: str
    ) -> None:
        refused(storage, hostile(self.guarded(realm)), RegistryError)

    @pytest.mark.parametrize(
        "answer",
        [b"", b"{}", b"[]", b"null", b'{"token":5}', b'{"token":""}', b'{"token":"a\\nX: y"}',
         b'{"token":"' + b"x" * 70_000 + b'"}', "{\"token\":\"é\"}".encode(), b"x" * 1_000_000],
    )  # fmt: skip
    def test_tokens_that_are_none(self, hostile: Start, storage: Storage, answer: bytes) -> None:
        tokens = hostile({"/token": [Answer(body=answer)]})
        refused(storage, hostile(self.guarded(f"http://{tokens.host}/token")), RegistryError)

    def test_a_token_server_that_refuses(self, hostile: Start, storage: Storage) -> None:
        tokens = hostile({"/token": [Answer(403)]})
        refused(storage, hostile(self.guarded(f"http://{tokens.host}/token")), Unauthorized)

    @pytest.mark.parametrize("challenge", ["", "Negotiate", "Bearer", 'Digest realm="x"', '=,="'])
    def test_challenges_that_nobody_can_answer(
        self, hostile: Start, storage: Storage, challenge: str
    ) -> None:
        guarded = Answer(needs="never", challenge=challenge)
        server = hostile({"*": [guarded]})
        with pytest.raises(RegistryError):
            pull.pull(storage, f"{server.host}/x", settings=QUICK)


class TestMirrors:
    def test_one_that_serves_rubbish_is_passed_over(self, hostile: Start, storage: Storage) -> None:
        origin = hostile(serve_image(BUILT))
        for answer in (
            Answer(500),
            Answer(404),
            Answer(401),
            Answer(body=b"x" * 9000, endless=True),
        ):
            mirror = hostile({"*": [answer]})
            settings = QUICK._replace(mirrors={origin.host: (f"http://{mirror.host}",)})
            assert pull.pull(storage, f"{origin.host}/x", settings=settings)
            assert mirror.requests()

    def test_its_blobs_are_not_believed(self, hostile: Start, storage: Storage) -> None:
        origin = hostile(serve_image(BUILT))
        mirror = hostile(serve_image(BUILT) | {LAYER_PATH: [Answer(404)]})
        settings = QUICK._replace(mirrors={origin.host: (f"http://{mirror.host}",)})
        assert pull.pull(storage, f"{origin.host}/x", settings=settings)
        assert len(origin.asked(LAYER_PATH)) == 1

    def test_an_image_that_nobody_has(self, hostile: Start, storage: Storage) -> None:
        origin, mirror = hostile({}), hostile({})
        settings = QUICK._replace(mirrors={origin.host: (f"http://{mirror.host}",)})
        refused(storage, origin, NoSuchImage, settings=settings)


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> Path:
        path = tmp_path / "ca.crt"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
             str(tmp_path / "key"), "-out", str(path)],
            check=True, capture_output=True,
        )  # fmt: skip
        return path

    def test_loopback_is_reached_by_tls_when_it_speaks_no_plain_http(
        self, hostile: Start, storage: Storage, certificate: Path
    ) -> None:
        server = hostile(serve_image(BUILT), certificate)
        assert pull.pull(storage, f"{server.host}/x", settings=QUICK)

    def test_the_host_s_directory_has_its_authority(
        self, hostile: Start, storage: Storage, certificate: Path
    ) -> None:
        """Not on loopback, where nothing is verified: by a name that leads there."""
        server = hostile(serve_image(BUILT), certificate)
        where = http.Origin("https", *server.host.split(":"))  # type: ignore[arg-type]
        directory = certificate.parent / "certs.d" / server.host
        for settings in (QUICK, QUICK._replace(certificate_dirs=(str(directory.parent),))):
            client = http.Http(settings)
            try:
                response = client.request("GET", f"https://{server.host}{MANIFEST_PATH}", {})
                assert settings.certificate_dirs == (str(directory.parent),)
                assert http.read(response, where.host, 10_000, 1) == BUILT.manifest
            except RegistryUnreachable as error:
                assert settings is QUICK
                assert "no trustworthy connection" in str(error)
                assert "certs.d" in str(error)
            finally:
                client.close()
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "ca.crt").write_bytes(certificate.read_bytes())
